/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The picture of groups: see pictures.h. Who owns which partition, as a grid.
 */

#include "crierctl/parts.h"
#include "crierctl/pictures.h"

/* A grid is not wider; ranges are drawn then. Also what a reply may make us allocate. */
#define PARTITIONS_MAX 10000

/* What the other columns take of a line, but for the names of members. */
#define OTHER_COLUMNS 32

static const Shape width_shape[] = {
        {"topic", SHAPE_STRING},
        {"partitions", SHAPE_INTEGER, .nullable = true},
        {NULL},
};

static const Shape place_shape[] = {
        {"topic", SHAPE_STRING},
        {"partition", SHAPE_INTEGER},
        {NULL},
};

static const Shape member_shape[] = {
        {"group", SHAPE_STRING},
        {"client_id", SHAPE_STRING},
        {"host", SHAPE_STRING},
        {"partitions", SHAPE_OBJECT, .list = true, .members = place_shape},
        {NULL},
};

const Shape groups_shape[] = {
        {"groups", SHAPE_OBJECT, .list = true, .members = group_shape},
        {"topics", SHAPE_OBJECT, .list = true, .members = width_shape},
        {"others", SHAPE_OBJECT, .list = true, .members = member_shape},
        {"others_known", SHAPE_BOOLEAN},
        {NULL},
};

/* One grid under way: one topic of one group. */
typedef struct Grid {
        const Command *command;
        const json_t *reply, *group;
        const char *topic;
        size_t n;    /* partitions */
        bool known;  /* that is how many there are */
        bool folded; /* too many for columns */
        size_t digits;
        bool *taken; /* by anybody that is known */
        Table *table;
} Grid;

enum {
        COLUMN_MEMBER,
        COLUMN_STATE,
        COLUMN_OWNS,
        COLUMN_LAG,
        COLUMN_RATE,
        N_COLUMNS,
};

/* ---- how large ---- */

static size_t digits_of(size_t n) {
        size_t digits = 1;

        for (; n >= 10; n /= 10)
                digits++;
        return digits;
}

/* The highest partition of the topic that somebody owns, and one; 0 for none. */
static void count_owned(const json_t *partitions, const char *topic, size_t *n) {
        const json_t *partition;
        size_t i;

        json_array_foreach(partitions, i, partition) {
                long long number = get_integer(partition, "partition");

                if (streq(get_string(partition, "topic"), topic) && number >= 0 &&
                    number < PARTITIONS_MAX)
                        *n = MAX(*n, (size_t) number + 1);
        }
}

static void grid_count(Grid *g) {
        const json_t *o;
        size_t i;

        json_array_foreach(json_object_get(g->reply, "topics"), i, o) {
                long long n = get_integer(o, "partitions");

                if (!streq(get_string(o, "topic"), g->topic) ||
                    !json_is_integer(json_object_get(o, "partitions")))
                        continue;
                g->known = true;
                g->n = (size_t) MIN(MAX(n, 0), PARTITIONS_MAX);
        }
        if (g->known)
                return;
        json_array_foreach(json_object_get(g->group, "consumers"), i, o) {
                count_owned(json_object_get(o, "partitions"), g->topic, &g->n);
        }
        json_array_foreach(json_object_get(g->reply, "others"), i, o) {
                count_owned(json_object_get(o, "partitions"), g->topic, &g->n);
        }
}

static bool is_ours(const Grid *g, const json_t *member) {
        return streq(get_string(member, "group"), get_string(g->group, "name"));
}

/* Kafka puts a slash before a host's address. */
static const char *member_host(const json_t *member) {
        const char *host = get_string(member, "host");

        return host + (*host == '/');
}

static size_t widest_member(const Grid *g) {
        size_t widest = strlen("consumer 1000"), i;
        const json_t *o;

        json_array_foreach(json_object_get(g->reply, "others"), i, o) {
                if (is_ours(g, o))
                        widest =
                                MAX(widest, strlen("other @") + strlen(get_string(o, "client_id")) +
                                                    strlen(member_host(o)));
        }
        return widest;
}

static void grid_measure(Grid *g) {
        size_t width = output_width(&g->command->style);

        grid_count(g);
        g->digits = digits_of(MAX(g->n, (size_t) 1) - 1);
        g->folded = g->n * (g->digits + 1) + widest_member(g) + OTHER_COLUMNS > width;
}

/* ---- rows ---- */

/* "0 1 2 3": stands above the marks. */
static void append_numbers(const Grid *g, Buffer *out) {
        for (size_t i = 0; i < g->n; i++)
                buffer_appendf(out, "%s%*zu", i > 0 ? " " : "", (int) g->digits, i);
}

static void append_marks(const Grid *g, const bool *owned, Buffer *out) {
        const char *mark = output_utf8() ? "■" : "#", *dot = output_utf8() ? "·" : ".";

        for (size_t i = 0; i < g->n; i++)
                buffer_appendf(out, "%s%*s%s", i > 0 ? " " : "", (int) g->digits - 1, "",
                               owned[i] ? mark : dot);
}

static void append_ranges(const Grid *g, const bool *owned, Buffer *out) {
        _cleanup_json_ json_t *list = json_array();

        for (size_t i = 0; i < g->n; i++)
                if (owned[i])
                        json_array_append_new(list, json_pack("{s:s, s:I}", "topic", g->topic,
                                                              "partition", (json_int_t) i));
        parts_owned(out, list, g->topic);
        if (out->size == 0)
                buffer_append_byte(out, '-');
}

