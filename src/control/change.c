/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The methods that change what producers, groups and consumers do: pause, resume, rate. See
 * io.crier.Control.varlink.
 */

#include <errno.h>
#include <stdio.h>

#include "common/parse.h"
#include "config/schema.h"
#include "control/operation.h"
#include "control/pack.h"
#include "control/refusal.h"

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
