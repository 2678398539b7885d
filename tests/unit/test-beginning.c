/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of kafka/beginning: look-ups that are answered while another member commits where the
 * group begins. What a cluster makes of it is tests/kafka/test_latest.py.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kafka/group.h"
#include "kafka/lookup.h"

#define NO_COMMIT RD_KAFKA_OFFSET_INVALID

typedef struct Fixture {
        GroupConfig config;
        Group group;
        Consumer consumer;
} Fixture;

static int set_up(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        f->config.start = GROUP_START_LATEST;
        f->group.config = &f->config;
        f->consumer.group = &f->group;
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        Fixture *f = *state;

        beginning_done(&f->group.beginning);
        free(f);
        return 0;
}

static rd_kafka_topic_partition_list_t *list(int64_t first, int64_t second) {
        rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(2);

        rd_kafka_topic_partition_list_add(l, "t", 0)->offset = first;
        rd_kafka_topic_partition_list_add(l, "t", 1)->offset = second;
        return l;
}

/* A look-up of both partitions, and of the group where it may have to begin. */
static Lookup *look_up(Fixture *f, rd_kafka_topic_partition_list_t *own,
                       rd_kafka_topic_partition_list_t *all) {
        Lookup *l = calloc(1, sizeof(*l));

        assert_non_null(l);
        l->consumer = &f->consumer;
        l->ask_committed = true;
        l->positions = own;
        l->topics = beginning_is_open(&f->group) ? beginning_topics(&f->group) : NULL;
        l->view.committed = all;
        return l;
}

static void check(Fixture *f, Lookup *given, bool settled) {
        _cleanup_(lookup_freep) Lookup *l = given;

        f->consumer.lookup_usec = 0;
        assert_int_equal(beginning_settle(&f->consumer, l), settled);
        assert_int_equal(f->consumer.lookup_usec == 0, settled);
}

/* The group's commits are asked for after the partitions' own. */
static void test_commit_between_two_questions_is_looked_up_again(void **state) {
        Fixture *f = *state;

        check(f, look_up(f, list(NO_COMMIT, NO_COMMIT), list(20, 20)), false);
        check(f, look_up(f, list(20, 20), NULL), true);
}

static void test_commit_that_another_consumer_saw_first_is_looked_up_again(void **state) {
        Fixture *f = *state;
        Lookup *first = look_up(f, list(20, 20), NULL),
               *second = look_up(f, list(NO_COMMIT, NO_COMMIT), list(NO_COMMIT, NO_COMMIT));

        check(f, first, true);
        check(f, second, false);
}

/* Younger than the group: not looked up for ever. */
static void test_partition_that_stays_without_commit_is_looked_up_once_more(void **state) {
        Fixture *f = *state;

        check(f, look_up(f, list(20, NO_COMMIT), list(20, NO_COMMIT)), false);
        check(f, look_up(f, list(20, NO_COMMIT), NULL), true);
}

static void test_group_that_had_begun_is_looked_up_once(void **state) {
        Fixture *f = *state;

        check(f, look_up(f, list(20, 20), NULL), true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_commit_between_two_questions_is_looked_up_again),
                TEST(test_commit_that_another_consumer_saw_first_is_looked_up_again),
                TEST(test_partition_that_stays_without_commit_is_looked_up_once_more),
                TEST(test_group_that_had_begun_is_looked_up_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
