/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of kafka/keys: what is told apart, that nothing is counted twice or not at all, and
 * what stays when there are more keys than places.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "kafka/keys.h"

static int set_up(void **state) {
        *state = calloc(1, sizeof(KeyTables));
        return *state ? 0 : -1;
}

static int tear_down(void **state) {
        key_tables_done(*state);
        free(*state);
        return 0;
}

static void count(KeyTable *t, KeyWay way, const char *key, int32_t partition) {
        key_table_count_key(t, way, key, strlen(key), partition);
}

/* The pair's counts, or NULL where it has no place; good until the next call. */
static const KeyCount *look(const KeyTable *t, const void *key, size_t size, int32_t partition) {
        static KeyCount found;
        const KeyCount **list, *ret = NULL;
        int n = key_table_sort(t, &list);

        assert_true(n >= 0);
        for (int i = 0; i < n; i++)
                if (list[i]->size == size && list[i]->partition == partition &&
                    memcmp(list[i]->key, key, size) == 0) {
                        assert_null(ret);
                        found = *list[i];
                        ret = &found;
                }
        free(list);
        return ret;
}

/* All that was counted. */
static uint64_t total(const KeyTable *t) {
        uint64_t sum = key_table_without_key(t) + key_table_uncounted(t);
        const KeyCount **list;
        int n = key_table_sort(t, &list);

        for (int i = 0; i < n; i++)
                sum += key_count_sum(list[i]);
        free(list);
        return sum;
}

static void test_keys_are_counted_by_key_and_partition(void **state) {
        KeyTable *t = key_tables_add(*state, "t");
        char two[] = {'a', 0};

        count(t, KEY_PRODUCED, "a", 0);
        count(t, KEY_PRODUCED, "a", 0);
        count(t, KEY_CONSUMED, "a", 0);
        count(t, KEY_CONSUMED, "a", 1);
        count(t, KEY_CONSUMED, "", 0);
        key_table_count_key(t, KEY_CONSUMED, two, sizeof(two), 0);
        key_table_count_key(t, KEY_CONSUMED, NULL, 0, 0);
        assert_int_equal(look(t, "a", 1, 0)->n[KEY_PRODUCED], 2);
        assert_int_equal(look(t, "a", 1, 0)->n[KEY_CONSUMED], 1);
        assert_int_equal(look(t, "a", 1, 1)->n[KEY_PRODUCED], 0);
        assert_int_equal(look(t, "a", 1, 1)->n[KEY_CONSUMED], 1);
        assert_int_equal(look(t, "", 0, 0)->n[KEY_CONSUMED], 1);
        assert_int_equal(look(t, two, 2, 0)->n[KEY_CONSUMED], 1);
        assert_int_equal(key_table_without_key(t), 1);
        assert_int_equal(key_table_uncounted(t), 0);
        assert_int_equal(total(t), 7);
}

static void test_long_keys_are_told_apart_to_their_last_byte(void **state) {
        KeyTable *t = key_tables_add(*state, "t");
        char key[KEYS_SIZE_MAX + 1];

        memset(key, 'x', sizeof(key));
        for (size_t n = 1; n <= KEYS_SIZE_MAX; n++) {
                key_table_count_key(t, KEY_PRODUCED, key, n, 0);
                key[n - 1] = 'y';
                key_table_count_key(t, KEY_PRODUCED, key, n, 0);
                key_table_count_key(t, KEY_PRODUCED, key, n, 0);
                assert_int_equal(look(t, key, n, 0)->n[KEY_PRODUCED], 2);
                key[n - 1] = 'x';
                assert_int_equal(look(t, key, n, 0)->n[KEY_PRODUCED], 1);
        }
        key_table_count_key(t, KEY_PRODUCED, key, sizeof(key), 0);
        assert_int_equal(key_table_uncounted(t), 1);
        assert_int_equal(total(t), 3 * KEYS_SIZE_MAX + 1);
}

static void test_busiest_key_comes_first(void **state) {
        KeyTable *t = key_tables_add(*state, "t");
        const KeyCount **list;

        count(t, KEY_CONSUMED, "b", 0);
        count(t, KEY_CONSUMED, "a", 1);
        count(t, KEY_CONSUMED, "a", 0);
        count(t, KEY_PRODUCED, "c", 0);
        count(t, KEY_CONSUMED, "c", 0);
        assert_int_equal(key_table_sort(t, &list), 4);
        assert_int_equal(list[0]->key[0], 'c');
        assert_int_equal(list[1]->key[0], 'a');
        assert_int_equal(list[1]->partition, 0);
        assert_int_equal(list[2]->key[0], 'a');
        assert_int_equal(list[3]->key[0], 'b');
        free(list);
}

/* A hundred keys come in turn, between five times as many that come once each: all places are taken
 * long before the end, and the hundred keep theirs. */
