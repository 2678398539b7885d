/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What the methods of io.crier.Control do: the daemon's side of the verb table. How calls arrive
 * and who may call is server.h's. The handlers are in files by what they are about: look.c,
 * change.c, seek.c …
 */

#include "control/server.h"
#include "kafka/fleet.h"

struct Operation;

/* What the methods work on: the userdata of the server. */
typedef struct ControlContext {
        Fleet *fleet;
        Trouble *sink_trouble;
        uint64_t started_usec; /* CLOCK_MONOTONIC */
        bool stopping;

        void (*stop)(void *userdata, const char *why); /* begins to stop the daemon */
        void *stop_userdata;
        /* Reads the configuration again; `*ret_number` is what control_reloaded() will say. */
        int (*reload)(void *userdata, uint64_t *ret_number);
        void *reload_userdata;
        Request *stop_request; /* whoever waits for it; life.c's */
        uint64_t stop_usec;

        struct Operation *operations; /* operation.c's */
        sd_event_source *operations_timer;
} ControlContext;

/* The daemon has stopped: whoever waits is told. */
void control_stopped(ControlContext *c, bool settled);

/* The attempt of that number to read the configuration again is over: whoever waits for it is told,
 * when the effect is there. `changes` NULL: it was not taken, and `errors` has lines that say why.
 */
void control_reloaded(ControlContext *c, uint64_t number, const Changes *changes,
                      const char *errors);

/* Frees what methods keep between calls; the server must be gone. */
void control_context_done(ControlContext *c);

/* All methods, ending with a row whose name is NULL. */
extern const ControlMethod control_methods[];

/* The handlers, and what each takes. */
#define VERB(id, ...)                                                              \
        int method_##id(void *userdata, Request *request, json_t **ret_parameters, \
                        const char **ret_error);                                   \
        extern const ControlParameter parameters_##id[];
#include "protocol/verbs.def"
#undef VERB

/* The record that each change leaves in the journal: who asked for it, and what it was. */
void control_note(const ControlContext *c, const Request *request, const char *format, ...)
        _printf_(3, 4);

/* A parameter; what is not there, or null, is NULL, `fallback`. */
const char *request_string(const Request *request, const char *name);
json_int_t request_integer(const Request *request, const char *name, json_int_t fallback);
bool request_has(const Request *request, const char *name);
