/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The methods that give a group other consumers: scale, remove, kill. See io.crier.Control.varlink.
 */

#include <errno.h>
#include <stdio.h>

#include "config/schema.h"
#include "control/operation.h"
#include "control/pack.h"
#include "control/refusal.h"

/* Scale, remove and kill end when the group is stable again. */
typedef struct Reshape {
        Operation operation;
        char *group;
        json_int_t consumer; /* that leaves or dies; -1: none in particular */
        unsigned before;     /* consumers */
        unsigned wanted;
        unsigned rebalances; /* before */
        bool notices;        /* the rest of the group has to notice: wait for a rebalance */
} Reshape;

static Operation *reshape_free(Operation *o) {
        Reshape *s = (Reshape *) o;

        free(s->group);
        free(s);
        return NULL;
}

static bool has_consumer(const Group *g, json_int_t number) {
        for (unsigned i = 0; i < g->n_consumers; i++)
                if (g->consumers[i]->number == number)
                        return true;
        return false;
}

static int reshape_step(Operation *o, json_t **ret_parameters, const char **ret_error) {
        const Reshape *s = (const Reshape *) o;
        const Group *g = fleet_find_group(o->context->fleet, s->group);

        if (!g) {
                (void) refuse_group(o->context->fleet, s->group, ret_parameters, ret_error);
                return -ESRCH;
        }
        if (g->wanted != s->wanted) {
                (void) refuse_with(ret_parameters, ret_error, PROTOCOL_INTERFACE ".Failed",
                                   "Another command has changed the group meanwhile",
                                   "Look at it with crierctl groups");
                return -ECANCELED;
        }
        /* Before the cluster was reached there are none. */
        if (has_consumer(g, s->consumer) || g->n_consumers != s->wanted ||
            group_live(g) != s->wanted)
                return 0;
        if (group_live(g) == 0)
                return 1;
        return g->stable && (!s->notices || g->rebalances > s->rebalances);
}

static json_t *reshape_describe(const Operation *o) {
        const Reshape *s = (const Reshape *) o;
        const Group *g = fleet_find_group(o->context->fleet, s->group);
        json_t *consumers = json_array(), *reply;

        for (unsigned i = 0; g && i < g->n_consumers; i++)
                if (!g->consumers[i]->stopping)
                        json_array_append_new(consumers, pack_consumer(g->consumers[i]));
        reply = json_pack("{s:o, s:i, s:i, s:b, s:o, s:I}", "group", pack_text(s->group), "before",
                          (int) s->before, "after", g ? (int) group_live(g) : 0, "stable",
                          g && g->stable && g->rebalances >= s->rebalances + s->notices,
                          "consumers", consumers, "duration_ms", operation_duration_ms(o));
        if (s->consumer >= 0)
                json_object_set_new(reply, "consumer", json_integer(s->consumer));
        return reply;
}

static const OperationKind reshape_kind = {
        .step = reshape_step,
        .describe = reshape_describe,
        .free = reshape_free,
        .wish = "the group is stable in its new shape",
};

/* The group as it is now. Returns NULL where memory is short. */
static Reshape *reshape_new(const Group *g, json_int_t consumer) {
        Reshape *s = calloc(1, sizeof(*s));
        char *name = strdup(g->config->name);

        if (!s || !name) {
                free(s);
                free(name);
                return NULL;
        }
        s->operation.kind = &reshape_kind;
        s->group = name;
        s->consumer = consumer;
        s->before = group_live(g);
        s->rebalances = g->rebalances;
        return s;
}

static unsigned consumers_max(void) {
        return (unsigned) schema_find_key(schema_find_section("groups"), "consumers")->max;
}

/* What `count` or `by` ask for, or negative with the refusal made. */
static json_int_t scale_target(const Group *g, const Request *request, json_t **ret_parameters,
                               const char **ret_error) {
        _cleanup_buffer_ Buffer text = {0};
        bool count = request_has(request, "count"), by = request_has(request, "by");
        json_int_t limit = consumers_max(), n;

        if (count == by) {
                (void) refuse_value(ret_parameters, ret_error, "count",
                                    "One of count and by says how many", NULL);
                return -1;
        }
        n = count ? request_integer(request, "count", -1)
                  : (json_int_t) g->wanted +
                            MIN(MAX(request_integer(request, "by", 0), -limit), limit);
        if (n >= 0 && n <= limit)
                return n;
        buffer_appendf(&text, "A group has 0 to %lld consumers, not %lld", (long long) limit,
                       (long long) n);
        (void) refuse_value(ret_parameters, ret_error, count ? "count" : "by", buffer_string(&text),
                            NULL);
        return -1;
}

