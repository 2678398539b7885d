/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Methods that only look, but have to ask the cluster: an operation that waits for a survey. It
 * changes nothing, has nothing to tell before the survey is done, and then replies with what could
 * be learned.
 */

#include "control/operation.h"
#include "kafka/survey.h"

typedef struct Asking {
        Operation operation;
        Survey *survey;
        char *name; /* the topic or group that the client asks for; NULL: all */
} Asking;

/* For a kind with asking_free(), and a step that is asking_step() or calls it. Returns 0 or
 * -ENOMEM; the caller adds to the survey what is to be asked, and hands it over with
 * asking_begin(). */
int asking_new(ControlContext *c, const OperationKind *kind, const char *name, Asking **ret);
Operation *asking_free(Operation *o);

/* Takes `a` over. `r` is what adding to the survey returned. Returns what a handler returns. */
int asking_begin(Asking *a, int r, ControlContext *c, Request *request, json_t **ret_parameters,
                 const char **ret_error);

/* 1: the survey is done. */
int asking_step(Operation *o, json_t **ret_parameters, const char **ret_error);
static inline bool asking_is_done(const Operation *o) {
        return ((const Asking *) o)->survey->state == SURVEY_DONE;
}
