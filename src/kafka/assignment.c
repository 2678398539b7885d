/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which partitions a consumer has: see assignment.h.
 *
 * Before anything is read the committed offsets and the ends of the logs are looked up, so that
 * reading starts at a known offset, and with the group's `start` position committed: a group that
 * begins at "latest" then means the same "latest" after a crash. That is also why the clients run
 * with auto.offset.reset=error: nothing moves a position but this file.
 *
 * An offer is answered at once, with no partitions, and with them when they are looked up. Between
 * an offer and client_assign() librdkafka tells nothing of the group's next rebalance, so that a
 * member that waits for another one (beginning.h) would hold up all of them, until its session
 * ends.
 */

#include "kafka/assignment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/log.h"
#include "journal/record.h"
#include "kafka/client.h"
#include "kafka/cluster.h"
#include "kafka/committer.h"
#include "kafka/group.h"
#include "kafka/ledgers.h"
#include "kafka/reading.h"

/* How long a revocation or a stop waits for what is under way. */
#define SETTLE_USEC USEC_PER_SEC

/* Says so where the position that was asked about is not in its log. */
static void report_reset(Consumer *c, const Lookup *l, int i) {
        const rd_kafka_topic_partition_t *p = &l->positions->elems[i];
        int64_t low = l->low->elems[i].offset, high = l->high->elems[i].offset;
        const char *group = c->group->config->name;
        char number[16];
        const RecordField fields[] = {{"KAFKA_GROUP", group},
                                      {"KAFKA_TOPIC", p->topic},
                                      {"KAFKA_PARTITION", number},
                                      {NULL}};

        snprintf(number, sizeof(number), "%" PRId32, p->partition);
        if (p->offset < 0 || lookup_is_in_log(l, i))
                return;
        if (p->offset < low)
                record_write(c->context->sink, RECORD_POSITION_RESET, fields,
                             "Group '%s' had %s/%s at offset %" PRId64
                             ", but its log begins at %" PRId64
                             ": what was between is gone; going on at the log's beginning",
                             group, p->topic, number, p->offset, low);
        else
                record_write(c->context->sink, RECORD_POSITION_RESET, fields,
                             "Group '%s' had %s/%s at offset %" PRId64
                             ", but its log ends at %" PRId64
                             ": it was made anew; starting at its beginning, %" PRId64,
                             group, p->topic, number, p->offset, high, low);
}

/* The same for a new assignment: where a consumer of ours stopped that could not commit comes
 * first.
 */
static int64_t first_offset(Consumer *c, const Lookup *l, int i) {
        const rd_kafka_topic_partition_t *p = &l->positions->elems[i];
        int64_t handed = handover_take(&c->group->handover, p->topic, p->partition, p->offset);

        if (handed >= l->low->elems[i].offset && handed <= l->high->elems[i].offset)
                return handed;
        return lookup_start_offset(l, i);
}

void assignment_clear(Consumer *c) {
        for (unsigned i = 0; i < c->n_partitions; i++) {
                /* What a ledger wrote is found in the journal. */
                if (!c->partitions[i]->ledger && committer_owes(c, c->partitions[i]))
                        handover_note(&c->group->handover, c->partitions[i]);
                partition_free(c->partitions[i]);
        }
        free(TAKE_PTR(c->partitions));
        c->n_partitions = 0;
        if (c->offered)
                rd_kafka_topic_partition_list_destroy(TAKE_PTR(c->offered));
        c->lookup_usec = c->begin_usec = 0;
        c->generation++;
}

/* Hands the partitions of the list to librdkafka; NULL gives all back. */
static int assignment_answer(Consumer *c, const rd_kafka_topic_partition_list_t *list) {
        rd_kafka_resp_err_t err = client_assign(c->rk, list);

        if (err)
                log_warning("%s: cannot take the assignment: %s", c->client_id,
                            rd_kafka_err2str(err));
        return err ? -EIO : 0;
}

