/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `crierctl status` as a picture: see status.h. The shape was checked before, so that members are
 * there and have their types; their values may still be anything.
 */

#include "crierctl/status.h"

#include "crierctl/table.h"

static const Shape trouble_shape[] = {
        {"code", SHAPE_STRING},
        {"text", SHAPE_STRING},
        {"advice", SHAPE_STRING},
        {"since_ms", SHAPE_INTEGER},
        {NULL},
};

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

static const Shape producer_shape[] = {
        {"name", SHAPE_STRING},
        {"topic", SHAPE_STRING},
        {"rate", SHAPE_NUMBER, .nullable = true},
        {"count", SHAPE_INTEGER},
        {"made", SHAPE_INTEGER},
        {"acked", SHAPE_INTEGER},
        {"failed", SHAPE_INTEGER},
        {"overflowed", SHAPE_INTEGER},
        {"queued", SHAPE_INTEGER},
        {"state", SHAPE_STRING},
        TROUBLE,
        {NULL},
};

static const Shape partition_shape[] = {
        {"topic", SHAPE_STRING},
        {"partition", SHAPE_INTEGER},
        {"position", SHAPE_INTEGER, .nullable = true},
        {"committed", SHAPE_INTEGER, .nullable = true},
        {"lag", SHAPE_INTEGER, .nullable = true},
        {"held", SHAPE_INTEGER},
        {NULL},
};

static const Shape consumer_shape[] = {
        {"consumer", SHAPE_INTEGER},
        {"client_id", SHAPE_STRING},
        {"state", SHAPE_STRING},
        {"received", SHAPE_INTEGER},
        {"written", SHAPE_INTEGER},
        TROUBLE,
        {"partitions", SHAPE_OBJECT, .list = true, .members = partition_shape},
        {NULL},
};