static Row *draw_owned(Grid *g, const bool *owned) {
        _cleanup_buffer_ Buffer cell = {0};
        Row *row = table_row(g->table, NULL);

        for (size_t i = 0; i < g->n; i++)
                g->taken[i] |= owned[i];
        if (g->folded)
                append_ranges(g, owned, &cell);
        else
                append_marks(g, owned, &cell);
        row_lines(row, COLUMN_OWNS, &cell);
        return row;
}

/* A row for who owns these partitions. */
static Row *draw_member(Grid *g, const json_t *partitions) {
        _cleanup_free_ bool *owned = calloc(g->n + 1, sizeof(bool));
        const json_t *partition;
        size_t i;

        if (!owned)
                return NULL;
        json_array_foreach(partitions, i, partition) {
                long long number = get_integer(partition, "partition");

                if (streq(get_string(partition, "topic"), g->topic) && number >= 0 &&
                    (size_t) number < g->n)
                        owned[number] = true;
        }
        return draw_owned(g, owned);
}

static void draw_consumers(Grid *g) {
        const json_t *consumer;
        size_t i;

        json_array_foreach(json_object_get(g->group, "consumers"), i, consumer) {
                const json_t *partitions = json_object_get(consumer, "partitions");
                Row *row = draw_member(g, partitions);

                row_textf(row, COLUMN_MEMBER, "consumer %lld", get_integer(consumer, "consumer"));
                parts_consumer_state(row, COLUMN_STATE, consumer);
                parts_lag(row, COLUMN_LAG, partitions, g->topic);
                parts_rate(row, COLUMN_RATE, get_number(consumer, "per_second"));
        }
}

static void draw_others(Grid *g) {
        const json_t *member;
        size_t i;

        json_array_foreach(json_object_get(g->reply, "others"), i, member) {
                if (is_ours(g, member))
                        row_textf(draw_member(g, json_object_get(member, "partitions")),
                                  COLUMN_MEMBER, "other %s@%s", get_string(member, "client_id"),
                                  member_host(member));
        }
}

/* What nobody who is known has. While a group is not stable that says nothing. */
static void draw_rest(Grid *g) {
        _cleanup_free_ bool *rest = calloc(g->n + 1, sizeof(bool));
        bool any = false;

        if (!rest || !g->known || !get_boolean(g->group, "stable"))
                return;
        for (size_t i = 0; i < g->n; i++)
                any |= rest[i] = !g->taken[i];
        if (any)
                row_text(draw_owned(g, rest), COLUMN_MEMBER,
                         get_boolean(g->reply, "others_known") ? "nobody" : "other?");
}

/* ---- pictures ---- */

/* "inv, stable: post.office, 5 partitions" */
static void draw_title(const Grid *g, Buffer *out) {
        const OutputStyle *style = &g->command->style;

        output_textf(out, "%s, ", get_string(g->group, "name"));
        output_state(out, style, get_boolean(g->group, "stable") ? "stable" : "rebalancing");
        output_textf(out, ": %s, ", g->topic);
        if (g->known)
                buffer_appendf(out, "%zu partition%s\n", g->n, g->n == 1 ? "" : "s");
        else
                buffer_append_string(out, "how many partitions is not known\n");
}

static void draw_grid(Grid *g, Buffer *out) {
        _cleanup_buffer_ Buffer numbers = {0};
        Column columns[N_COLUMNS] = {
                [COLUMN_MEMBER] = {"MEMBER", COLUMN_TEXT}, [COLUMN_STATE] = {"STATE", COLUMN_TEXT},
                [COLUMN_OWNS] = {"OWNS", COLUMN_LINES},    [COLUMN_LAG] = {"LAG", COLUMN_NUMBER},
                [COLUMN_RATE] = {"RATE", COLUMN_NUMBER},
        };
        bool first = false;
        size_t before;

        grid_measure(g);
        append_numbers(g, &numbers);
        if (!g->folded && g->n > 0)
                columns[COLUMN_OWNS].name = buffer_string(&numbers);
        g->taken = calloc(g->n + 1, sizeof(bool));
        g->table = table_new(&g->command->style, columns, N_COLUMNS);
        if (!g->taken || !g->table) {
                out->failed = true;
                return;
        }
        draw_title(g, out);
        draw_consumers(g);
        draw_others(g);
        draw_rest(g);
        before = out->size;
        table_finish(g->table, out);
        if (out->size == before)
                buffer_append_string(out, "no members\n");
        parts_open_transactions(out, g->group, g->topic, &first);
        free(g->taken);
}

void groups_draw(const Command *c, const json_t *reply, Buffer *out) {
        const json_t *groups = json_object_get(reply, "groups"), *group, *topic;
        size_t i, k;

        if (json_array_size(groups) == 0)
                buffer_append_string(out, "no groups\n");
        json_array_foreach(groups, i, group) {
                json_array_foreach(json_object_get(group, "topics"), k, topic) {
                        Grid g = {
                                .command = c,
                                .reply = reply,
                                .group = group,
                                .topic = json_string_value(topic),
                        };

                        if (i > 0 || k > 0)
                                buffer_append_byte(out, '\n');
                        draw_grid(&g, out);
                }
        }
}
