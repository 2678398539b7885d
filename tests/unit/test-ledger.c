/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of a partition's ledger, one behaviour each. What many of them do together, under
 * faults, is tests/sim's.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "ledger-fixture.h"

static void test_a_fresh_epoch_is_anchored_before_anything_is_taken(void **state) {
        Fixture *f = *state;

        fixture_step(f, 0);
        ledger_fetched(f->ledger, -1, NULL, 0, 0, 7);
        fixture_step(f, 0);
        fixture_show_barrier(f);
        fixture_answer_scan(f, NULL, 0);
        assert_int_equal(f->ledger->phase, LEDGER_OPENING);
        assert_false(ledger_takes(f->ledger));
        fixture_expect_commit(f, 7, false);
        ledger_commit_answer(f->ledger, LEDGER_UNKNOWN);
        assert_false(ledger_takes(f->ledger));
        fixture_expect_commit(f, 7, false);
        ledger_commit_answer(f->ledger, LEDGER_DONE);
        assert_true(ledger_takes(f->ledger));
        assert_int_equal(f->ledger->start, 7);
}

static void test_a_commit_with_another_clusters_note_is_a_reset(void **state) {
        Fixture *f = *state;
        Marker m = {.epoch = EPOCH, .last = -1};
        char text[MARKER_TEXT_MAX];

        marker_address(&m, "here", "other", "g", "t", 0);
        marker_format(&m, text);
        fixture_step(f, 0);
        ledger_fetched(f->ledger, 5, text, strlen(text), 0, 5);
        assert_int_equal(f->notices[RECORD_GROUP_RESET], 1);
        assert_int_equal(f->drawn, 1);
}

static void test_our_own_epoch_goes_on_without_a_commit(void **state) {
        Fixture *f = *state;

        fixture_recover(f, "here", false, 5, NULL, 0);
        assert_int_equal(f->ledger->phase, LEDGER_RUNNING);
        assert_int_equal(f->drawn, 0);
        assert_int_equal(f->notices[RECORD_TAKEN_OVER], 0);
}

static void test_a_clean_end_is_opened_again_first(void **state) {
        Fixture *f = *state;

        fixture_recover(f, "here", true, 5, NULL, 0);
        assert_int_equal(f->ledger->phase, LEDGER_OPENING);
        fixture_expect_commit(f, 5, false);
}

static void test_an_unclean_takeover_is_said_and_opened(void **state) {
        Fixture *f = *state;

        fixture_recover(f, "there", false, 5, NULL, 0);
        assert_int_equal(f->notices[RECORD_TAKEN_OVER], 1);
        assert_int_equal(f->ledger->phase, LEDGER_OPENING);
        assert_int_equal(f->drawn, 0);
}

static void test_a_clean_takeover_says_nothing(void **state) {
        Fixture *f = *state;

        fixture_recover(f, "there", true, 5, NULL, 0);
        assert_int_equal(f->notices[RECORD_TAKEN_OVER], 0);
        assert_int_equal(f->ledger->phase, LEDGER_OPENING);
}

static void test_what_stands_is_not_written_and_told_once(void **state) {
        static const Standing standing[] = {{.offset = 5, .timestamp = 105},
                                            {.offset = 7, .timestamp = 107}};
        Fixture *f = *state;

        fixture_recover(f, "here", false, 5, standing, 2);
        assert_int_equal(fixture_receive(f, 5, 105), LEDGER_STANDS);
        assert_int_equal(fixture_receive(f, 6, 106), LEDGER_NEW);
        assert_int_equal(f->notices[RECORD_PARTITION_RECOVERED], 0);
        assert_int_equal(fixture_receive(f, 7, 107), LEDGER_STANDS);
        assert_int_equal(f->notices[RECORD_PARTITION_RECOVERED], 1);
        assert_int_equal(f->notice.count, 2);
        assert_int_equal(f->notice.written, 1);
        assert_int_equal(ledger_position(f->ledger), 6);
}

