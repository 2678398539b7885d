/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The picture of topics: see pictures.h.
 */

#include "crierctl/parts.h"
#include "crierctl/pictures.h"

/* The longest bar, in columns; it is the largest partition's. */
#define BAR_WIDTH 30

static const Shape range_shape[] = {
        {"partition", SHAPE_INTEGER},
        {"first", SHAPE_INTEGER, .nullable = true},
        {"end", SHAPE_INTEGER, .nullable = true},
        {NULL},
};

static const Shape topic_shape[] = {
        {"name", SHAPE_STRING},
        {"configured", SHAPE_BOOLEAN},
        {"problem", SHAPE_STRING, .nullable = true},
        {"partitions", SHAPE_OBJECT, .list = true, .members = range_shape},
        {NULL},
};

const Shape topics_shape[] = {
        {"topics", SHAPE_OBJECT, .list = true, .members = topic_shape},
        {NULL},
};

/* How many offsets lie in a partition's log; -1 where that is not known. */
static double count_events(const json_t *range) {
        if (!json_is_integer(json_object_get(range, "first")) ||
            !json_is_integer(json_object_get(range, "end")))
                return -1;
        /* As numbers that cannot overflow. */
        return MAX((double) get_integer(range, "end") - (double) get_integer(range, "first"), 0.0);
}

/* A bar of `share` of BAR_WIDTH, to an eighth of a column where the locale has such characters. */
static void append_bar(Buffer *out, double share) {
        static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
        unsigned units = (unsigned) (share * BAR_WIDTH * 8 + 0.5);

        for (unsigned i = 0; i < units / 8; i++)
                buffer_append_string(out, output_utf8() ? "█" : "#");
        if (output_utf8())
                buffer_append_string(out, eighths[units % 8]);
        else if (units % 8 >= 4)
                buffer_append_byte(out, '#');
}

static void draw_range(Table *t, const json_t *range, double sum, double most) {
        double events = count_events(range);
        _cleanup_buffer_ Buffer bar = {0};
        Row *row = table_row(t, NULL);

        row_textf(row, 0, "%lld", get_integer(range, "partition"));
        parts_integer(row, 1, range, "first");
        parts_integer(row, 2, range, "end");
        if (events < 0) {
                row_text(row, 3, "?");
                return;
        }
        row_textf(row, 3, "%.0f", events);
        row_textf(row, 4, "%.0f%%", sum > 0 ? 100 * events / sum : 0);
        append_bar(&bar, most > 0 ? events / most : 0);
        row_lines(row, 5, &bar);
}

/* "post.office, 5 partitions, 1200 events" */
static void draw_title(const json_t *topic, double sum, Buffer *out) {
        size_t n = json_array_size(json_object_get(topic, "partitions"));
        const char *problem = get_string(topic, "problem");

        output_text(out, get_string(topic, "name"));
        if (problem)
                output_textf(out, ": %s", problem);
        else
                buffer_appendf(out, ", %zu partition%s, %.0f event%s", n, n == 1 ? "" : "s", sum,
                               sum == 1 ? "" : "s");
        buffer_append_byte(out, '\n');
}

static void draw_topic(const Command *c, const json_t *topic, Buffer *out) {
        static const Column columns[] = {
                {"PARTITION", COLUMN_NUMBER}, {"FIRST", COLUMN_NUMBER}, {"END", COLUMN_NUMBER},
                {"EVENTS", COLUMN_NUMBER},    {"SHARE", COLUMN_NUMBER}, {"", COLUMN_LINES},
        };
        const json_t *ranges = json_object_get(topic, "partitions"), *range;
        Table *t = table_new(&c->style, columns, ELEMENTSOF(columns));
        double sum = 0, most = 0;
        size_t i;

        json_array_foreach(ranges, i, range) {
                double events = MAX(count_events(range), 0.0);

                sum += events;
                most = MAX(most, events);
        }
        draw_title(topic, sum, out);
        json_array_foreach(ranges, i, range) {
                draw_range(t, range, sum, most);
        }
        table_finish(t, out);
}

void topics_draw(const Command *c, const json_t *reply, Buffer *out) {
        const json_t *topics = json_object_get(reply, "topics"), *topic;
        size_t i;

        if (json_array_size(topics) == 0)
                buffer_append_string(out, "no topics\n");
        json_array_foreach(topics, i, topic) {
                if (i > 0)
                        buffer_append_byte(out, '\n');
                draw_topic(c, topic, out);
        }
}
