/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moving a group to another place in a topic: see seek.h. The consumers' clients are asked, each
 * for the partitions that it owns, on helper threads; an answer counts only while its consumer
 * still has the assignment that it had when it was asked.
 */

#include "kafka/seek.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "kafka/assignment.h"
#include "kafka/committer.h"
#include "kafka/offsets.h"

#define LOOKUP_TIMEOUT_MS 5000
#define AGAIN_USEC (500 * USEC_PER_MSEC)

/* A seek that comes true long after it was asked for would surprise. */
#define PATIENCE_USEC (60 * USEC_PER_SEC)

/* Step 9 of crier-delivery(7): "settle". */
#define UNDONE                                                                                  \
        "an earlier commit of %s/%" PRId32 " has not been answered for certain and could undo " \
        "the move: try again after the group's next rebalance"

/* What one consumer's client is asked; the helper thread's while it runs. */
typedef struct SeekLookup {
        Seek *seek;
        Consumer *consumer;
        rd_kafka_t *rk;
        uint64_t generation;
        int64_t time; /* milliseconds since 1970, or -1 */
        rd_kafka_topic_partition_list_t *which;
        rd_kafka_topic_partition_list_t *low;
        rd_kafka_topic_partition_list_t *high;
        rd_kafka_topic_partition_list_t *at; /* of the time, where there is one */
        rd_kafka_resp_err_t err;
} SeekLookup;

static void list_free(rd_kafka_topic_partition_list_t *list) {
        if (list)
                rd_kafka_topic_partition_list_destroy(list);
}

static SeekLookup *seek_lookup_free(SeekLookup *l) {
        if (!l)
                return NULL;
        list_free(l->which);
        list_free(l->low);
        list_free(l->high);
        list_free(l->at);
        free(l);
        return NULL;
}
DEFINE_CLEANUP(SeekLookup *, seek_lookup_free);

Seek *seek_free(Seek *s) {
        if (!s)
                return NULL;
        s->abandoned = s->lookups > 0;
        if (s->abandoned)
                return NULL;
        free(s->topic);
        free(s->moves);
        free(s);
        return NULL;
}

int seek_begin(Group *g, const char *topic, int32_t partition, SeekTo to, int64_t value) {
        Seek *s;

        if (g->seek && g->seek->state != SEEK_DONE && g->seek->state != SEEK_REFUSED)
                return -EBUSY;
        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->group = g;
        s->partition = partition;
        s->to = to;
        s->value = value;
        s->until_usec = clock_usec() + PATIENCE_USEC;
        s->topic = strdup(topic);
        if (!s->topic) {
                seek_free(s);
                return -ENOMEM;
        }
        seek_free(g->seek);
        g->seek = s;
        return 0;
}

static bool seek_wants(const Seek *s, const Partition *p) {
        return streq(p->topic, s->topic) && (s->partition < 0 || s->partition == p->number);
}

static void seek_refuse(Seek *s, const char *format, ...) _printf_(2, 3);

static void seek_refuse(Seek *s, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        vsnprintf(s->problem, sizeof(s->problem), format, ap);
        va_end(ap);
        s->state = SEEK_REFUSED;
}

/* ---- the look-up, on a helper thread ---- */

static void lookup_work(void *job) {
        SeekLookup *l = job;

        l->err = offsets_lookup(l->rk, l->which, OFFSETS_BEGIN, LOOKUP_TIMEOUT_MS, &l->low, NULL);
        if (!l->err)
                l->err = offsets_lookup(l->rk, l->which, OFFSETS_END, LOOKUP_TIMEOUT_MS, &l->high,
                                        NULL);
        if (!l->err && l->time >= 0)
                l->err = offsets_lookup(l->rk, l->which, l->time, LOOKUP_TIMEOUT_MS, &l->at, NULL);
}

/* ---- on the loop ---- */

/* Where partition number `i` of the look-up is to go on; negative: that is not in its log. */
static int64_t seek_target(const Seek *s, const SeekLookup *l, int i) {
        int64_t low = l->low->elems[i].offset, high = l->high->elems[i].offset;

        switch (s->to) {
        case SEEK_EARLIEST:
                return low;
        case SEEK_LATEST:
                return high;
        case SEEK_OFFSET:
                return s->value >= low && s->value <= high ? s->value : -1;
        case SEEK_TIME:
                /* Later than the newest event: its end. */
                return l->at->elems[i].offset < 0 ? high : l->at->elems[i].offset;
        }
        return -1;
}