static int add_partition(Consumer *c, const Lookup *l, int i) {
        rd_kafka_topic_partition_t *elem = &c->offered->elems[i];
        int64_t committed = l->positions->elems[i].offset;
        Partition *p;
        int r;

        elem->offset = first_offset(c, l, i);
        report_reset(c, l, i);
        r = partition_new(c->rk, elem->topic, elem->partition, elem->offset, c->waker, &p);
        if (r < 0)
                return r;
        p->committed = committed;
        p->end = l->high->elems[i].offset;
        p->keys = key_tables_find(&c->context->keys, elem->topic);
        /* All but at-most-once commit their start, so that it means the same after a crash. */
        if (committed != elem->offset && group_delivery(c->group) != DELIVERY_AT_MOST_ONCE)
                p->anchor = elem->offset;
        event_prefix(&c->reader, p->topic, p->number, SD_ID128_NULL, &p->prefix);
        c->partitions[c->n_partitions++] = p;
        return 0;
}

static int add_partitions(Consumer *c, const Lookup *l) {
        int r = 0;

        c->partitions = calloc((size_t) c->offered->cnt, sizeof(Partition *));
        if (!c->partitions)
                return -ENOMEM;
        for (int i = 0; i < c->offered->cnt && r >= 0; i++)
                r = add_partition(c, l, i);
        return r;
}

/* Asked here because every assignment may come with a new name. */
static void note_member(Consumer *c) {
        char *id = rd_kafka_memberid(c->rk);

        if (!id)
                return;
        members_note(&c->group->members, id);
        rd_kafka_mem_free(c->rk, id);
}

/* The partitions whose beginning is known, for client_assign(). */
static rd_kafka_topic_partition_list_t *known_places(const Consumer *c) {
        rd_kafka_topic_partition_list_t *list;

        list = rd_kafka_topic_partition_list_new((int) c->n_partitions);
        for (unsigned i = 0; i < c->n_partitions; i++) {
                const Partition *p = c->partitions[i];

                if (p->fetched >= 0)
                        rd_kafka_topic_partition_list_add(list, p->topic, p->number)->offset =
                                p->fetched;
        }
        return list;
}

/* Takes what was offered. `l` has an answer for each partition, in the same order; NULL where there
 * are none to take, or ledgers have been told. `r`: an error that happened before. */
static void assignment_take(Consumer *c, const Lookup *l, int r) {
        rd_kafka_topic_partition_list_t *places;
        char subject[300];

        if (r >= 0 && l)
                r = add_partitions(c, l);
        places = known_places(c);
        if (r >= 0)
                r = assignment_answer(c, places);
        rd_kafka_topic_partition_list_destroy(places);
        if (r < 0) {
                /* The group shares the partitions out again with its next rebalance. */
                log_error_errno(r, "%s: cannot take an assignment: %m", c->client_id);
                assignment_clear(c);
                (void) assignment_answer(c, NULL);
                c->state = CONSUMER_JOINING;
                return;
        }
        rd_kafka_topic_partition_list_destroy(TAKE_PTR(c->offered));
        c->state = CONSUMER_ASSIGNED;
        note_member(c);
        consumer_subject(c, subject, sizeof(subject));
        trouble_over(&c->trouble, c->context->sink, subject);
        group_consumer_assigned(c->group, c);
        committer_commit(c);
        queue_wake(c->waker);
}

Partition *assignment_find(const Consumer *c, const rd_kafka_topic_partition_t *where) {
        for (unsigned i = 0; i < c->n_partitions; i++)
                if (c->partitions[i]->number == where->partition &&
                    streq(c->partitions[i]->topic, where->topic))
                        return c->partitions[i];
        return NULL;
}

void assignment_restart(Consumer *c) {
        rd_kafka_topic_partition_list_t *all = known_places(c);

        (void) assignment_answer(c, all);
        rd_kafka_topic_partition_list_destroy(all);
}

