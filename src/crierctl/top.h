/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * `crierctl top`: the whole screen of a terminal, once a second, with keys that change things.
 */

#include "crierctl/output.h"

/* Runs until it is ended by a key or Ctrl-C, and leaves the terminal as it was. Needs a terminal on
 * standard input and output. A signal that ends it (SIGTERM, SIGHUP, SIGQUIT) is raised again once
 * the terminal is restored, so that it ends the process. Returns 0 or an exit code. */
int top_run(const char *socket, const OutputStyle *style, Failure *f);
