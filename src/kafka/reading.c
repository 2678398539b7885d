/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events from partitions to the sink: see reading.h.
 */

#include "kafka/reading.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "journal/loss.h"
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
        whole = event_entry(&c->reader, m, p->topic, &p->prefix,
                            sink->kind->wants_fields ? EVENT_WHOLE : EVENT_MESSAGE, &c->scratch,
                            &c->entry);
        r = sink_write(sink, &c->entry);
        if (r >= 0 && !whole)
                report_cut(c, p, m);
        return r;
}

/* The line that stands in the journal, or would. */
static const Buffer *event_message(Consumer *c, Partition *p, const rd_kafka_message_t *m) {
        if (!c->group->config->log)
                (void) event_entry(&c->reader, m, p->topic, &p->prefix, EVENT_MESSAGE, &c->scratch,
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

/* In the place of an event: an end of the log, or something is wrong with this partition. Takes the
 * message out. */
static void partition_error(Consumer *c, Partition *p, const rd_kafka_message_t *m) {
        c->received--; /* it was none */
        if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
                if (p->ledger)
                        ledger_passed(p->ledger, m->offset);
                partition_end_reached(p);
                return;
        }
        if (m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
                assignment_reset(c, p);
        else
                consumer_error(c, m->err, p->topic, rd_kafka_message_errstr(m));
        partition_skip(p);
}

/* Writes what the partition holds. Returns 0, or -EAGAIN where the sink is full. */
static int write_held(Consumer *c, Partition *p) {
        uint64_t before = c->written;
        rd_kafka_message_t *m;

        while ((m = partition_peek(p))) {
                int r;

                if (m->err) {
                        partition_error(c, p, m);
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

/* ---- exactly once ---- */

/* What an event that waits to be verified costs beside its bytes. */
#define EVENT_OVERHEAD 256

/* Writes the rows that are due, those that the journal lost first. Returns 0, or -EAGAIN where the
 * sink is full. */
static int write_rows(Consumer *c, Partition *p) {
        Journal *journal = machine_journal(c->context->machine);
        Row *row;

        while ((row = ledger_next(p->ledger))) {
                const rd_kafka_message_t *m = row->event;
                bool again = row->again;
                bool whole = event_entry(&c->reader, m, p->topic, &p->prefix,
                                         row_is_cut(row) ? EVENT_SHORT : EVENT_WHOLE, &c->scratch,
                                         &c->entry);

                if (journal_write(journal, p->ledger, row, &c->entry, clock_usec()) < 0)
                        return -EAGAIN;
                if (again)
                        continue;
                if (!whole)
                        report_cut(c, p, m);
                key_table_count(p->keys, KEY_CONSUMED, m);
                show_event(c, p, m);
                c->written++;
        }
        return 0;
}

/* What was written is to be read back. */
static void read_back(Consumer *c) {
        if (c->context->machine && !machine_journal(c->context->machine)->following)
                machine_poke(c->context->machine);
}

/* Enters the oldest event held into the ledger. Returns false where none can be taken now. */
static bool receive_event(Consumer *c, Partition *p, rd_kafka_message_t *m) {
        size_t size = event_size(m) + EVENT_OVERHEAD;

        switch (ledger_receive(p->ledger, m->offset, event_timestamp(m), m,
                               (uint32_t) MIN(size, (size_t) UINT32_MAX))) {
        case LEDGER_NEW:
                (void) partition_take(p);
                return true;
        case LEDGER_STANDS:
        case LEDGER_KNOWN:
                partition_pop(p);
                return true;
        case LEDGER_MOVED:
                partition_drop_held(p);
                return false;
        case LEDGER_NO_MEMORY:
                break;
        }
        return false;
}

/* What write_held() and the fetch before it are for other partitions. */
static int read_ledger(Consumer *c, Partition *p) {
        rd_kafka_message_t *m;
        int n = 0;

        if (write_rows(c, p) < 0)
                return -EAGAIN;
        if (!ledger_takes(p->ledger))
                return 0;
        if (partition_held(p) == 0)
                c->received += partition_fetch(p);
        while ((m = partition_peek(p)) && ledger_takes(p->ledger)) {
                n++;
                if (m->err) {
                        partition_error(c, p, m);
                        continue;
                }
                if (!receive_event(c, p, m))
                        return 0;
                if (write_rows(c, p) < 0)
                        return -EAGAIN;
        }
        if (n > 0)
                group_topic_works(c->group, p->topic);
        return n;
}

/* Writes what the partition holds, or else takes the next events and writes those. Returns how many
 * it had in hand, 0 where the queue is empty, or -EAGAIN. */
static int read_partition(Consumer *c, Partition *p) {
        bool claim = group_delivery(c->group) == DELIVERY_AT_MOST_ONCE;
        unsigned n = partition_held(p);

        if (p->ledger)
                return read_ledger(c, p);
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

/* Each partition once. Returns how much there was, or -EAGAIN: the sink wakes us. */
static int read_round(Consumer *c) {
        int taken = 0;

        for (unsigned i = 0; i < c->n_partitions; i++) {
                Partition *p = c->partitions[c->next_partition++ % c->n_partitions];
                int r = read_partition(c, p);

                if (r < 0)
                        return r;
                taken += r;
        }
        c->failures = taken > 0 ? 0 : c->failures;
        return taken;
}

void reading_run(Consumer *c) {
        uint64_t end = clock_usec() + READING_SHARE_USEC;
        int taken;

        if (c->n_partitions == 0)
                return;
        do
                taken = read_round(c);
        while (taken > 0 && clock_usec() < end);
        if (taken > 0)
                queue_wake(c->waker);
        committer_hurry(c);
        read_back(c);
        prefetch_watch(c);
}

bool reading_finish(Consumer *c) {
        bool all = true;

        for (unsigned i = 0; i < c->n_partitions; i++) {
                Partition *p = c->partitions[i];

                if (p->state == PARTITION_CLAIMING)
                        all = all && p->claim_failed;
                else if (p->ledger)
                        all = write_rows(c, p) >= 0 && all;
                else if (write_held(c, p) < 0)
                        all = false;
        }
        read_back(c);
        return all;
}
