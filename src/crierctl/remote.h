/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * crierctl on another host, through ssh(1).
 */

#include "crierctl/options.h"

/* Becomes ssh, which runs the same command line on o->host. Returns only where that cannot be done:
 * an exit code. */
int remote_run(const Options *o, Failure *f);

/* Appends the command line for the remote shell: crierctl and its words, each in single quotes. */
void remote_command(const Options *o, Buffer *out);
