/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What the pictures of several verbs are made of: the shapes of what the daemon tells about
 * producers, groups and consumers, and how a list of partitions, a lag, a trouble look. For values
 * whose shape was checked: members are there and have their types; the values may still be
 * anything.
 */

#include "crierctl/shape.h"
#include "crierctl/table.h"

/* Types of io.crier.Control.varlink. */
extern const Shape trouble_shape[];
extern const Shape partition_shape[];
extern const Shape consumer_shape[];
extern const Shape group_shape[];
extern const Shape producer_shape[];

static inline const char *get_string(const json_t *object, const char *key) {
        return json_string_value(json_object_get(object, key));
}

static inline long long get_integer(const json_t *object, const char *key) {
        return json_integer_value(json_object_get(object, key));
}

static inline double get_number(const json_t *object, const char *key) {
        return json_number_value(json_object_get(object, key));
}

static inline bool get_boolean(const json_t *object, const char *key) {
        return json_is_true(json_object_get(object, key));
}

/* Appends "post.office 0-2,4; invoices 1": sorted, with runs put together, in lines of a cell's
 * width. With `topic` only that topic's, without its name. Nothing where there is none. */
void parts_owned(Buffer *out, const json_t *partitions, const char *topic);

/* The sum of the lags, of that topic or of all (NULL): "?" where one of them is not known, "-"
 * where there is no partition. */
void parts_lag(Row *row, size_t column, const json_t *partitions, const char *topic);

/* A number, or "?" where it is null. */
void parts_integer(Row *row, size_t column, const json_t *object, const char *key);

/* A rate: output_number(). */
void parts_rate(Row *row, size_t column, double rate);

/* The state of a consumer, and whether it is paused. */
void parts_consumer_state(Row *row, size_t column, const json_t *consumer);

/* Appends the object's trouble, if it has one: whose, for how long, what, and what to do. `first`
 * says whether none was drawn before; `now_ms` is the time since 1970. */
void parts_trouble(Buffer *out, const OutputStyle *style, int64_t now_ms, const json_t *object,
                   bool *first, const char *format, ...) _printf_(6, 7);

/* Appends a line for each partition of the group that an open transaction holds up; `topic`: only
 * of that one; NULL: of all. `first` is as above. */
void parts_open_transactions(Buffer *out, const json_t *group, const char *topic, bool *first);

/* What became of a producer's events, in five columns: made, acked, failed, overflowed, queued. */
void parts_counts(Row *row, size_t column, const json_t *producer);
