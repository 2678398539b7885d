/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The clocks: CLOCK_MONOTONIC for everything that is measured or waited for, CLOCK_REALTIME for
 * what is shown.
 */

#include <time.h>

#include "common/macro.h"

/* CLOCK_MONOTONIC in microseconds. */
static inline uint64_t clock_usec(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / NSEC_PER_USEC;
}

/* CLOCK_REALTIME in milliseconds since 1970. */
static inline int64_t clock_realtime_ms(void) {
        struct timespec ts;

        clock_gettime(CLOCK_REALTIME, &ts);
        return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