static void test_retention_before_the_commit_goes_on_at_the_logs_start(void **state) {
        Fixture *f = *state;
        Marker m = {.epoch = EPOCH, .last = -1};
        char text[MARKER_TEXT_MAX];

        marker_address(&m, "here", "C", "g", "t", 0);
        marker_format(&m, text);
        fixture_step(f, 0);
        ledger_fetched(f->ledger, 5, text, strlen(text), 9, 9);
        assert_int_equal(f->notices[RECORD_RETENTION], 1);
        assert_int_equal(f->notice.first, 5);
        assert_int_equal(f->notice.last, 8);
        assert_int_equal(f->ledger->start, 9);
        assert_int_equal(f->drawn, 0);
}

static void test_a_redelivery_is_known(void **state) {
        Fixture *f = *state;

        fixture_run(f);
        assert_int_equal(fixture_receive(f, 3, 103), LEDGER_NEW);
        assert_int_equal(fixture_receive(f, 3, 103), LEDGER_KNOWN);
        fixture_send_next(f);
        fixture_read_back(f, 3);
        assert_int_equal(fixture_receive(f, 3, 103), LEDGER_KNOWN);
        fixture_commit(f, 4);
        assert_int_equal(fixture_receive(f, 3, 103), LEDGER_KNOWN);
}

static void test_another_timestamp_is_a_rewritten_log(void **state) {
        Fixture *f = *state;
        int64_t offset;

        fixture_run(f);
        fixture_write_verified(f, 3);
        assert_int_equal(fixture_receive(f, 3, 999), LEDGER_MOVED);
        assert_true(ledger_has_moved(f->ledger, &offset));
        assert_int_equal(offset, 3);
        assert_false(ledger_has_moved(f->ledger, &offset));
        assert_int_equal(f->drawn, 2);
        fixture_expect_commit(f, 3, false);
}

static void test_an_offset_that_was_passed_empty_is_a_rewritten_log(void **state) {
        Fixture *f = *state;

        fixture_run(f);
        fixture_write_verified(f, 3);
        assert_int_equal(fixture_receive(f, 1, 101), LEDGER_MOVED);
}

static void test_what_holds_no_events_is_passed_and_committed(void **state) {
        Fixture *f = *state;

        fixture_run(f);
        assert_int_equal(fixture_receive(f, 0, 100), LEDGER_NEW);
        ledger_passed(f->ledger, 33);
        /* Not before what is under way. */
        assert_int_equal(ledger_position(f->ledger), 0);
        fixture_send_next(f);
        fixture_read_back(f, 0);
        assert_true(ledger_owes(f->ledger));
        fixture_commit(f, 33);
        assert_false(ledger_owes(f->ledger));
        /* It never goes back. */
        ledger_passed(f->ledger, 20);
        assert_int_equal(ledger_position(f->ledger), 33);
        assert_int_equal(fixture_receive(f, 33, 133), LEDGER_NEW);
}

static void test_what_is_given_back_unsent_is_not_passed(void **state) {
        Fixture *f = *state;

        fixture_run(f);
        assert_int_equal(fixture_receive(f, 0, 100), LEDGER_NEW);
        ledger_passed(f->ledger, 33);
        ledger_revoke(f->ledger);
        ledger_passed(f->ledger, 40);
        assert_int_equal(ledger_position(f->ledger), 0);
}

static void test_a_full_ledger_takes_nothing_until_a_row_is_verified(void **state) {
        Fixture *f = *state;

        f->journal.in_flight_events = 2;
        fixture_run(f);
        fixture_receive(f, 0, 100);
        assert_true(ledger_takes(f->ledger));
        fixture_receive(f, 1, 101);
        assert_false(ledger_takes(f->ledger));
        fixture_send_next(f);
        f->woken = 0;
        fixture_read_back(f, 0);
        assert_int_equal(f->woken, 1);
        assert_true(ledger_takes(f->ledger));
}

static void test_one_event_may_be_larger_than_all_memory(void **state) {
        Fixture *f = *state;

        f->journal.in_flight_bytes = 5;
        fixture_run(f);
        assert_true(ledger_takes(f->ledger));
        fixture_receive(f, 0, 100);
        assert_false(ledger_takes(f->ledger));
}

static void test_a_commit_is_the_position_and_gaps_are_passed(void **state) {
        Fixture *f = *state;

        fixture_run(f);
        fixture_write_verified(f, 3);
        fixture_write_verified(f, 8);
        assert_true(ledger_owes(f->ledger));
        fixture_commit(f, 9);
        assert_false(ledger_owes(f->ledger));
        ledger_commit_begin(f->ledger);
        assert_false(fixture_commits(f));
}

