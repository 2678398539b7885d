/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What the methods of io.crier.Control do: the daemon's side of the verb table. How calls arrive
 * and who may call is server.h's.
 */

#include "control/server.h"
#include "kafka/fleet.h"

/* What the methods work on: the userdata of the server. */
typedef struct ControlContext {
        Fleet *fleet;
        Trouble *sink_trouble;
        uint64_t started_usec; /* CLOCK_MONOTONIC */
        bool stopping;
} ControlContext;

/* All methods, ending with a row whose name is NULL. */
extern const ControlMethod control_methods[];
