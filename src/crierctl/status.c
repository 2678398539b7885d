/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `crierctl status` as a picture: see status.h. The shape was checked before, so that members are
 * there and have their types; their values may still be anything.
 */

#include "crierctl/status.h"

#include "common/clock.h"
#include "crierctl/command.h"
#include "crierctl/parts.h"

#define TROUBLE \
        { "trouble", SHAPE_OBJECT, .nullable = true, .members = trouble_shape }

static const Shape cluster_shape[] = {
        {"bootstrap", SHAPE_STRING},
        {"embedded", SHAPE_BOOLEAN},
        {"id", SHAPE_STRING, .nullable = true},
        {"state", SHAPE_STRING},
        TROUBLE,
        {NULL},
};

static const Shape sink_shape[] = {
        {"kind", SHAPE_STRING},
        {"target", SHAPE_STRING},
        {"state", SHAPE_STRING},
        {"entries", SHAPE_INTEGER},
        TROUBLE,
        {NULL},
};

const Shape status_shape[] = {
        {"version", SHAPE_STRING},
        {"pid", SHAPE_INTEGER},
        {"state", SHAPE_STRING},
        {"uptime_ms", SHAPE_INTEGER},
        {"cluster", SHAPE_OBJECT, .members = cluster_shape},
        {"sink", SHAPE_OBJECT, .members = sink_shape},
        {"producers", SHAPE_OBJECT, .list = true, .members = producer_shape},
        {"groups", SHAPE_OBJECT, .list = true, .members = group_shape},
        {NULL},
};

/* The picture under way. */
typedef struct Picture {
        const json_t *status;
        const OutputStyle *style;
        int64_t now_ms;
        Buffer *out;
} Picture;

static void draw_head(Picture *p) {
        const json_t *cluster = json_object_get(p->status, "cluster");
        const json_t *sink = json_object_get(p->status, "sink");
        const char *id = get_string(cluster, "id");
        Buffer *out = p->out;

        output_textf(out, "crierd %s, ", get_string(p->status, "version"));
        output_state(out, p->style, get_string(p->status, "state"));
        buffer_append_string(out, ", up ");
        output_duration(out, (uint64_t) MAX(get_integer(p->status, "uptime_ms"), 0));
        buffer_appendf(out, ", pid %lld\n", get_integer(p->status, "pid"));

        buffer_append_string(out, "cluster: ");
        if (get_boolean(cluster, "embedded"))
                buffer_append_string(out, "embedded broker at ");
        output_text(out, get_string(cluster, "bootstrap"));
        if (id && !get_boolean(cluster, "embedded"))
                output_textf(out, " (id %s)", id);
        buffer_append_string(out, ", ");
        output_state(out, p->style, get_string(cluster, "state"));
        buffer_append_byte(out, '\n');
        if (get_boolean(cluster, "embedded") && p->style->legend) {
                buffer_append_string(out, "         other clients join with bootstrap.servers=");
                output_text(out, get_string(cluster, "bootstrap"));
                buffer_append_byte(out, '\n');
        }

        buffer_append_string(out, "sink:    ");
        output_textf(out, "%s (%s), ", get_string(sink, "kind"), get_string(sink, "target"));
        output_state(out, p->style, get_string(sink, "state"));
        buffer_appendf(out, ", %lld entries\n", get_integer(sink, "entries"));
}

static void draw_producer(Table *t, const json_t *producer) {
        const json_t *rate = json_object_get(producer, "rate");
        Row *row = table_row(t, NULL);

        row_text(row, 0, get_string(producer, "name"));
        row_text(row, 1, get_string(producer, "topic"));
        if (json_is_number(rate))
                row_textf(row, 2, "%g/s", json_number_value(rate));
        else
                row_text(row, 2, "max");
        parts_counts(row, 3, producer);
        row_state(row, 8, get_string(producer, "state"));
}

static void draw_producers(Picture *p) {
        static const Column columns[] = {
                {"PRODUCER", COLUMN_TEXT},     {"TOPIC", COLUMN_TEXT},    {"RATE", COLUMN_NUMBER},
                {"MADE", COLUMN_NUMBER},       {"ACKED", COLUMN_NUMBER},  {"FAILED", COLUMN_NUMBER},
                {"OVERFLOWED", COLUMN_NUMBER}, {"QUEUED", COLUMN_NUMBER}, {"STATE", COLUMN_TEXT},
        };
        const json_t *producers = json_object_get(p->status, "producers"), *producer;
        Table *t = table_new(p->style, columns, ELEMENTSOF(columns));
        size_t i;

        buffer_append_string(p->out, json_array_size(producers) > 0 ? "\n" : "\nno producers\n");
        json_array_foreach(producers, i, producer) {
                draw_producer(t, producer);
        }
        table_finish(t, p->out);
}

static void draw_consumer(Table *t, Row *parent, const json_t *group, const json_t *consumer) {
        const json_t *partitions = json_object_get(consumer, "partitions");
        _cleanup_buffer_ Buffer owned = {0};
        Row *row = table_row(t, parent);

        row_textf(row, 0, "consumer %lld", get_integer(consumer, "consumer"));
        parts_consumer_state(row, 1, consumer);
        parts_owned(&owned, partitions, NULL);
        if (owned.size == 0)
                buffer_append_byte(&owned, '-');
        row_lines(row, 2, &owned);
        row_textf(row, 3, "%lld", get_integer(consumer, "received"));
        if (get_boolean(group, "log"))
                row_textf(row, 4, "%lld", get_integer(consumer, "written"));
        else
                row_text(row, 4, "off");
        parts_lag(row, 5, partitions, NULL);
}

