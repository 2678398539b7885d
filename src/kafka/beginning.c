/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a group at `start = "latest"` began: see beginning.h.
 */

#include "kafka/beginning.h"

#include "common/log.h"
#include "kafka/assignment.h"
#include "kafka/cluster.h"
#include "kafka/committer.h"
#include "kafka/group.h"
#include "kafka/lookup.h"
#include "kafka/offsets.h"

/* What was looked up longer ago is not acted on: the group may have begun since. */
#define FRESH_USEC (2 * USEC_PER_SEC)

/* Beside the session time-out: a member that is stuck is out of the group by then, and can commit
 * nothing any more. */
#define PATIENCE_USEC USEC_PER_SEC

/* A request about an assignment's partitions, and one before there is any: a stop waits for it. */
#define LOOK_MS 5000
#define FIRST_LOOK_MS 1000

/* Partitions in one commit: with their notes less than the megabyte that the broker takes. */
#define COMMIT_MAX 2000

static void list_done(rd_kafka_topic_partition_list_t **list) {
        if (*list)
                rd_kafka_topic_partition_list_destroy(TAKE_PTR(*list));
}

void beginning_done(Beginning *b) {
        list_done(&b->places);
        b->begun = b->seen = false;
}

void group_view_done(GroupView *v) {
        list_done(&v->committed);
        list_done(&v->low);
        list_done(&v->high);
}

bool beginning_is_open(const Group *g) {
        return g->config->start == GROUP_START_LATEST && !g->beginning.begun;
}

rd_kafka_topic_partition_list_t *beginning_topics(const Group *g) {
        const StringList *topics = &g->config->topics;
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int) topics->n);

        for (unsigned i = 0; i < topics->n; i++)
                rd_kafka_topic_partition_list_add(list, topics->items[i], RD_KAFKA_PARTITION_UA);
        return list;
}

/* ---- on a helper thread ---- */

/* Adds the topic's partitions. A topic that is missing, or that we may not see, has none for us. */
static rd_kafka_resp_err_t add_topic(rd_kafka_topic_partition_list_t *all,
                                     const struct rd_kafka_metadata_topic *md) {
        switch (md->err) {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
                for (int i = 0; i < md->partition_cnt; i++)
                        rd_kafka_topic_partition_list_add(all, md->topic, md->partitions[i].id);
                return RD_KAFKA_RESP_ERR_NO_ERROR;
        case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
                return RD_KAFKA_RESP_ERR_NO_ERROR;
        default:
                return md->err;
        }
}

/* One request: it is about the topics that the client has handles of. */
static rd_kafka_resp_err_t list_partitions(rd_kafka_t *rk,
                                           const rd_kafka_topic_partition_list_t *topics,
                                           int timeout_ms, rd_kafka_topic_partition_list_t *all) {
        _cleanup_free_ rd_kafka_topic_t **handles =
                calloc((size_t) topics->cnt + 1, sizeof(*handles));
        const struct rd_kafka_metadata *md = NULL;
        rd_kafka_resp_err_t err;

        if (!handles)
                return RD_KAFKA_RESP_ERR__FAIL;
        for (int i = 0; i < topics->cnt; i++)
                handles[i] = rd_kafka_topic_new(rk, topics->elems[i].topic, NULL);
        err = rd_kafka_metadata(rk, 0, NULL, &md, timeout_ms);
        for (int i = 0; i < topics->cnt; i++)
                if (handles[i])
                        rd_kafka_topic_destroy(handles[i]);
        if (err)
                return err;
        for (int i = 0; i < md->topic_cnt && !err; i++)
                if (rd_kafka_topic_partition_list_find(topics, md->topics[i].topic,
                                                       RD_KAFKA_PARTITION_UA))
                        err = add_topic(all, &md->topics[i]);
        rd_kafka_metadata_destroy(md);
        return err;
}

static bool has_commit(const rd_kafka_topic_partition_list_t *list) {
        for (int i = 0; i < list->cnt; i++)
                if (list->elems[i].offset >= 0)
                        return true;
        return false;
}

