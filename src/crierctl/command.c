/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all verbs share: see command.h.
 */

#include "crierctl/command.h"

#include <ctype.h>

#include "common/clock.h"
#include "crierctl/client.h"
#include "crierctl/progress.h"

/* A daemon that is asked for progress says something twice a second; one that says nothing for so
 * long is gone. */
#define SILENCE_USEC (10 * USEC_PER_SEC)

/* More than --timeout, so that the daemon's own answer comes first. */
#define GRACE_USEC (2 * USEC_PER_SEC)

static const struct {
        const char *name;
        VerbRun run;
} runs[] = {
        {"status", verb_status},       {"producers", verb_producers}, {"groups", verb_groups},
        {"consumers", verb_consumers}, {"topics", verb_topics},       {"keys", verb_keys},
        {"tail", verb_tail},           {"scale", verb_scale},         {"remove", verb_remove},
        {"kill", verb_kill},           {"pause", verb_pause},         {"resume", verb_resume},
        {"rate", verb_rate},           {"produce", verb_produce},     {"seek", verb_seek},
        {"reload", verb_reload},       {"log-level", verb_log_level}, {"stop", verb_stop},
        {"fault", verb_fault},         {"call", verb_call},           {"top", verb_top},
        {"verify", verb_verify},
};

/* ---- arguments ---- */

/* How many arguments the synopsis asks for and allows: "[X]" may be left out, and "X..." is any
 * number of them. */
static void count_synopsis(const char *synopsis, size_t *ret_min, size_t *ret_max) {
        size_t min = 0, max = 0;

        for (const char *p = synopsis; *p;) {
                size_t n = strcspn(p, " ");

                min += *p != '[';
                max = max == SIZE_MAX || memmem(p, n, "...", 3) ? SIZE_MAX : max + 1;
                p += n;
                p += *p == ' ';
        }
        *ret_min = min;
        *ret_max = max;
}

static int advise_synopsis(const Verb *verb, Failure *f) {
        if (*verb->arguments)
                return failure_advise(f, "Type: crierctl %s %s", verb->name, verb->arguments);
        return failure_advise(f, "Type: crierctl %s", verb->name);
}

static int check_arguments(const Verb *verb, const char **arguments, size_t n, Failure *f) {
        size_t min, max;

        count_synopsis(verb->arguments, &min, &max);
        if (n > max && max == 0)
                failure_set(f, FAILURE_USAGE, "'%s' takes no argument, but there is '%s'",
                            verb->name, arguments[0]);
        else if (n > max)
                failure_set(f, FAILURE_USAGE, "'%s' takes no more than %zu argument%s, so not '%s'",
                            verb->name, max, max == 1 ? "" : "s", arguments[max]);
        else if (n < min)
                failure_set(f, FAILURE_USAGE, "'%s' needs %zu argument%s, but there %s %zu",
                            verb->name, min, min == 1 ? "" : "s", n == 1 ? "is" : "are", n);
        else
                return 0;
        return advise_synopsis(verb, f);
}

int command_bad_value(Command *c, const char *format, ...) {
        _cleanup_buffer_ Buffer text = {0};
        va_list ap;

        va_start(ap, format);
        buffer_appendv(&text, format, ap);
        va_end(ap);
        failure_set(c->failure, FAILURE_BAD_VALUE, "%s", buffer_string(&text));
        return advise_synopsis(c->verb, c->failure);
}

static int fail_verb(const char *name, Failure *f) {
        const char *near = verb_nearest(name);

        failure_set(f, FAILURE_USAGE, "There is no verb '%s'", name);
        if (near)
                failure_advise(f, "Did you mean '%s'? ", near);
        return failure_advise(f, "See crierctl --help");
}

int command_run(const Options *o, Failure *f) {
        const char *name = o->n_arguments > 0 ? o->arguments[0] : verbs[0].name;
        Command c = {
                .verb = verb_find(name),
                .arguments = o->arguments + MIN(o->n_arguments, (size_t) 1),
                .n_arguments = o->n_arguments > 0 ? o->n_arguments - 1 : 0,
                .options = o,
                .style = output_style(o->json, !o->no_legend),
                .failure = f,
        };
        int r;

        if (!c.verb)
                return fail_verb(name, f);
        r = options_check(o, name, f);
        if (r == 0)
                r = check_arguments(c.verb, c.arguments, c.n_arguments, f);
        if (r != 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(runs); i++)
                if (streq(runs[i].name, name)) {
                        r = runs[i].run(&c);
                        json_decref(c.before);
                        return r;
                }
        return fail_verb(name, f);
}

/* ---- calls ---- */

/* json_pack() takes no text that is not UTF-8: what is left is NULL. */
static int check_parameters(Command *c, const json_t *parameters) {
        if (parameters)
                return 0;
        return command_bad_value(c, "An argument is not UTF-8 text");
}

