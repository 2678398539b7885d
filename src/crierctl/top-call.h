/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * A call to the daemon that nobody waits for: client_call() on a thread of its own. For `crierctl
 * top`, whose screen goes on meanwhile.
 */

#include "crierctl/client.h"

typedef struct TopCall TopCall;

/* Begins a call. `parameters` is taken over, also where this fails. Returns 0 or -errno. */
int top_call_begin(const char *socket, const char *method, json_t *parameters,
                   uint64_t timeout_usec, TopCall **ret);

/* Becomes readable when the call is over. */
int top_call_fd(const TopCall *c);

/* Takes what client_call() returned out of a call that is over. The failure is the caller's to
 * end, and so is the new reference in *ret_reply. */
int top_call_result(TopCall *c, json_t **ret_reply, Failure *ret_failure);

/* Frees a call; one that is not over ends by itself later, and nobody hears of it. Returns NULL. */
TopCall *top_call_free(TopCall *c);
