/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verbs about the daemon itself: reload, log-level, stop, fault; and call, for everything that
 * has no verb.
 */

#include "common/clock.h"
#include "common/parse.h"
#include "crierctl/client.h"
#include "crierctl/command.h"
#include "crierctl/parts.h"

/* ---- reload ---- */

static const Shape difference_shape[] = {
        {"section", SHAPE_STRING},
        {"name", SHAPE_STRING, .nullable = true},
        {"key", SHAPE_STRING, .nullable = true},
        {"before", SHAPE_STRING, .nullable = true},
        {"after", SHAPE_STRING, .nullable = true},
        {"effect", SHAPE_STRING},
        {NULL},
};

static const Shape reload_shape[] = {
        {"changes", SHAPE_OBJECT, .list = true, .members = difference_shape},
        {"duration_ms", SHAPE_INTEGER},
        {NULL},
};

static const struct {
        const char *effect, *text;
} effects[] = {
        {"applied", "applied"},
        {"restarted", "made anew"},
        {"needs_restart", "needs a restart: systemctl restart crierd.service"},
        {"kept", "kept, a command has changed it since"},
};

static void append_effect(Buffer *out, const char *effect) {
        for (size_t i = 0; i < ELEMENTSOF(effects); i++)
                if (streq(effects[i].effect, effect)) {
                        buffer_append_string(out, effects[i].text);
                        return;
                }
        output_text(out, effect);
}

/* "producers office: rate 1 -> 5 (applied)" */
static void draw_difference(const json_t *difference, Buffer *out) {
        const char *name = get_string(difference, "name"), *key = get_string(difference, "key");
        const char *before = get_string(difference, "before");
        const char *after = get_string(difference, "after");

        output_text(out, get_string(difference, "section"));
        if (name)
                output_textf(out, " %s", name);
        buffer_append_byte(out, ':');
        if (key)
                output_textf(out, " %s", key);
        if (before || after) {
                output_textf(out, " %s", before ? before : "(none)");
                buffer_appendf(out, " %s ", output_arrow());
                output_text(out, after ? after : "(none)");
        }
        buffer_append_string(out, " (");
        append_effect(out, get_string(difference, "effect"));
        buffer_append_string(out, ")\n");
}

static void draw_reload(const Command *c, const json_t *reply, Buffer *out) {
        const json_t *changes = json_object_get(reply, "changes"), *difference;
        size_t n = json_array_size(changes), i;

        json_array_foreach(changes, i, difference) {
                draw_difference(difference, out);
        }
        if (n == 0)
                buffer_append_string(out, "no changes");
        else
                buffer_appendf(out, "%zu change%s", n, n == 1 ? "" : "s");
        buffer_appendf(out, " in %.1f s\n", (double) get_integer(reply, "duration_ms") / 1000);
}

static void draw_reload_progress(const Command *c, const json_t *reply, Buffer *out) {
        size_t n = json_array_size(json_object_get(reply, "changes"));

        buffer_appendf(out, "%zu change%s to take effect", n, n == 1 ? "" : "s");
}

static const Change reloading = {reload_shape, draw_reload, draw_reload_progress};

int verb_reload(Command *c) {
        return command_change(c, json_object(), &reloading);
}

/* ---- log-level ---- */

static const Shape log_level_shape[] = {
        {"before", SHAPE_STRING},
        {"after", SHAPE_STRING},
        {NULL},
};

/* "info -> debug", or the one that it is. */
static void draw_log_level(const Command *c, const json_t *reply, Buffer *out) {
        if (c->n_arguments > 0) {
                output_text(out, get_string(reply, "before"));
                buffer_appendf(out, " %s ", output_arrow());
        }
        output_text(out, get_string(reply, "after"));
        buffer_append_byte(out, '\n');
}

int verb_log_level(Command *c) {
        json_t *parameters =
                c->n_arguments > 0 ? json_pack("{s:s}", "level", c->arguments[0]) : json_object();

        return command_look(c, parameters, log_level_shape, draw_log_level);
}

/* ---- stop ---- */

static const Shape stop_shape[] = {
        {"settled", SHAPE_BOOLEAN},
        {"duration_ms", SHAPE_INTEGER},
        {NULL},
};

static void draw_stop(const Command *c, const json_t *reply, Buffer *out) {
        buffer_appendf(out, "crierd stops, after %.1f s; %s\n",
                       (double) get_integer(reply, "duration_ms") / 1000,
                       get_boolean(reply, "settled")
                               ? "everything is delivered, written and committed"
                               : "not everything is delivered, written and committed");
}

