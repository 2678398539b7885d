/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When a producer's events are due, and making them: see schedule.h.
 */

#include "kafka/schedule.h"

#include <errno.h>

/* A rate above this is made in bursts, one each so often. */
#define BURST_USEC (2 * USEC_PER_MSEC)

/* "max": events made between two looks at the clock; and how long one may keep the loop. */
#define STRIDE 256
#define SHARE_USEC (2 * USEC_PER_MSEC)

/* Events that may be due and not made yet, because the loop had no time for them. */
#define BACKLOG_MAX 100000

static const void *expand(const Template *t, Producer *p, Buffer *to, size_t *ret_size) {
        TemplateValues values = {
                .seq = p->made,
                .producer = p->config->name,
                .topic = p->config->topic,
                .random = &p->random,
        };

        /* A constant is expanded once. */
        if (!template_is_constant(t) || to->size == 0) {
                values.time_ms = clock_realtime_ms();
                buffer_clear(to);
                template_expand(t, &values, to);
        }
        *ret_size = to->size;
        /* Never NULL: an empty value or key is not the same as none. */
        return buffer_string(to);
}

static rd_kafka_resp_err_t produce_with_headers(Producer *p, const void *key, size_t key_size,
                                                const void *value, size_t value_size) {
        rd_kafka_headers_t *headers = rd_kafka_headers_copy(p->headers);
        rd_kafka_resp_err_t err;

        err = rd_kafka_producev(p->rk, RD_KAFKA_V_RKT(p->topic),
                                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                RD_KAFKA_V_VALUE((void *) (uintptr_t) value, value_size),
                                RD_KAFKA_V_KEY((void *) (uintptr_t) key, key_size),
                                RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
        if (err)
                rd_kafka_headers_destroy(headers);
        return err;
}

static rd_kafka_resp_err_t produce_one(Producer *p) {
        size_t value_size, key_size = 0;
        const void *value, *key = NULL;

        value = expand(p->value, p, &p->value_text, &value_size);
        if (p->n_keys > 0) {
                /* Keys are taken in turn: a constant one may not stay in the buffer. */
                buffer_clear(&p->key_text);
                key = expand(p->keys[p->made % p->n_keys], p, &p->key_text, &key_size);
        }
        if (p->headers)
                return produce_with_headers(p, key, key_size, value, value_size);
        if (rd_kafka_produce(p->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
                             (void *) (uintptr_t) value, value_size, key, key_size, NULL) < 0)
                return rd_kafka_last_error();
        return RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool schedule_is_over(const Producer *p) {
        return p->config->count > 0 && p->made + p->overflowed >= p->config->count;
}

/* Makes one event. Returns 0; -ENOBUFS where the queue is full, and nothing was made; -EIO where
 * the event was refused at once. */
static int make_one(Producer *p) {
        rd_kafka_resp_err_t err = produce_one(p);

        if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL)
                return -ENOBUFS;
        p->made++;
        if (!err)
                return 0;
        if (err != RD_KAFKA_RESP_ERR__FATAL)
                producer_undelivered(p, err);
        return -EIO;
}

/* Drops what is due up to number `due` of the schedule. */
static void overflow(Producer *p, uint64_t due) {
        uint64_t n = due - p->due;

        if (p->config->count > 0)
                n = MIN(n, p->config->count - p->made - p->overflowed);
        p->overflowed += n;
        p->due += n;
        p->trouble_usec = clock_usec();
        producer_say(p, RECORD_PRODUCER_OVERFLOW, TROUBLE_OVERFLOW,
                     "the queue to the broker is full; events that are due are dropped");
}

static void make_due(Producer *p) {
        double rate = p->rate;
        uint64_t now = clock_usec();
        uint64_t due =
                (uint64_t) ((double) (now - p->began_usec) * rate / (double) USEC_PER_SEC) + 1;
        uint64_t next;

        for (unsigned i = 1; p->due < due && !schedule_is_over(p); i++) {
                if (make_one(p) == -ENOBUFS) {
                        overflow(p, due);
                        break;
                }
                p->due++;
                /* What is due and not made by then is made in the loop's next turns. */
                if (i % STRIDE == 0 && clock_usec() > now + SHARE_USEC)
                        break;
        }
        if (p->due + BACKLOG_MAX < due)
                overflow(p, due - BACKLOG_MAX);
        if (schedule_is_over(p))
                return;
        next = p->began_usec + (uint64_t) ((double) p->due / rate * (double) USEC_PER_SEC);
        sd_event_source_set_time(p->timer, MAX(next, now + BURST_USEC));
        sd_event_source_set_enabled(p->timer, SD_EVENT_ONESHOT);
}

static void make_max(Producer *p) {
        uint64_t end = clock_usec() + SHARE_USEC;

        do {
                for (unsigned i = 0; i < STRIDE && !schedule_is_over(p); i++)
                        /* The next delivery reports wake us; where events are refused, the tick
                         * does: trying as fast as we can would only burn the processor. */
                        if (make_one(p) < 0)
                                return;
        } while (!schedule_is_over(p) && clock_usec() < end);
        if (!schedule_is_over(p))
                queue_wake(p->waker);
}

void schedule_run(Producer *p) {
        if (p->state != PRODUCER_RUNNING || p->paused || schedule_is_over(p))
                return;
        if (p->rate < 0)
                make_max(p);
        else
                make_due(p);
}

void schedule_begin(Producer *p, uint64_t made) {
        p->began_usec = clock_usec();
        p->due = made;
}
