/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The client's side of the control socket: one call, its replies, and never longer than the time
 * that is given. Not for what a verb does with it.
 */

#include "crierctl/failure.h"
#include "protocol/varlink.h"

typedef struct ClientCall {
        const char *path;   /* of the daemon's socket */
        const char *method; /* with its interface */
        json_t *parameters; /* may be NULL */
        /* How long until the reply; with `more` until each next one. 0: for ever, once it is
         * connected. */
        uint64_t timeout_usec;
        bool more; /* takes replies that say that others follow */
        /* Given each of these. What it returns, unless it is 0, ends the call and is returned. */
        int (*on_reply)(void *userdata, json_t *parameters);
        void *userdata;
        /* Ends the call, without a reply and without an error, when this descriptor can be read or
         * nobody reads standard output any more. */
        bool interruptible;
        int interrupt_fd;
} ClientCall;

/* Calls a method of the daemon and waits for its last reply. Returns 0 and a new reference to that
 * reply's parameters (NULL where it was interrupted), or an exit code and, in `failure`, why. */
int client_call(const ClientCall *call, json_t **ret_parameters, Failure *failure);
