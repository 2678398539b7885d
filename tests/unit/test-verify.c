/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of verify/compare and verify/metadata: what is lost, duplicated, out of order, and
 * what cannot be known any more.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "verify/compare.h"
#include "verify/metadata.h"

/* Events have their offset as timestamp, and a thousand. */
#define TIME(offset) ((offset) + 1000)

static const CompareInput exactly_once = {
        .guarantee = GUARANTEE_EXACTLY_ONCE,
        .epoch = true,
        .anchor = -1,
        .committed = 100,
        .since_ms = -1,
};

static const CompareInput at_least_once = {
        .guarantee = GUARANTEE_AT_LEAST_ONCE,
        .anchor = -1,
        .committed = 100,
        .since_ms = -1,
};

static void tell_entry(Compare *c, int64_t offset) {
        compare_entry(c, offset, TIME(offset));
}

/* Goes through all windows, as verify.c does. */
static bool run(Compare *c, const CompareInput *input, size_t window, int64_t log_end,
                void (*entries)(Compare *c)) {
        bool clean;
        int64_t begin = input->log_start, end;

        compare_init(c, input, window);
        do {
                assert_int_equal(compare_window(c, begin), 0);
                end = MIN(compare_window_end(c), input->committed);
                for (int64_t o = begin; o < MIN(end, log_end); o++)
                        compare_event(c, o, TIME(o));
                entries(c);
                compare_window_done(c);
                begin = end;
        } while (begin < input->committed);
        clean = compare_finish(c);
        compare_done(c);
        return clean;
}

static void tell(Compare *c, int64_t from, int64_t to) {
        for (int64_t o = from; o < to; o++)
                tell_entry(c, o);
}

/* ---- exactly-once ---- */

static void entries_all(Compare *c) {
        tell(c, 10, 110);
}

static void test_verify_finds_nothing_where_all_is_well(void **state) {
        Compare c;

        assert_true(run(&c, &exactly_once, COMPARE_WINDOW, 200, entries_all));
        assert_int_equal(c.result.first, 10);
        assert_int_equal(c.result.events, 90);
        assert_int_equal(c.result.entries, 90);
        assert_int_equal(c.result.before, 10);
        assert_int_equal(c.result.in_flight, 10);
        assert_int_equal(c.n_findings, 0);
}

static void test_verify_finds_the_same_in_small_windows(void **state) {
        Compare c;

        assert_true(run(&c, &exactly_once, 7, 200, entries_all));
        assert_int_equal(c.result.events, 90);
        assert_int_equal(c.result.entries, 90);
        assert_int_equal(c.result.before, 10);
        assert_int_equal(c.result.reordered, 0);
}

static void entries_with_a_gap(Compare *c) {
        tell(c, 10, 50);
        tell(c, 53, 70);
        tell(c, 71, 100);
}

static void test_verify_finds_what_is_lost(void **state) {
        const size_t windows[] = {COMPARE_WINDOW, 1, 16};
        Compare c;

        for (size_t i = 0; i < ELEMENTSOF(windows); i++) {
                assert_false(run(&c, &exactly_once, windows[i], 200, entries_with_a_gap));
                assert_int_equal(c.result.lost, 4);
                assert_true(c.result.faulty[FINDING_LOST]);
                assert_false(c.result.faulty[FINDING_DUPLICATED]);
        }
        assert_false(run(&c, &exactly_once, COMPARE_WINDOW, 200, entries_with_a_gap));
        assert_int_equal(c.n_findings, 2);
        assert_int_equal(c.findings[0].where.first, 50);
        assert_int_equal(c.findings[0].where.last, 52);
        assert_int_equal(c.findings[1].where.first, 70);
}

static void entries_with_the_head_gone(Compare *c) {
        tell(c, 30, 100);
}

static void test_verify_knows_where_an_epoch_began(void **state) {
        CompareInput input = exactly_once;
        Compare c;

        assert_true(run(&c, &input, COMPARE_WINDOW, 200, entries_with_the_head_gone));
        input.anchor = 5;
        assert_false(run(&c, &input, COMPARE_WINDOW, 200, entries_with_the_head_gone));
        assert_int_equal(c.result.lost, 25);
        assert_int_equal(c.result.before, 5);
}

