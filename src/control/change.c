/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The methods that change groups, consumers and producers: scale, remove, kill, pause, resume,
 * rate. See io.crier.Control.varlink.
 */

#include <errno.h>
#include <stdio.h>

#include "common/parse.h"
#include "config/schema.h"
#include "control/operation.h"
#include "control/pack.h"
#include "control/refusal.h"

/* ---- a group in another shape ---- */

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

/* ---- pauses ---- */

typedef struct Pause {
        Operation operation;
        json_t *targets;  /* what the reply says */
        char **producers; /* that are to deliver what they made; NULL-terminated */
        size_t n;
} Pause;

static Operation *pause_free(Operation *o) {
        Pause *p = (Pause *) o;

        for (size_t i = 0; i < p->n; i++)
                free(p->producers[i]);
        free(p->producers);
        json_decref(p->targets);
        free(p);
        return NULL;
}

static int pause_step(Operation *o, json_t **ret_parameters, const char **ret_error) {
        const Pause *p = (const Pause *) o;

        for (size_t i = 0; i < p->n; i++) {
                const Producer *producer = fleet_find_producer(o->context->fleet, p->producers[i]);

                if (producer && producer_queued(producer) > 0)
                        return 0;
        }
        return 1;
}

static json_t *pause_describe(const Operation *o) {
        return json_pack("{s:O, s:I}", "targets", ((const Pause *) o)->targets, "duration_ms",
                         operation_duration_ms(o));
}

static const OperationKind pause_kind = {
        .step = pause_step,
        .describe = pause_describe,
        .free = pause_free,
        .wish = "everything that was made before the pause is delivered",
};

/* What a target's name means: at most one is not NULL. */
typedef struct Target {
        Producer *producer;
        Group *group;
        Consumer *consumer;
} Target;

/* Returns whether there is exactly one of that name. */
static bool target_find(const Fleet *f, const char *name, Target *ret) {
        uint64_t number;

        *ret = (Target){0};
        if (strncmp(name, "producer/", 9) == 0) {
                ret->producer = fleet_find_producer(f, name + 9);
                return ret->producer;
        }
        if (strncmp(name, "group/", 6) == 0) {
                ret->group = fleet_find_group(f, name + 6);
                return ret->group;
        }
        ret->producer = fleet_find_producer(f, name);
        ret->group = fleet_find_group(f, name);
        if (!ret->producer && !ret->group && parse_u64(name, 0, UINT32_MAX, &number) == 0)
                ret->consumer = fleet_find_consumer(f, (int64_t) number);
        return !ret->producer != !ret->group || ret->consumer;
}

static int refuse_ambiguous(const char *name, json_t **ret_parameters, const char **ret_error) {
        _cleanup_buffer_ Buffer text = {0}, advice = {0};

        buffer_appendf(&text, "There is a producer '%s' and a group '%s'", name, name);
        buffer_appendf(&advice, "Say producer/%s or group/%s", name, name);
        return refuse_value(ret_parameters, ret_error, "targets", buffer_string(&text),
                            buffer_string(&advice));
}

static const char *pause_word(bool paused) {
        return paused ? "paused" : "running";
}

static json_t *pack_target(const char *kind, const char *name, bool before, bool after) {
        return json_pack("{s:s, s:o, s:s, s:s}", "kind", kind, "name", pack_text(name), "before",
                         pause_word(before), "after", pause_word(after));
}

static bool group_is_paused(const Group *g) {
        for (unsigned i = 0; i < g->n_consumers; i++)
                if (!g->consumers[i]->stopping && !g->consumers[i]->paused)
                        return false;
        return g->paused || g->n_consumers > 0;
}

static json_t *target_set(const Target *t, bool paused) {
        char number[16];
        bool before;

        if (t->producer) {
                before = t->producer->paused;
                producer_set_paused(t->producer, paused);
                return pack_target("producer", t->producer->config->name, before, paused);
        }
        if (t->group) {
                before = group_is_paused(t->group);
                group_set_paused(t->group, paused);
                return pack_target("group", t->group->config->name, before, paused);
        }
        before = t->consumer->paused;
        /* Whoever joins a group of which one reads does so, too. */
        if (!paused)
                t->consumer->group->paused = false;
        consumer_set_paused(t->consumer, paused);
        snprintf(number, sizeof(number), "%u", t->consumer->number);
        return pack_target("consumer", number, before, paused);
}

static int pause_remember(Pause *p, const Producer *producer) {
        char **more = reallocarray(p->producers, p->n + 1, sizeof(*more));

        if (!more)
                return -ENOMEM;
        p->producers = more;
        more[p->n] = strdup(producer->config->name);
        return more[p->n] ? (p->n++, 0) : -ENOMEM;
}

