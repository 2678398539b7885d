/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One partition that a consumer owns: see partition.h.
 */

#include "kafka/partition.h"

#include <errno.h>

#include "common/clock.h"

#define RESET_QUIET_USEC (60 * USEC_PER_SEC)

int partition_new(rd_kafka_t *rk, const char *topic, int32_t number, int64_t start,
                  QueueWaker *waker, Partition **ret) {
        _cleanup_(partition_freep) Partition *p = NULL;

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        p->number = number;
        p->position = p->fetched = start;
        p->committed = RD_KAFKA_OFFSET_INVALID;
        p->anchor = p->reached = p->open_at = -1;
        p->topic = strdup(topic);
        if (!p->topic)
                return -ENOMEM;
        p->queue = rd_kafka_queue_get_partition(rk, topic, number);
        if (!p->queue)
                return -EIO;
        rd_kafka_queue_forward(p->queue, NULL);
        queue_watch(waker, p->queue);
        *ret = TAKE_PTR(p);
        return 0;
}

Partition *partition_free(Partition *p) {
        if (!p)
                return NULL;
        partition_drop_held(p);
        ledger_free(p->ledger);
        queue_unwatch(p->queue);
        buffer_done(&p->prefix);
        free(p->topic);
        free(p);
        return NULL;
}

unsigned partition_fetch(Partition *p) {
        ssize_t n;

        if (p->first < p->n)
                return partition_held(p);
        p->first = p->n = 0;
        n = rd_kafka_consume_batch_queue(p->queue, 0, p->held, PARTITION_BATCH);
        p->n = n > 0 ? (unsigned) n : 0;
        p->taken += p->n;
        for (unsigned i = p->n; i-- > 0;)
                if (!p->held[i]->err || p->held[i]->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
                        p->fetched = p->held[i]->offset + !p->held[i]->err;
                        break;
                }
        return p->n;
}

rd_kafka_message_t *partition_peek(const Partition *p) {
        return p->first < p->n ? p->held[p->first] : NULL;
}

void partition_pop(Partition *p) {
        rd_kafka_message_destroy(partition_take(p));
}

void partition_skip(Partition *p) {
        rd_kafka_message_destroy(p->held[p->first++]);
}

rd_kafka_message_t *partition_take(Partition *p) {
        p->position = p->held[p->first]->offset + 1;
        return p->held[p->first++];
}

void partition_end_reached(Partition *p) {
        int64_t end = p->held[p->first]->offset;

        p->reached = end;
        p->position = MAX(p->position, end);
        partition_skip(p);
}

void partition_drop_held(Partition *p) {
        while (p->first < p->n)
                partition_skip(p);
}

void partition_move(Partition *p, int64_t offset) {
        partition_drop_held(p);
        p->position = p->fetched = offset;
        p->anchor = p->ledger ? -1 : offset;
        p->reached = p->open_at = -1;
        p->claim_failed = false;
        p->state = PARTITION_READY;
}

bool partition_was_reset(const Partition *p) {
        return p->reset_usec > 0 && clock_usec() - p->reset_usec < RESET_QUIET_USEC;
}

unsigned partition_held(const Partition *p) {
        return p->n - p->first;
}

int64_t partition_end(const Partition *p, rd_kafka_t *rk) {
        int64_t low, high;

        /* A log in which there is nothing to fetch is not told of. */
        if (rd_kafka_get_watermark_offsets(rk, p->topic, p->number, &low, &high) || high < 0)
                return p->end;
        return high;
}

void partition_watch_end(Partition *p, rd_kafka_t *rk, uint64_t now) {
        bool open = p->reached >= 0 && p->reached == p->position && partition_held(p) == 0 &&
                    rd_kafka_queue_length(p->queue) == 0 && partition_end(p, rk) > p->position;

        if (open && p->open_at != p->position)
                p->open_usec = now;
        p->open_at = open ? p->position : -1;
}

int64_t partition_open_ms(const Partition *p, uint64_t now) {
        if (p->open_at < 0 || p->open_at != p->position || now < p->open_usec + USEC_PER_SEC)
                return -1;
        return (int64_t) ((now - p->open_usec) / USEC_PER_MSEC);
}

int64_t partition_lag(const Partition *p, rd_kafka_t *rk) {
        int64_t end;

        if (p->position < 0)
                return -1;
        end = partition_end(p, rk);
        return MAX(end - p->position, (int64_t) 0);
}