static const Shape group_shape[] = {
        {"name", SHAPE_STRING},
        {"topics", SHAPE_STRING, .list = true},
        {"delivery", SHAPE_STRING},
        {"configured", SHAPE_STRING},
        {"reason", SHAPE_STRING},
        {"log", SHAPE_BOOLEAN},
        {"start", SHAPE_STRING},
        {"stable", SHAPE_BOOLEAN},
        {"rebalances", SHAPE_INTEGER},
        {"received", SHAPE_INTEGER},
        {"written", SHAPE_INTEGER},
        {"lag", SHAPE_INTEGER, .nullable = true},
        {"standbys", SHAPE_INTEGER, .list = true},
        TROUBLE,
        {"consumers", SHAPE_OBJECT, .list = true, .members = consumer_shape},
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

static const char *get_string(const json_t *object, const char *key) {
        return json_string_value(json_object_get(object, key));
}

static long long get_integer(const json_t *object, const char *key) {
        return json_integer_value(json_object_get(object, key));
}

static bool get_boolean(const json_t *object, const char *key) {
        return json_is_true(json_object_get(object, key));
}

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
        static const char *const counts[] = {"acked", "failed", "overflowed", "queued"};
        const json_t *rate = json_object_get(producer, "rate");
        long long count = get_integer(producer, "count");
        Row *row = table_row(t, NULL);

        row_text(row, 0, get_string(producer, "name"));
        row_text(row, 1, get_string(producer, "topic"));
        if (json_is_number(rate))
                row_textf(row, 2, "%g/s", json_number_value(rate));
        else
                row_text(row, 2, "max");
        if (count > 0)
                row_textf(row, 3, "%lld of %lld", get_integer(producer, "made"), count);
        else
                row_textf(row, 3, "%lld", get_integer(producer, "made"));
        for (size_t i = 0; i < ELEMENTSOF(counts); i++)
                row_textf(row, 4 + i, "%lld", get_integer(producer, counts[i]));
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

/* A partition of a consumer. */
typedef struct Owned {
        const char *topic;
        long long number;
} Owned;

static int compare_owned(const void *a, const void *b) {
        const Owned *x = a, *y = b;
        int order = strcmp(x->topic, y->topic);

        return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

/* Whether `b` is the next partition of the same topic. */
static bool follows(const Owned *a, const Owned *b) {
        return a->number < INT64_MAX && a->number + 1 == b->number && streq(a->topic, b->topic);
}

/* A run of partitions, "post.office 0-2". A cell's line ends after so many bytes, between two runs.
 */
#define LINE_BYTES 28

static void append_run(Buffer *out, size_t *line, const char *topic, long long first,
                       long long last) {
        if (out->size > 0)
                buffer_append_string(out, topic ? ";" : ",");
        if (out->size - *line > LINE_BYTES) {
                buffer_append_byte(out, '\n');
                *line = out->size;
        } else if (topic && out->size > 0)
                buffer_append_byte(out, ' ');
        if (topic)
                output_textf(out, "%s ", topic);
        buffer_appendf(out, "%lld", first);
        if (last > first)
                buffer_appendf(out, "-%lld", last);
}

/* "post.office 0-2,4; invoices 1": sorted, with runs put together. */
static void append_partitions(Buffer *out, const json_t *partitions) {
        size_t n = json_array_size(partitions), line = 0;
        _cleanup_free_ Owned *owned = calloc(MAX(n, (size_t) 1), sizeof(Owned));
        const char *before = "";

        if (!owned)
                return;
        for (size_t i = 0; i < n; i++) {
                const json_t *partition = json_array_get(partitions, i);

                owned[i].topic = get_string(partition, "topic");
                owned[i].number = get_integer(partition, "partition");
        }
        qsort(owned, n, sizeof(Owned), compare_owned);
        for (size_t i = 0, last; i < n; i = last + 1) {
                for (last = i; last + 1 < n && follows(owned + last, owned + last + 1);)
                        last++;
                append_run(out, &line, streq(owned[i].topic, before) ? NULL : owned[i].topic,
                           owned[i].number, owned[last].number);
                before = owned[i].topic;
        }
}

/* The sum of the lags, or "?" while one of them is not known. */
static void draw_lag(Row *row, size_t column, const json_t *partitions) {
        const json_t *partition;
        long long sum = 0;
        size_t i;

        json_array_foreach(partitions, i, partition) {
                if (!json_is_integer(json_object_get(partition, "lag"))) {
                        row_text(row, column, "?");
                        return;
                }
                if (__builtin_add_overflow(sum, get_integer(partition, "lag"), &sum))
                        sum = INT64_MAX;
        }
        if (i > 0)
                row_textf(row, column, "%lld", sum);
        else
                row_text(row, column, "-");
}

static void draw_consumer(Table *t, Row *parent, const json_t *group, const json_t *consumer) {
        const json_t *partitions = json_object_get(consumer, "partitions");
        _cleanup_buffer_ Buffer owned = {0};
        Row *row = table_row(t, parent);

        row_textf(row, 0, "consumer %lld", get_integer(consumer, "consumer"));
        row_state(row, 1, get_string(consumer, "state"));
        append_partitions(&owned, partitions);
        if (owned.size == 0)
                buffer_append_byte(&owned, '-');
        row_lines(row, 2, &owned);
        row_textf(row, 3, "%lld", get_integer(consumer, "received"));
        if (get_boolean(group, "log"))
                row_textf(row, 4, "%lld", get_integer(consumer, "written"));
        else
                row_text(row, 4, "off");
        draw_lag(row, 5, partitions);
}

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

/* One trouble, if the object has one. `first` says whether none was drawn before. */
static void draw_trouble(Picture *p, const json_t *object, bool *first, const char *format, ...)
        _printf_(4, 5);

static void draw_trouble(Picture *p, const json_t *object, bool *first, const char *format, ...) {
        const json_t *trouble = json_object_get(object, "trouble");
        int64_t since = get_integer(trouble, "since_ms");
        _cleanup_buffer_ Buffer who = {0};
        va_list ap;

        if (!json_is_object(trouble))
                return;
        va_start(ap, format);
        buffer_appendv(&who, format, ap);
        va_end(ap);
        buffer_append_string(p->out, *first ? "\n" : "");
        *first = false;
        buffer_append_string(p->out, p->style->colour ? "\033[31mtrouble:\033[0m " : "trouble: ");
        output_text(p->out, buffer_string(&who));
        buffer_append_string(p->out, ", for ");
        output_duration(p->out,
                        since > 0 && since < p->now_ms ? (uint64_t) (p->now_ms - since) : 0);
        output_textf(p->out, ": %s", get_string(trouble, "text"));
        buffer_append_string(p->out, "\n         ");
        output_text(p->out, get_string(trouble, "advice"));
        buffer_append_byte(p->out, '\n');
}

static void draw_troubles(Picture *p) {
        const json_t *o, *consumer;
        bool first = true;
        size_t i, k;

        draw_trouble(p, json_object_get(p->status, "cluster"), &first, "cluster");
        draw_trouble(p, json_object_get(p->status, "sink"), &first, "sink");
        json_array_foreach(json_object_get(p->status, "producers"), i, o) {
                draw_trouble(p, o, &first, "producer %s", get_string(o, "name"));
        }
        json_array_foreach(json_object_get(p->status, "groups"), i, o) {
                draw_trouble(p, o, &first, "group %s", get_string(o, "name"));
                json_array_foreach(json_object_get(o, "consumers"), k, consumer) {
                        draw_trouble(p, consumer, &first, "consumer %lld of group %s",
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