static void test_verify_takes_what_is_older_than_the_journal_for_vacuumed(void **state) {
        CompareInput input = exactly_once;
        Compare c;

        input.anchor = 0;
        input.horizon_ms = TIME(20);
        assert_false(run(&c, &input, COMPARE_WINDOW, 200, entries_with_the_head_gone));
        assert_int_equal(c.result.vacuumed, 20);
        assert_int_equal(c.result.lost, 10);
        input.horizon_ms = TIME(30);
        assert_true(run(&c, &input, 13, 200, entries_with_the_head_gone));
        assert_int_equal(c.result.vacuumed, 30);
        input.uncut = true;
        assert_false(run(&c, &input, 13, 200, entries_with_the_head_gone));
        assert_int_equal(c.result.lost, 30);
}

/* Written again at the place of a cut: 20 is older than the journal, and so is what lay before it.
 */
static void entries_far_apart(Compare *c) {
        tell(c, 0, 1);
        tell(c, 20, COMPARE_IN_FLIGHT + 10);
        tell(c, COMPARE_IN_FLIGHT + 20, COMPARE_IN_FLIGHT + 100);
}

static void test_verify_takes_nothing_for_vacuumed_that_cannot_be(void **state) {
        CompareInput input = exactly_once;
        Compare c;

        input.committed = COMPARE_IN_FLIGHT + 100;
        input.horizon_ms = INT64_MAX;
        assert_false(run(&c, &input, COMPARE_WINDOW, 1000000, entries_far_apart));
        assert_int_equal(c.result.vacuumed, 19);
        assert_int_equal(c.result.lost, 10);
}

static void entries_twice(Compare *c) {
        tell(c, 0, 60);
        tell(c, 40, 45);
        tell(c, 60, 100);
        tell(c, 40, 41);
        tell(c, 100, 103);
        tell(c, 101, 102);
}

static void test_verify_finds_duplicates_in_flight_too(void **state) {
        const size_t windows[] = {COMPARE_WINDOW, 50};
        Compare c;

        for (size_t i = 0; i < ELEMENTSOF(windows); i++) {
                assert_false(run(&c, &exactly_once, windows[i], 200, entries_twice));
                assert_int_equal(c.result.lost, 0);
                assert_int_equal(c.result.reordered, 0);
                assert_true(c.result.duplicated >= 6);
        }
        assert_false(run(&c, &exactly_once, COMPARE_WINDOW, 200, entries_twice));
        assert_int_equal(c.result.duplicated, 7);
        assert_int_equal(c.result.in_flight, 3);
}

static void entries_out_of_order(Compare *c) {
        tell(c, 0, 40);
        tell(c, 42, 60);
        tell(c, 40, 42);
        tell(c, 60, 100);
}

static void test_verify_finds_what_is_out_of_order(void **state) {
        const OffsetRange ranges[] = {{0, 10}, {41, 41}};
        CompareInput input = exactly_once;
        Compare c;

        assert_false(run(&c, &input, COMPARE_WINDOW, 200, entries_out_of_order));
        assert_int_equal(c.result.reordered, 2);
        assert_int_equal(c.findings[0].kind, FINDING_REORDERED);
        assert_int_equal(c.findings[0].where.last, 41);
        input.rewritten = ranges;
        input.n_rewritten = 2;
        assert_false(run(&c, &input, 30, 200, entries_out_of_order));
        assert_int_equal(c.result.reordered, 1);
        assert_int_equal(c.result.rewritten, 1);
}

static void entries_of_another_log(Compare *c) {
        tell(c, 0, 90);
        for (int64_t o = 90; o < 100; o++)
                compare_entry(c, o, 5);
}

static void test_verify_tells_events_by_their_timestamps(void **state) {
        Compare c;

        assert_false(run(&c, &exactly_once, COMPARE_WINDOW, 200, entries_of_another_log));
        assert_int_equal(c.result.different, 10);
        assert_int_equal(c.result.lost, 10);
        assert_false(run(&c, &at_least_once, COMPARE_WINDOW, 200, entries_of_another_log));
        assert_int_equal(c.result.different, 0);
        assert_int_equal(c.result.lost, 10);
}

static void test_verify_has_no_loss_where_the_broker_has_a_gap(void **state) {
        Compare c;

        compare_init(&c, &exactly_once, COMPARE_WINDOW);
        assert_int_equal(compare_window(&c, 0), 0);
        for (int64_t o = 0; o < 100; o += 3)
                compare_event(&c, o, TIME(o));
        for (int64_t o = 0; o < 100; o += 3)
                tell_entry(&c, o);
        tell_entry(&c, 100);
        compare_window_done(&c);
        assert_true(compare_finish(&c));
        assert_int_equal(c.result.events, 34);
        assert_int_equal(c.result.compacted, 0);
        compare_again(&c, false);
        tell(&c, 0, 100);
        compare_window_done(&c);
        assert_true(compare_finish(&c));
        assert_int_equal(c.result.entries, 34);
        assert_int_equal(c.result.compacted, 66);
        assert_int_equal(c.result.in_flight, 0);
        compare_done(&c);
}