static rd_kafka_resp_err_t look_committed(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *all,
                                          int timeout_ms, char **ret_topic) {
        rd_kafka_resp_err_t err = rd_kafka_committed(rk, all, timeout_ms);

        for (int i = 0; i < all->cnt && !err; i++) {
                err = all->elems[i].err;
                if (err)
                        *ret_topic = strdup(all->elems[i].topic);
        }
        return err;
}

rd_kafka_resp_err_t group_view_look(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *topics,
                                    const rd_kafka_topic_partition_list_t *own, GroupView *ret,
                                    char **ret_topic) {
        rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(1);
        int timeout_ms = own ? LOOK_MS : FIRST_LOOK_MS;
        rd_kafka_resp_err_t err;

        ret->committed = all;
        err = list_partitions(rk, topics, timeout_ms, all);
        if (err)
                return err;
        for (int i = 0; own && i < own->cnt; i++)
                if (!rd_kafka_topic_partition_list_find(all, own->elems[i].topic,
                                                        own->elems[i].partition))
                        rd_kafka_topic_partition_list_add(all, own->elems[i].topic,
                                                          own->elems[i].partition);
        if (all->cnt == 0)
                return RD_KAFKA_RESP_ERR_NO_ERROR;
        if (own) {
                err = look_committed(rk, all, timeout_ms, ret_topic);
                if (err || has_commit(all))
                        return err;
                err = offsets_lookup(rk, all, OFFSETS_BEGIN, timeout_ms, &ret->low, ret_topic);
        }
        if (!err)
                err = offsets_lookup(rk, all, OFFSETS_END, timeout_ms, &ret->high, ret_topic);
        return err;
}

/* ---- on the loop ---- */

/* A partition that has a commit has begun, and so has its group. */
static void note_commits(Beginning *b, const rd_kafka_topic_partition_list_t *list) {
        for (int i = 0; list && i < list->cnt; i++) {
                const rd_kafka_topic_partition_t *elem = &list->elems[i];

                if (elem->offset < 0)
                        continue;
                b->begun = true;
                if (b->places)
                        (void) rd_kafka_topic_partition_list_del(b->places, elem->topic,
                                                                 elem->partition);
        }
}

/* What exists when the process first looks begins at its end, what comes later at its beginning. */
static void note_places(Beginning *b, const GroupView *v) {
        const rd_kafka_topic_partition_list_t *at = b->places ? v->low : v->high;

        if (!b->places)
                b->places = rd_kafka_topic_partition_list_new(1);
        for (int i = 0; at && i < at->cnt; i++) {
                const rd_kafka_topic_partition_t *elem = &at->elems[i];

                if (!rd_kafka_topic_partition_list_find(b->places, elem->topic, elem->partition))
                        rd_kafka_topic_partition_list_add(b->places, elem->topic, elem->partition)
                                ->offset = elem->offset;
        }
}

static void note_view(Group *g, const Lookup *l) {
        Beginning *b = &g->beginning;

        note_commits(b, l->positions);
        note_commits(b, l->view.committed);
        if (b->begun && !b->seen)
                list_done(&b->places);
        if (!l->view.committed || !beginning_is_open(g))
                return;
        b->seen = true;
        note_places(b, &l->view);
}

static void asked(void *job) {
        _cleanup_(lookup_freep) Lookup *l = job;
        Consumer *c = l->consumer;

        c->lookups--;
        c->group->beginning.asking = false;
        queue_wake(c->waker);
        if (!l->err && beginning_is_open(c->group))
                note_places(&c->group->beginning, &l->view);
        else if (l->err) /* The look-up of an assignment says it, where it lasts. */
                log_debug("%s: where the group begins: %s", c->client_id, rd_kafka_err2str(l->err));
}

void beginning_ask(Consumer *c) {
        Beginning *b = &c->group->beginning;

        if (!beginning_is_open(c->group) || b->places || b->asking || c->lookups > 0 ||
            c->state != CONSUMER_JOINING || c->stopping || c->context->cluster->state != CLUSTER_UP)
                return;
        lookup_start(c, rd_kafka_topic_partition_list_new(1), true, asked);
        b->asking = c->lookups > 0;
        /* Not an assignment's. */
        c->lookup_usec = 0;
}