/* All targets are looked at before the first one is touched. */
static bool targets_check(const Fleet *f, const json_t *names, json_t **ret_parameters,
                          const char **ret_error) {
        const json_t *j;
        size_t i;

        if (json_array_size(names) == 0) {
                (void) refuse_value(ret_parameters, ret_error, "targets", "There is no target",
                                    "Name producers, groups or consumers");
                return false;
        }
        json_array_foreach(names, i, j) {
                const char *name = json_string_value(j);
                Target t;

                if (target_find(f, name, &t))
                        continue;
                if (t.producer)
                        (void) refuse_ambiguous(name, ret_parameters, ret_error);
                else
                        (void) refuse_target(f, name, ret_parameters, ret_error);
                return false;
        }
        return true;
}

static int pause_or_resume(ControlContext *c, Request *request, bool paused,
                           json_t **ret_parameters, const char **ret_error) {
        const json_t *names = json_object_get(request->call.parameters, "targets"), *j;
        Pause *p;
        size_t i;

        if (!targets_check(c->fleet, names, ret_parameters, ret_error))
                return 0;
        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        p->operation.kind = &pause_kind;
        p->targets = json_array();
        json_array_foreach(names, i, j) {
                const char *name = json_string_value(j);
                Target t;

                if (!target_find(c->fleet, name, &t))
                        continue;
                control_record(c, request, paused ? RECORD_PAUSED : RECORD_RESUMED,
                               (RecordField[]){{"CRIER_TARGET", name}, {NULL}}, "%s '%s'",
                               paused ? "pauses" : "resumes", name);
                json_array_append_new(p->targets, target_set(&t, paused));
                if (t.producer && paused && pause_remember(p, t.producer) < 0) {
                        pause_free(&p->operation);
                        return -ENOMEM;
                }
        }
        return operation_begin(&p->operation, c, request, 15, ret_parameters, ret_error);
}

const ControlParameter parameters_pause[] = {
        {"targets", CONTROL_STRINGS, .required = true},
        OPERATION_PARAMETERS,
        {NULL},
};

int method_pause(void *userdata, Request *request, json_t **ret_parameters,
                 const char **ret_error) {
        return pause_or_resume(userdata, request, true, ret_parameters, ret_error);
}

const ControlParameter parameters_resume[] = {
        {"targets", CONTROL_STRINGS, .required = true},
        OPERATION_PARAMETERS,
        {NULL},
};

int method_resume(void *userdata, Request *request, json_t **ret_parameters,
                  const char **ret_error) {
        return pause_or_resume(userdata, request, false, ret_parameters, ret_error);
}

/* ---- rates ---- */

/* "12.5", "max", "+10%", "-10%". Returns 0 or -EINVAL. */
static int rate_parse(const char *text, double before, double *ret) {
        const SchemaKey *key = schema_find_key(schema_find_section("producers"), "rate");
        _cleanup_free_ char *number = strdup(text);
        size_t n = strlen(text);
        double value;

        if (!number)
                return -ENOMEM;
        if (streq(text, "max")) {
                *ret = RATE_MAX;
                return 0;
        }
        if (n > 1 && text[n - 1] == '%' && (*text == '+' || *text == '-')) {
                number[n - 1] = 0;
                if (before < 0 || parse_double(number + 1, 0, 1e6, &value) < 0)
                        return -EINVAL;
                value = before * (1 + (*text == '-' ? -value : value) / 100);
        } else if (parse_double(text, 0, (double) key->max, &value) < 0)
                return -EINVAL;
        if (!(value > 0) || value > (double) key->max)
                return -EINVAL;
        *ret = value;
        return 0;
}

const ControlParameter parameters_rate[] = {
        {"producer", CONTROL_STRING, .required = true},
        {"rate", CONTROL_STRING, .required = true},
        {NULL},
};

int method_rate(void *userdata, Request *request, json_t **ret_parameters, const char **ret_error) {
        ControlContext *c = userdata;
        const char *name = request_string(request, "producer");
        const char *rate = request_string(request, "rate");
        Producer *p = fleet_find_producer(c->fleet, name);
        _cleanup_buffer_ Buffer text = {0};
        double before, after;

        if (!p)
                return refuse_producer(c->fleet, name, ret_parameters, ret_error);
        before = p->rate;
        if (rate_parse(rate, before, &after) < 0) {
                buffer_appendf(&text, "'%s' is not a rate that producer '%s' can have", rate, name);
                return refuse_value(
                        ret_parameters, ret_error, "rate", buffer_string(&text),
                        "Give events per second above 0, max, or a change like +10% of a number");
        }
        control_note(c, request, "sets the rate of producer '%s' to %s", name, rate);
        producer_set_rate(p, after);
        *ret_parameters = json_pack("{s:o, s:o, s:o}", "producer", pack_text(name), "before",
                                    pack_rate(before), "after", pack_rate(after));
        return *ret_parameters ? 0 : -ENOMEM;
}
