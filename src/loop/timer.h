/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Timers of the loop that run once each time that they are asked for.
 */

#include <systemd/sd-event.h>

/* Has `handler` called once, after `usec` microseconds; where that is under way already, leaves it
 * as it is. `*timer` is NULL at first, and made then; the caller gives it up. Returns 0 or a
 * negative errno. */
int timer_arm(sd_event *event, sd_event_source **timer, uint64_t usec,
              sd_event_time_handler_t handler, void *userdata);
