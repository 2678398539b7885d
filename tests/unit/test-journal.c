/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of what ledgers share: locks, barriers, searches, syncs, and what is done about
 * entries that were lost. One behaviour each; what they do together, under faults, is tests/sim's.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "ledger-fixture.h"

static void test_waits_for_the_lock_and_says_so_once(void **state) {
        Fixture *f = *state;

        f->locked_elsewhere = true;
        assert_true(fixture_step(f, 0) <= USEC_PER_SEC);
        fixture_step(f, USEC_PER_SEC);
        assert_int_equal(f->ledger->phase, LEDGER_LOCKING);
        assert_int_equal(f->notices[RECORD_LOCK_WAITING], 1);
        f->locked_elsewhere = false;
        fixture_step(f, USEC_PER_SEC);
        assert_int_equal(f->ledger->phase, LEDGER_FETCHING);
        assert_int_equal(f->notices[RECORD_LOCK_TAKEN], 1);
        assert_true(f->woken > 0);
}

static void test_a_scan_waits_for_a_barrier_sent_after_the_fetch(void **state) {
        Fixture *f = *state;
        uint32_t before;

        fixture_step(f, 0);
        ledger_fetched(f->ledger, -1, NULL, 0, 0, 0);
        before = f->journal.barriers_sent;
        journal_read_barrier(&f->journal, before);
        fixture_step(f, 0);
        assert_null(f->scan);
        assert_int_equal(f->journal.barriers_sent, before + 1);
        fixture_show_barrier(f);
        assert_non_null(f->scan);
        assert_false(f->scan->look);
}

static void test_the_note_of_a_beginning_is_one_that_a_ledger_goes_on_with(void **state) {
        const LedgerSpec spec = {.cluster = "C", .group = "g", .topic = "t", .partition = 3};
        Fixture *f = *state;
        char text[MARKER_TEXT_MAX];
        Marker m;

        journal_first_note(&f->journal, &spec, 7, text);
        assert_int_equal(marker_parse(text, strlen(text), 7, &m), 0);
        assert_true(marker_is_for(&m, "C", "g", "t", 3));
        assert_false(sd_id128_is_null(m.epoch));
        assert_string_equal(m.host, f->journal.host);
        assert_int_equal(m.anchor, 7);
        assert_true(m.clean);
}

static void test_a_socket_that_takes_nothing_leaves_the_row_queued(void **state) {
        Fixture *f = *state;
        Entry e = {0};

        fixture_run(f);
        fixture_receive(f, 0, 100);
        f->send_error = -EAGAIN;
        assert_int_equal(journal_write(&f->journal, f->ledger, ledger_next(f->ledger), &e, f->now),
                         -EAGAIN);
        assert_non_null(ledger_next(f->ledger));
}

static void test_only_what_was_read_back_is_verified(void **state) {
        Fixture *f = *state;

        fixture_run(f);
        fixture_receive(f, 0, 100);
        fixture_receive(f, 1, 101);
        fixture_send_next(f);
        fixture_send_next(f);
        assert_int_equal(ledger_position(f->ledger), 0);
        fixture_read_back(f, 1);
        assert_int_equal(ledger_position(f->ledger), 0);
        fixture_read_back(f, 0);
        assert_int_equal(ledger_position(f->ledger), 2);
        assert_int_equal(f->released, 2);
}

static void test_a_late_row_gets_a_barrier_and_no_sooner(void **state) {
        Fixture *f = *state;
        uint64_t next;

        fixture_run(f);
        fixture_receive(f, 0, 100);
        fixture_send_next(f);
        next = fixture_step(f, 0);
        assert_int_equal(f->sent, 1);
        assert_true(next > 0 && next <= 200 * USEC_PER_MSEC);
        fixture_step(f, next);
        assert_int_equal(f->sent, 2);
}

static void test_lost_is_only_what_a_look_does_not_find(void **state) {
        static const Standing standing[] = {{.offset = 0, .timestamp = 100}};
        Fixture *f = *state;

        fixture_run(f);
        fixture_receive(f, 0, 100);
        fixture_send_next(f);
        fixture_step(f, 250 * USEC_PER_MSEC);
        fixture_show_barrier(f);
        fixture_answer_scan(f, standing, 1);
        assert_null(ledger_next(f->ledger));
        assert_int_equal(ledger_position(f->ledger), 1);
        assert_int_equal(f->notices[RECORD_ENTRIES_LOST], 0);
}

