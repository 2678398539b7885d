/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * From a call to its reply: finds the method, checks who calls, runs the handler, puts the reply
 * together. Answers org.varlink.service itself. No descriptors, no waiting.
 */

#include "control/server.h"

typedef struct Dispatcher {
        const ControlMethod *methods; /* ends with a row whose name is NULL */
        void *userdata;
        AccessRules rules;
        size_t reply_max;
} Dispatcher;

/* Appends the reply with its NUL to `out`, which is empty before; nothing for a oneway call.
 * Returns 0, also when the reply is an error; REQUEST_KEPT where it comes later; or -ENOMEM. */
int dispatch_call(const Dispatcher *d, Request *request, Buffer *out);

/* Appends a reply; one that is too long becomes an error. Returns 0 or -ENOMEM. */
int dispatch_reply(const Dispatcher *d, const char *error, json_t *parameters, Buffer *out);

/* Appends a reply that others follow. Returns 0; -EMSGSIZE, -ENOMEM: nothing was appended. */
int dispatch_continue(const Dispatcher *d, json_t *parameters, Buffer *out);

/* Appends io.crier.Control.ERROR with what is wrong and what to do, the form of all errors of our
 * own. */
int dispatch_error(const char *error, const char *text, const char *advice, Buffer *out);
