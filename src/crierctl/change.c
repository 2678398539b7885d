/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verbs that change groups, consumers and producers: scale, remove, kill, pause, resume, rate,
 * and seek. What they ask for and how it went; produce has its own file.
 */

#include "common/parse.h"
#include "crierctl/command.h"
#include "crierctl/parts.h"

/* "in 5.0 s" */
static void append_duration(Buffer *out, const json_t *reply) {
        buffer_appendf(out, " in %.1f s", (double) get_integer(reply, "duration_ms") / 1000);
}

/* ---- the shape of a group ---- */

static const Shape reshape_shape[] = {
        {"group", SHAPE_STRING},
        {"before", SHAPE_INTEGER},
        {"after", SHAPE_INTEGER},
        {"stable", SHAPE_BOOLEAN},
        {"consumers", SHAPE_OBJECT, .list = true, .members = consumer_shape},
        {"duration_ms", SHAPE_INTEGER},
        {NULL},
};

static void draw_assignment(const Command *c, const json_t *consumers, Buffer *out) {
        static const Column columns[] = {
                {"CONSUMER", COLUMN_NUMBER}, {"STATE", COLUMN_TEXT}, {"OWNS", COLUMN_LINES}};
        Table *t = table_new(&c->style, columns, ELEMENTSOF(columns));
        const json_t *consumer;
        size_t i;

        json_array_foreach(consumers, i, consumer) {
                _cleanup_buffer_ Buffer owned = {0};
                Row *row = table_row(t, NULL);

                parts_owned(&owned, json_object_get(consumer, "partitions"), NULL);
                if (owned.size == 0)
                        buffer_append_byte(&owned, '-');
                row_textf(row, 0, "%lld", get_integer(consumer, "consumer"));
                parts_consumer_state(row, 1, consumer);
                row_lines(row, 2, &owned);
        }
        table_finish(t, out);
}

/* "inv: 2 -> 7 consumers in 5.0 s, stable" */
static void draw_reshape(const Command *c, const json_t *reply, Buffer *out) {
        long long after = get_integer(reply, "after");

        output_textf(out, "%s: ", get_string(reply, "group"));
        buffer_appendf(out, "%lld %s %lld consumer%s", get_integer(reply, "before"), output_arrow(),
                       after, after == 1 ? "" : "s");
        append_duration(out, reply);
        buffer_append_string(out, ", ");
        output_state(out, &c->style, get_boolean(reply, "stable") ? "stable" : "rebalancing");
        buffer_append_byte(out, '\n');
        draw_assignment(c, json_object_get(reply, "consumers"), out);
}

static void draw_reshape_progress(const Command *c, const json_t *reply, Buffer *out) {
        const json_t *consumer;
        unsigned joined = 0;
        size_t i;

        json_array_foreach(json_object_get(reply, "consumers"), i, consumer) {
                const char *state = get_string(consumer, "state");

                joined += streq(state, "owner") || streq(state, "standby");
        }
        buffer_appendf(out, "the group: %u of %zu consumers", joined,
                       json_array_size(json_object_get(reply, "consumers")));
}

static const Change reshape = {reshape_shape, draw_reshape, draw_reshape_progress};

int verb_scale(Command *c) {
        const char *count = c->arguments[1];
        bool relative = *count == '+' || *count == '-';
        int64_t n;

        if (parse_i64(count, -INT32_MAX, INT32_MAX, &n) < 0)
                return command_bad_value(c, "'%s' is not a number of consumers", count);
        return command_change(c,
                              json_pack("{s:s, s:I}", "group", c->arguments[0],
                                        relative ? "by" : "count", (json_int_t) n),
                              &reshape);
}

/* ---- one consumer that goes ---- */

static const Shape consumers_shape[] = {
        {"consumers", SHAPE_OBJECT, .list = true, .members = consumer_shape},
        {NULL},
};

/* The consumer of that list that owns the partition, or NULL. */
static const json_t *find_owner(const json_t *consumers, const json_t *partition) {
        const json_t *consumer, *owned;
        size_t i, k;

        json_array_foreach(consumers, i, consumer) {
                json_array_foreach(json_object_get(consumer, "partitions"), k, owned) {
                        if (get_integer(owned, "partition") ==
                                    get_integer(partition, "partition") &&
                            streq(get_string(owned, "topic"), get_string(partition, "topic")))
                                return consumer;
                }
        }
        return NULL;
}

