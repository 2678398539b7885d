/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Offsets to the broker: see committer.h.
 */

#include "kafka/committer.h"

#include "common/log.h"
#include "kafka/assignment.h"
#include "kafka/cluster.h"
#include "kafka/group.h"

bool committer_owes(const Consumer *c, const Partition *p) {
        if (p->position < 0)
                return false;
        if (p->anchor >= 0)
                return true;
        /* at-most-once commits before it writes: committer_claim(). */
        return group_delivery(c->group) != DELIVERY_AT_MOST_ONCE && p->position > p->committed;
}

bool committer_is_dirty(const Consumer *c) {
        for (unsigned i = 0; i < c->n_partitions; i++)
                if (committer_owes(c, c->partitions[i]))
                        return true;
        return false;
}

/* The generation travels with the request, so that an answer to a former assignment's is known as
 * that. */
static rd_kafka_resp_err_t committer_send(Consumer *c,
                                          const rd_kafka_topic_partition_list_t *list) {
        rd_kafka_resp_err_t err;

        err = rd_kafka_commit_queue(c->rk, list, c->queue, NULL,
                                    (void *) (uintptr_t) c->generation);
        if (err)
                log_debug("%s: commit: %s", c->client_id, rd_kafka_err2str(err));
        else
                c->commits++;
        return err;
}

void committer_commit(Consumer *c) {
        rd_kafka_topic_partition_list_t *list;

        if (c->commits > 0 || !committer_is_dirty(c))
                return;
        list = rd_kafka_topic_partition_list_new((int) c->n_partitions);
        for (unsigned i = 0; i < c->n_partitions; i++) {
                const Partition *p = c->partitions[i];

                if (committer_owes(c, p))
                        rd_kafka_topic_partition_list_add(list, p->topic, p->number)->offset =
                                p->position;
        }
        (void) committer_send(c, list);
        rd_kafka_topic_partition_list_destroy(list);
}

void committer_claim(Consumer *c, Partition *p) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

        p->state = PARTITION_CLAIMING;
        rd_kafka_topic_partition_list_add(list, p->topic, p->number)->offset = p->fetched;
        p->claim_failed = committer_send(c, list) != RD_KAFKA_RESP_ERR_NO_ERROR;
        rd_kafka_topic_partition_list_destroy(list);
}

void committer_reclaim(Consumer *c) {
        for (unsigned i = 0; i < c->n_partitions; i++)
                if (c->partitions[i]->claim_failed)
                        committer_claim(c, c->partitions[i]);
}

static void commit_confirmed(Partition *p, int64_t offset) {
        /* Sent before a move of ours, back or forth: the anchor is still to come. */
        if (p->state != PARTITION_CLAIMING && offset > p->position)
                return;
        p->committed = offset;
        if (offset >= p->anchor)
                p->anchor = -1;
        if (p->state == PARTITION_CLAIMING)
                p->state = PARTITION_READY;
}

void committer_answered(Consumer *c, rd_kafka_event_t *ev) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(ev);
        rd_kafka_resp_err_t err = rd_kafka_event_error(ev);

        if (c->commits > 0)
                c->commits--;
        if (err)
                consumer_error(c, err, NULL, rd_kafka_event_error_string(ev));
        if ((uintptr_t) rd_kafka_event_opaque(ev) != (uintptr_t) c->generation)
                return;
        for (int i = 0; list && i < list->cnt; i++) {
                Partition *p = assignment_find(c, &list->elems[i]);

                if (!p)
                        continue;
                if (!err && !list->elems[i].err)
                        commit_confirmed(p, list->elems[i].offset);
                else if (p->state == PARTITION_CLAIMING)
                        p->claim_failed = true;
        }
}
