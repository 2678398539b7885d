/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The method that produces events by hand: see io.crier.Control.varlink. How they are sent is
 * kafka/sender.h's.
 */

#include <errno.h>
#include <stdio.h>

#include "common/base64.h"
#include "config/check.h"
#include "control/operation.h"
#include "control/pack.h"
#include "control/refusal.h"

/* ---- the call's events ---- */

/* One event while it is read; `problem` says what is wrong with it. */
typedef struct Reading {
        SentEvent *event;
        bool base64;
        Buffer *problem;
} Reading;

static int wrong(const Reading *r, const char *what) {
        buffer_append_string(r->problem, what);
        return -EINVAL;
}

/* Bytes as they were meant. */
static int read_bytes(const Reading *r, const char *name, const json_t *j, Buffer *out) {
        int k = 0;

        if (!json_is_string(j)) {
                buffer_appendf(r->problem, "its %s is neither text nor null", name);
                return -EINVAL;
        }
        if (!r->base64)
                buffer_append(out, json_string_value(j), json_string_length(j));
        else
                k = base64_decode(json_string_value(j), json_string_length(j), out);
        if (k == -EINVAL)
                buffer_appendf(r->problem, "its %s is not base64", name);
        return k < 0 ? k : out->failed ? -ENOMEM : 0;
}

static int read_key(const Reading *r, const json_t *j) {
        r->event->has_key = true;
        return read_bytes(r, "key", j, &r->event->key);
}

static int read_value(const Reading *r, const json_t *j) {
        r->event->has_value = true;
        return read_bytes(r, "value", j, &r->event->value);
}

static int read_header(const Reading *r, const json_t *j) {
        const json_t *name = json_object_get(j, "name"), *value = json_object_get(j, "value");
        _cleanup_buffer_ Buffer bytes = {0};
        bool has_value = value && !json_is_null(value);
        int k;

        if (!json_is_string(name) || json_object_size(j) != (value ? 2 : 1))
                return wrong(r, "a header has a name, which is text, and a value");
        if (has_value) {
                k = read_bytes(r, "header's value", value, &bytes);
                if (k < 0)
                        return k;
        }
        if (rd_kafka_header_add(r->event->headers, json_string_value(name),
                                (ssize_t) json_string_length(name),
                                has_value ? buffer_string(&bytes) : NULL, (ssize_t) bytes.size))
                return -ENOMEM;
        return 0;
}

static int read_headers(const Reading *r, const json_t *j) {
        const json_t *header;
        size_t i;

        if (!json_is_array(j))
                return wrong(r, "its headers are not an array");
        r->event->headers = rd_kafka_headers_new(json_array_size(j));
        json_array_foreach(j, i, header) {
                int k = read_header(r, header);

                if (k < 0)
                        return k;
        }
        return 0;
}

static int read_base64(const Reading *r, const json_t *j) {
        return json_is_boolean(j) ? 0 : wrong(r, "its base64 is neither true nor false");
}

static int read_partition(const Reading *r, const json_t *j) {
        if (!json_is_integer(j) || json_integer_value(j) < 0 || json_integer_value(j) > INT32_MAX)
                return wrong(r, "its partition is not a whole number from 0");
        r->event->partition = (int32_t) json_integer_value(j);
        return 0;
}

static const struct {
        const char *name;
        int (*read)(const Reading *r, const json_t *j);
} members[] = {
        {"key", read_key},       {"value", read_value},         {"headers", read_headers},
        {"base64", read_base64}, {"partition", read_partition},
};

static int read_member(const Reading *r, const char *name, const json_t *j) {
        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                if (streq(members[i].name, name))
                        return json_is_null(j) ? 0 : members[i].read(r, j);
        buffer_appendf(r->problem, "it has a member '%s', which is none of an event's", name);
        return -EINVAL;
}

static int read_event(SentEvent *event, json_t *j, Buffer *problem) {
        const Reading r = {event, json_is_true(json_object_get(j, "base64")), problem};
        const char *name;
        json_t *member;

        json_object_foreach(j, name, member) {
                int k = read_member(&r, name, member);

                if (k < 0)
                        return k;
        }
        return 0;
}

