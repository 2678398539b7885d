/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Methods that have to ask the cluster: see asking.h.
 */

#include "control/asking.h"

#include <errno.h>

#include "control/refusal.h"

/* How long a survey waits for others to be over; it takes four seconds at most itself. */
#define TURN_USEC (3 * USEC_PER_SEC)

/* A survey and the wait for its turn are over before. */
#define ASKING_TIMEOUT_S 30

Operation *asking_free(Operation *o) {
        Asking *a = (Asking *) o;

        survey_free(a->survey);
        free(a->name);
        free(a);
        return NULL;
}

int asking_new(ControlContext *c, const OperationKind *kind, const char *name, Asking **ret) {
        Asking *a = calloc(1, sizeof(*a));

        if (!a)
                return -ENOMEM;
        a->operation.kind = kind;
        a->name = name ? strdup(name) : NULL;
        if ((name && !a->name) || survey_new(&c->fleet->context, &a->survey) < 0) {
                asking_free(&a->operation);
                return -ENOMEM;
        }
        *ret = a;
        return 0;
}

int asking_begin(Asking *a, int r, ControlContext *c, Request *request, json_t **ret_parameters,
                 const char **ret_error) {
        if (r < 0) {
                asking_free(&a->operation);
                return r;
        }
        return operation_begin(&a->operation, c, request, ASKING_TIMEOUT_S, ret_parameters,
                               ret_error);
}

int asking_step(Operation *o, json_t **ret_parameters, const char **ret_error) {
        Survey *s = ((Asking *) o)->survey;

        if (o->context->stopping && s->state != SURVEY_DONE) {
                (void) refuse_with(ret_parameters, ret_error, PROTOCOL_INTERFACE ".Failed",
                                   "crierd is stopping", "Start it again");
                return -ECANCELED;
        }
        if (s->state == SURVEY_NEW && survey_start(s) == -EBUSY &&
            clock_usec() - o->started_usec > TURN_USEC) {
                (void) refuse_with(ret_parameters, ret_error, PROTOCOL_INTERFACE ".Busy",
                                   "Too many others are asking the cluster", "Try again");
                return -EBUSY;
        }
        return s->state == SURVEY_DONE;
}