int verb_stop(Command *c) {
        _cleanup_json_ json_t *reply = NULL;
        int r;

        r = command_call(c, json_object(), stop_shape, &reply);
        if (r == 0)
                r = command_show(c, reply, draw_stop);
        return r != 0 ? r : !get_boolean(reply, "settled");
}

/* ---- fault ---- */

/* A reply that says nothing but that it is done. */
static const Shape nothing_shape[] = {{NULL}};

static void draw_fault(const Command *c, const json_t *reply, Buffer *out) {
        for (size_t i = 0; i < c->n_arguments; i++)
                output_textf(out, "%s%s", i > 0 ? " " : "", c->arguments[i]);
        buffer_append_string(out, ": done\n");
}

/* What follows the kind, in this order, and how much of that has to be there; a broker's number may
 * come last. */
static const struct {
        const char *kind;
        const char *parameters[4];
        size_t needed;
} faults[] = {
        {"down", {"broker"}, 0},
        {"up", {"broker"}, 0},
        {"latency", {"latency_ms", "broker"}, 1},
        {"errors", {"request", "error", "count", "broker"}, 2},
};

static int add_parameter(Command *c, json_t *parameters, const char *name, const char *value) {
        int64_t n;

        if (streq(name, "request"))
                return json_object_set_new(parameters, name, json_string(value)) < 0
                               ? command_bad_value(c, "'%s' is not UTF-8 text", value)
                               : 0;
        if (parse_i64(value, INT32_MIN, INT32_MAX, &n) < 0)
                return command_bad_value(c, "'%s' is not a number (%s)", value, name);
        json_object_set_new(parameters, name, json_integer(n));
        return 0;
}

static int add_fault(Command *c, json_t *parameters, size_t index) {
        const char *const *names = faults[index].parameters;
        size_t given = c->n_arguments - 1, most = 0;
        int r = 0;

        while (most < ELEMENTSOF(faults[index].parameters) && names[most])
                most++;
        if (given < faults[index].needed)
                return command_bad_value(c, "'fault %s' needs its %s", faults[index].kind,
                                         names[given]);
        if (given > most)
                return command_bad_value(c, "'fault %s' does not take '%s'", faults[index].kind,
                                         c->arguments[most + 1]);
        for (size_t i = 0; i < given && r == 0; i++)
                r = add_parameter(c, parameters, names[i], c->arguments[i + 1]);
        return r;
}

int verb_fault(Command *c) {
        _cleanup_json_ json_t *parameters = json_pack("{s:s}", "kind", c->arguments[0]);
        int r;

        for (size_t i = 0; i < ELEMENTSOF(faults); i++)
                if (streq(faults[i].kind, c->arguments[0])) {
                        r = add_fault(c, parameters, i);
                        if (r != 0)
                                return r;
                        return command_look(c, json_incref(parameters), nothing_shape, draw_fault);
                }
        return command_bad_value(c, "There is no fault '%s'", c->arguments[0]);
}

/* ---- call ---- */

static int print_reply(void *userdata, json_t *reply) {
        const Command *c = userdata;
        _cleanup_buffer_ Buffer out = {0};

        out.failed |= !output_json(&out, &c->style, reply);
        return output_write(&out);
}

int verb_call(Command *c) {
        const char *method = c->arguments[0];
        const char *text = c->n_arguments > 1 ? c->arguments[1] : "{}";
        _cleanup_json_ json_t *parameters = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        _cleanup_json_ json_t *reply = NULL;
        _cleanup_buffer_ Buffer name = {0};
        ClientCall call = {
                .path = c->options->socket,
                .parameters = parameters,
                .timeout_usec = (uint64_t) ((c->options->timeout_s > 0 ? c->options->timeout_s
                                                                       : c->verb->timeout_s) *
                                            (double) USEC_PER_SEC),
                .more = true,
                .on_reply = print_reply,
                .userdata = c,
        };
        int r;

        if (!json_is_object(parameters))
                return command_bad_value(c, "'%s' is not a JSON object", text);
        if (!strchr(method, '.'))
                buffer_append_string(&name, PROTOCOL_INTERFACE ".");
        buffer_append_string(&name, method);
        call.method = buffer_string(&name);
        r = client_call(&call, &reply, c->failure);
        return r != 0 ? r : print_reply(c, reply);
}
