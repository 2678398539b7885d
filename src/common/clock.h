/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The clocks: CLOCK_MONOTONIC for everything that is measured or waited for, CLOCK_REALTIME for
 * what is shown.
 */

#include <time.h>

#include "common/macro.h"

/* Any clock in microseconds: CLOCK_THREAD_CPUTIME_ID, say. */
static inline uint64_t clock_usec_of(clockid_t clock) {
        struct timespec ts;

        clock_gettime(clock, &ts);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / NSEC_PER_USEC;
}

/* CLOCK_MONOTONIC in microseconds. */
static inline uint64_t clock_usec(void) {
        return clock_usec_of(CLOCK_MONOTONIC);
}

/* CLOCK_REALTIME in milliseconds since 1970. */
static inline int64_t clock_realtime_ms(void) {
        struct timespec ts;

        clock_gettime(CLOCK_REALTIME, &ts);
        return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
