/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Standard output as a sink: one line an entry, as the lab's script prints. Never blocks on a slow
 * pipe or a stopped terminal.
 */

#include "journal/sink.h"

/* Makes a sink of standard output, which the caller frees with sink_free(). Returns 0 or a negative
 * errno. */
int stdout_new(sd_event *event, Sink **ret);