static void test_a_refused_commit_changes_nothing(void **state) {
        Fixture *f = *state;

        fixture_run(f);
        fixture_write_verified(f, 0);
        ledger_commit_begin(f->ledger);
        fixture_expect_commit(f, 1, false);
        ledger_commit_answer(f->ledger, LEDGER_REFUSED);
        assert_int_equal(f->ledger->committed, 0);
        fixture_commit(f, 1);
}

static void test_a_settled_partition_ends_clean(void **state) {
        Fixture *f = *state;

        fixture_run(f);
        fixture_receive(f, 0, 100);
        fixture_send_next(f);
        ledger_revoke(f->ledger);
        assert_false(ledger_takes(f->ledger));
        assert_false(ledger_settle(f->ledger, false));
        assert_false(fixture_commits(f));
        f->woken = 0;
        fixture_read_back(f, 0);
        assert_int_equal(f->woken, 1);
        assert_false(ledger_settle(f->ledger, false));
        fixture_expect_commit(f, 1, true);
        ledger_commit_answer(f->ledger, LEDGER_DONE);
        assert_true(ledger_settle(f->ledger, false));
        f->ledger = ledger_free(f->ledger);
        assert_int_equal(f->unlocked, 1);
}

static void test_what_was_never_sent_is_left_to_the_next_owner(void **state) {
        Fixture *f = *state;

        fixture_run(f);
        fixture_write_verified(f, 0);
        fixture_receive(f, 1, 101);
        ledger_revoke(f->ledger);
        assert_null(ledger_next(f->ledger));
        assert_int_equal(f->released, 2);
        assert_false(ledger_settle(f->ledger, false));
        fixture_expect_commit(f, 1, true);
}

static void test_rows_in_flight_at_the_end_are_not_clean(void **state) {
        Fixture *f = *state;

        fixture_run(f);
        fixture_write_verified(f, 0);
        fixture_receive(f, 1, 101);
        fixture_send_next(f);
        ledger_revoke(f->ledger);
        assert_false(ledger_settle(f->ledger, true));
        fixture_expect_commit(f, 1, false);
}

static void test_what_stands_ahead_is_not_clean(void **state) {
        static const Standing standing[] = {{.offset = 5, .timestamp = 105},
                                            {.offset = 9, .timestamp = 109}};
        Fixture *f = *state;

        fixture_recover(f, "here", false, 5, standing, 2);
        assert_int_equal(fixture_receive(f, 5, 105), LEDGER_STANDS);
        ledger_revoke(f->ledger);
        assert_false(ledger_settle(f->ledger, false));
        fixture_expect_commit(f, 6, false);
}

static void test_a_partition_without_anything_is_given_back_at_once(void **state) {
        Fixture *f = *state;

        fixture_step(f, 0);
        ledger_revoke(f->ledger);
        assert_true(ledger_settle(f->ledger, false));
}

static void test_a_lost_assignment_is_silent(void **state) {
        Fixture *f = *state;

        fixture_run(f);
        fixture_write_verified(f, 0);
        fixture_receive(f, 1, 101);
        ledger_commit_begin(f->ledger);
        ledger_fence(f->ledger);
        assert_null(ledger_next(f->ledger));
        assert_false(fixture_commits(f));
        assert_false(ledger_takes(f->ledger));
        assert_true(ledger_settle(f->ledger, false));
}

static void test_a_fenced_commit_is_a_lost_assignment(void **state) {
        Fixture *f = *state;

        fixture_run(f);
        fixture_write_verified(f, 0);
        ledger_commit_begin(f->ledger);
        fixture_expect_commit(f, 1, false);
        ledger_commit_answer(f->ledger, LEDGER_FENCED);
        assert_true(f->ledger->fenced);
        assert_int_equal(f->ledger->committed, 0);
}