/* The call's events, or NULL: then either the refusal is made, or memory is short. */
static Sending *read_events(const Request *request, json_t **ret_parameters,
                            const char **ret_error) {
        const json_t *events = json_object_get(request->call.parameters, "events");
        _cleanup_(sending_unrefp) Sending *x = NULL;
        _cleanup_buffer_ Buffer problem = {0};
        size_t n = json_array_size(events);
        char which[32];

        if (n == 0 || n > SENDING_EVENTS_MAX) {
                buffer_appendf(&problem, "There are %zu events", n);
                (void) refuse_value(ret_parameters, ret_error, "events", buffer_string(&problem),
                                    "A call has 1 to 1000 events");
                return NULL;
        }
        x = sending_new(request_string(request, "topic"), (unsigned) n);
        for (unsigned i = 0; x && i < n; i++) {
                int r = read_event(&x->events[i], json_array_get(events, i), &problem);

                if (r == -EINVAL) {
                        _cleanup_buffer_ Buffer text = {0};

                        snprintf(which, sizeof(which), "events[%u]", i);
                        buffer_appendf(&text, "Event %u cannot be produced: %s", i,
                                       buffer_string(&problem));
                        (void) refuse_value(
                                ret_parameters, ret_error, which, buffer_string(&text),
                                "An event has key, value, headers, base64 and partition, each of "
                                "which may be left out");
                }
                if (r < 0)
                        return NULL;
        }
        return TAKE_PTR(x);
}

/* ---- the operation ---- */

typedef struct Produce {
        Operation operation;
        Sending *sending;
} Produce;

static Operation *produce_free(Operation *o) {
        Produce *p = (Produce *) o;

        sending_unref(p->sending);
        free(p);
        return NULL;
}

static int produce_step(Operation *o, json_t **ret_parameters, const char **ret_error) {
        const Sending *x = ((Produce *) o)->sending;

        if (x->no_topic) {
                (void) refuse_topic(o->context->fleet, x->topic, ret_parameters, ret_error);
                return -ENOENT;
        }
        return x->left == 0;
}

static json_t *pack_sent(const SentEvent *e) {
        return json_pack("{s:o, s:o, s:o}", "partition", pack_offset(e->at_partition), "offset",
                         pack_offset(e->offset), "problem", pack_text(e->problem));
}

static json_t *produce_describe(const Operation *o) {
        const Sending *x = ((const Produce *) o)->sending;
        json_t *results = json_array();

        for (unsigned i = 0; i < x->n; i++)
                json_array_append_new(results, pack_sent(&x->events[i]));
        return json_pack("{s:o, s:o, s:I}", "topic", pack_text(x->topic), "results", results,
                         "duration_ms", operation_duration_ms(o));
}

static const OperationKind produce_kind = {
        .step = produce_step,
        .describe = produce_describe,
        .free = produce_free,
        .wish = "the broker has each event",
};

static int refuse_send(int error, json_t **ret_parameters, const char **ret_error) {
        if (error == -EBUSY)
                return refuse_with(ret_parameters, ret_error, PROTOCOL_INTERFACE ".Busy",
                                   "Too many events made by hand wait for the broker",
                                   "See crierctl status, and try again when they are delivered");
        if (error == -ESHUTDOWN)
                return refuse_with(ret_parameters, ret_error, PROTOCOL_INTERFACE ".Failed",
                                   "crierd is stopping",
                                   "Start it again: systemctl start crierd.service");
        return error;
}

const ControlParameter parameters_produce[] = {
        {"topic", CONTROL_STRING, .required = true},
        {"events", CONTROL_OBJECTS, .required = true},
        OPERATION_PARAMETERS,
        {NULL},
};

int method_produce(void *userdata, Request *request, json_t **ret_parameters,
                   const char **ret_error) {
        ControlContext *c = userdata;
        const char *topic = request_string(request, "topic");
        _cleanup_(sending_unrefp) Sending *x = NULL;
        _cleanup_buffer_ Buffer why = {0};
        Produce *p;
        int r;

        buffer_append_string(&why, "topic: ");
        if (!check_topic(topic, &why))
                return refuse_value(ret_parameters, ret_error, "topic", buffer_string(&why), NULL);
        x = read_events(request, ret_parameters, ret_error);
        if (!x)
                return *ret_error ? 0 : -ENOMEM;
        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        r = sender_send(c->fleet->sender, x);
        if (r < 0) {
                free(p);
                return refuse_send(r, ret_parameters, ret_error);
        }
        control_note(c, request, "produces %u events to topic '%s'", x->n, topic);
        p->operation.kind = &produce_kind;
        p->sending = TAKE_PTR(x);
        return operation_begin(&p->operation, c, request, 15, ret_parameters, ret_error);
}
