/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events from partitions to the sink: see reading.h.
 */

#include "kafka/reading.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "journal/record.h"
#include "kafka/assignment.h"
#include "kafka/committer.h"
#include "kafka/group.h"

/* How long one consumer may keep the loop to itself. */
#define READING_SHARE_USEC (2 * USEC_PER_MSEC)

/* Of what a partition gives at once so many of the last are remembered by the group: as many as
 * somebody looks at. Where there was more than it gives at once, the next comes at once, and what
 * is remembered of this one must not be felt: a copy costs as much as reading two events. */
#define RECENT_OF_BATCH 16
#define RECENT_OF_FULL_BATCH 4

/* Said once for a partition, as long as it is ours: events of one kind come in numbers. */
static void report_cut(Consumer *c, Partition *p, const rd_kafka_message_t *m) {
        char partition[16], offset[24];
        const RecordField fields[] = {
                {"KAFKA_GROUP", c->group->config->name},
                {"KAFKA_TOPIC", p->topic},
                {"KAFKA_PARTITION", partition},
                {"KAFKA_OFFSET", offset},
                {NULL},
        };

        if (p->cut_said)
                return;
        p->cut_said = true;
        snprintf(partition, sizeof(partition), "%" PRId32, p->number);
        snprintf(offset, sizeof(offset), "%" PRId64, m->offset);
        record_write(
                c->context->sink, RECORD_EVENT_CUT, fields,
                "The event at offset %s of %s/%s has more headers than a journal entry may have "
                "fields: the first %d were written",
                offset, p->topic, partition, ENTRY_HEADERS_MAX);
}

static int write_event(Consumer *c, Partition *p, const rd_kafka_message_t *m) {
        Sink *sink = c->context->sink;
        bool whole;
        int r;

        if (!c->group->config->log)
                return 0;
        whole = event_entry(&c->reader, m, p->topic, &p->prefix, sink->kind->wants_fields,
                            &c->scratch, &c->entry);
        r = sink_write(sink, &c->entry);
        if (r >= 0 && !whole)
                report_cut(c, p, m);
        return r;
}

/* The line that stands in the journal, or would. */
static const Buffer *event_message(Consumer *c, Partition *p, const rd_kafka_message_t *m) {
        if (!c->group->config->log)
                (void) event_entry(&c->reader, m, p->topic, &p->prefix, false, &c->scratch,
                                   &c->entry);
        return &c->entry.message;
}

/* For whoever wants to see events: the last of a batch are remembered, all are shown to those who
 * follow. */
static void show_event(Consumer *c, Partition *p, const rd_kafka_message_t *m) {
        Followers *all = &c->context->followers;
        const Buffer *message = NULL;

        if (partition_held(p) <=
            (p->n == PARTITION_BATCH ? RECENT_OF_FULL_BATCH : RECENT_OF_BATCH)) {
                EventCopy *copy;

                message = event_message(c, p, m);
                copy = copy_ring_add(&c->group->recent, &c->reader, p->topic, m, message);
                if (copy)
                        copy->number = all->copied++;
        }
        for (unsigned i = 0; i < all->n; i++) {
                if (!follower_wants(all->items[i], &c->reader, p->topic, m))
                        continue;
                message = message ? message : event_message(c, p, m);
                follower_take(all, all->items[i], &c->reader, p->topic, m, message);
        }
}

/* In the place of an event: something is wrong with this partition. */
static void partition_error(Consumer *c, Partition *p, const rd_kafka_message_t *m) {
        if (m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
                assignment_reset(c, p);
        else
                consumer_error(c, m->err, p->topic, rd_kafka_message_errstr(m));
}

/* Writes what the partition holds. Returns 0, or -EAGAIN where the sink is full. */
static int write_held(Consumer *c, Partition *p) {
        uint64_t before = c->written;
        rd_kafka_message_t *m;

        while ((m = partition_peek(p))) {
                int r;

                if (m->err) {
                        c->received--; /* it was none */
                        partition_error(c, p, m);
                        partition_skip(p);
                        continue;
                }
                /* What was read before a reset or a seek of ours, and came late. */
                if (m->offset < p->position) {
                        partition_skip(p);
                        continue;
                }
                r = write_event(c, p, m);
                if (r < 0)
                        return -EAGAIN;
                key_table_count(p->keys, KEY_CONSUMED, m);
                show_event(c, p, m);
                partition_pop(p);
                c->written++;
        }
        if (c->written > before)
                group_topic_works(c->group, p->topic);
        return 0;
}

/* Writes what the partition holds, or else takes the next events and writes those. Returns how many
 * it had in hand, 0 where the queue is empty, or -EAGAIN. */
static int read_partition(Consumer *c, Partition *p) {
        bool claim = group_delivery(c->group) == DELIVERY_AT_MOST_ONCE;
        unsigned n = partition_held(p);

        if (p->state == PARTITION_CLAIMING)
                return 0;
        if (n == 0) {
                n = partition_fetch(p);
                c->received += n;
                if (n > 0 && claim && p->fetched != p->committed) {
                        committer_claim(c, p);
                        return 0;
                }
        }
        return write_held(c, p) < 0 ? -EAGAIN : (int) n;
}

void reading_run(Consumer *c) {
        uint64_t end = clock_usec() + READING_SHARE_USEC;
        int taken;

        if (c->n_partitions == 0)
                return;
        do {
                taken = 0;
                for (unsigned i = 0; i < c->n_partitions; i++) {
                        Partition *p = c->partitions[c->next_partition++ % c->n_partitions];
                        int r = read_partition(c, p);

                        if (r < 0) /* the sink wakes us */
                                return;
                        taken += r;
                }
                c->failures = taken > 0 ? 0 : c->failures;
        } while (taken > 0 && clock_usec() < end);
        if (taken > 0)
                queue_wake(c->waker);
}

bool reading_finish(Consumer *c) {
        bool all = true;

        for (unsigned i = 0; i < c->n_partitions; i++) {
                Partition *p = c->partitions[i];

                if (p->state == PARTITION_CLAIMING)
                        all = all && p->claim_failed;
                else if (write_held(c, p) < 0)
                        all = false;
        }
        return all;
}
