/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The method that has the embedded broker misbehave: see io.crier.Control.varlink.
 */

#include "kafka/fault.h"

#include <errno.h>
#include <stdio.h>

#include "common/nearest.h"
#include "control/operation.h"
#include "control/refusal.h"

/* What each kind takes beside a broker, of which all but `count` has to be there. */
#define KIND_PARAMETERS_MAX 3
static const struct {
        const char *name;
        FaultKind kind;
        const char *parameters[KIND_PARAMETERS_MAX + 1];
} kinds[] = {
        {"down", FAULT_DOWN, {NULL}},
        {"up", FAULT_UP, {NULL}},
        {"latency", FAULT_LATENCY, {"latency_ms", NULL}},
        {"errors", FAULT_ERRORS, {"request", "error", "count", NULL}},
};

const ControlParameter parameters_fault[] = {
        {"kind", CONTROL_STRING, .required = true},
        {"broker", CONTROL_INTEGER, .min = 1, .max = INT32_MAX},
        {"latency_ms", CONTROL_INTEGER, .min = 0, .max = FAULT_LATENCY_MAX_MS},
        {"request", CONTROL_STRING},
        {"error", CONTROL_INTEGER},
        {"count", CONTROL_INTEGER, .min = 1, .max = FAULT_COUNT_MAX},
        {NULL},
};

/* ---- what is asked for ---- */

typedef struct Reading {
        const Request *request;
        json_t **ret_parameters;
        const char **ret_error;
} Reading;

/* Always false. */
static bool wrong(const Reading *r, const char *parameter, const char *text, const char *advice) {
        (void) refuse_value(r->ret_parameters, r->ret_error, parameter, text, advice);
        return false;
}

static bool kind_takes(size_t kind, const char *parameter) {
        for (size_t i = 0; kinds[kind].parameters[i]; i++)
                if (streq(kinds[kind].parameters[i], parameter))
                        return true;
        return false;
}

static bool read_kind(const Reading *r, Fault *fault) {
        const char *name = request_string(r->request, "kind");
        _cleanup_buffer_ Buffer text = {0};
        size_t kind = 0;

        while (kind < ELEMENTSOF(kinds) && !streq(kinds[kind].name, name))
                kind++;
        if (kind == ELEMENTSOF(kinds)) {
                buffer_appendf(&text, "There is no kind of fault '%s'", name);
                return wrong(r, "kind", buffer_string(&text), "It is down, up, latency or errors");
        }
        fault->kind = kinds[kind].kind;
        for (const ControlParameter *p = parameters_fault; p->name; p++) {
                bool given = request_has(r->request, p->name), takes = kind_takes(kind, p->name);

                if (streq(p->name, "kind") || streq(p->name, "broker") || given == takes ||
                    (takes && streq(p->name, "count")))
                        continue;
                buffer_appendf(&text,
                               takes ? "A fault '%s' needs '%s'" : "A fault '%s' has no '%s'", name,
                               p->name);
                return wrong(r, p->name, buffer_string(&text), NULL);
        }
        return true;
}

static bool read_broker(const Reading *r, const Cluster *c, Fault *fault) {
        json_int_t broker = request_integer(r->request, "broker", 0);
        _cleanup_buffer_ Buffer text = {0}, advice = {0};

        fault->broker = (int32_t) broker;
        if (broker <= c->config->embedded_brokers)
                return true;
        buffer_appendf(&text, "There is no broker %lld", (long long) broker);
        buffer_appendf(&advice, "There are 1 to %u: cluster.embedded_brokers",
                       c->config->embedded_brokers);
        return wrong(r, "broker", buffer_string(&text), buffer_string(&advice));
}

static bool read_request(const Reading *r, Fault *fault) {
        const char *name = request_string(r->request, "request");
        _cleanup_buffer_ Buffer text = {0}, advice = {0};
        const char *const *all = fault_requests();
        const char *near;

        fault->request = fault_request(name);
        if (fault->request >= 0)
                return true;
        buffer_appendf(&text, "'%s' is no request that the embedded broker can refuse", name);
        near = nearest(name, all);
        if (near)
                buffer_appendf(&advice, "Did you mean '%s'?", near);
        else {
                buffer_append_string(&advice, "There are: ");
                for (size_t i = 0; all[i]; i++)
                        buffer_appendf(&advice, "%s%s", i > 0 ? ", " : "", all[i]);
        }
        return wrong(r, "request", buffer_string(&text), buffer_string(&advice));
}