static uint64_t timeout_usec(const Command *c) {
        double s = c->options->timeout_s > 0 ? c->options->timeout_s : c->verb->timeout_s;

        return (uint64_t) (s * (double) USEC_PER_SEC);
}

int command_check(Command *c, const Shape *shape, const json_t *reply) {
        _cleanup_buffer_ Buffer where = {0};

        if (shape_check(shape, reply, &where))
                return 0;
        failure_set(c->failure, FAILURE_PROTOCOL, "Cannot make sense of the reply of crierd: %s",
                    buffer_string(&where));
        return failure_advise(c->failure,
                              "Is it of another version? systemctl restart crierd.service");
}

static int call_and_check(Command *c, const ClientCall *call, const Shape *shape,
                          json_t **ret_reply) {
        _cleanup_json_ json_t *reply = NULL;
        int r;

        r = client_call(call, &reply, c->failure);
        if (r == 0)
                r = command_check(c, shape, reply);
        if (r == 0)
                *ret_reply = TAKE_PTR(reply);
        return r;
}

int command_call_method(Command *c, const char *method, json_t *parameters, const Shape *shape,
                        json_t **ret_reply) {
        _cleanup_json_ json_t *owned = parameters;
        const ClientCall call = {
                .path = c->options->socket,
                .method = method,
                .parameters = parameters,
                .timeout_usec = timeout_usec(c),
        };
        int r;

        r = check_parameters(c, owned);
        return r != 0 ? r : call_and_check(c, &call, shape, ret_reply);
}

int command_call(Command *c, json_t *parameters, const Shape *shape, json_t **ret_reply) {
        return command_call_method(c, c->verb->method, parameters, shape, ret_reply);
}

int command_show(const Command *c, const json_t *reply, Draw draw) {
        _cleanup_buffer_ Buffer out = {0};

        if (c->style.json)
                out.failed |= !output_json(&out, &c->style, reply);
        else
                draw(c, reply, &out);
        return output_write(&out);
}

int command_look(Command *c, json_t *parameters, const Shape *shape, Draw draw) {
        _cleanup_json_ json_t *reply = NULL;
        int r = command_call(c, parameters, shape, &reply);

        return r != 0 ? r : command_show(c, reply, draw);
}

/* ---- changes ---- */

/* A change under way. */
typedef struct Waiting {
        const Command *command;
        const Change *change;
        Progress progress;
} Waiting;

static int on_progress(void *userdata, json_t *reply) {
        _cleanup_buffer_ Buffer text = {0}, where = {0};
        Waiting *w = userdata;

        if (!shape_check(w->change->shape, reply, &where))
                return 0;
        w->change->progress(w->command, reply, &text);
        progress_show(&w->progress, &text);
        return 0;
}

/* What was reached when the time was up is worth seeing. */
static void describe_reached(const Command *c, const Change *change) {
        const json_t *reached = json_object_get(c->failure->parameters, "reached");
        _cleanup_buffer_ Buffer where = {0};

        if (!reached || !shape_check(change->shape, reached, &where))
                return;
        buffer_append_string(&c->failure->details, "So far:\n");
        change->draw(c, reached, &c->failure->details);
}

static uint64_t silence_usec(const Options *o) {
        uint64_t given = (uint64_t) (o->timeout_s * (double) USEC_PER_SEC);

        return o->timeout_s > 0 ? MIN(SILENCE_USEC, given + GRACE_USEC) : SILENCE_USEC;
}

int command_wait(Command *c, json_t *parameters, const Change *change, json_t **ret_reply) {
        _cleanup_json_ json_t *owned = parameters;
        const Options *o = c->options;
        Waiting waiting = {.command = c, .change = change};
        const ClientCall call = {
                .path = o->socket,
                .method = c->verb->method,
                .parameters = parameters,
                .timeout_usec = o->no_block ? timeout_usec(c) : silence_usec(o),
                .more = !o->no_block,
                .on_reply = on_progress,
                .userdata = &waiting,
        };
        int r;

        r = check_parameters(c, owned);
        if (r != 0)
                return r;
        if (o->no_block)
                json_object_set_new(owned, "wait", json_false());
        else if (o->timeout_s > 0)
                json_object_set_new(owned, "timeout_ms",
                                    json_integer((json_int_t) (o->timeout_s * 1000)));
        progress_begin(&waiting.progress, &c->style);
        r = call_and_check(c, &call, change->shape, ret_reply);
        progress_end(&waiting.progress);
        if (r != 0)
                describe_reached(c, change);
        return r;
}

int command_change(Command *c, json_t *parameters, const Change *change) {
        _cleanup_json_ json_t *reply = NULL;
        int r = command_wait(c, parameters, change, &reply);

        return r != 0 ? r : command_show(c, reply, change->draw);
}
