/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of kafka/sender on an embedded broker in this process: what would take a minute from
 * outside, and what cannot be brought about there, a fatal error inside its client.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/load.h"
#include "journal/stdout.h"
#include "kafka/fleet.h"

static const char text[] = "topics: ( { name = \"t\"; partitions = 2; } );\n";

typedef struct Fixture {
        sd_event *event;
        Sink *sink;
        Fleet *fleet;
        bool stopped;
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

static bool stopped(const Fixture *f, const Sending *x) {
        return f->stopped;
}

static bool done(const Fixture *f, const Sending *x) {
        return x->left == 0;
}

static bool gone(const Fixture *f, const Sending *x) {
        return sender_is_gone(f->fleet->sender);
}

/* Runs the loop until `condition` says so, at most a minute. */
static void run_until(Fixture *f, bool (*condition)(const Fixture *f, const Sending *x),
                      const Sending *x) {
        for (unsigned i = 0; i < 6000 && !condition(f, x); i++)
                assert_true(sd_event_run(f->event, 10 * USEC_PER_MSEC) >= 0);
        assert_true(condition(f, x));
}

static int tear_down(void **state) {
        Fixture *f = *state;

        fleet_stop(f->fleet, on_stopped, f);
        run_until(f, stopped, NULL);
        fleet_free(f->fleet);
        sink_free(f->sink);
        sd_event_unref(f->event);
        free(f);
        return 0;
}

static Sending *sending(const char *topic, unsigned n) {
        Sending *x = sending_new(topic, n);

        assert_non_null(x);
        for (unsigned i = 0; i < n; i++) {
                x->events[i].has_value = true;
                buffer_append_u64(&x->events[i].value, i);
                x->events[i].partition = 0;
        }
        return x;
}

static void test_events_get_their_places(void **state) {
        _cleanup_(sending_unrefp) Sending *x = sending("t", 3);
        Fixture *f = *state;

        assert_int_equal(sender_send(f->fleet->sender, x), 0);
        run_until(f, done, x);
        for (unsigned i = 0; i < 3; i++) {
                assert_null(x->events[i].problem);
                assert_int_equal(x->events[i].at_partition, 0);
                assert_int_equal(x->events[i].offset, i);
        }
        assert_false(sender_is_gone(f->fleet->sender));
}

static void test_client_that_nobody_uses_for_a_minute_goes(void **state) {
        _cleanup_(sending_unrefp) Sending *x = sending("t", 1), *y = sending("t", 1);
        Fixture *f = *state;

        assert_int_equal(sender_send(f->fleet->sender, x), 0);
        run_until(f, done, x);
        sender_tick(f->fleet->sender, clock_usec() + 50 * USEC_PER_SEC);
        assert_false(sender_is_gone(f->fleet->sender));
        sender_tick(f->fleet->sender, clock_usec() + 61 * USEC_PER_SEC);
        /* What comes meanwhile is sent by the next one. */
        assert_int_equal(sender_send(f->fleet->sender, y), 0);
        run_until(f, done, y);
        assert_int_equal(y->events[0].offset, 1);
        sender_tick(f->fleet->sender, clock_usec() + 61 * USEC_PER_SEC);
        run_until(f, gone, NULL);
}

static void test_client_that_fails_is_made_anew(void **state) {
        _cleanup_(sending_unrefp) Sending *x = sending("t", 1), *y = sending("t", 2);
        Fixture *f = *state;

        assert_int_equal(sender_send(f->fleet->sender, x), 0);
        run_until(f, done, x);
        assert_int_equal(rd_kafka_test_fatal_error(sender_client(f->fleet->sender),
                                                   RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
                                                   "made up"),
                         0);
        run_until(f, gone, NULL);
        assert_int_equal(sender_send(f->fleet->sender, y), 0);
        run_until(f, done, y);
        assert_int_equal(y->events[0].offset, 1);
        assert_int_equal(y->events[1].offset, 2);
}

static void test_what_waits_when_the_client_fails_has_a_problem(void **state) {
        _cleanup_(sending_unrefp) Sending *x = sending("t", 1), *y = sending("t", 1000);
        Fixture *f = *state;

        assert_int_equal(sender_send(f->fleet->sender, x), 0);
        run_until(f, done, x);
        (void) rd_kafka_test_fatal_error(sender_client(f->fleet->sender),
                                         RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "made up");
        assert_int_equal(sender_send(f->fleet->sender, y), 0);
        run_until(f, done, y);
        for (unsigned i = 0; i < y->n; i++)
                assert_true(!y->events[i].problem == (y->events[i].offset >= 0));
}

static void test_nothing_is_taken_after_a_stop(void **state) {
        _cleanup_(sending_unrefp) Sending *x = sending("t", 5), *y = sending("t", 1);
        Fixture *f = *state;

        assert_int_equal(sender_send(f->fleet->sender, x), 0);
        sender_stop(f->fleet->sender);
        assert_int_equal(sender_send(f->fleet->sender, y), -ESHUTDOWN);
        assert_int_equal(y->left, 1);
        /* What was taken is delivered. */
        run_until(f, gone, NULL);
        assert_int_equal(x->left, 0);
        for (unsigned i = 0; i < 5; i++)
                assert_int_equal(x->events[i].offset, i);
}

static void test_topic_that_does_not_exist_is_said(void **state) {
        _cleanup_(sending_unrefp) Sending *x = sending("u", 2), *y = sending("t", 1);
        Fixture *f = *state;

        assert_int_equal(sender_send(f->fleet->sender, x), 0);
        assert_int_equal(sender_send(f->fleet->sender, y), 0);
        run_until(f, done, y);
        assert_true(x->no_topic && x->left == 0 && x->events[0].problem && x->events[1].problem);
        assert_true(!y->no_topic && y->events[0].offset == 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_events_get_their_places),
                TEST(test_client_that_nobody_uses_for_a_minute_goes),
                TEST(test_client_that_fails_is_made_anew),
                TEST(test_what_waits_when_the_client_fails_has_a_problem),
                TEST(test_nothing_is_taken_after_a_stop),
                TEST(test_topic_that_does_not_exist_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
