/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The journal as a sink: journald's native socket, never blocking. Whether an entry that was taken
 * here is then stored is not known here.
 */

#include "journal/sink.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* Connects to journald's native socket at `path`. Returns 0 and the sink, which the caller frees
 * with sink_free(), or -ENAMETOOLONG, -ENOENT, -ECONNREFUSED and what else connect(2) says. */
int writer_new(sd_event *event, const char *path, Sink **ret);
