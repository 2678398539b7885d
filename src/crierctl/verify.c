/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `crierctl verify`: what the journal has, held against what the broker has.
 */

#include "common/iso-time.h"
#include "crierctl/command.h"
#include "crierctl/parts.h"

static const Shape finding_shape[] = {
        {"kind", SHAPE_STRING},
        {"first", SHAPE_INTEGER},
        {"last", SHAPE_INTEGER},
        {NULL},
};

static const Shape verified_shape[] = {
        {"group", SHAPE_STRING},
        {"topic", SHAPE_STRING},
        {"partition", SHAPE_INTEGER, .nullable = true},
        {"guarantee", SHAPE_STRING, .nullable = true},
        {"first", SHAPE_INTEGER, .nullable = true},
        {"committed", SHAPE_INTEGER, .nullable = true},
        {"clean", SHAPE_BOOLEAN},
        {"problem", SHAPE_STRING, .nullable = true},
        {"note", SHAPE_STRING, .nullable = true},
        {"findings", SHAPE_OBJECT, .list = true, .members = finding_shape},
        {"events", SHAPE_INTEGER},
        {"lost", SHAPE_INTEGER},
        {"duplicated", SHAPE_INTEGER},
        {"reordered", SHAPE_INTEGER},
        {"different", SHAPE_INTEGER},
        {"vacuumed", SHAPE_INTEGER},
        {"retention", SHAPE_INTEGER},
        {NULL},
};

static const Shape verify_shape[] = {
        {"clean", SHAPE_BOOLEAN, .nullable = true},
        {"partitions", SHAPE_OBJECT, .list = true, .members = verified_shape},
        {"omitted", SHAPE_INTEGER},
        {"done", SHAPE_INTEGER},
        {"total", SHAPE_INTEGER},
        {"read", SHAPE_INTEGER},
        {"duration_ms", SHAPE_INTEGER},
        {NULL},
};

/* ---- the table ---- */

static void draw_offset(Row *row, size_t column, const json_t *partition, const char *key) {
        if (json_is_integer(json_object_get(partition, key)))
                row_textf(row, column, "%lld", get_integer(partition, key));
        else
                row_text(row, column, "-");
}

static void draw_verified(Table *t, const json_t *partition) {
        const char *guarantee = get_string(partition, "guarantee");
        Row *row = table_row(t, NULL);

        row_text(row, 0, get_string(partition, "group"));
        row_text(row, 1, get_string(partition, "topic"));
        draw_offset(row, 2, partition, "partition");
        row_text(row, 3, guarantee ? guarantee : "-");
        draw_offset(row, 4, partition, "first");
        draw_offset(row, 5, partition, "committed");
        row_textf(row, 6, "%lld", get_integer(partition, "events"));
        row_textf(row, 7, "%lld", get_integer(partition, "lost"));
        row_textf(row, 8, "%lld", get_integer(partition, "duplicated"));
        row_textf(row, 9, "%lld", get_integer(partition, "reordered"));
        row_textf(row, 10, "%lld",
                  get_integer(partition, "vacuumed") + get_integer(partition, "retention"));
        row_state(row, 11, get_boolean(partition, "clean") ? "clean" : "faulty");
}

static void draw_table(const Command *c, const json_t *partitions, Buffer *out) {
        static const Column columns[] = {
                {"GROUP", COLUMN_TEXT},       {"TOPIC", COLUMN_TEXT},
                {"PARTITION", COLUMN_NUMBER}, {"GUARANTEE", COLUMN_TEXT},
                {"FIRST", COLUMN_NUMBER},     {"COMMITTED", COLUMN_NUMBER},
                {"EVENTS", COLUMN_NUMBER},    {"LOST", COLUMN_NUMBER},
                {"TWICE", COLUMN_NUMBER},     {"REORDERED", COLUMN_NUMBER},
                {"UNKNOWN", COLUMN_NUMBER},   {"RESULT", COLUMN_TEXT},
        };
        Table *t = table_new(&c->style, columns, ELEMENTSOF(columns));
        const json_t *partition;
        size_t i;

        json_array_foreach(partitions, i, partition) {
                draw_verified(t, partition);
        }
        table_finish(t, out);
}

/* ---- what is to be said of a partition ---- */

