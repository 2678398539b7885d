/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What the methods of io.crier.Control do: the daemon's side of the verb table. How calls arrive
 * and who may call is server.h's. The handlers are in files by what they are about: look.c,
 * reshape.c, seek.c …
 */

#include "control/server.h"
#include "journal/record.h"
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
        /* What `crierd --verify` takes of the daemon's own options; ends with NULL, or is full. */
        const char *verify_options[4];
        struct Verifier *verifier; /* verify.c's */

        struct Tail *tails; /* tail.c's */
        sd_event_source *tails_timer;
} ControlContext;

/* What is wrong with the sink: it takes nothing, or what it took cannot be found, brought to disk
 * or read back. */
const Trouble *control_sink_trouble(const ControlContext *c);

/* The daemon has stopped: whoever waits is told. */
void control_stopped(ControlContext *c, bool settled);

/* Part of it: ends all that follow events. */
void tails_end(ControlContext *c);

/* Parts of it: ends a verification, with a reply; and without, when the server is gone. */
void verify_end(ControlContext *c);
void verify_done(ControlContext *c);

/* The attempt of that number to read the configuration again is over: whoever waits for it is told,
 * when the effect is there. `changes` NULL: it was not taken, and `errors` has lines that say why.
 */
void control_reloaded(ControlContext *c, uint64_t number, const Changes *changes,
                      const char *errors);

/* Frees what methods keep between calls; the server must be gone. */
void control_context_done(ControlContext *c);

/* All methods, ending with a row whose name is NULL. */
extern const ControlMethod control_methods[];

/* For methods that go on by a timer, which lives as long as the daemon: makes it, or has it run
 * again where it does not run, after `usec`. Returns 0 or a negative errno. */
int control_arm(ControlContext *c, sd_event_source **timer, uint64_t usec,
                sd_event_time_handler_t handler);

/* The handlers, and what each takes. */
#define VERB(id, ...)                                                              \
        int method_##id(void *userdata, Request *request, json_t **ret_parameters, \
                        const char **ret_error);                                   \
        extern const ControlParameter parameters_##id[];
#include "protocol/verbs.def"
#undef VERB

/* The record that each change leaves in the journal: who asked for it, and what it was. `id` is a
 * kind of its own, with the fields `about` beside those that all have (at most 4, ended by a NULL
 * name); control_note() is for changes that have none. */
void control_record(const ControlContext *c, const Request *request, RecordId id,
                    const RecordField *about, const char *format, ...) _printf_(5, 6);
#define control_note(c, request, ...) control_record(c, request, RECORD_CONTROL, NULL, __VA_ARGS__)

/* A parameter; what is not there, or null, is NULL, `fallback`. */
const char *request_string(const Request *request, const char *name);
json_int_t request_integer(const Request *request, const char *name, json_int_t fallback);
bool request_has(const Request *request, const char *name);