static SeekMove *move_find(const Seek *s, int32_t partition) {
        for (unsigned i = 0; i < s->n_moves; i++)
                if (s->moves[i].partition == partition)
                        return &s->moves[i];
        return NULL;
}

/* The targets are known: checked for all partitions before the first one moves. */
static bool targets_note(Seek *s, const SeekLookup *l) {
        for (int i = 0; i < l->which->cnt; i++) {
                int32_t number = l->which->elems[i].partition;
                int64_t target = seek_target(s, l, i);
                SeekMove *move = move_find(s, number);

                if (target < 0) {
                        seek_refuse(s,
                                    "%s/%" PRId32 " holds the offsets from %" PRId64
                                    " up to, and not with, %" PRId64 ", but not %" PRId64,
                                    s->topic, number, l->low->elems[i].offset,
                                    l->high->elems[i].offset, s->value);
                        return false;
                }
                if (move)
                        move->after = target;
        }
        return true;
}

/* Moves all that the consumer owns of it. */
static void consumer_move(Seek *s, Consumer *c) {
        bool any = false;

        for (unsigned i = 0; i < c->n_partitions; i++) {
                Partition *p = c->partitions[i];
                SeekMove *move = seek_wants(s, p) ? move_find(s, p->number) : NULL;

                if (!move)
                        continue;
                move->before = p->position;
                any = true;
                /* A ledger moves when it has finished; reading follows it then. */
                if (p->ledger)
                        (void) ledger_seek(p->ledger, move->after);
                else
                        partition_move(p, move->after);
        }
        if (!any)
                return;
        if (!consumer_is_exact(c))
                assignment_restart(c);
        committer_commit(c);
        queue_wake(c->waker);
}

/* Whether all ledgers can begin to move; otherwise the seek waits, or is refused. */
static bool ledgers_are_ready(Seek *s) {
        for (unsigned i = 0; i < s->group->n_consumers; i++)
                for (unsigned k = 0; k < s->group->consumers[i]->n_partitions; k++) {
                        const Partition *p = s->group->consumers[i]->partitions[k];

                        if (!p->ledger || !seek_wants(s, p))
                                continue;
                        if (p->ledger->unknown) {
                                seek_refuse(s, UNDONE, p->topic, p->number);
                                return false;
                        }
                        if (p->ledger->phase != LEDGER_RUNNING || p->ledger->move != MOVE_NONE) {
                                s->state = SEEK_WAITING;
                                s->again_usec = clock_usec() + AGAIN_USEC;
                                return false;
                        }
                }
        return true;
}

static void seek_move(Seek *s) {
        for (unsigned i = 0; i < s->n_moves; i++)
                if (s->moves[i].after < 0) {
                        /* A consumer has lost its assignment meanwhile: all over again. */
                        s->state = SEEK_WAITING;
                        return;
                }
        if (!ledgers_are_ready(s))
                return;
        for (unsigned i = 0; i < s->group->n_consumers; i++)
                consumer_move(s, s->group->consumers[i]);
        s->state = SEEK_MOVED;
}

/* What one consumer's client has answered. */
static void seek_looked(Seek *s, const Consumer *c, const SeekLookup *l) {
        if (l->err) {
                s->state = SEEK_WAITING;
                s->again_usec = clock_usec() + AGAIN_USEC;
                return;
        }
        if (l->generation == c->generation && c->state == CONSUMER_ASSIGNED && !targets_note(s, l))
                return;
        if (s->lookups == 0)
                seek_move(s);
}

static void lookup_done(void *job) {
        _cleanup_(seek_lookup_freep) SeekLookup *l = job;
        Consumer *c = l->consumer;
        Seek *s = l->seek;

        c->lookups--;
        s->lookups--;
        queue_wake(c->waker);
        if (s->abandoned)
                seek_free(s);
        else if (s->state == SEEK_LOOKING)
                seek_looked(s, c, l);
}

