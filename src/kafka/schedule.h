/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * When a producer's events are due, and making them: an open-loop schedule, or as many as the
 * broker takes. What becomes of the events is producer.c's.
 */

#include "kafka/producer.h"

/* Begins the schedule anew, as of now, with its first `made` events made already: what was due
 * before is not made up for. */
void schedule_begin(Producer *p, uint64_t made);

/* Makes what is due, as far as its share of time and the queue allow, and arms the timer for the
 * rest. Does nothing while the producer does not run, is paused, or is done. */
void schedule_run(Producer *p);

/* Whether `count` events were made, or overflowed. */
bool schedule_is_over(const Producer *p);
