/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * A change that takes time: its reply comes when its effect is there. An operation looks again and
 * again whether that is so, says how far it is to clients that want `more`, and ends with an error
 * when its time is up; what was asked for goes on then, as it does where the client goes away. What
 * is waited for is the verb's (reshape.c, seek.c …): it keeps names and numbers, never pointers to
 * what may be gone by then.
 */

#include "control/methods.h"

typedef struct Operation Operation;

typedef struct OperationKind {
        /* Goes on, and looks: 1 the effect is there; 0 not yet; negative: it cannot come any more,
         * and `*ret_error` and `*ret_parameters` say why, as with a handler. */
        int (*step)(Operation *o, json_t **ret_parameters, const char **ret_error);
        /* The parameters of the reply, as of now. NULL: there is nothing to tell yet. */
        json_t *(*describe)(const Operation *o);
        /* Frees it, where free(3) is not enough. May be NULL. */
        Operation *(*free)(Operation *o);
        const char *wish; /* what is waited for, in words: "the group is stable" */
} OperationKind;

/* The beginning of a kind's own struct. */
struct Operation {
        const OperationKind *kind;
        ControlContext *context;
        Request *request;
        Operation *next, **link;
        uint64_t started_usec;
        uint64_t deadline_usec;
        uint64_t told_usec; /* when the client was last told how far it is */
};

/* For handlers: begins `o`, which is allocated with kind, and whose own members are set, and takes
 * it over, also on failure. Replies at once where the effect is there already, or `wait` is false.
 * `timeout_s` is what suits the verb. Returns what a handler returns. */
int operation_begin(Operation *o, ControlContext *context, Request *request, unsigned timeout_s,
                    json_t **ret_parameters, const char **ret_error);

/* The milliseconds since it began. */
json_int_t operation_duration_ms(const Operation *o);

/* The parameters that all operations take, for parameters_ID[]. */
#define OPERATION_TIMEOUT_MAX_MS 86400000
#define OPERATION_PARAMETERS                                                             \
        {"wait", CONTROL_BOOLEAN}, {                                                     \
                "timeout_ms", CONTROL_INTEGER, .min = 1, .max = OPERATION_TIMEOUT_MAX_MS \
        }

/* Ends all that are under way: their clients get `error`. */
void operations_end(ControlContext *context, const char *text, const char *advice);