static bool owns(const Consumer *c, const rd_kafka_topic_partition_t *where) {
        return assignment_find(c, where) ||
               (c->offered &&
                rd_kafka_topic_partition_list_find(c->offered, where->topic, where->partition));
}

/* All members know the same one, whatever each of them owns. */
static bool owns_first(const Consumer *c, const rd_kafka_topic_partition_list_t *all) {
        const rd_kafka_topic_partition_t *first = NULL;

        for (int i = 0; i < all->cnt; i++) {
                const rd_kafka_topic_partition_t *elem = &all->elems[i];
                int order = first ? strcmp(elem->topic, first->topic) : -1;

                if (order < 0 || (order == 0 && elem->partition < first->partition))
                        first = elem;
        }
        return first && owns(c, first);
}

/* exactly-once: a commit without a note would be somebody else's. */
static void add_note(const Consumer *c, rd_kafka_topic_partition_t *place) {
        const LedgerSpec spec = {
                .cluster = c->context->cluster->id,
                .group = c->group->config->name,
                .topic = place->topic,
                .partition = place->partition,
                .sync = c->group->config->sync,
        };
        char text[MARKER_TEXT_MAX];

        if (place->metadata || !consumer_is_exact(c))
                return;
        journal_first_note(machine_journal(c->context->machine), &spec, place->offset, text);
        place->metadata = strdup(text);
        place->metadata_size = place->metadata ? strlen(text) : 0;
}

/* Commits where the partitions that exist now begin. */
static void send_places(Consumer *c, const rd_kafka_topic_partition_list_t *all) {
        rd_kafka_topic_partition_list_t *places = c->group->beginning.places;

        for (int i = 0; i < all->cnt;) {
                rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

                for (; i < all->cnt && list->cnt < COMMIT_MAX; i++) {
                        rd_kafka_topic_partition_t *elem,
                                *place = rd_kafka_topic_partition_list_find(
                                        places, all->elems[i].topic, all->elems[i].partition);

                        if (!place)
                                continue;
                        add_note(c, place);
                        elem = rd_kafka_topic_partition_list_add(list, place->topic,
                                                                 place->partition);
                        elem->offset = place->offset;
                        if (!place->metadata)
                                continue;
                        elem->metadata = strdup(place->metadata);
                        elem->metadata_size = elem->metadata ? place->metadata_size : 0;
                }
                committer_begin(c, list);
                rd_kafka_topic_partition_list_destroy(list);
        }
}

bool beginning_settle(Consumer *c, const Lookup *l) {
        uint64_t now = clock_usec();
        uint64_t patience = (uint64_t) c->session_ms * USEC_PER_MSEC + PATIENCE_USEC;

        note_view(c->group, l);
        if (!beginning_is_open(c->group)) {
                if (!l->topics || !lookup_lacks_commit(l))
                        return true;
                /* It was open when this was asked: what had no commit then may have one now. */
                c->lookup_usec = now;
                return false;
        }
        c->lookup_usec = lookup_again_usec();
        if (!l->view.committed)
                return false;
        if (c->begin_usec == 0)
                c->begin_usec = now;
        /* The first partition's owner is no crierd, or its commits are refused: then this member
         * begins with what it has. */
        if (now - c->begin_usec > patience) {
                c->lookup_usec = 0;
                return true;
        }
        if (owns_first(c, l->view.committed) && c->commits == 0 && now - l->usec < FRESH_USEC)
                send_places(c, l->view.committed);
        return false;
}

int64_t beginning_offset(const Group *g, const char *topic, int32_t partition, int64_t low,
                         int64_t high) {
        const rd_kafka_topic_partition_t *place = NULL;

        if (g->config->start == GROUP_START_LATEST && g->beginning.places)
                place = rd_kafka_topic_partition_list_find(g->beginning.places, topic, partition);
        return place && place->offset >= low && place->offset <= high ? place->offset : low;
}