/* A line of a cell ends after so many bytes. */
#define LINE_BYTES 28

/* "5 partitions, standby 5, 6" */
static void append_share(Buffer *out, const json_t *group) {
        const json_t *standbys = json_object_get(group, "standbys"), *j;
        size_t partitions = 0, line = 0, i;

        json_array_foreach(json_object_get(group, "consumers"), i, j) {
                partitions += json_array_size(json_object_get(j, "partitions"));
        }
        buffer_appendf(out, "%zu partition%s", partitions, partitions == 1 ? "" : "s");
        json_array_foreach(standbys, i, j) {
                buffer_append_string(out, i == 0 ? ", standby " : ",");
                if (i > 0 && out->size - line > LINE_BYTES) {
                        buffer_append_byte(out, '\n');
                        line = out->size;
                } else if (i > 0)
                        buffer_append_byte(out, ' ');
                buffer_append_i64(out, json_integer_value(j));
        }
}

static void draw_group(Table *t, const json_t *group) {
        const json_t *lag = json_object_get(group, "lag"), *consumer;
        _cleanup_buffer_ Buffer share = {0};
        Row *row = table_row(t, NULL);
        size_t i;

        row_text(row, 0, get_string(group, "name"));
        row_state(row, 1, get_boolean(group, "stable") ? "stable" : "rebalancing");
        append_share(&share, group);
        row_lines(row, 2, &share);
        row_textf(row, 3, "%lld", get_integer(group, "received"));
        if (get_boolean(group, "log"))
                row_textf(row, 4, "%lld", get_integer(group, "written"));
        else
                row_text(row, 4, "off");
        if (json_is_integer(lag))
                row_textf(row, 5, "%lld", (long long) json_integer_value(lag));
        else
                row_text(row, 5, "?");
        json_array_foreach(json_object_get(group, "consumers"), i, consumer) {
                draw_consumer(t, row, group, consumer);
        }
}

/* The delivery of the group, with all others for which the same is to be said; nothing where an
 * earlier one has said it already. */
static void draw_delivery(Picture *p, const json_t *groups, size_t index) {
        static const char *const keys[] = {"delivery", "configured", "reason"};
        const json_t *own = json_array_get(groups, index), *other;
        const char *separator = "";
        size_t i;

        json_array_foreach(groups, i, other) {
                bool same = true;

                for (size_t k = 0; k < ELEMENTSOF(keys); k++)
                        same &= streq(get_string(own, keys[k]), get_string(other, keys[k])) != 0;
                if (!same)
                        continue;
                if (i < index)
                        return;
                if (i == index)
                        output_textf(p->out, "delivery: %s for ", get_string(own, "delivery"));
                output_textf(p->out, "%s%s", separator, get_string(other, "name"));
                separator = ", ";
        }
        output_textf(p->out, " (%s: %s)", get_string(own, "configured"), get_string(own, "reason"));
        buffer_append_byte(p->out, '\n');
}

static void draw_groups(Picture *p) {
        static const Column columns[] = {
                {"GROUP", COLUMN_TREE},      {"STATE", COLUMN_TEXT},     {"OWNS", COLUMN_LINES},
                {"RECEIVED", COLUMN_NUMBER}, {"WRITTEN", COLUMN_NUMBER}, {"LAG", COLUMN_NUMBER},
        };
        const json_t *groups = json_object_get(p->status, "groups"), *group;
        Table *t = table_new(p->style, columns, ELEMENTSOF(columns));
        size_t i;

        buffer_append_string(p->out, json_array_size(groups) > 0 ? "\n" : "\nno groups\n");
        json_array_foreach(groups, i, group) {
                draw_group(t, group);
        }
        table_finish(t, p->out);
        if (json_array_size(groups) > 0 && p->style->legend)
                buffer_append_byte(p->out, '\n');
        json_array_foreach(groups, i, group) {
                if (p->style->legend)
                        draw_delivery(p, groups, i);
        }
}

static void draw_troubles(Picture *p) {
        const json_t *o, *consumer;
        bool first = true;
        size_t i, k;

        parts_trouble(p->out, p->style, p->now_ms, json_object_get(p->status, "cluster"), &first,
                      "cluster");
        parts_trouble(p->out, p->style, p->now_ms, json_object_get(p->status, "sink"), &first,
                      "sink");
        json_array_foreach(json_object_get(p->status, "producers"), i, o) {
                parts_trouble(p->out, p->style, p->now_ms, o, &first, "producer %s",
                              get_string(o, "name"));
        }
        json_array_foreach(json_object_get(p->status, "groups"), i, o) {
                parts_open_transactions(p->out, o, NULL, &first);
        }
        json_array_foreach(json_object_get(p->status, "groups"), i, o) {
                parts_trouble(p->out, p->style, p->now_ms, o, &first, "group %s",
                              get_string(o, "name"));
                json_array_foreach(json_object_get(o, "consumers"), k, consumer) {
                        parts_trouble(p->out, p->style, p->now_ms, consumer, &first,
                                      "consumer %lld of group %s",
                                      get_integer(consumer, "consumer"), get_string(o, "name"));
                }
        }
}

void status_draw(const json_t *status, const OutputStyle *style, int64_t now_ms, Buffer *out) {
        Picture p = {.status = status, .style = style, .now_ms = now_ms, .out = out};

        draw_head(&p);
        draw_producers(&p);
        draw_groups(&p);
        draw_troubles(&p);
}

static void draw(const Command *c, const json_t *reply, Buffer *out) {
        status_draw(reply, &c->style, clock_realtime_ms(), out);
}

int verb_status(Command *c) {
        return command_look(c, json_object(), status_shape, draw);
}
