/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a status to the rows of `crierctl top`: see top-rows.h. The shape was checked before;
 * members that older daemons do not send count as null.
 */

#include "crierctl/top-rows.h"

#include "crierctl/parts.h"
#include "crierctl/top-text.h"

/* Takes over the text. */
static void cell_set(TopRow *row, TopColumn column, Buffer *safe) {
        free(row->cells[column]);
        row->cells[column] = strdup(buffer_string(safe));
        buffer_done(safe);
}

static void cell_text(TopRow *row, TopColumn column, const char *text) {
        Buffer safe = {0};

        output_text(&safe, text);
        cell_set(row, column, &safe);
}

static void cell_count(TopRow *row, TopColumn column, int64_t count) {
        Buffer safe = {0};

        text_count(&safe, count);
        cell_set(row, column, &safe);
}

static void cell_speed(TopRow *row, const json_t *object) {
        double speed = get_number(object, "per_second");
        Buffer safe = {0};

        text_number(&safe, speed);
        cell_set(row, TOP_SPEED, &safe);
        top_history_add(&row->history, speed, false);
}

static void producer_row(TopRow *row, const json_t *producer) {
        const json_t *rate = json_object_get(producer, "rate");
        const char *state = get_string(producer, "state");
        Buffer safe = {0};

        row->kind = TOP_PRODUCER;
        row->number = -1;
        row->name = strdup(get_string(producer, "name"));
        row->paused = streq(state, "paused");
        cell_text(row, TOP_NAME, get_string(producer, "name"));
        cell_text(row, TOP_WHAT, get_string(producer, "topic"));
        if (json_is_number(rate)) {
                text_number(&safe, json_number_value(rate));
                buffer_append_string(&safe, "/s");
        } else
                buffer_append_string(&safe, "max");
        cell_set(row, TOP_SIZE, &safe);
        cell_count(row, TOP_BEHIND, get_integer(producer, "queued"));
        cell_text(row, TOP_STATE, state);
        cell_speed(row, producer);
}

/* The sum of the lags, or "?" while one of them is not known; nothing where there are none. */
static void consumer_lag(TopRow *row, const json_t *partitions) {
        const json_t *partition;
        json_int_t sum = 0;
        size_t i;

        json_array_foreach(partitions, i, partition) {
                const json_t *lag = json_object_get(partition, "lag");

                if (!json_is_integer(lag)) {
                        cell_text(row, TOP_BEHIND, "?");
                        return;
                }
                if (__builtin_add_overflow(sum, json_integer_value(lag), &sum))
                        sum = INT64_MAX;
        }
        if (i > 0)
                cell_count(row, TOP_BEHIND, sum);
}

/* "0-2,4" where the group has one topic, else "post.office 0-2,4; invoices 1": on one line. */
static void consumer_owns(TopRow *row, const json_t *topics, const json_t *partitions) {
        const char *topic = json_string_value(json_array_get(topics, 0));
        Buffer safe = {0};

        parts_owned(&safe, partitions, json_array_size(topics) == 1 ? topic : NULL);
        for (size_t i = 0; i < safe.size; i++)
                if (safe.data[i] == '\n')
                        safe.data[i] = ' ';
        cell_set(row, TOP_WHAT, &safe);
}

static void consumer_row(TopRow *row, const json_t *group, const json_t *consumer) {
        const json_t *partitions = json_object_get(consumer, "partitions");
        Buffer safe = {0};

        row->kind = TOP_CONSUMER;
        row->number = get_integer(consumer, "consumer");
        row->name = strdup(get_string(group, "name"));
        row->paused = get_boolean(consumer, "paused");
        buffer_append_string(&safe, "  consumer ");
        buffer_append_i64(&safe, row->number);
        cell_set(row, TOP_NAME, &safe);
        consumer_owns(row, json_object_get(group, "topics"), partitions);
        consumer_lag(row, partitions);
        cell_text(row, TOP_STATE, row->paused ? "paused" : get_string(consumer, "state"));
        cell_speed(row, consumer);
}

/* "5+2": owners and standbys, and how many there are to be where that is another number. */
static void group_members(TopRow *row, const json_t *group) {
        const json_t *consumers = json_object_get(group, "consumers"), *consumer;
        const json_t *wanted = json_object_get(group, "wanted");
        size_t standbys = json_array_size(json_object_get(group, "standbys")), owners = 0, i;
        Buffer safe = {0};

        json_array_foreach(consumers, i, consumer) {
                owners += json_array_size(json_object_get(consumer, "partitions")) > 0;
        }
        buffer_append_u64(&safe, owners);
        buffer_append_byte(&safe, '+');
        buffer_append_u64(&safe, standbys);
        if (json_is_integer(wanted) && json_integer_value(wanted) != (json_int_t) i) {
                buffer_append_byte(&safe, '/');
                buffer_append_i64(&safe, json_integer_value(wanted));
        }
        cell_set(row, TOP_SIZE, &safe);
}

