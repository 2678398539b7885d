/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Which keys the events of a topic had, in which partitions, and how often: what this daemon
 * produced and what it consumed.
 *
 * Memory is bounded, so not every key can be kept. A topic keeps up to KEYS_MAX pairs of key and
 * partition, as long as there is room in all (KEYS_TOTAL); then a new pair takes the place of the
 * one that came most seldom, and what that one had counted goes to `uncounted`. What a pair shows
 * is therefore what was counted since it has its place, never more than there was; and all counts
 * of a topic, `without_key` and `uncounted` add up to the events that were counted. "Most seldom"
 * goes by a rank that a newcomer inherits from the pair it replaces (the Space-Saving algorithm of
 * Metwally, Agrawal and El Abbadi, 2005), so that a pair that is more than one in KEYS_MAX of the
 * events always has a place, however many others come once.
 */

#include <librdkafka/rdkafka.h>

#include <stdbool.h>

#include "common/macro.h"

#define KEYS_MAX 1000
#define KEYS_SIZE_MAX 256 /* a longer key is uncounted */
#define KEYS_TOTAL 50000
#define KEYS_TOPICS_MAX 1024

typedef enum KeyWay {
        KEY_PRODUCED,
        KEY_CONSUMED,
        KEY_WAY_COUNT_,
} KeyWay;

/* One key in one partition. */
typedef struct KeyCount {
        uint64_t n[KEY_WAY_COUNT_];
        uint64_t rank;   /* by which the rarest is found; at least the sum of both */
        uint64_t heaped; /* the rank by which it has its place in the heap */
        uint32_t hash;
        int32_t partition;
        uint16_t next; /* in its bucket */
        uint16_t size;
        char key[KEYS_SIZE_MAX];
} KeyCount;

/* The keys of one topic. */
typedef struct KeyTable KeyTable;

/* The tables of all topics that were named. All zero is an empty one. */
typedef struct KeyTables {
        KeyTable **tables;
        unsigned n;
        unsigned room_taken; /* pairs that have memory, in all tables */
} KeyTables;

void key_tables_done(KeyTables *all);
/* The table of a topic; makes it where there is none. It lives as long as all. NULL where there are
 * too many, or memory is short: then the topic's keys are not counted. */
KeyTable *key_tables_add(KeyTables *all, const char *topic);
/* NULL where there is none. */
KeyTable *key_tables_find(const KeyTables *all, const char *topic);

/* Counts an event that the broker has confirmed, or that a consumer has written (or counted, where
 * its group writes nothing). Takes NULL for the table. */
static inline void key_table_count(KeyTable *t, KeyWay way, const rd_kafka_message_t *m);
/* The same for what a message has. `key` may be NULL, the table not. */
void key_table_count_key(KeyTable *t, KeyWay way, const void *key, size_t size, int32_t partition);

uint64_t key_table_without_key(const KeyTable *t);
uint64_t key_table_uncounted(const KeyTable *t);

/* All pairs, busiest first: an array that the caller frees, of pointers that are good until the
 * next event is counted. Returns how many, or -ENOMEM. */
int key_table_sort(const KeyTable *t, const KeyCount ***ret);

static inline void key_table_count(KeyTable *t, KeyWay way, const rd_kafka_message_t *m) {
        if (t)
                key_table_count_key(t, way, m->key, m->key_len, m->partition);
}

static inline uint64_t key_count_sum(const KeyCount *k) {
        return k->n[KEY_PRODUCED] + k->n[KEY_CONSUMED];
}