/* Asks for what one consumer owns of it. Returns how many partitions that is, or -ENOMEM. */
static int lookup_start(Seek *s, Consumer *c) {
        _cleanup_(seek_lookup_freep) SeekLookup *l = calloc(1, sizeof(*l));
        int n;

        if (!l)
                return -ENOMEM;
        l->which = rd_kafka_topic_partition_list_new(1);
        for (unsigned i = 0; i < c->n_partitions; i++)
                if (seek_wants(s, c->partitions[i]))
                        rd_kafka_topic_partition_list_add(l->which, s->topic,
                                                          c->partitions[i]->number);
        n = l->which->cnt;
        if (n == 0)
                return 0;
        l->seek = s;
        l->consumer = c;
        l->rk = c->rk;
        l->generation = c->generation;
        l->time = s->to == SEEK_TIME ? s->value : -1;
        if (helpers_run(c->context->helpers, lookup_work, lookup_done, l) < 0)
                return -ENOMEM;
        TAKE_PTR(l);
        c->lookups++;
        s->lookups++;
        return n;
}

/* What ours own of it now. Returns false where memory is short. */
static bool moves_make(Seek *s) {
        const Group *g = s->group;
        unsigned n = 0;

        s->n_moves = 0;
        for (unsigned i = 0; i < g->n_consumers; i++)
                n += g->consumers[i]->n_partitions;
        free(s->moves);
        s->moves = calloc(n + 1, sizeof(*s->moves));
        if (!s->moves)
                return false;
        for (unsigned i = 0; i < g->n_consumers; i++)
                for (unsigned k = 0; k < g->consumers[i]->n_partitions; k++) {
                        const Partition *p = g->consumers[i]->partitions[k];

                        if (seek_wants(s, p))
                                s->moves[s->n_moves++] = (SeekMove){
                                        .partition = p->number,
                                        .before = p->position,
                                        .after = -1,
                                };
                }
        return true;
}

static void seek_look(Seek *s) {
        const Group *g = s->group;

        if (!moves_make(s))
                return;
        if (s->n_moves == 0) {
                if (s->partition < 0)
                        seek_refuse(s, "No consumer of group '%s' here owns a partition of '%s'",
                                    g->config->name, s->topic);
                else
                        seek_refuse(s, "No consumer of group '%s' here owns %s/%" PRId32,
                                    g->config->name, s->topic, s->partition);
                return;
        }
        s->state = SEEK_LOOKING;
        for (unsigned i = 0; i < g->n_consumers; i++)
                if (lookup_start(s, g->consumers[i]) < 0) {
                        s->state = SEEK_WAITING;
                        s->again_usec = clock_usec() + AGAIN_USEC;
                }
}

/* What became of the move of a partition that has a ledger. */
static void check_ledger(Seek *s, const Partition *p, SeekMove *move) {
        if (p->ledger->seek == LEDGER_SEEK_DONE)
                move->committed = true;
        else if (p->ledger->seek == LEDGER_SEEK_REFUSED)
                seek_refuse(s, UNDONE, p->topic, p->number);
        else if (p->ledger->seek == LEDGER_SEEK_NONE)
                seek_refuse(s,
                            "%s/%" PRId32 " changed hands before it had moved: look with "
                            "'crierctl groups %s', and try again",
                            p->topic, p->number, s->group->config->name);
}

static void seek_check_commits(Seek *s) {
        bool all = true;

        for (unsigned i = 0; i < s->group->n_consumers; i++) {
                Consumer *c = s->group->consumers[i];

                committer_commit(c);
                for (unsigned k = 0; k < c->n_partitions; k++) {
                        const Partition *p = c->partitions[k];
                        SeekMove *move = seek_wants(s, p) ? move_find(s, p->number) : NULL;

                        if (move && p->ledger)
                                check_ledger(s, p, move);
                        else if (move && p->anchor < 0)
                                move->committed = true;
                }
        }
        for (unsigned i = 0; i < s->n_moves; i++)
                all = all && s->moves[i].committed;
        if (all && s->state == SEEK_MOVED)
                s->state = SEEK_DONE;
}

void seek_step(Seek *s, uint64_t now) {
        if (s->group->stopping)
                return;
        if ((s->state == SEEK_WAITING || s->state == SEEK_LOOKING) && now >= s->until_usec)
                seek_refuse(s, "The group was not stable, or the log could not be asked, in time");
        else if (s->state == SEEK_WAITING && s->group->stable && s->lookups == 0 &&
                 now >= s->again_usec)
                seek_look(s);
        else if (s->state == SEEK_MOVED)
                seek_check_commits(s);
}