/* "post.office 0: consumer 3 -> consumer 5", for each that it had. */
static void draw_heirs(const Command *c, const json_t *reply, Buffer *out) {
        const json_t *consumers = json_object_get(reply, "consumers"), *partition, *heir;
        long long number = get_integer(reply, "consumer");
        size_t i;

        json_array_foreach(json_object_get(c->before, "partitions"), i, partition) {
                heir = find_owner(consumers, partition);
                output_textf(out, "%s %lld", get_string(partition, "topic"),
                             get_integer(partition, "partition"));
                buffer_appendf(out, ": consumer %lld %s ", number, output_arrow());
                if (heir)
                        buffer_appendf(out, "consumer %lld\n", get_integer(heir, "consumer"));
                else if (get_boolean(reply, "stable"))
                        buffer_append_string(out, "no consumer of this daemon\n");
                else
                        buffer_append_string(out, "nobody yet\n");
        }
}

static void draw_farewell(const Command *c, const json_t *reply, Buffer *out) {
        draw_reshape(c, reply, out);
        draw_heirs(c, reply, out);
}

/* Like the others, and which consumer it is about. */
static const Shape farewell_shape[] = {
        {"consumer", SHAPE_INTEGER},
        {"group", SHAPE_STRING},
        {"before", SHAPE_INTEGER},
        {"after", SHAPE_INTEGER},
        {"stable", SHAPE_BOOLEAN},
        {"consumers", SHAPE_OBJECT, .list = true, .members = consumer_shape},
        {"duration_ms", SHAPE_INTEGER},
        {NULL},
};

static const Change farewell = {farewell_shape, draw_farewell, draw_reshape_progress};

/* Keeps what the consumer owns now. */
static int look_before(Command *c, int64_t number) {
        _cleanup_json_ json_t *reply = NULL;
        json_t *consumer;
        size_t i;
        int r;

        r = command_call_method(c, PROTOCOL_INTERFACE ".Consumers", json_object(), consumers_shape,
                                &reply);
        if (r != 0)
                return r;
        json_array_foreach(json_object_get(reply, "consumers"), i, consumer) {
                if (get_integer(consumer, "consumer") == number)
                        c->before = json_incref(consumer);
        }
        return 0;
}

static int end_consumer(Command *c) {
        int64_t number;
        int r;

        if (parse_i64(c->arguments[0], 0, INT32_MAX, &number) < 0)
                return command_bad_value(c, "'%s' is not a consumer's number", c->arguments[0]);
        r = look_before(c, number);
        if (r != 0)
                return r;
        return command_change(c, json_pack("{s:I}", "consumer", (json_int_t) number), &farewell);
}

int verb_remove(Command *c) {
        return end_consumer(c);
}

int verb_kill(Command *c) {
        return end_consumer(c);
}

/* ---- pauses ---- */

static const Shape target_shape[] = {
        {"kind", SHAPE_STRING},
        {"name", SHAPE_STRING},
        {"before", SHAPE_STRING},
        {"after", SHAPE_STRING},
        {NULL},
};

static const Shape pause_shape[] = {
        {"targets", SHAPE_OBJECT, .list = true, .members = target_shape},
        {"duration_ms", SHAPE_INTEGER},
        {NULL},
};

/* "producer office: running -> paused" */
static void draw_targets(const Command *c, const json_t *reply, Buffer *out) {
        const json_t *target;
        size_t i;

        json_array_foreach(json_object_get(reply, "targets"), i, target) {
                output_textf(out, "%s %s: ", get_string(target, "kind"),
                             get_string(target, "name"));
                output_text(out, get_string(target, "before"));
                buffer_appendf(out, " %s ", output_arrow());
                output_text(out, get_string(target, "after"));
                buffer_append_byte(out, '\n');
        }
}

static void draw_pause_progress(const Command *c, const json_t *reply, Buffer *out) {
        buffer_append_string(out, "what was made before to be delivered");
}

static const Change pausing = {pause_shape, draw_targets, draw_pause_progress};

static int pause_or_resume(Command *c) {
        json_t *targets = json_array();

        for (size_t i = 0; i < c->n_arguments; i++)
                if (json_array_append_new(targets, json_string(c->arguments[i])) < 0) {
                        json_decref(targets);
                        return command_bad_value(c, "'%s' is not UTF-8 text", c->arguments[i]);
                }
        return command_change(c, json_pack("{s:o}", "targets", targets), &pausing);
}

