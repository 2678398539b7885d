/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A change that takes time: see operation.h.
 */

#include "control/operation.h"

#include <errno.h>

#include "control/refusal.h"

/* How often operations look, and tell. */
#define STEP_USEC (20 * USEC_PER_MSEC)
#define TELL_USEC (500 * USEC_PER_MSEC)

static Operation *operation_free(Operation *o) {
        if (o->link) {
                *o->link = o->next;
                if (o->next)
                        o->next->link = o->link;
        }
        if (o->kind->free)
                return o->kind->free(o);
        free(o);
        return NULL;
}

static void on_gone(void *userdata) {
        operation_free(userdata);
}

json_int_t operation_duration_ms(const Operation *o) {
        return (json_int_t) ((clock_usec() - o->started_usec) / USEC_PER_MSEC);
}

/* The last reply; frees the operation. */
static void operation_reply(Operation *o, const char *error, json_t *parameters) {
        Request *request = TAKE_PTR(o->request);

        operation_free(o);
        request_reply(request, error, parameters);
}

static void operation_time_out(Operation *o) {
        _cleanup_buffer_ Buffer text = {0};
        json_t *reached = o->kind->describe(o);

        buffer_appendf(&text, "After %.1f s it was not reached that %s",
                       (double) operation_duration_ms(o) / 1000.0, o->kind->wish);
        operation_reply(o, PROTOCOL_INTERFACE ".TimedOut",
                        json_pack("{s:s, s:s, s:o}", "text", buffer_string(&text), "advice",
                                  "What was asked for goes on: look again with crierctl status",
                                  "reached", reached ? reached : json_object()));
}

/* How far it is. */
static void operation_tell(Operation *o, uint64_t now) {
        json_t *reached = o->kind->describe(o);

        o->told_usec = now;
        /* A client that does not read is not told; the last reply it gets. */
        if (reached)
                (void) request_continue(o->request, reached);
}

static void operation_step(Operation *o, uint64_t now) {
        json_t *parameters = NULL;
        const char *error = NULL;
        int r;

        r = o->kind->step(o, &parameters, &error);
        if (r < 0 && error)
                operation_reply(o, error, parameters);
        else if (r < 0)
                operation_reply(o, PROTOCOL_INTERFACE ".Failed", refusal_failed(r));
        else if (r > 0)
                operation_reply(o, NULL, o->kind->describe(o));
        else if (now >= o->deadline_usec)
                operation_time_out(o);
        else if (now - o->told_usec >= TELL_USEC && request_can_continue(o->request))
                operation_tell(o, now);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        ControlContext *c = userdata;
        uint64_t now = clock_usec();
        Operation *next;

        for (Operation *o = c->operations; o; o = next) {
                next = o->next;
                operation_step(o, now);
        }
        if (!c->operations)
                return 0;
        sd_event_source_set_time_relative(source, STEP_USEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int operation_begin(Operation *o, ControlContext *context, Request *request, unsigned timeout_s,
                    json_t **ret_parameters, const char **ret_error) {
        bool wait = !json_is_false(json_object_get(request->call.parameters, "wait"));
        json_int_t ms = request_integer(request, "timeout_ms", (json_int_t) timeout_s * 1000);
        int r;

        o->context = context;
        o->started_usec = o->told_usec = clock_usec();
        o->deadline_usec = o->started_usec + (uint64_t) ms * USEC_PER_MSEC;
        r = o->kind->step(o, ret_parameters, ret_error);
        if (r < 0 || *ret_error) {
                operation_free(o);
                return *ret_error ? 0 : r;
        }
        if (r > 0 || !wait) {
                *ret_parameters = o->kind->describe(o);
                operation_free(o);
                return *ret_parameters ? 0 : -ENOMEM;
        }
        o->request = request;
        o->next = context->operations;
        o->link = &context->operations;
        if (o->next)
                o->next->link = &o->next;
        context->operations = o;
        r = control_arm(context, &context->operations_timer, STEP_USEC, on_timer);
        if (r < 0) {
                operation_free(o);
                return r;
        }
        request_keep(request, on_gone, o);
        return REQUEST_KEPT;
}

void operations_end(ControlContext *context, const char *text, const char *advice) {
        while (context->operations)
                operation_reply(context->operations, PROTOCOL_INTERFACE ".Failed",
                                json_pack("{s:s, s:s}", "text", text, "advice", advice));
}