/* The resetting partitions go on where the lookup says. */
static void resets_apply(Consumer *c, const Lookup *l) {
        for (int i = 0; i < l->positions->cnt; i++) {
                Partition *p = assignment_find(c, &l->positions->elems[i]);
                int64_t start, low = l->low->elems[i].offset;

                if (!p || p->state != PARTITION_RESETTING)
                        continue;
                start = lookup_start_offset(l, i);
                /* The embedded broker drops its oldest events one by one: at full speed its log's
                 * beginning is gone before it can be read. Then its end is the best there is. */
                if (c->context->cluster->embedded && p->reset_usec > 0 &&
                    p->position == p->reset_position)
                        start = l->high->elems[i].offset;
                if (p->ledger) {
                        p->state = PARTITION_READY;
                        ledger_out_of_range(p->ledger, p->fetched, MAX(start, low),
                                            l->high->elems[i].offset);
                } else {
                        if (!partition_was_reset(p))
                                report_reset(c, l, i);
                        partition_move(p, start);
                }
                p->reset_usec = clock_usec();
                p->reset_position = start;
        }
        (void) ledgers_follow(c);
        log_debug("%s: assigned anew, %d partitions were reset", c->client_id, l->positions->cnt);
        assignment_restart(c);
}

static void lookup_done(void *job) {
        _cleanup_(lookup_freep) Lookup *l = job;
        Consumer *c = l->consumer;

        c->lookups--;
        /* Closing waits until no lookup uses the client. */
        queue_wake(c->waker);
        if (l->generation != c->generation)
                return;
        if (l->err) {
                consumer_error(c, l->err, l->topic, rd_kafka_err2str(l->err));
                c->lookup_usec = lookup_again_usec();
                return;
        }
        if (!c->context->cluster->id && !l->cluster && consumer_is_exact(c)) {
                c->lookup_usec = lookup_again_usec();
                return;
        }
        if (consumer_is_exact(c) && !c->context->cluster->id)
                c->context->cluster->id = TAKE_PTR(l->cluster);
        if (l->ask_committed && !beginning_settle(c, l))
                return;
        if (l->ask_committed && consumer_is_exact(c)) {
                if (ledgers_tell(c, l) && c->state == CONSUMER_ASSIGNED)
                        assignment_restart(c);
        } else if (c->state == CONSUMER_RESOLVING)
                assignment_take(c, l, 0);
        else if (c->state == CONSUMER_ASSIGNED)
                resets_apply(c, l);
}

static void lookup_resets(Consumer *c) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

        for (unsigned i = 0; i < c->n_partitions; i++)
                if (c->partitions[i]->state == PARTITION_RESETTING)
                        rd_kafka_topic_partition_list_add(list, c->partitions[i]->topic,
                                                          c->partitions[i]->number)
                                ->offset = c->partitions[i]->position;
        if (list->cnt > 0)
                lookup_start(c, list, false, lookup_done);
        else
                rd_kafka_topic_partition_list_destroy(list);
}

void assignment_offered(Consumer *c, const rd_kafka_topic_partition_list_t *partitions) {
        assignment_clear(c);
        if (c->stopping || c->failed) {
                (void) assignment_answer(c, NULL);
                return;
        }
        c->offered = rd_kafka_topic_partition_list_copy(partitions);
        if (partitions->cnt == 0) {
                assignment_take(c, NULL, 0);
                return;
        }
        c->state = CONSUMER_RESOLVING;
        /* Answers with the partitions that are known: none. */
        assignment_restart(c);
        if (consumer_is_exact(c))
                queue_wake(c->waker);
        else
                lookup_start(c, rd_kafka_topic_partition_list_copy(partitions), true, lookup_done);
}

static void settle_begin(Consumer *c) {
        c->state = CONSUMER_SETTLING;
        c->settle_committed = false;
        c->deadline_usec = clock_usec() + SETTLE_USEC;
        ledgers_revoke(c);
        assignment_step(c, clock_usec());
}

void assignment_revoked(Consumer *c) {
        bool lost = rd_kafka_assignment_lost(c->rk);

        group_consumer_revoked(c->group, c);
        if (c->state == CONSUMER_SETTLING && !lost) {
                c->revoked = true;
                return;
        }
        /* The next owners must not begin before it is known what became of the group's beginning.
         */
        if ((c->state == CONSUMER_ASSIGNED || (c->state == CONSUMER_RESOLVING && c->begins)) &&
            !lost) {
                c->revoked = true;
                settle_begin(c);
                return;
        }
        assignment_clear(c);
        c->revoked = false;
        (void) assignment_answer(c, NULL);
        if (c->state != CONSUMER_CLOSING)
                c->state = CONSUMER_JOINING;
}