int verb_pause(Command *c) {
        return pause_or_resume(c);
}

int verb_resume(Command *c) {
        return pause_or_resume(c);
}

/* ---- rates ---- */

static const Shape rate_shape[] = {
        {"producer", SHAPE_STRING},
        {"before", SHAPE_NUMBER, .nullable = true},
        {"after", SHAPE_NUMBER, .nullable = true},
        {NULL},
};

static void append_rate(Buffer *out, const json_t *rate) {
        if (json_is_number(rate))
                buffer_appendf(out, "%g/s", json_number_value(rate));
        else
                buffer_append_string(out, "max");
}

/* "office: 1/s -> 10/s" */
static void draw_rate(const Command *c, const json_t *reply, Buffer *out) {
        output_textf(out, "%s: ", get_string(reply, "producer"));
        append_rate(out, json_object_get(reply, "before"));
        buffer_appendf(out, " %s ", output_arrow());
        append_rate(out, json_object_get(reply, "after"));
        buffer_append_byte(out, '\n');
}

int verb_rate(Command *c) {
        return command_look(
                c, json_pack("{s:s, s:s}", "producer", c->arguments[0], "rate", c->arguments[1]),
                rate_shape, draw_rate);
}

/* ---- seek ---- */

static const Shape moved_shape[] = {
        {"partition", SHAPE_INTEGER},
        {"before", SHAPE_INTEGER, .nullable = true},
        {"after", SHAPE_INTEGER, .nullable = true},
        {NULL},
};

static const Shape seek_shape[] = {
        {"group", SHAPE_STRING},
        {"topic", SHAPE_STRING},
        {"partitions", SHAPE_OBJECT, .list = true, .members = moved_shape},
        {"duration_ms", SHAPE_INTEGER},
        {NULL},
};

static void append_offset(Buffer *out, const json_t *offset, const char *otherwise) {
        if (json_is_integer(offset))
                buffer_append_i64(out, json_integer_value(offset));
        else
                buffer_append_string(out, otherwise);
}

static void draw_seek(const Command *c, const json_t *reply, Buffer *out) {
        const json_t *partitions = json_object_get(reply, "partitions"), *moved;
        size_t n = json_array_size(partitions), i;

        output_textf(out, "%s: ", get_string(reply, "group"));
        buffer_appendf(out, "%zu partition%s of ", n, n == 1 ? "" : "s");
        output_text(out, get_string(reply, "topic"));
        append_duration(out, reply);
        buffer_append_byte(out, '\n');
        json_array_foreach(partitions, i, moved) {
                output_text(out, get_string(reply, "topic"));
                buffer_appendf(out, " %lld: ", get_integer(moved, "partition"));
                append_offset(out, json_object_get(moved, "before"), "none");
                buffer_appendf(out, " %s ", output_arrow());
                append_offset(out, json_object_get(moved, "after"), "not committed yet");
                buffer_append_byte(out, '\n');
        }
}

static void draw_seek_progress(const Command *c, const json_t *reply, Buffer *out) {
        const json_t *partitions = json_object_get(reply, "partitions"), *moved;
        size_t i, done = 0;

        json_array_foreach(partitions, i, moved) {
                done += json_is_integer(json_object_get(moved, "after"));
        }
        buffer_appendf(out, "the new positions: %zu of %zu are committed", done,
                       json_array_size(partitions));
}

static const Change seeking = {seek_shape, draw_seek, draw_seek_progress};

int verb_seek(Command *c) {
        /* A topic's name has no colon. */
        size_t n = strcspn(c->arguments[1], ":");
        const char *part = c->arguments[1][n] ? c->arguments[1] + n + 1 : NULL;
        json_t *parameters;
        int64_t partition;

        if (part && parse_i64(part, 0, INT32_MAX, &partition) < 0)
                return command_bad_value(c, "'%s' is not a partition's number", part);
        parameters = json_pack("{s:s, s:s%, s:s}", "group", c->arguments[0], "topic",
                               c->arguments[1], n, "to", c->arguments[2]);
        if (parameters && part)
                json_object_set_new(parameters, "partition", json_integer(partition));
        return command_change(c, parameters, &seeking);
}
