/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What the service manager is told: READY=1, RELOADING=1, STOPPING=1 and the one-line STATUS= that
 * systemctl status shows, sent when it changed. sd_notify(3) does nothing where nobody listens.
 */

#include "control/methods.h"

typedef struct Notify Notify;

/* Sends STATUS= for `context` from now on, every few seconds, where it changed. */
int notify_new(sd_event *event, const ControlContext *context, Notify **ret);
Notify *notify_free(Notify *n);
DEFINE_CLEANUP(Notify *, notify_free);

/* Says that the configuration is being read again; READY=1 ends that. */
void notify_reloading(Notify *n);

/* Sends `state` ("READY=1") together with the STATUS= line of now. */
void notify_state(Notify *n, const char *state);
