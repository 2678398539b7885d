/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of kafka/client on an embedded broker in this process: what goes wrong from outside once in
 * some thousand rebalances.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "kafka/client.h"

#define PARTITIONS 8
#define ROUNDS 100

typedef struct Fixture {
        rd_kafka_t *broker;
        rd_kafka_mock_cluster_t *cluster;
        rd_kafka_t *consumer;
        rd_kafka_topic_partition_list_t *all;
} Fixture;

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
        char why[128];

        assert_int_equal(rd_kafka_conf_set(conf, name, value, why, sizeof(why)), RD_KAFKA_CONF_OK);
}

static int set_up(void **state) {
        static Fixture f;
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        char why[128];

        f.broker = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof(why));
        f.cluster = rd_kafka_mock_cluster_new(f.broker, 1);
        rd_kafka_mock_topic_create(f.cluster, "t", PARTITIONS, 1);
        set(conf, "bootstrap.servers", rd_kafka_mock_cluster_bootstraps(f.cluster));
        set(conf, "group.id", "g");
        f.consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
        f.all = rd_kafka_topic_partition_list_new(PARTITIONS);
        for (int i = 0; i < PARTITIONS; i++)
                rd_kafka_topic_partition_list_add(f.all, "t", i)->offset = 0;
        *state = &f;
        return 0;
}

static int tear_down(void **state) {
        Fixture *f = *state;

        rd_kafka_topic_partition_list_destroy(f->all);
        rd_kafka_destroy(f->consumer);
        rd_kafka_mock_cluster_destroy(f->cluster);
        rd_kafka_destroy(f->broker);
        return 0;
}

/* librdkafka ends the process where it does not hold. */
static void assignments_may_follow_each_other_at_once(void **state) {
        Fixture *f = *state;
        rd_kafka_topic_partition_list_t *assigned = NULL;

        for (unsigned i = 0; i < ROUNDS; i++)
                assert_int_equal(client_assign(f->consumer, f->all), 0);
        assert_int_equal(rd_kafka_assignment(f->consumer, &assigned), 0);
        assert_int_equal(assigned->cnt, PARTITIONS);
        rd_kafka_topic_partition_list_destroy(assigned);
        assert_int_equal(client_assign(f->consumer, NULL), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(assignments_may_follow_each_other_at_once, set_up,
                                                tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
