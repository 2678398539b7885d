/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Wakes the loop when one of librdkafka's queues gets something: an eventfd that any number of
 * queues of one client share. librdkafka writes to it once until the queue is read again, so
 * whoever stops reading before a queue is empty has to ask for the next wake-up itself
 * (queue_wake()).
 */

#include <librdkafka/rdkafka.h>
#include <systemd/sd-event.h>

#include "common/macro.h"

typedef struct QueueWaker QueueWaker;

typedef void (*QueueHandler)(void *userdata);

int queue_waker_new(sd_event *event, QueueHandler handler, void *userdata, QueueWaker **ret);
QueueWaker *queue_waker_free(QueueWaker *w);
DEFINE_CLEANUP(QueueWaker *, queue_waker_free);

/* Lets `queue` wake the handler from now on. */
void queue_watch(QueueWaker *w, rd_kafka_queue_t *queue);
/* Ends that and gives up the reference to the queue. Takes NULL and returns NULL. */
rd_kafka_queue_t *queue_unwatch(rd_kafka_queue_t *queue);

/* Has the handler called again in the loop's next turn. */
void queue_wake(QueueWaker *w);