static void test_verify_says_what_retention_took(void **state) {
        CompareInput input = exactly_once;
        Compare c;

        input.log_start = 40;
        assert_true(run(&c, &input, COMPARE_WINDOW, 200, entries_all));
        assert_int_equal(c.result.retention, 30);
        assert_int_equal(c.result.first, 40);
        assert_int_equal(c.result.events, 60);
        input.log_start = 150;
        assert_true(run(&c, &input, COMPARE_WINDOW, 200, entries_all));
        assert_int_equal(c.result.retention, 90);
        assert_int_equal(c.result.events, 0);
}

static void test_verify_since_leaves_out_what_is_older(void **state) {
        CompareInput input = exactly_once;
        Compare c;

        input.since_ms = TIME(60);
        assert_false(run(&c, &input, COMPARE_WINDOW, 200, entries_with_a_gap));
        assert_int_equal(c.result.first, 60);
        assert_int_equal(c.result.lost, 1);
        assert_int_equal(c.result.events, 40);
        input.since_ms = TIME(71);
        assert_true(run(&c, &input, COMPARE_WINDOW, 200, entries_with_a_gap));
}

/* What was lost right behind the moment is found, where an entry stands before it. */
static void test_verify_since_begins_with_an_event_and_not_with_an_entry(void **state) {
        CompareInput input = exactly_once;
        Compare c;

        input.since_ms = TIME(50);
        assert_false(run(&c, &input, COMPARE_WINDOW, 200, entries_with_a_gap));
        assert_int_equal(c.result.lost, 4);
        input = at_least_once;
        input.since_ms = TIME(50);
        assert_false(run(&c, &input, COMPARE_WINDOW, 200, entries_with_a_gap));
        assert_int_equal(c.result.lost, 4);
}

/* ---- the others ---- */

static void test_verify_at_least_once_may_write_twice_and_replay(void **state) {
        CompareInput input = at_least_once;
        Compare c;

        assert_true(run(&c, &input, COMPARE_WINDOW, 200, entries_twice));
        assert_int_equal(c.result.duplicated, 6);
        assert_true(run(&c, &input, COMPARE_WINDOW, 200, entries_out_of_order));
        assert_false(run(&c, &input, COMPARE_WINDOW, 200, entries_with_a_gap));
        assert_int_equal(c.result.lost, 4);
        input.guarantee = GUARANTEE_AT_MOST_ONCE;
        assert_false(run(&c, &input, COMPARE_WINDOW, 200, entries_twice));
        assert_true(run(&c, &input, COMPARE_WINDOW, 200, entries_with_a_gap));
}

/* An embedded broker begins at 0 each time. */
static void entries_of_two_runs(Compare *c) {
        for (int64_t o = 0; o < 200; o++)
                compare_entry(c, o, 7 * o + 3);
        tell(c, 30, 100);
}

static void test_verify_without_epochs_passes_over_entries_of_earlier_logs(void **state) {
        Compare c;

        assert_true(run(&c, &at_least_once, COMPARE_WINDOW, 200, entries_of_two_runs));
        assert_int_equal(c.result.first, 30);
        assert_int_equal(c.result.reordered, 0);
        assert_int_equal(c.result.duplicated, 0);
        assert_int_equal(c.result.entries, 70);
}

static void test_verify_bounds_its_memory_and_what_it_remembers(void **state) {
        CompareInput input = exactly_once;
        Compare c;

        input.committed = INT64_C(1) << 40;
        compare_init(&c, &input, COMPARE_WINDOW);
        assert_int_equal(compare_window(&c, 0), 0);
        assert_int_equal(c.n, COMPARE_WINDOW);
        tell_entry(&c, 0);
        for (int64_t o = 1; o < 1000; o += 2)
                compare_event(&c, o, TIME(o));
        compare_window_done(&c);
        assert_false(compare_finish(&c));
        assert_int_equal(c.result.lost, 500);
        assert_int_equal(c.n_findings, COMPARE_FINDINGS);
        compare_done(&c);
}

/* ---- metadata ---- */