static bool read_error(const Reading *r, Fault *fault) {
        json_int_t error = request_integer(r->request, "error", 0);
        _cleanup_buffer_ Buffer text = {0};

        fault->error = (rd_kafka_resp_err_t) error;
        if (fault_error_is_known(error))
                return true;
        buffer_appendf(&text, "Kafka has no error %lld", (long long) error);
        return wrong(r, "error", buffer_string(&text),
                     "Give the number of one of its error codes, like 7 for REQUEST_TIMED_OUT");
}

/* Returns false where the refusal is made. */
static bool fault_read(const Reading *r, const Cluster *c, Fault *fault) {
        *fault = (Fault){
                .latency_ms = (int) request_integer(r->request, "latency_ms", 0),
                .count = (unsigned) request_integer(r->request, "count", 1),
        };
        if (!read_kind(r, fault) || !read_broker(r, c, fault))
                return false;
        return fault->kind != FAULT_ERRORS || (read_request(r, fault) && read_error(r, fault));
}

static void fault_describe(const Fault *f, const Request *request, Buffer *out) {
        buffer_append_string(out, "has ");
        if (f->broker > 0)
                buffer_appendf(out, "embedded broker %d", (int) f->broker);
        else
                buffer_append_string(out, "all embedded brokers");
        switch (f->kind) {
        case FAULT_DOWN:
                buffer_append_string(out, " go down");
                break;
        case FAULT_UP:
                buffer_append_string(out, " come up");
                break;
        case FAULT_LATENCY:
                buffer_appendf(out, " answer %d ms later", f->latency_ms);
                break;
        case FAULT_ERRORS:
                buffer_appendf(out, " refuse the next %u %s requests with %s", f->count,
                               request_string(request, "request"), rd_kafka_err2name(f->error));
                break;
        }
}

/* ---- the operation ---- */

/* The helper thread's part of it: outlives an operation that ends first. */
typedef struct FaultState {
        bool done;
        bool alone; /* the operation is gone */
        rd_kafka_resp_err_t err;
} FaultState;

typedef struct FaultOperation {
        Operation operation;
        FaultState *state;
} FaultOperation;

static void on_done(void *userdata, rd_kafka_resp_err_t err) {
        FaultState *s = userdata;

        s->done = true;
        s->err = err;
        if (s->alone)
                free(s);
}

static Operation *fault_free(Operation *o) {
        FaultOperation *f = (FaultOperation *) o;

        if (f->state->done)
                free(f->state);
        else
                f->state->alone = true;
        free(f);
        return NULL;
}

static int fault_step(Operation *o, json_t **ret_parameters, const char **ret_error) {
        const FaultState *s = ((FaultOperation *) o)->state;

        if (!s->err)
                return s->done;
        (void) refuse_with(ret_parameters, ret_error, PROTOCOL_INTERFACE ".Failed",
                           rd_kafka_err2str(s->err), "See crierctl status");
        return -EIO;
}

static json_t *fault_pack(const Operation *o) {
        return json_object();
}

static const OperationKind fault_kind = {
        .step = fault_step,
        .describe = fault_pack,
        .free = fault_free,
        .wish = "the embedded broker behaves so",
};

static int fault_start(ControlContext *c, Request *request, const Fault *fault,
                       json_t **ret_parameters, const char **ret_error) {
        FaultOperation *f = calloc(1, sizeof(*f));
        FaultState *s = calloc(1, sizeof(*s));
        int r = -ENOMEM;

        if (f && s)
                r = fault_begin(c->fleet->context.cluster, fault, on_done, s);
        if (r < 0) {
                free(f);
                free(s);
                return r;
        }
        f->operation.kind = &fault_kind;
        f->state = s;
        return operation_begin(&f->operation, c, request, 5, ret_parameters, ret_error);
}

int method_fault(void *userdata, Request *request, json_t **ret_parameters,
                 const char **ret_error) {
        ControlContext *c = userdata;
        const Cluster *cluster = c->fleet->context.cluster;
        const Reading reading = {request, ret_parameters, ret_error};
        _cleanup_buffer_ Buffer what = {0};
        Fault fault;

        if (!cluster->embedded)
                return refuse_unsupported(ret_parameters, ret_error,
                                          "Faults are the embedded broker's, and this crierd uses "
                                          "another",
                                          "Try them with cluster: { bootstrap = \"embedded\"; }");
        if (!c->fleet->context.config->control.faults)
                return refuse_unsupported(ret_parameters, ret_error,
                                          "The configuration does not allow faults",
                                          "Set control: { faults = true; }; and restart crierd");
        if (!fault_read(&reading, cluster, &fault))
                return 0;
        fault_describe(&fault, request, &what);
        control_note(c, request, "%s", buffer_string(&what));
        return fault_start(c, request, &fault, ret_parameters, ret_error);
}
