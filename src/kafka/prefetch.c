/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Has librdkafka fetch in time: see prefetch.h.
 */

#include "kafka/prefetch.h"

#include "kafka/consumer.h"
#include "kafka/offsets.h"
#include "loop/timer.h"

/* Where librdkafka fetches by itself, something comes within this time. */
#define PATIENCE_USEC (10 * USEC_PER_MSEC)

#define ASK_TIMEOUT_MS 1000

typedef struct Ask {
        Consumer *consumer;
        rd_kafka_t *rk;
        rd_kafka_topic_partition_list_t *which;
} Ask;

/* Notes what has come since the last look. Returns how many messages are in the queue. */
static size_t look(Partition *p) {
        size_t queued = rd_kafka_queue_length(p->queue);
        uint64_t brought = p->taken + queued;

        /* Of what came, the reader may have taken all already. Less than before: a move, or the end
         * of a transaction, which is in the queue and never comes out. */
        if (brought > p->brought)
                p->level = queued + 1;
        p->brought = brought;
        return queued;
}

/* Half of what was there is gone, and the log has more. */
static bool runs_low(const Consumer *c, const Partition *p, size_t queued) {
        return p->level > 0 && queued <= p->level / 2 && p->fetched >= 0 &&
               partition_end(p, c->rk) - p->fetched > (int64_t) queued;
}

/* ---- on the helper thread ---- */

static void ask_work(void *job) {
        Ask *a = job;
        rd_kafka_topic_partition_list_t *ends;

        /* The answer does not matter. */
        if (!offsets_lookup(a->rk, a->which, OFFSETS_END, ASK_TIMEOUT_MS, &ends, NULL))
                rd_kafka_topic_partition_list_destroy(ends);
}

/* ---- on the loop ---- */

static void ask_done(void *job) {
        _cleanup_free_ Ask *a = job;

        rd_kafka_topic_partition_list_destroy(a->which);
        a->consumer->prefetch.asking = false;
        /* Closing waits until no job uses the client. */
        queue_wake(a->consumer->waker);
}

/* Takes `which` over. */
static void ask(Consumer *c, rd_kafka_topic_partition_list_t *which) {
        Ask *a = malloc(sizeof(*a));

        if (a) {
                *a = (Ask){.consumer = c, .rk = c->rk, .which = which};
                c->prefetch.asking = helpers_run(c->context->helpers, ask_work, ask_done, a) >= 0;
        }
        if (c->prefetch.asking)
                return;
        rd_kafka_topic_partition_list_destroy(which);
        free(a);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Consumer *c = userdata;
        rd_kafka_topic_partition_list_t *which;

        if (!c->rk || c->state != CONSUMER_ASSIGNED || c->paused || c->prefetch.asking)
                return 0;
        which = rd_kafka_topic_partition_list_new((int) c->n_partitions);
        for (unsigned i = 0; i < c->n_partitions; i++) {
                Partition *p = c->partitions[i];
                uint64_t brought = p->brought;
                size_t queued = look(p);

                if (p->brought > brought || !runs_low(c, p, queued))
                        continue;
                rd_kafka_topic_partition_list_add(which, p->topic, p->number);
                /* Where it is still too much to fetch more: asked again at the half of that. */
                p->level = queued;
        }
        if (which->cnt > 0)
                ask(c, which);
        else
                rd_kafka_topic_partition_list_destroy(which);
        prefetch_watch(c);
        return 0;
}

void prefetch_watch(Consumer *c) {
        bool low = false;

        if (c->prefetch.asking || sd_event_source_get_enabled(c->prefetch.timer, NULL) > 0)
                return;
        for (unsigned i = 0; i < c->n_partitions; i++) {
                Partition *p = c->partitions[i];

                low = runs_low(c, p, look(p)) || low;
        }
        if (low)
                (void) timer_arm(c->context->event, &c->prefetch.timer, PATIENCE_USEC, on_timer, c);
}

void prefetch_done(Prefetch *p) {
        p->timer = sd_event_source_disable_unref(p->timer);
}
