/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledgers of one consumer: see ledgers.h.
 */

#include "kafka/ledgers.h"

#include <errno.h>

#include "kafka/assignment.h"
#include "kafka/cluster.h"
#include "kafka/committer.h"
#include "kafka/group.h"
#include "kafka/reading.h"

static int add_ledger(Consumer *c, const rd_kafka_topic_partition_t *elem) {
        const LedgerSpec spec = {
                .cluster = c->context->cluster->id,
                .group = c->group->config->name,
                .topic = elem->topic,
                .partition = elem->partition,
                .sync = c->group->config->sync,
        };
        Partition *p;
        int r;

        r = partition_new(c->rk, elem->topic, elem->partition, RD_KAFKA_OFFSET_INVALID, c->waker,
                          &p);
        if (r < 0)
                return r;
        p->keys = key_tables_find(&c->context->keys, elem->topic);
        c->partitions[c->n_partitions++] = p;
        return ledger_new(machine_journal(c->context->machine), &spec, c, &p->ledger);
}

int ledgers_make(Consumer *c) {
        int r = 0;

        c->partitions = calloc((size_t) c->offered->cnt, sizeof(Partition *));
        if (!c->partitions)
                return -ENOMEM;
        for (int i = 0; i < c->offered->cnt && r >= 0; i++)
                r = add_ledger(c, &c->offered->elems[i]);
        /* Takes the locks that are free. */
        if (r >= 0)
                machine_step(c->context->machine);
        return r;
}

/* Reading begins, or goes on after a move, at `offset`. */
static void partition_begin(Consumer *c, Partition *p, int64_t offset) {
        partition_move(p, offset);
        p->committed = p->ledger->committed;
        buffer_clear(&p->prefix);
        event_prefix(&c->reader, p->topic, p->number, p->ledger->epoch, &p->prefix);
}

bool ledgers_tell(Consumer *c, const Lookup *l) {
        bool any = false;

        for (int i = 0; i < l->positions->cnt; i++) {
                const rd_kafka_topic_partition_t *elem = &l->positions->elems[i];
                Partition *p = assignment_find(c, elem);

                if (!p || !p->ledger || p->ledger->phase != LEDGER_FETCHING)
                        continue;
                p->end = l->high->elems[i].offset;
                ledger_fetched(p->ledger, elem->offset, elem->metadata, elem->metadata_size,
                               l->low->elems[i].offset, lookup_start_offset(l, i));
                partition_begin(c, p, p->ledger->start);
                any = true;
        }
        machine_step(c->context->machine);
        return any;
}

rd_kafka_topic_partition_list_t *ledgers_to_look_up(const Consumer *c) {
        rd_kafka_topic_partition_list_t *list = NULL;

        for (unsigned i = 0; i < c->n_partitions; i++) {
                const Partition *p = c->partitions[i];

                if (!p->ledger || p->ledger->phase != LEDGER_FETCHING)
                        continue;
                if (!list)
                        list = rd_kafka_topic_partition_list_new(1);
                rd_kafka_topic_partition_list_add(list, p->topic, p->number);
        }
        return list;
}

/* Its partitions that were stopped have moved away. */
static void stop_is_over(Consumer *c) {
        char subject[300];

        if (c->trouble.code != TROUBLE_PARTITION_STOPPED)
                return;
        for (unsigned i = 0; i < c->n_partitions; i++)
                if (c->partitions[i]->ledger && c->partitions[i]->ledger->stopped)
                        return;
        consumer_subject(c, subject, sizeof(subject));
        trouble_over(&c->trouble, c->context->sink, subject);
}

bool ledgers_follow(Consumer *c) {
        bool any = false;

        for (unsigned i = 0; i < c->n_partitions; i++) {
                Partition *p = c->partitions[i];
                int64_t offset;

                if (!p->ledger || !ledger_has_moved(p->ledger, &offset))
                        continue;
                partition_begin(c, p, offset);
                any = true;
        }
        if (any)
                stop_is_over(c);
        return any;
}

void ledgers_revoke(Consumer *c) {
        for (unsigned i = 0; i < c->n_partitions; i++)
                if (c->partitions[i]->ledger)
                        ledger_revoke(c->partitions[i]->ledger);
}

bool ledgers_settle(Consumer *c, bool late) {
        bool finished = true;

        /* What was lost is written again while there is time. */
        if (!late)
                (void) reading_finish(c);
        for (unsigned i = 0; i < c->n_partitions; i++)
                finished = ledger_settle(c->partitions[i]->ledger, late) && finished;
        committer_send_ready(c);
        machine_poke(c->context->machine);
        return finished;
}