void assignment_settle(Consumer *c) {
        if (c->state == CONSUMER_RESOLVING) {
                assignment_clear(c);
                (void) assignment_answer(c, NULL);
                c->state = CONSUMER_JOINING;
        } else if (c->state == CONSUMER_ASSIGNED)
                settle_begin(c);
        queue_wake(c->waker);
}

static void settle_end(Consumer *c, bool settled) {
        if (c->stopping && !settled)
                c->context->unsettled = true;
        assignment_clear(c);
        if (c->revoked)
                (void) assignment_answer(c, NULL);
        c->revoked = false;
        c->state = CONSUMER_JOINING;
        queue_wake(c->waker);
}

static void settle_step(Consumer *c, bool late) {
        bool once = group_delivery(c->group) == DELIVERY_AT_MOST_ONCE;
        bool finished = true;

        /* at-most-once has committed what it holds: that must still be written. Otherwise it is
         * what the sink takes at once, and nothing behind the last commit: the rest is read again
         * by whoever owns the partition next. */
        if (once || (!c->settle_committed && !late))
                finished = reading_finish(c);
        if (once && !finished && !late)
                return;
        if (c->commits > 0 && !late)
                return;
        if (!c->settle_committed && !late) {
                c->settle_committed = true;
                committer_commit(c);
                if (c->commits > 0)
                        return;
        }
        settle_end(c, !committer_is_dirty(c) && (!once || finished));
}

/* exactly-once: what was written is waited for, then committed a last time, which has a time limit
 * of its own. */
static void settle_exact(Consumer *c, uint64_t now) {
        bool finished = ledgers_settle(c, now >= c->deadline_usec) && !c->begins;

        if (finished || now >= c->deadline_usec + SETTLE_USEC)
                settle_end(c, finished && !committer_is_dirty(c));
}

/* exactly-once: asks what is committed for the partitions that have their lock. Those that wait for
 * it follow later. */
static void exact_step(Consumer *c, uint64_t now) {
        rd_kafka_topic_partition_list_t *list;
        bool due = c->lookup_usec > 0;
        int r;

        if (c->state == CONSUMER_ASSIGNED && ledgers_follow(c))
                assignment_restart(c);
        if (c->lookups > 0 || now < c->lookup_usec)
                return;
        c->lookup_usec = 0;
        if (c->state == CONSUMER_RESOLVING && c->n_partitions == 0) {
                /* Part of the ledgers' locks. The embedded broker was not asked for it before. */
                if (!c->context->cluster->id) {
                        lookup_start(c, rd_kafka_topic_partition_list_copy(c->offered), true,
                                     lookup_done);
                        return;
                }
                r = ledgers_make(c);
                if (r < 0) {
                        assignment_take(c, NULL, r);
                        return;
                }
        }
        list = ledgers_to_look_up(c);
        if (list)
                lookup_start(c, list, true, lookup_done);
        else if (c->state == CONSUMER_RESOLVING)
                assignment_take(c, NULL, 0);
        else if (due)
                lookup_resets(c);
}

void assignment_step(Consumer *c, uint64_t now) {
        bool exact = consumer_is_exact(c);

        if (c->state == CONSUMER_SETTLING) {
                if (exact)
                        settle_exact(c, now);
                else
                        settle_step(c, now >= c->deadline_usec);
                return;
        }
        if (exact) {
                if (c->state == CONSUMER_RESOLVING || c->state == CONSUMER_ASSIGNED)
                        exact_step(c, now);
                return;
        }
        if (c->lookup_usec == 0 || now < c->lookup_usec || c->lookups > 0)
                return;
        if (c->state == CONSUMER_RESOLVING)
                lookup_start(c, rd_kafka_topic_partition_list_copy(c->offered), true, lookup_done);
        else if (c->state == CONSUMER_ASSIGNED)
                lookup_resets(c);
}

void assignment_reset(Consumer *c, Partition *p) {
        if (p->state == PARTITION_RESETTING)
                return;
        p->state = PARTITION_RESETTING;
        /* Due now, and begun by consumer_serve() when this round of reading is over: on a log that
         * is short, like the embedded broker's, every millisecond takes events away. */
        c->lookup_usec = clock_usec();
}
