/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of methods, and what all handlers share: see methods.h.
 */

#include "control/methods.h"

#include <stdio.h>

#include "loop/timer.h"

const ControlMethod control_methods[] = {
#define VERB(id, verb, method, arguments, access, timeout, help) \
        {PROTOCOL_INTERFACE "." method, ACCESS_##access, method_##id, parameters_##id},
#include "protocol/verbs.def"
#undef VERB
        {NULL},
};

/* Before events, behind clients that ask for something new. */
#define TIMER_PRIORITY (SD_EVENT_PRIORITY_NORMAL - 5)

int control_arm(ControlContext *c, sd_event_source **timer, uint64_t usec,
                sd_event_time_handler_t handler) {
        int r = timer_arm(c->fleet->context.event, timer, usec, handler, c);

        return r < 0 ? r : sd_event_source_set_priority(*timer, TIMER_PRIORITY);
}

void control_context_done(ControlContext *c) {
        verify_done(c);
        c->operations_timer = sd_event_source_disable_unref(c->operations_timer);
        c->tails_timer = sd_event_source_disable_unref(c->tails_timer);
}

void control_record(const ControlContext *c, const Request *request, RecordId id,
                    const RecordField *about, const char *format, ...) {
        const Peer *peer = request->peer;
        _cleanup_buffer_ Buffer what = {0};
        char uid[16], pid[16];
        RecordField fields[8] = {
                {"CRIER_METHOD", request->call.method},
                {"CRIER_PEER_UID", uid},
                {"CRIER_PEER_PID", pid},
        };
        va_list ap;

        for (size_t i = 3; about && about->name && i < ELEMENTSOF(fields) - 1; i++)
                fields[i] = *about++;
        snprintf(uid, sizeof(uid), "%u", (unsigned) peer->uid);
        snprintf(pid, sizeof(pid), "%d", (int) peer->pid);
        va_start(ap, format);
        buffer_appendv(&what, format, ap);
        va_end(ap);
        record_write(c->fleet->context.sink, id, fields, "User %s (process %s) %s", uid, pid,
                     buffer_string(&what));
}

const char *request_string(const Request *request, const char *name) {
        return json_string_value(json_object_get(request->call.parameters, name));
}

json_int_t request_integer(const Request *request, const char *name, json_int_t fallback) {
        const json_t *j = json_object_get(request->call.parameters, name);

        return json_is_integer(j) ? json_integer_value(j) : fallback;
}

bool request_has(const Request *request, const char *name) {
        const json_t *j = json_object_get(request->call.parameters, name);

        return j && !json_is_null(j);
}