static void test_busy_keys_keep_their_places_among_keys_that_come_once(void **state) {
        KeyTable *t = key_tables_add(*state, "t");
        unsigned rounds = 300, once = 0;
        char key[32];

        for (unsigned i = 0; i < rounds; i++)
                for (unsigned busy = 0; busy < 100; busy++) {
                        snprintf(key, sizeof(key), "busy%u", busy);
                        count(t, KEY_CONSUMED, key, 0);
                        for (unsigned k = 0; k < 5; k++) {
                                snprintf(key, sizeof(key), "once%u", once++);
                                count(t, KEY_CONSUMED, key, 0);
                        }
                }
        for (unsigned busy = 0; busy < 100; busy++) {
                snprintf(key, sizeof(key), "busy%u", busy);
                assert_non_null(look(t, key, strlen(key), 0));
        }
        assert_int_equal(total(t), rounds * 100 * 6);
        assert_true(key_table_uncounted(t) >= once - KEYS_MAX);
}

/* Keys that filled the table and are over do not shut out those of now. */
static void test_new_busy_keys_take_the_places_of_old_ones(void **state) {
        KeyTable *t = key_tables_add(*state, "t");
        char key[32];

        for (unsigned i = 0; i < 3 * KEYS_MAX; i++) {
                snprintf(key, sizeof(key), "old%u", i % KEYS_MAX);
                count(t, KEY_PRODUCED, key, 0);
        }
        assert_int_equal(key_table_uncounted(t), 0);
        for (unsigned i = 0; i < 100 * KEYS_MAX; i++) {
                snprintf(key, sizeof(key), "new%u", i % 50);
                count(t, KEY_PRODUCED, key, 0);
        }
        for (unsigned i = 0; i < 50; i++) {
                const KeyCount *k;

                snprintf(key, sizeof(key), "new%u", i);
                k = look(t, key, strlen(key), 0);
                assert_non_null(k);
                assert_true(k->n[KEY_PRODUCED] <= 2 * KEYS_MAX);
                assert_true(k->n[KEY_PRODUCED] > KEYS_MAX);
        }
        assert_int_equal(total(t), 103 * KEYS_MAX);
}

/* What is shown is never more than there was, whatever was replaced by what. */
static void test_counts_are_never_more_than_there_was(void **state) {
        KeyTable *t = key_tables_add(*state, "t");
        static uint64_t truth[4 * KEYS_MAX];
        uint64_t random = 88172645463325252u, events = 200000;
        const KeyCount **list;
        int n;

        for (uint64_t i = 0; i < events; i++) {
                uint64_t key;

                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                key = random % ELEMENTSOF(truth);
                key = key * (random >> 32 & 0xffff) >> 16; /* lower ones come more often */
                truth[key]++;
                key_table_count_key(t, KEY_CONSUMED, &key, sizeof(key), 0);
        }
        n = key_table_sort(t, &list);
        assert_int_equal(n, KEYS_MAX);
        for (int i = 0; i < n; i++) {
                uint64_t key;

                memcpy(&key, list[i]->key, sizeof(key));
                assert_true(list[i]->n[KEY_CONSUMED] <= truth[key]);
                assert_true(list[i]->rank >= truth[key]);
        }
        free(list);
        for (uint64_t key = 0; key < ELEMENTSOF(truth); key++)
                if (truth[key] > events / KEYS_MAX)
                        assert_non_null(look(t, &key, sizeof(key), 0));
        assert_int_equal(total(t), events);
}

static void test_memory_is_bounded_over_all_topics(void **state) {
        KeyTables *all = *state;
        char name[32];

        for (unsigned i = 0; i < KEYS_TOPICS_MAX + 10; i++) {
                KeyTable *t;

                snprintf(name, sizeof(name), "topic%u", i);
                t = key_tables_add(all, name);
                assert_ptr_equal(t, key_tables_find(all, name));
                if (i >= KEYS_TOPICS_MAX) {
                        assert_null(t);
                        continue;
                }
                for (unsigned k = 0; k < KEYS_MAX; k++) {
                        snprintf(name, sizeof(name), "%u", k);
                        count(t, KEY_PRODUCED, name, 0);
                }
                assert_int_equal(total(t), KEYS_MAX);
        }
        assert_true(all->room_taken < KEYS_TOTAL + 16 * KEYS_TOPICS_MAX);
        assert_true(all->room_taken > KEYS_TOTAL - KEYS_MAX);
        assert_ptr_equal(key_tables_add(all, "topic7"), key_tables_find(all, "topic7"));
}

static void test_message_is_counted_by_its_key_and_partition(void **state) {
        KeyTable *t = key_tables_add(*state, "t");
        rd_kafka_message_t m = {.partition = 3, .key = (char[]){'k'}, .key_len = 1};

        key_table_count(t, KEY_CONSUMED, &m);
        key_table_count(NULL, KEY_CONSUMED, &m);
        m.key = NULL;
        m.key_len = 0;
        key_table_count(t, KEY_CONSUMED, &m);
        assert_int_equal(look(t, "k", 1, 3)->n[KEY_CONSUMED], 1);
        assert_int_equal(key_table_without_key(t), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_keys_are_counted_by_key_and_partition),
                TEST(test_long_keys_are_told_apart_to_their_last_byte),
                TEST(test_busiest_key_comes_first),
                TEST(test_busy_keys_keep_their_places_among_keys_that_come_once),
                TEST(test_new_busy_keys_take_the_places_of_old_ones),
                TEST(test_counts_are_never_more_than_there_was),
                TEST(test_memory_is_bounded_over_all_topics),
                TEST(test_message_is_counted_by_its_key_and_partition),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
