/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * How fast a counter grows, on average over the last seconds.
 */

#include "common/clock.h"

/* Samples, one a second. */
#define METER_SAMPLES 6

/* All zero is a meter that has not seen anything. */
typedef struct Meter {
        struct {
                uint64_t usec, count;
        } samples[METER_SAMPLES];
        unsigned newest;
} Meter;

/* To be called once a second or oftener, with the counter as it is. */
void meter_sample(Meter *m, uint64_t now, uint64_t count);

/* Per second, from the oldest sample to `count` now; 0 while there is none. */
double meter_per_second(const Meter *m, uint64_t now, uint64_t count);
