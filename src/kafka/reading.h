/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Events from a consumer's partitions to the sink. Where the sink is full the events wait: first
 * here (a batch a partition), then in librdkafka's bounded queues, then on the broker.
 */

#include "kafka/consumer.h"

/* Reads until nothing is left, the sink is full, or the share of time is used up (then the consumer
 * is woken again in the loop's next turn). */
void reading_run(Consumer *c);

/* Writes what is held and may be written, without reading more. Returns false where something had
 * to stay. */
bool reading_finish(Consumer *c);