#define EPOCH "0123456789abcdef0123456789abcdef"

static bool parse(const char *text, Metadata *m) {
        return metadata_parse(text, strlen(text), m);
}

static void test_metadata_is_read(void **state) {
        Metadata m;

        assert_true(parse("crier/1 epoch=" EPOCH " cluster=abc host=x clean=0", &m));
        assert_string_equal(m.epoch, EPOCH);
        assert_string_equal(m.cluster, "abc");
        assert_int_equal(m.anchor, -1);
        assert_true(parse("crier/1 cluster=a epoch=" EPOCH " anchor=17 more=things", &m));
        assert_int_equal(m.anchor, 17);
}

static void test_metadata_says_whom_it_is_for(void **state) {
        Metadata m;

        assert_true(parse("crier/2 epoch=" EPOCH " anchor=3 clean=0 last=-1 cluster=a "
                          "group=g%20%3D%C3%A9 topic=t partition=7",
                          &m));
        assert_true(metadata_is_for(&m, "g =é", "t", 7));
        assert_false(metadata_is_for(&m, "g", "t", 7));
        assert_false(metadata_is_for(&m, "g =é", "u", 7));
        assert_false(metadata_is_for(&m, "g =é", "t", 8));
        assert_true(parse("crier/1 epoch=" EPOCH " cluster=a", &m));
        assert_true(metadata_is_for(&m, "any", "one", 1));
}

static void test_metadata_of_others_is_none(void **state) {
        static const char *const wrong[] = {
                "",
                "crier/1",
                "crier/3 epoch=" EPOCH " cluster=a",
                "crier/2 epoch=" EPOCH " cluster=a",
                "crier/2 epoch=" EPOCH " cluster=a group=g topic=t",
                "crier/2 epoch=" EPOCH " cluster=a group=g% topic=t partition=1",
                "crier/2 epoch=" EPOCH " cluster=a group=g topic=t partition=-1",
                "crier/2 epoch=" EPOCH " cluster=a group=g group=g topic=t partition=1",
                "crier/1 epoch=00000000000000000000000000000000 cluster=a",
                "epoch=" EPOCH " cluster=a",
                "crier/1 epoch=" EPOCH,
                "crier/1 cluster=a",
                "crier/1 epoch=" EPOCH "0 cluster=a",
                "crier/1 epoch=0123456789ABCDEF0123456789abcdef cluster=a",
                "crier/1 epoch=" EPOCH " epoch=" EPOCH " cluster=a",
                "crier/1 epoch=" EPOCH " cluster=",
                "crier/1 epoch=" EPOCH " cluster=a anchor=x",
                "crier/1 epoch=" EPOCH " cluster=a anchor=-1",
        };
        static const char nul[] = "crier/1 epoch=" EPOCH " cluster=a\0b";
        Metadata m;

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                assert_false(parse(wrong[i], &m));
        assert_false(metadata_parse(nul, sizeof(nul) - 1, &m));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_verify_finds_nothing_where_all_is_well),
                cmocka_unit_test(test_verify_finds_the_same_in_small_windows),
                cmocka_unit_test(test_verify_finds_what_is_lost),
                cmocka_unit_test(test_verify_knows_where_an_epoch_began),
                cmocka_unit_test(test_verify_takes_what_is_older_than_the_journal_for_vacuumed),
                cmocka_unit_test(test_verify_takes_nothing_for_vacuumed_that_cannot_be),
                cmocka_unit_test(test_verify_finds_duplicates_in_flight_too),
                cmocka_unit_test(test_verify_finds_what_is_out_of_order),
                cmocka_unit_test(test_verify_tells_events_by_their_timestamps),
                cmocka_unit_test(test_verify_has_no_loss_where_the_broker_has_a_gap),
                cmocka_unit_test(test_verify_says_what_retention_took),
                cmocka_unit_test(test_verify_since_leaves_out_what_is_older),
                cmocka_unit_test(test_verify_since_begins_with_an_event_and_not_with_an_entry),
                cmocka_unit_test(test_verify_at_least_once_may_write_twice_and_replay),
                cmocka_unit_test(test_verify_without_epochs_passes_over_entries_of_earlier_logs),
                cmocka_unit_test(test_verify_bounds_its_memory_and_what_it_remembers),
                cmocka_unit_test(test_metadata_is_read),
                cmocka_unit_test(test_metadata_says_whom_it_is_for),
                cmocka_unit_test(test_metadata_of_others_is_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
