/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verbs that look, and the pictures of producers and consumers: see pictures.h.
 */

#include "common/clock.h"
#include "crierctl/parts.h"
#include "crierctl/pictures.h"
#include "crierctl/top.h"

/* One parameter, or none where there is no argument. */
static json_t *first_argument(const Command *c, const char *name) {
        return c->n_arguments > 0 ? json_pack("{s:s}", name, c->arguments[0]) : json_object();
}

/* ---- producers ---- */

const Shape producers_shape[] = {
        {"producers", SHAPE_OBJECT, .list = true, .members = producer_shape},
        {NULL},
};

static void draw_producer(Table *t, const json_t *producer) {
        const json_t *rate = json_object_get(producer, "rate");
        Row *row = table_row(t, NULL);

        row_text(row, 0, get_string(producer, "name"));
        row_text(row, 1, get_string(producer, "topic"));
        row_state(row, 2, get_string(producer, "state"));
        if (json_is_number(rate))
                row_textf(row, 3, "%g", json_number_value(rate));
        else
                row_text(row, 3, "max");
        parts_rate(row, 4, get_number(producer, "per_second"));
        parts_counts(row, 5, producer);
}

void producers_draw(const Command *c, const json_t *reply, Buffer *out) {
        static const Column columns[] = {
                {"PRODUCER", COLUMN_TEXT}, {"TOPIC", COLUMN_TEXT},    {"STATE", COLUMN_TEXT},
                {"RATE", COLUMN_NUMBER},   {"NOW", COLUMN_NUMBER},    {"MADE", COLUMN_NUMBER},
                {"ACKED", COLUMN_NUMBER},  {"FAILED", COLUMN_NUMBER}, {"OVERFLOWED", COLUMN_NUMBER},
                {"QUEUED", COLUMN_NUMBER},
        };
        const json_t *producers = json_object_get(reply, "producers"), *producer;
        Table *t = table_new(&c->style, columns, ELEMENTSOF(columns));
        bool first = true;
        size_t i;

        json_array_foreach(producers, i, producer) {
                draw_producer(t, producer);
        }
        table_finish(t, out);
        if (json_array_size(producers) == 0)
                buffer_append_string(out, "no producers\n");
        json_array_foreach(producers, i, producer) {
                parts_trouble(out, &c->style, clock_realtime_ms(), producer, &first, "producer %s",
                              get_string(producer, "name"));
        }
}

int verb_producers(Command *c) {
        return command_look(c, first_argument(c, "producer"), producers_shape, producers_draw);
}

/* ---- consumers ---- */

const Shape consumers_shape[] = {
        {"consumers", SHAPE_OBJECT, .list = true, .members = consumer_shape},
        {NULL},
};

/* Of a partition that is written exactly once. */
static void draw_ledger(Row *row, const json_t *ledger) {
        static const struct {
                unsigned column;
                const char *key;
        } numbers[] = {{7, "received"},   {8, "written"},        {10, "verified"},
                       {11, "in_flight"}, {12, "written_again"}, {13, "cut"}};

        if (!json_is_object(ledger))
                return;
        row_state(row, 2, get_string(ledger, "state"));
        for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
                parts_integer(row, numbers[i].column, ledger, numbers[i].key);
}

/* The consumer's row, and below it one for each of its partitions. */
static void draw_consumer(Table *t, const json_t *consumer) {
        const json_t *partitions = json_object_get(consumer, "partitions"), *partition;
        Row *row = table_row(t, NULL), *child;
        size_t i;

        row_textf(row, 0, "%lld", get_integer(consumer, "consumer"));
        row_text(row, 1, get_string(consumer, "group"));
        parts_consumer_state(row, 2, consumer);
        parts_lag(row, 5, partitions, NULL);
        row_textf(row, 7, "%lld", get_integer(consumer, "received"));
        row_textf(row, 8, "%lld", get_integer(consumer, "written"));
        parts_rate(row, 9, get_number(consumer, "per_second"));
        json_array_foreach(partitions, i, partition) {
                child = table_row(t, row);
                row_textf(child, 0, "%s %lld", get_string(partition, "topic"),
                          get_integer(partition, "partition"));
                parts_integer(child, 3, partition, "position");
                parts_integer(child, 4, partition, "committed");
                parts_integer(child, 5, partition, "lag");
                row_textf(child, 6, "%lld", get_integer(partition, "held"));
                draw_ledger(child, json_object_get(partition, "ledger"));
        }
}

static bool any_ledger(const json_t *consumers) {
        const json_t *consumer, *partition;
        size_t i, k;

        json_array_foreach(consumers, i, consumer) {
                json_array_foreach(json_object_get(consumer, "partitions"), k, partition) {
                        if (json_is_object(json_object_get(partition, "ledger")))
                                return true;
                }
        }
        return false;
}

void consumers_draw(const Command *c, const json_t *reply, Buffer *out) {
        static const Column columns[] = {
                {"CONSUMER", COLUMN_TREE},    {"GROUP", COLUMN_TEXT},
                {"STATE", COLUMN_TEXT},       {"POSITION", COLUMN_NUMBER},
                {"COMMITTED", COLUMN_NUMBER}, {"LAG", COLUMN_NUMBER},
                {"HELD", COLUMN_NUMBER},      {"RECEIVED", COLUMN_NUMBER},
                {"WRITTEN", COLUMN_NUMBER},   {"RATE", COLUMN_NUMBER},
                {"VERIFIED", COLUMN_NUMBER},  {"IN FLIGHT", COLUMN_NUMBER},
                {"AGAIN", COLUMN_NUMBER},     {"CUT", COLUMN_NUMBER},
        };
        const json_t *consumers = json_object_get(reply, "consumers"), *consumer;
        /* The last four are of exactly-once alone. */
        size_t n = any_ledger(consumers) ? ELEMENTSOF(columns) : ELEMENTSOF(columns) - 4;
        Table *t = table_new(&c->style, columns, n);
        bool first = true;
        size_t i;

        json_array_foreach(consumers, i, consumer) {
                draw_consumer(t, consumer);
        }
        table_finish(t, out);
        if (json_array_size(consumers) == 0)
                buffer_append_string(out, "no consumers\n");
        json_array_foreach(consumers, i, consumer) {
                parts_trouble(out, &c->style, clock_realtime_ms(), consumer, &first,
                              "consumer %lld of group %s", get_integer(consumer, "consumer"),
                              get_string(consumer, "group"));
        }
}

int verb_consumers(Command *c) {
        return command_look(c, first_argument(c, "group"), consumers_shape, consumers_draw);
}

/* ---- with pictures in files of their own ---- */

int verb_groups(Command *c) {
        return command_look(c, first_argument(c, "group"), groups_shape, groups_draw);
}

int verb_keys(Command *c) {
        return command_look(c, first_argument(c, "topic"), keys_shape, keys_draw);
}

int verb_topics(Command *c) {
        return command_look(c, first_argument(c, "topic"), topics_shape, topics_draw);
}

int verb_top(Command *c) {
        return top_run(c->options->socket, &c->style, c->failure);
}
