/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers that run once each time that they are asked for: see timer.h.
 */

#include "loop/timer.h"

#include "common/clock.h"

int timer_arm(sd_event *event, sd_event_source **timer, uint64_t usec,
              sd_event_time_handler_t handler, void *userdata) {
        int r;

        if (!*timer)
                return sd_event_add_time_relative(event, timer, CLOCK_MONOTONIC, usec,
                                                  USEC_PER_MSEC, handler, userdata);
        if (sd_event_source_get_enabled(*timer, NULL) > 0)
                return 0;
        r = sd_event_source_set_time_relative(*timer, usec);
        return r < 0 ? r : sd_event_source_set_enabled(*timer, SD_EVENT_ONESHOT);
}
