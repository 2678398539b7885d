/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The client's side of the control socket: one call, one reply, and never longer than the time that
 * is given. Not for what a verb does with it.
 */

#include "crierctl/failure.h"
#include "protocol/varlink.h"

/* Calls a method of the daemon behind the socket at `path` and waits for its reply. `parameters`
 * may be NULL and stays the caller's. Returns 0 and a new reference to the reply's parameters, or
 * an exit code and, in `failure`, why. */
int client_call(const char *path, const char *method, json_t *parameters, uint64_t timeout_usec,
                json_t **ret_parameters, Failure *failure);