static void test_what_was_lost_is_written_again_and_said(void **state) {
        Fixture *f = *state;

        fixture_run(f);
        fixture_receive(f, 0, 100);
        fixture_receive(f, 1, 101);
        fixture_send_next(f);
        fixture_send_next(f);
        fixture_read_back(f, 1);
        fixture_lose(f, false);
        assert_int_equal(f->notices[RECORD_ENTRIES_LOST], 1);
        assert_int_equal(f->notice.count, 1);
        assert_int_equal(f->notice.first, 0);
        assert_int_equal(fixture_send_next(f)->offset, 0);
        assert_int_equal(f->ledger->stats.written_again, 1);
        fixture_read_back(f, 0);
        assert_int_equal(ledger_position(f->ledger), 2);
}

static void test_a_silent_journal_is_said_and_its_return_too(void **state) {
        Fixture *f = *state;

        fixture_run(f);
        fixture_receive(f, 0, 100);
        fixture_send_next(f);
        for (unsigned i = 0; i < 20; i++)
                fixture_step(f, USEC_PER_SEC);
        assert_int_equal(f->notices[RECORD_JOURNAL_SILENT], 1);
        fixture_show_barrier(f);
        assert_int_equal(f->notices[RECORD_JOURNAL_HEARD], 1);
        fixture_answer_scan(f, NULL, 0);
}

static void test_sync_comes_before_the_commit_and_after_the_position(void **state) {
        Fixture *f = *state;

        fixture_open_ledger(f, true);
        fixture_run(f);
        fixture_write_verified(f, 0);
        ledger_commit_begin(f->ledger);
        assert_false(fixture_commits(f));
        fixture_step(f, 0);
        assert_true(f->syncing);
        fixture_write_verified(f, 1);
        assert_false(fixture_commits(f));
        journal_synced(&f->journal, 0, f->now);
        fixture_expect_commit(f, 1, false);
}

static void commit_is_wanted(Fixture *f) {
        ledger_commit_begin(f->ledger);
        fixture_step(f, 0);
}

/* One event, whose commit is to be synced. */
static void sync_begins(Fixture *f) {
        fixture_open_ledger(f, true);
        fixture_run(f);
        fixture_write_verified(f, 0);
        commit_is_wanted(f);
        assert_true(f->syncing);
}

/* The same, with a commit at 1 behind it; the sync took 100 ms. */
static void sync_once(Fixture *f) {
        sync_begins(f);
        f->now += 100 * USEC_PER_MSEC;
        f->syncing = false;
        journal_synced(&f->journal, 0, f->now);
        fixture_commit(f, 1);
}

/* A commit that waits for the disk to rest, with an event on its way. */
static void want_sync(Fixture *f) {
        sync_once(f);
        fixture_receive(f, 1, 101);
        fixture_receive(f, 2, 102);
        fixture_send_next(f);
        fixture_send_next(f);
        fixture_read_back(f, 1);
        commit_is_wanted(f);
        assert_false(f->syncing);
}

static void test_while_events_flow_the_disk_rests_after_a_sync(void **state) {
        Fixture *f = *state;

        want_sync(f);
        fixture_receive(f, 3, 103);
        fixture_send_next(f);
        fixture_step(f, 2 * USEC_PER_SEC);
        assert_false(f->syncing);
        /* Verified before it begins, and so is on disk. */
        fixture_read_back(f, 2);
        fixture_step(f, USEC_PER_SEC);
        assert_true(f->syncing);
        fixture_read_back(f, 3);
        journal_synced(&f->journal, 0, f->now);
        fixture_expect_commit(f, 3, false);
}

static void test_the_disk_does_not_rest_where_nothing_flows(void **state) {
        Fixture *f = *state;

        sync_once(f);
        fixture_write_verified(f, 1);
        commit_is_wanted(f);
        assert_true(f->syncing);
}

