/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of journal/loss: an entry that the journal loses is written again, ever more slowly;
 * cut where that is its own fault; and not without end.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "journal/loss.h"
#include "ledger-fixture.h"

/* Time passes until a row is to be written; how long that took. */
static uint64_t wait_for_row(Fixture *f) {
        uint64_t begin = f->now;

        while (!ledger_next(f->ledger)) {
                uint64_t next = fixture_step(f, 0);

                assert_true(ledger_next(f->ledger) || next < 60 * USEC_PER_SEC);
                f->now += ledger_next(f->ledger) ? 0 : next;
        }
        return f->now - begin;
}

/* The next row is written, and lost. From the second time on a barrier is sent right behind it, and
 * kept: the loss is its own fault. */
static void lose_by_itself(Fixture *f) {
        wait_for_row(f);
        fixture_lose(f, fixture_send_next(f)->again);
}

/* The same until its partition is stopped. Returns how often it was written. */
static unsigned lose_until_stopped(Fixture *f) {
        unsigned n = 0;

        while (!f->ledger->stopped) {
                assert_true(n++ < 100);
                lose_by_itself(f);
        }
        return n;
}

static void test_an_entry_lost_twice_by_itself_is_cut(void **state) {
        Fixture *f = *state;

        fixture_run(f);
        fixture_receive(f, 0, 100);
        lose_by_itself(f);
        for (unsigned i = 0; i < LEDGER_FAULTS_CUT; i++) {
                wait_for_row(f);
                assert_false(row_is_cut(ledger_next(f->ledger)));
                lose_by_itself(f);
        }
        assert_int_equal(f->notices[RECORD_VALUE_CUT], 1);
        wait_for_row(f);
        assert_true(row_is_cut(ledger_next(f->ledger)));
        fixture_send_next(f);
        fixture_read_back(f, 0);
        assert_int_equal(f->ledger->stats.cut, 1);
        assert_int_equal(ledger_position(f->ledger), 1);
}

static void test_a_journal_that_drops_for_long_cuts_and_stops_nothing(void **state) {
        Fixture *f = *state;

        fixture_run(f);
        fixture_receive(f, 0, 100);
        for (unsigned i = 0; i < 10 * LEDGER_FAULTS_STOP; i++) {
                wait_for_row(f);
                fixture_send_next(f);
                /* The barriers that follow at once are dropped as well. */
                fixture_step(f, 30 * USEC_PER_MSEC);
                fixture_step(f, 5 * USEC_PER_SEC);
                fixture_show_barrier(f);
                fixture_answer_scan(f, NULL, 0);
        }
        wait_for_row(f);
        assert_false(row_is_cut(ledger_next(f->ledger)));
        assert_int_equal(f->notices[RECORD_VALUE_CUT], 0);
        assert_int_equal(f->notices[RECORD_PARTITION_STOPPED], 0);
        assert_string_equal(ledger_state_to_string(f->ledger), "running");
}

static void test_what_is_lost_again_waits_longer_each_time(void **state) {
        uint64_t last = 0, all = 0;
        Fixture *f = *state;

        fixture_run(f);
        fixture_receive(f, 0, 100);
        for (unsigned i = 1; i < LEDGER_FAULTS_STOP; i++) {
                uint64_t wait;

                lose_by_itself(f);
                wait = wait_for_row(f);
                assert_true(wait >= last && wait <= 10 * USEC_PER_SEC);
                last = wait;
                all += wait;
        }
        assert_true(all >= 10 * USEC_PER_SEC);
}

static void test_others_are_written_while_a_lost_one_waits(void **state) {
        Fixture *f = *state;

        fixture_run(f);
        fixture_receive(f, 0, 100);
        lose_by_itself(f);
        lose_by_itself(f);
        assert_null(ledger_next(f->ledger));
        fixture_write_verified(f, 1);
        assert_int_equal(ledger_position(f->ledger), 0);
        wait_for_row(f);
        assert_int_equal(fixture_send_next(f)->offset, 0);
        fixture_read_back(f, 0);
        assert_int_equal(ledger_position(f->ledger), 2);
}