/* "inv post.office/0: " */
static void begin_line(Buffer *out, const json_t *partition) {
        output_textf(out, "%s ", get_string(partition, "group"));
        output_text(out, get_string(partition, "topic"));
        if (json_is_integer(json_object_get(partition, "partition")))
                buffer_appendf(out, "/%lld", get_integer(partition, "partition"));
        buffer_append_string(out, ": ");
}

static void draw_sentence(Buffer *out, const json_t *partition, const char *key) {
        const char *text = get_string(partition, key);

        if (!text)
                return;
        begin_line(out, partition);
        output_text(out, text);
        buffer_append_byte(out, '\n');
}

static void draw_count(Buffer *out, const json_t *partition, const char *key, const char *what) {
        long long n = get_integer(partition, key);

        if (n == 0)
                return;
        begin_line(out, partition);
        buffer_appendf(out, "%lld %s\n", n, what);
}

/* "lost 20-21, 40; duplicated 17" */
static void draw_findings(Buffer *out, const json_t *partition) {
        const json_t *findings = json_object_get(partition, "findings"), *finding;
        const char *kind = NULL;
        size_t i;

        if (json_array_size(findings) == 0)
                return;
        begin_line(out, partition);
        json_array_foreach(findings, i, finding) {
                const char *next = get_string(finding, "kind");
                bool same = kind && streq(kind, next);

                if (!same)
                        output_textf(out, "%s%s", kind ? "; " : "", next);
                buffer_appendf(out, "%s%lld", same ? ", " : " ", get_integer(finding, "first"));
                if (get_integer(finding, "last") != get_integer(finding, "first"))
                        buffer_appendf(out, "-%lld", get_integer(finding, "last"));
                kind = next;
        }
        buffer_append_byte(out, '\n');
}

static void draw_remarks(const json_t *partition, Buffer *out) {
        draw_sentence(out, partition, "problem");
        draw_findings(out, partition);
        draw_count(out, partition, "different",
                   "entries have the offset of an event, but another timestamp");
        draw_count(
                out, partition, "vacuumed",
                "events have no entry, but the journal may have had it: its oldest part is gone");
        draw_count(out, partition, "retention", "offsets are gone at the broker");
        draw_sentence(out, partition, "note");
}

/* ---- all of it ---- */

static void draw_verify(const Command *c, const json_t *reply, Buffer *out) {
        const json_t *partitions = json_object_get(reply, "partitions"), *partition;
        long long done = get_integer(reply, "done");
        size_t i;

        draw_table(c, partitions, out);
        json_array_foreach(partitions, i, partition) {
                draw_remarks(partition, out);
        }
        if (get_integer(reply, "omitted") > 0)
                buffer_appendf(out, "and %lld partitions more\n", get_integer(reply, "omitted"));
        buffer_appendf(out, "%lld partition%s, %lld events and entries read in %.1f s: ", done,
                       done == 1 ? "" : "s", get_integer(reply, "read"),
                       (double) get_integer(reply, "duration_ms") / 1000);
        if (json_is_boolean(json_object_get(reply, "clean")))
                output_state(out, &c->style, get_boolean(reply, "clean") ? "clean" : "faulty");
        else
                buffer_append_string(out, "not done yet");
        buffer_append_byte(out, '\n');
}

static void draw_verify_progress(const Command *c, const json_t *reply, Buffer *out) {
        buffer_appendf(out, "the comparison: %lld of %lld partitions, %lld read",
                       get_integer(reply, "done"), get_integer(reply, "total"),
                       get_integer(reply, "read"));
}

static const Change verifying = {verify_shape, draw_verify, draw_verify_progress};

int verb_verify(Command *c) {
        const char *group = c->n_arguments > 0 ? c->arguments[0] : NULL;
        const char *since = c->options->since;
        _cleanup_json_ json_t *reply = NULL;
        int64_t ms;
        int r;

        if (since && !iso_time_parse(since, &ms))
                return command_bad_value(c, "'%s' is not a time like 2026-01-31T12:00:00Z", since);
        r = command_wait(c, json_pack("{s:s*, s:s*}", "group", group, "since", since), &verifying,
                         &reply);
        if (r == 0)
                r = command_show(c, reply, draw_verify);
        return r != 0 ? r : !get_boolean(reply, "clean");
}