static void test_a_seek_waits_for_rows_then_anchors_a_new_epoch(void **state) {
        Fixture *f = *state;
        sd_id128_t before;
        int64_t offset;

        fixture_run(f);
        before = f->ledger->epoch;
        fixture_receive(f, 0, 100);
        fixture_send_next(f);
        assert_int_equal(ledger_seek(f->ledger, 50), 0);
        assert_false(ledger_takes(f->ledger));
        assert_false(ledger_has_moved(f->ledger, &offset));
        fixture_read_back(f, 0);
        assert_true(ledger_has_moved(f->ledger, &offset));
        assert_int_equal(offset, 50);
        assert_false(sd_id128_equal(before, f->ledger->epoch));
        assert_int_equal(f->ledger->seek, LEDGER_SEEK_PENDING);
        fixture_expect_commit(f, 50, false);
        ledger_commit_answer(f->ledger, LEDGER_DONE);
        assert_int_equal(f->ledger->seek, LEDGER_SEEK_DONE);
        assert_true(ledger_takes(f->ledger));
}

static void test_no_seek_while_a_commit_is_unknown(void **state) {
        Fixture *f = *state;

        fixture_run(f);
        fixture_write_verified(f, 0);
        ledger_commit_begin(f->ledger);
        fixture_expect_commit(f, 1, false);
        assert_int_equal(ledger_seek(f->ledger, 50), 0);
        ledger_commit_answer(f->ledger, LEDGER_UNKNOWN);
        assert_int_equal(f->ledger->seek, LEDGER_SEEK_REFUSED);
        assert_true(ledger_takes(f->ledger));
        assert_int_equal(ledger_seek(f->ledger, 50), -EAGAIN);
}

static void test_behind_the_logs_end_is_an_anchor_at_its_start(void **state) {
        Fixture *f = *state;
        int64_t offset;

        fixture_run(f);
        fixture_write_verified(f, 7);
        ledger_out_of_range(f->ledger, 8, 2, 4);
        assert_true(ledger_has_moved(f->ledger, &offset));
        assert_int_equal(offset, 2);
        assert_int_equal(f->notices[RECORD_POSITION_RESET], 1);
        fixture_expect_commit(f, 2, false);
}

static void test_before_the_logs_start_is_not(void **state) {
        Fixture *f = *state;
        int64_t offset;

        fixture_run(f);
        fixture_write_verified(f, 0);
        ledger_out_of_range(f->ledger, 1, 5, 9);
        assert_true(ledger_has_moved(f->ledger, &offset));
        assert_int_equal(offset, 5);
        assert_int_equal(f->drawn, 1);
        assert_int_equal(f->notices[RECORD_RETENTION], 1);
        fixture_commit(f, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fixture_set_up, fixture_tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(a_fresh_epoch_is_anchored_before_anything_is_taken),
                TEST(a_commit_with_another_clusters_note_is_a_reset),
                TEST(our_own_epoch_goes_on_without_a_commit),
                TEST(a_clean_end_is_opened_again_first),
                TEST(an_unclean_takeover_is_said_and_opened),
                TEST(a_clean_takeover_says_nothing),
                TEST(what_stands_is_not_written_and_told_once),
                TEST(retention_before_the_commit_goes_on_at_the_logs_start),
                TEST(a_redelivery_is_known),
                TEST(another_timestamp_is_a_rewritten_log),
                TEST(an_offset_that_was_passed_empty_is_a_rewritten_log),
                TEST(what_holds_no_events_is_passed_and_committed),
                TEST(what_is_given_back_unsent_is_not_passed),
                TEST(a_full_ledger_takes_nothing_until_a_row_is_verified),
                TEST(one_event_may_be_larger_than_all_memory),
                TEST(a_commit_is_the_position_and_gaps_are_passed),
                TEST(a_refused_commit_changes_nothing),
                TEST(a_settled_partition_ends_clean),
                TEST(what_was_never_sent_is_left_to_the_next_owner),
                TEST(rows_in_flight_at_the_end_are_not_clean),
                TEST(what_stands_ahead_is_not_clean),
                TEST(a_partition_without_anything_is_given_back_at_once),
                TEST(a_lost_assignment_is_silent),
                TEST(a_fenced_commit_is_a_lost_assignment),
                TEST(a_seek_waits_for_rows_then_anchors_a_new_epoch),
                TEST(no_seek_while_a_commit_is_unknown),
                TEST(behind_the_logs_end_is_an_anchor_at_its_start),
                TEST(before_the_logs_start_is_not),
        };

        return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
