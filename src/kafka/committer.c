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
        if (p->ledger)
                return ledger_owes(p->ledger);
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

void committer_begin(Consumer *c, const rd_kafka_topic_partition_list_t *list) {
        if (list->cnt > 0 && !committer_send(c, list))
                c->begins = true;
}

/* Adds the partition to a list that is made with the first of them: mostly there is none. */
static rd_kafka_topic_partition_t *add(rd_kafka_topic_partition_list_t **list, const Partition *p,
                                       int64_t offset) {
        rd_kafka_topic_partition_t *elem;

        *list = *list ? *list : rd_kafka_topic_partition_list_new(1);
        elem = rd_kafka_topic_partition_list_add(*list, p->topic, p->number);
        elem->offset = offset;
        return elem;
}

/* Adds what the partition's ledger has to commit now, with its note. */
static void add_ledger(rd_kafka_topic_partition_list_t **list, Partition *p) {
        rd_kafka_topic_partition_t *elem;
        char text[MARKER_TEXT_MAX];
        int64_t offset;

        if (!ledger_commit_take(p->ledger, &offset, text))
                return;
        elem = add(list, p, offset);
        elem->metadata = strdup(text);
        elem->metadata_size = elem->metadata ? strlen(text) : 0;
}

static void answer_ledgers(Consumer *c, LedgerOutcome outcome) {
        for (unsigned i = 0; i < c->n_partitions; i++)
                if (c->partitions[i]->ledger)
                        ledger_commit_answer(c->partitions[i]->ledger, outcome);
}

static void commit_list(Consumer *c, bool ledgers_only) {
        rd_kafka_topic_partition_list_t *list = NULL;

        for (unsigned i = 0; i < c->n_partitions; i++) {
                Partition *p = c->partitions[i];

                if (p->ledger)
                        add_ledger(&list, p);
                else if (!ledgers_only && committer_owes(c, p))
                        (void) add(&list, p, p->position);
        }
        if (!list)
                return;
        /* Nothing has left this process. */
        if (committer_send(c, list))
                answer_ledgers(c, LEDGER_REFUSED);
        rd_kafka_topic_partition_list_destroy(list);
}

void committer_send_ready(Consumer *c) {
        if (c->commits == 0)
                commit_list(c, true);
}

void committer_commit(Consumer *c) {
        bool ledgers = false;

        if (c->commits > 0 || !committer_is_dirty(c))
                return;
        for (unsigned i = 0; i < c->n_partitions; i++) {
                if (!c->partitions[i]->ledger)
                        continue;
                ledger_commit_begin(c->partitions[i]->ledger);
                ledgers = true;
        }
        commit_list(c, false);
        if (ledgers)
                machine_poke(c->context->machine);
}

void committer_hurry(Consumer *c) {
        for (unsigned i = 0; i < c->n_partitions; i++)
                if (c->partitions[i]->ledger && ledger_commit_is_due(c->partitions[i]->ledger)) {
                        committer_commit(c);
                        return;
                }
}

void committer_claim(Consumer *c, Partition *p) {
        rd_kafka_topic_partition_list_t *list = NULL;

        p->state = PARTITION_CLAIMING;
        (void) add(&list, p, p->fetched);
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

/* What an error of a commit says of the commit. Only these are certain: whatever else goes wrong,
 * the broker may have taken it, or may take it still. */
static LedgerOutcome commit_outcome(rd_kafka_resp_err_t err) {
        switch (err) {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
                return LEDGER_DONE;
        case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
        case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
        case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
                return LEDGER_FENCED;
        case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
        case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        case RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE:
        case RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE:
                return LEDGER_REFUSED;
        default:
                return LEDGER_UNKNOWN;
        }
}

void committer_answered(Consumer *c, rd_kafka_event_t *ev) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(ev);
        rd_kafka_resp_err_t err = rd_kafka_event_error(ev);

        if (c->commits > 0)
                c->commits--;
        if (c->begins && c->commits == 0) {
                c->begins = false;
                c->lookup_usec = clock_usec();
        }
        if (err)
                consumer_error(c, err, NULL, rd_kafka_event_error_string(ev));
        if ((uintptr_t) rd_kafka_event_opaque(ev) != (uintptr_t) c->generation)
                return;
        for (int i = 0; list && i < list->cnt; i++) {
                Partition *p = assignment_find(c, &list->elems[i]);

                if (!p)
                        continue;
                if (p->ledger) {
                        ledger_commit_answer(p->ledger,
                                             commit_outcome(err ? err : list->elems[i].err));
                        p->committed = p->ledger->committed;
                } else if (!err && !list->elems[i].err)
                        commit_confirmed(p, list->elems[i].offset);
                else if (p->state == PARTITION_CLAIMING)
                        p->claim_failed = true;
        }
        if (!list)
                answer_ledgers(c, commit_outcome(err ? err : RD_KAFKA_RESP_ERR__FAIL));
        queue_wake(c->waker);
}
