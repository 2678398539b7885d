/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Has librdkafka fetch in time. It fetches ahead until a partition's queue is full, and looks again
 * when a request was answered, or else after a second; meanwhile a queue may run empty, however
 * much the log has. From 2.2 on fetch.queue.backoff.ms has it look sooner; before that, a request
 * to the partition's leader makes it look: we ask for the end of the log. (Where a follower is read
 * from, client.rack, that helps nobody.)
 */

#include <stdbool.h>
#include <systemd/sd-event.h>

typedef struct Consumer Consumer;

/* Of one consumer. All zero: nothing is waited for. */
typedef struct Prefetch {
        sd_event_source *timer;
        bool asking; /* a job uses the consumer's client */
} Prefetch;

/* To be called when the consumer has read: looks whether its queues run low. */
void prefetch_watch(Consumer *c);
void prefetch_done(Prefetch *p);