static void test_the_disk_does_not_rest_where_a_ledger_fills_up(void **state) {
        Fixture *f = *state;

        sync_once(f);
        for (int64_t i = 1; i < LEDGER_ROWS_MANY; i++) {
                assert_false(ledger_commit_is_due(f->ledger));
                fixture_write_verified(f, i);
        }
        fixture_receive(f, LEDGER_ROWS_MANY, 100);
        fixture_send_next(f);
        assert_true(ledger_commit_is_due(f->ledger));
        commit_is_wanted(f);
        assert_true(f->syncing);
}

static void test_a_move_does_not_wait_for_the_disk_to_rest(void **state) {
        Fixture *f = *state;

        want_sync(f);
        assert_int_equal(ledger_seek(f->ledger, 0), 0);
        fixture_step(f, 0);
        assert_true(f->syncing);
}

static void test_what_is_revoked_wants_a_sync_only_when_all_is_verified(void **state) {
        Fixture *f = *state;

        want_sync(f);
        ledger_revoke(f->ledger);
        assert_false(ledger_settle(f->ledger, false));
        fixture_step(f, 0);
        assert_false(f->syncing);
        fixture_read_back(f, 2);
        assert_false(ledger_settle(f->ledger, false));
        fixture_step(f, 0);
        assert_true(f->syncing);
        journal_synced(&f->journal, 0, f->now);
        fixture_expect_commit(f, 3, true);
}

static void test_a_sync_that_fails_is_done_again(void **state) {
        Fixture *f = *state;

        sync_begins(f);
        f->syncing = false;
        journal_synced(&f->journal, -EIO, f->now);
        assert_int_equal(f->tried[JOURNAL_SYNC], -EIO);
        assert_false(fixture_commits(f));
        fixture_step(f, USEC_PER_SEC);
        assert_true(f->syncing);
        journal_synced(&f->journal, 0, f->now);
        assert_int_equal(f->tried[JOURNAL_SYNC], 0);
        fixture_expect_commit(f, 1, false);
}

static void test_a_search_that_fails_is_done_again_and_nothing_opens_before(void **state) {
        Fixture *f = *state;
        JournalScan *scan;

        fixture_step(f, 0);
        ledger_fetched(f->ledger, -1, NULL, 0, 0, 0);
        fixture_step(f, 0);
        fixture_show_barrier(f);
        scan = TAKE_PTR(f->scan);
        scan->error = -EACCES;
        journal_scanned(&f->journal, scan, f->now);
        assert_int_equal(f->tried[JOURNAL_SEARCH], -EACCES);
        fixture_step(f, 0);
        assert_null(f->scan);
        assert_false(fixture_commits(f));
        fixture_step(f, USEC_PER_SEC);
        fixture_answer_scan(f, NULL, 0);
        assert_int_equal(f->tried[JOURNAL_SEARCH], 0);
        fixture_expect_commit(f, 0, false);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fixture_set_up, fixture_tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(waits_for_the_lock_and_says_so_once),
                TEST(a_scan_waits_for_a_barrier_sent_after_the_fetch),
                TEST(the_note_of_a_beginning_is_one_that_a_ledger_goes_on_with),
                TEST(a_socket_that_takes_nothing_leaves_the_row_queued),
                TEST(only_what_was_read_back_is_verified),
                TEST(a_late_row_gets_a_barrier_and_no_sooner),
                TEST(lost_is_only_what_a_look_does_not_find),
                TEST(what_was_lost_is_written_again_and_said),
                TEST(a_silent_journal_is_said_and_its_return_too),
                TEST(sync_comes_before_the_commit_and_after_the_position),
                TEST(while_events_flow_the_disk_rests_after_a_sync),
                TEST(the_disk_does_not_rest_where_nothing_flows),
                TEST(the_disk_does_not_rest_where_a_ledger_fills_up),
                TEST(a_move_does_not_wait_for_the_disk_to_rest),
                TEST(what_is_revoked_wants_a_sync_only_when_all_is_verified),
                TEST(a_sync_that_fails_is_done_again),
                TEST(a_search_that_fails_is_done_again_and_nothing_opens_before),
        };

        return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