static void group_row(TopRow *row, const json_t *group) {
        const json_t *consumers = json_object_get(group, "consumers"), *consumer;
        size_t partitions = 0, i;
        Buffer safe = {0};

        row->kind = TOP_GROUP;
        row->number = -1;
        row->name = strdup(get_string(group, "name"));
        row->empty = json_array_size(consumers) == 0;
        row->paused = !row->empty;
        json_array_foreach(consumers, i, consumer) {
                partitions += json_array_size(json_object_get(consumer, "partitions"));
                row->paused = row->paused && get_boolean(consumer, "paused");
        }
        cell_text(row, TOP_NAME, get_string(group, "name"));
        buffer_appendf(&safe, "%zu partition%s", partitions, partitions == 1 ? "" : "s");
        cell_set(row, TOP_WHAT, &safe);
        group_members(row, group);
        if (json_is_integer(json_object_get(group, "lag")))
                cell_count(row, TOP_BEHIND, get_integer(group, "lag"));
        else
                cell_text(row, TOP_BEHIND, "?");
        if (!get_boolean(group, "stable"))
                cell_text(row, TOP_STATE, "rebalancing");
        else
                cell_text(row, TOP_STATE, row->paused ? "paused" : "stable");
        cell_speed(row, group);
}

/* The next row, or NULL where there are too many. */
static TopRow *rows_next(TopRows *r, size_t room) {
        if (r->n < room)
                return r->rows + r->n++;
        r->left_out++;
        return NULL;
}

bool top_rows_new(const json_t *status, TopRows *ret) {
        const json_t *producers = json_object_get(status, "producers"), *o, *consumers, *consumer;
        const json_t *groups = json_object_get(status, "groups");
        size_t room = json_array_size(producers) + json_array_size(groups), i, k;
        TopRows r = {0};
        TopRow *row;

        json_array_foreach(groups, i, o) {
                room += json_array_size(json_object_get(o, "consumers"));
        }
        room = MIN(room, (size_t) TOP_ROWS_MAX);
        r.rows = calloc(MAX(room, (size_t) 1), sizeof(TopRow));
        if (!r.rows)
                return false;
        json_array_foreach(producers, i, o) {
                row = rows_next(&r, room);
                if (row)
                        producer_row(row, o);
        }
        r.n_producers = r.n;
        json_array_foreach(groups, i, o) {
                row = rows_next(&r, room);
                if (row)
                        group_row(row, o);
                consumers = json_object_get(o, "consumers");
                json_array_foreach(consumers, k, consumer) {
                        row = rows_next(&r, room);
                        if (row)
                                consumer_row(row, o, consumer);
                }
        }
        for (i = 0; i < r.n; i++)
                if (!r.rows[i].name) {
                        top_rows_free(r.rows, r.n);
                        return false;
                }
        *ret = r;
        return true;
}

void top_rows_free(TopRow *rows, size_t n) {
        for (size_t i = 0; rows && i < n; i++) {
                free(rows[i].name);
                for (size_t k = 0; k < TOP_COLUMNS; k++)
                        free(rows[i].cells[k]);
        }
        free(rows);
}

void top_troubles_append(Buffer *out, const json_t *status, int64_t now_ms) {
        const OutputStyle plain = {.colour = false};
        const json_t *o, *consumers, *consumer;
        bool first = false; /* no empty line */
        size_t i, k;

        parts_trouble(out, &plain, now_ms, json_object_get(status, "cluster"), &first, "cluster");
        parts_trouble(out, &plain, now_ms, json_object_get(status, "sink"), &first, "sink");
        json_array_foreach(json_object_get(status, "producers"), i, o) {
                parts_trouble(out, &plain, now_ms, o, &first, "producer %s", get_string(o, "name"));
        }
        json_array_foreach(json_object_get(status, "groups"), i, o) {
                parts_trouble(out, &plain, now_ms, o, &first, "group %s", get_string(o, "name"));
                consumers = json_object_get(o, "consumers");
                json_array_foreach(consumers, k, consumer) {
                        parts_trouble(out, &plain, now_ms, consumer, &first,
                                      "consumer %lld of group %s",
                                      get_integer(consumer, "consumer"), get_string(o, "name"));
                }
        }
}
