/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of a fleet in this process, on an embedded broker: what no outside test can bring about, a
 * fatal error inside a client (rd_kafka_test_fatal_error()).
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/log.h"
#include "config/load.h"
#include "journal/stdout.h"
#include "kafka/fleet.h"

static const char text[] =
        "topics: ( { name = \"t\"; partitions = 2; } );\n"
        "producers: ( { name = \"p\"; topic = \"t\"; rate = 100.0; value = \"v\"; } );\n"
        "groups: ( { name = \"g\"; topics = [ \"t\" ]; log = false; } );\n";

typedef struct Fixture {
        sd_event *event;
        Sink *sink;
        Fleet *fleet;
        bool stopped;
        int64_t before; /* sum of the positions, or events delivered, before the failure */
} Fixture;

static Config *load(void) {
        _cleanup_buffer_ Buffer errors = {0};
        Config *config = NULL;

        assert_int_equal(config_load_text("test", text, sizeof(text) - 1, &config, &errors), 0);
        return config;
}

static int set_up(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        assert_true(sd_event_new(&f->event) >= 0);
        assert_int_equal(stdout_new(f->event, &f->sink), 0);
        assert_int_equal(fleet_new(f->event, load(), f->sink, NULL, "not here", &f->fleet), 0);
        fleet_start(f->fleet);
        *state = f;
        return 0;
}

static void on_stopped(void *userdata, bool gone, bool settled) {
        Fixture *f = userdata;

        assert_true(gone);
        f->stopped = true;
}

static int tear_down(void **state) {
        Fixture *f = *state;

        fleet_free(f->fleet);
        sink_free(f->sink);
        sd_event_unref(f->event);
        free(f);
        return 0;
}

/* Runs the loop until `done` says so, at most a minute: the embedded broker's groups take their
 * time. */
static void run_until(Fixture *f, bool (*done)(const Fixture *f)) {
        for (unsigned i = 0; i < 6000 && !done(f); i++)
                assert_true(sd_event_run(f->event, 10 * USEC_PER_MSEC) >= 0);
        assert_true(done(f));
}

static Consumer *consumer(const Fixture *f) {
        return f->fleet->groups[0]->consumers[0];
}

static bool consumer_works(const Fixture *f) {
        return consumer(f)->state == CONSUMER_ASSIGNED && consumer(f)->n_partitions == 2 &&
               consumer(f)->written > 0;
}

static int64_t consumer_positions(const Fixture *f) {
        return consumer(f)->partitions[0]->position + consumer(f)->partitions[1]->position;
}

/* What was not committed before comes again first. */
static bool consumer_has_gone_on(const Fixture *f) {
        return consumer_works(f) && consumer_positions(f) > f->before;
}

static bool consumer_waits(const Fixture *f) {
        return consumer(f)->state == CONSUMER_RESTARTING;
}

static bool producer_waits(const Fixture *f) {
        return f->fleet->producers[0]->state == PRODUCER_RESTARTING;
}

static bool producer_works(const Fixture *f) {
        return f->fleet->producers[0]->state == PRODUCER_RUNNING &&
               f->fleet->producers[0]->acked > (uint64_t) f->before;
}

static bool stopped(const Fixture *f) {
        return f->stopped;
}

static void stop(Fixture *f) {
        fleet_stop(f->fleet, on_stopped, f);
        run_until(f, stopped);
}

static void test_consumer_with_a_fatal_error_is_made_anew_and_goes_on(void **state) {
        Fixture *f = *state;
        run_until(f, consumer_works);
        assert_true(f->fleet->groups[0]->stable);
        f->before = consumer_positions(f);
        rd_kafka_test_fatal_error(consumer(f)->rk, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, "a test");
        run_until(f, consumer_waits);
        assert_int_equal(consumer(f)->trouble.code, TROUBLE_CLIENT_FAILED);
        assert_string_equal(consumer_state_to_string(consumer(f)), "restarting");
        run_until(f, consumer_has_gone_on);
        assert_int_equal(consumer(f)->number, 0);
        assert_int_equal(consumer(f)->trouble.code, TROUBLE_NONE);
        stop(f);
}

static void test_producer_with_a_fatal_error_is_made_anew_and_goes_on(void **state) {
        Fixture *f = *state;
        Producer *p = f->fleet->producers[0];

        run_until(f, producer_works);
        rd_kafka_test_fatal_error(p->rk, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, "a test");
        run_until(f, producer_waits);
        assert_int_equal(p->trouble.code, TROUBLE_CLIENT_FAILED);
        f->before = (int64_t) p->acked;
        run_until(f, producer_works);
        stop(f);
}

static void test_stop_while_a_client_waits_to_be_made_anew(void **state) {
        Fixture *f = *state;

        run_until(f, consumer_works);
        rd_kafka_test_fatal_error(consumer(f)->rk, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, "a test");
        run_until(f, consumer_waits);
        stop(f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
                TEST(test_consumer_with_a_fatal_error_is_made_anew_and_goes_on),
                TEST(test_producer_with_a_fatal_error_is_made_anew_and_goes_on),
                TEST(test_stop_while_a_client_waits_to_be_made_anew),
#undef TEST
        };

        log_open("test-fleet", LOG_EMERG);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