const ControlParameter parameters_scale[] = {
        {"group", CONTROL_STRING, .required = true},
        {"count", CONTROL_INTEGER},
        {"by", CONTROL_INTEGER},
        OPERATION_PARAMETERS,
        {NULL},
};

int method_scale(void *userdata, Request *request, json_t **ret_parameters,
                 const char **ret_error) {
        ControlContext *c = userdata;
        const char *name = request_string(request, "group");
        Group *g = fleet_find_group(c->fleet, name);
        json_int_t target;
        Reshape *s;
        int r;

        if (!g)
                return refuse_group(c->fleet, name, ret_parameters, ret_error);
        target = scale_target(g, request, ret_parameters, ret_error);
        if (target < 0)
                return 0;
        s = reshape_new(g, -1);
        if (!s)
                return -ENOMEM;
        s->wanted = (unsigned) target;
        if (g->wanted != s->wanted) {
                control_record(c, request, RECORD_GROUP_SCALED,
                               (RecordField[]){{"KAFKA_GROUP", name}, {NULL}},
                               "scales group '%s' from %u to %u consumers", name, g->wanted,
                               s->wanted);
                s->notices = g->started;
                r = group_scale(g, s->wanted);
                if (r < 0) {
                        reshape_free(&s->operation);
                        return r;
                }
        }
        return operation_begin(&s->operation, c, request, 60, ret_parameters, ret_error);
}

static void note_consumer(const ControlContext *c, const Request *request, RecordId id,
                          const Consumer *consumer, const char *verb) {
        const char *group = consumer->group->config->name;
        char number[16];

        snprintf(number, sizeof(number), "%u", consumer->number);
        control_record(c, request, id,
                       (RecordField[]){{"KAFKA_GROUP", group}, {"CRIER_CONSUMER", number}, {NULL}},
                       "%s consumer %u of group '%s'", verb, consumer->number, group);
}

/* Remove and kill. */
static int consumer_end(ControlContext *c, Request *request, bool kill, json_t **ret_parameters,
                        const char **ret_error) {
        json_int_t number = request_integer(request, "consumer", -1);
        Consumer *consumer = fleet_find_consumer(c->fleet, number);
        unsigned timeout_s = 60;
        Reshape *s;

        if (!consumer)
                return refuse_consumer(c->fleet, number, ret_parameters, ret_error);
        s = reshape_new(consumer->group, number);
        if (!s)
                return -ENOMEM;
        s->notices = true;
        s->wanted = s->before - 1;
        if (kill) {
                note_consumer(c, request, RECORD_CONSUMER_KILLED, consumer, "kills");
                /* The group notices after the session time-out, and then it takes a rebalance. */
                timeout_s += (unsigned) group_session_ms(consumer->group) / 1000;
                group_kill(consumer->group, consumer);
        } else {
                note_consumer(c, request, RECORD_CONSUMER_LEFT, consumer, "removes");
                group_remove(consumer->group, consumer);
        }
        return operation_begin(&s->operation, c, request, timeout_s, ret_parameters, ret_error);
}

const ControlParameter parameters_remove[] = {
        {"consumer", CONTROL_INTEGER, .required = true},
        OPERATION_PARAMETERS,
        {NULL},
};

int method_remove(void *userdata, Request *request, json_t **ret_parameters,
                  const char **ret_error) {
        return consumer_end(userdata, request, false, ret_parameters, ret_error);
}

const ControlParameter parameters_kill[] = {
        {"consumer", CONTROL_INTEGER, .required = true},
        OPERATION_PARAMETERS,
        {NULL},
};

int method_kill(void *userdata, Request *request, json_t **ret_parameters, const char **ret_error) {
        return consumer_end(userdata, request, true, ret_parameters, ret_error);
}