static void test_a_waiting_row_that_shows_up_late_is_verified(void **state) {
        Fixture *f = *state;

        fixture_run(f);
        fixture_receive(f, 0, 100);
        lose_by_itself(f);
        lose_by_itself(f);
        fixture_read_back(f, 0);
        assert_int_equal(ledger_position(f->ledger), 1);
        fixture_step(f, USEC_PER_SEC);
        assert_null(ledger_next(f->ledger));
        assert_int_equal(f->ledger->n_waiting, 0);
}

static void test_what_no_journal_keeps_stops_its_partition(void **state) {
        Fixture *f = *state;

        fixture_run(f);
        fixture_receive(f, 0, 100);
        fixture_receive(f, 1, 101);
        fixture_receive(f, 2, 102);
        fixture_send_next(f);
        fixture_read_back(f, 0);
        fixture_send_next(f);
        fixture_send_next(f);
        fixture_read_back(f, 2);
        fixture_lose(f, false);
        assert_int_equal(lose_until_stopped(f), LEDGER_FAULTS_STOP);
        assert_int_equal(f->notices[RECORD_PARTITION_STOPPED], 1);
        assert_string_equal(ledger_state_to_string(f->ledger), "stopped");
        assert_int_equal(ledger_position(f->ledger), 1);
        assert_false(ledger_takes(f->ledger));
        assert_int_equal(f->journal.bytes, 0);
        assert_int_equal(f->released, 3);
        f->sent = 0;
        for (unsigned i = 0; i < 100; i++) {
                fixture_step(f, USEC_PER_SEC);
                assert_null(ledger_next(f->ledger));
        }
        assert_int_equal(f->sent, 0);
        /* What is in the journal already is committed. */
        fixture_commit(f, 1);
        assert_false(ledger_owes(f->ledger));
}

static void test_what_comes_before_a_stop_is_still_written(void **state) {
        Fixture *f = *state;
        Row *second;

        fixture_run(f);
        fixture_receive(f, 0, 100);
        fixture_receive(f, 1, 101);
        fixture_send_next(f);
        second = fixture_send_next(f);
        fixture_lose(f, false);
        second->faults = LEDGER_FAULTS_STOP - 1;
        fixture_send_next(f);
        fixture_send_next(f);
        fixture_lose(f, true);
        assert_true(f->ledger->stopped);
        assert_int_equal(f->notice.first, 1);
        wait_for_row(f);
        assert_int_equal(fixture_send_next(f)->offset, 0);
        assert_null(ledger_next(f->ledger));
        fixture_read_back(f, 0);
        fixture_commit(f, 1);
}

static void test_a_stopped_partition_is_given_back_at_once_and_never_clean(void **state) {
        Fixture *f = *state;

        fixture_run(f);
        fixture_receive(f, 0, 100);
        fixture_receive(f, 1, 101);
        lose_by_itself(f);
        lose_until_stopped(f);
        ledger_revoke(f->ledger);
        (void) ledger_settle(f->ledger, false);
        assert_int_equal(f->ledger->phase, LEDGER_CLOSED);
        assert_false(fixture_commits(f));
}

static void test_a_seek_takes_a_stopped_partition_on(void **state) {
        Fixture *f = *state;

        fixture_run(f);
        fixture_receive(f, 0, 100);
        fixture_receive(f, 1, 101);
        lose_by_itself(f);
        lose_until_stopped(f);
        assert_int_equal(ledger_seek(f->ledger, 1), 0);
        fixture_expect_commit(f, 1, false);
        ledger_commit_answer(f->ledger, LEDGER_DONE);
        assert_string_equal(ledger_state_to_string(f->ledger), "running");
        assert_int_equal(f->ledger->seek, LEDGER_SEEK_DONE);
        fixture_write_verified(f, 1);
        assert_int_equal(ledger_position(f->ledger), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fixture_set_up, fixture_tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(an_entry_lost_twice_by_itself_is_cut),
                TEST(a_journal_that_drops_for_long_cuts_and_stops_nothing),
                TEST(what_is_lost_again_waits_longer_each_time),
                TEST(others_are_written_while_a_lost_one_waits),
                TEST(a_waiting_row_that_shows_up_late_is_verified),
                TEST(what_no_journal_keeps_stops_its_partition),
                TEST(what_comes_before_a_stop_is_still_written),
                TEST(a_stopped_partition_is_given_back_at_once_and_never_clean),
                TEST(a_seek_takes_a_stopped_partition_on),
        };

        return cmocka_run_group_tests_name("loss", tests, NULL, NULL);
}
