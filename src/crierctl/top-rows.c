/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a status to the rows of `crierctl top`: see top-rows.h. The shape was checked before;
 * members that older daemons do not send count as null.
 */

#include "crierctl/top-rows.h"

#include "crierctl/top-owned.h"
#include "crierctl/top-text.h"

static const char *get_string(const json_t *object, const char *key) {
        return json_string_value(json_object_get(object, key));
}

static json_int_t get_integer(const json_t *object, const char *key) {
        return json_integer_value(json_object_get(object, key));
}

static double get_number(const json_t *object, const char *key) {
        return json_number_value(json_object_get(object, key));
}

/* Takes over the text. */
static void row_set(TopRow *row, TopColumn column, Buffer *safe) {
        free(row->cells[column]);
        row->cells[column] = strdup(buffer_string(safe));
        buffer_done(safe);
}

static void row_text(TopRow *row, TopColumn column, const char *text) {
        Buffer safe = {0};

        output_text(&safe, text);
        row_set(row, column, &safe);
}

static void row_count(TopRow *row, TopColumn column, int64_t count) {
        Buffer safe = {0};

        text_count(&safe, count);
        row_set(row, column, &safe);
}

static void row_speed(TopRow *row, const json_t *object) {
        double speed = get_number(object, "per_second");
        Buffer safe = {0};

        text_number(&safe, speed);
        row_set(row, TOP_SPEED, &safe);
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
        row_text(row, TOP_NAME, get_string(producer, "name"));
        row_text(row, TOP_WHAT, get_string(producer, "topic"));
        if (json_is_number(rate)) {
                text_number(&safe, json_number_value(rate));
                buffer_append_string(&safe, "/s");
        } else
                buffer_append_string(&safe, "max");
        row_set(row, TOP_SIZE, &safe);
        row_count(row, TOP_BEHIND, get_integer(producer, "queued"));
        row_text(row, TOP_STATE, state);
        row_speed(row, producer);
}

/* The sum of the lags, or "?" while one of them is not known; nothing where there are none. */
static void consumer_lag(TopRow *row, const json_t *partitions) {
        const json_t *partition;
        json_int_t sum = 0;
        size_t i;

        json_array_foreach(partitions, i, partition) {
                const json_t *lag = json_object_get(partition, "lag");

                if (!json_is_integer(lag)) {
                        row_text(row, TOP_BEHIND, "?");
                        return;
                }
                if (__builtin_add_overflow(sum, json_integer_value(lag), &sum))
                        sum = INT64_MAX;
        }
        if (i > 0)
                row_count(row, TOP_BEHIND, sum);
}

static void consumer_row(TopRow *row, const json_t *group, const json_t *consumer) {
        const json_t *partitions = json_object_get(consumer, "partitions");
        Buffer safe = {0}, owned = {0};

        row->kind = TOP_CONSUMER;
        row->number = get_integer(consumer, "consumer");
        row->name = strdup(get_string(group, "name"));
        row->paused = json_is_true(json_object_get(consumer, "paused"));
        buffer_append_string(&safe, "  consumer ");
        buffer_append_i64(&safe, row->number);
        row_set(row, TOP_NAME, &safe);
        owned_append(&owned, partitions, json_array_size(json_object_get(group, "topics")) == 1);
        row_set(row, TOP_WHAT, &owned);
        consumer_lag(row, partitions);
        row_text(row, TOP_STATE, row->paused ? "paused" : get_string(consumer, "state"));
        row_speed(row, consumer);
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
        row_set(row, TOP_SIZE, &safe);
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
                row->paused = row->paused && json_is_true(json_object_get(consumer, "paused"));
        }
        row_text(row, TOP_NAME, get_string(group, "name"));
        buffer_appendf(&safe, "%zu partition%s", partitions, partitions == 1 ? "" : "s");
        row_set(row, TOP_WHAT, &safe);
        group_members(row, group);
        if (json_is_integer(json_object_get(group, "lag")))
                row_count(row, TOP_BEHIND, get_integer(group, "lag"));
        else
                row_text(row, TOP_BEHIND, "?");
        if (!json_is_true(json_object_get(group, "stable")))
                row_text(row, TOP_STATE, "rebalancing");
        else
                row_text(row, TOP_STATE, row->paused ? "paused" : "stable");
        row_speed(row, group);
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

static void trouble_append(Buffer *out, const json_t *object, int64_t now_ms, const char *format,
                           ...) _printf_(4, 5);

static void trouble_append(Buffer *out, const json_t *object, int64_t now_ms, const char *format,
                           ...) {
        const json_t *trouble = json_object_get(object, "trouble");
        int64_t since = get_integer(trouble, "since_ms");
        _cleanup_buffer_ Buffer who = {0};
        va_list ap;

        if (!json_is_object(trouble))
                return;
        va_start(ap, format);
        buffer_appendv(&who, format, ap);
        va_end(ap);
        output_text(out, buffer_string(&who));
        buffer_append_string(out, ", for ");
        output_duration(out, since > 0 && since < now_ms ? (uint64_t) (now_ms - since) : 0);
        output_textf(out, ": %s", get_string(trouble, "text"));
        buffer_append_byte(out, '\n');
        output_text(out, get_string(trouble, "advice"));
        buffer_append_byte(out, '\n');
}

void top_troubles_append(Buffer *out, const json_t *status, int64_t now_ms) {
        const json_t *o, *consumers, *consumer;
        size_t i, k;

        trouble_append(out, json_object_get(status, "cluster"), now_ms, "cluster");
        trouble_append(out, json_object_get(status, "sink"), now_ms, "sink");
        json_array_foreach(json_object_get(status, "producers"), i, o) {
                trouble_append(out, o, now_ms, "producer %s", get_string(o, "name"));
        }
        json_array_foreach(json_object_get(status, "groups"), i, o) {
                trouble_append(out, o, now_ms, "group %s", get_string(o, "name"));
                consumers = json_object_get(o, "consumers");
                json_array_foreach(consumers, k, consumer) {
                        trouble_append(out, consumer, now_ms, "consumer %lld of group %s",
                                       (long long) get_integer(consumer, "consumer"),
                                       get_string(o, "name"));
                }
        }
}
