/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of the ledger and its journal, one behaviour each, against a journald that the test
 * plays by hand. What many of them do together, under faults, is tests/sim's.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "journal/journal.h"

#define EPOCH SD_ID128_MAKE(0a, 0b, 0c, 0d, 0e, 0f, 00, 01, 02, 03, 04, 05, 06, 07, 08, 09)

typedef struct Fixture {
        Journal journal;
        Ledger *ledger;
        uint64_t now;
        unsigned sent; /* datagrams, barriers included */
        int send_error;
        bool locked_elsewhere;
        unsigned unlocked;
        JournalScan *scan;
        bool syncing;
        unsigned drawn;
        unsigned released;
        unsigned woken;
        unsigned notices[RECORD_COUNT_];
        JournalNotice notice; /* the newest */
} Fixture;

static int op_send(void *userdata, const Entry *e) {
        Fixture *f = userdata;

        if (f->send_error < 0)
                return f->send_error;
        f->sent++;
        return 0;
}

static int op_lock(void *userdata, uint64_t key) {
        return ((Fixture *) userdata)->locked_elsewhere ? -EAGAIN : 0;
}

static void op_unlock(void *userdata, uint64_t key) {
        ((Fixture *) userdata)->unlocked++;
}

static void op_follow(void *userdata, bool enable, uint32_t barrier) {
}

static int op_scan(void *userdata, JournalScan *scan) {
        ((Fixture *) userdata)->scan = scan;
        return 0;
}

static int op_sync(void *userdata) {
        ((Fixture *) userdata)->syncing = true;
        return 0;
}

static sd_id128_t op_draw(void *userdata) {
        sd_id128_t id = EPOCH;

        id.bytes[15] = (uint8_t)++((Fixture *) userdata)->drawn;
        return id;
}

static void on_notice(void *userdata, const JournalNotice *n) {
        Fixture *f = userdata;

        f->notices[n->record]++;
        f->notice = *n;
}

static void on_release(void *userdata, void *event) {
        ((Fixture *) userdata)->released++;
}

static void on_wake(void *userdata, void *owner) {
        ((Fixture *) userdata)->woken++;
}

static void open_ledger(Fixture *f, bool sync) {
        LedgerSpec spec = {.cluster = "C", .group = "g", .topic = "t", .sync = sync};

        f->ledger = ledger_free(f->ledger);
        assert_int_equal(ledger_new(&f->journal, &spec, f, &f->ledger), 0);
}

static int set_up(void **state) {
        static const JournalOps ops = {
                .send = op_send,
                .lock = op_lock,
                .unlock = op_unlock,
                .follow = op_follow,
                .scan = op_scan,
                .sync = op_sync,
                .draw = op_draw,
        };
        Fixture *f = calloc(1, sizeof(*f));

        f->now = USEC_PER_SEC;
        journal_init(&f->journal, &ops, f, "here", EPOCH);
        f->journal.userdata = f;
        f->journal.handlers = (JournalHandlers){on_notice, on_release, on_wake};
        open_ledger(f, false);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        Fixture *f = *state;

        ledger_free(f->ledger);
        journal_scan_free(f->scan);
        assert_int_equal(f->journal.bytes, 0);
        journal_done(&f->journal);
        free(f);
        return 0;
}

/* ---- what a test does again and again ---- */

static uint64_t step(Fixture *f, uint64_t usec) {
        f->now += usec;
        return journal_step(&f->journal, f->now);
}

/* The newest barrier becomes readable. */
static void show_barrier(Fixture *f) {
        journal_read_barrier(&f->journal, f->journal.barriers_sent);
        step(f, 0);
}

static void answer_scan(Fixture *f, const Standing *standing, unsigned n) {
        JournalScan *scan = TAKE_PTR(f->scan);

        assert_non_null(scan);
        scan->standing = calloc(n + 1, sizeof(*standing));
        scan->n_standing = n;
        for (unsigned i = 0; i < n; i++)
                scan->standing[i] = standing[i];
        journal_scanned(&f->journal, scan, f->now);
        step(f, 0);
}

/* A commit is due; it says these things. */
static void expect_commit(Fixture *f, int64_t offset, bool clean) {
        char text[MARKER_TEXT_MAX];
        int64_t got;
        Marker m;

        assert_true(ledger_commit_take(f->ledger, &got, text));
        assert_int_equal(got, offset);
        assert_int_equal(marker_parse(text, strlen(text), &m), 0);
        assert_string_equal(m.cluster, "C");
        assert_string_equal(m.host, "here");
        assert_int_equal(m.clean, clean);
        assert_true(sd_id128_equal(m.epoch, f->ledger->epoch));
        assert_false(ledger_commit_take(f->ledger, &got, text));
}

static bool commits(Fixture *f) {
        char text[MARKER_TEXT_MAX];
        int64_t offset;

        return ledger_commit_take(f->ledger, &offset, text);
}

static void commit(Fixture *f, int64_t offset) {
        ledger_commit_begin(f->ledger);
        expect_commit(f, offset, false);
        ledger_commit_answer(f->ledger, LEDGER_DONE);
}

/* With a commit of ours in the broker, up to its answer; `standing` is in the journal. */
static void recover(Fixture *f, const char *host, bool clean, int64_t offset,
                    const Standing *standing, unsigned n) {
        Marker m = {.epoch = EPOCH, .cluster = "C", .clean = clean};
        char text[MARKER_TEXT_MAX];

        strcpy(m.host, host);
        marker_format(&m, text);
        step(f, 0);
        assert_int_equal(f->ledger->phase, LEDGER_FETCHING);
        ledger_fetched(f->ledger, offset, text, strlen(text), 0, offset);
        step(f, 0);
        show_barrier(f);
        answer_scan(f, standing, n);
}

/* Fresh, from offset 0, up to running. */
static void run(Fixture *f) {
        step(f, 0);
        ledger_fetched(f->ledger, -1, NULL, 0, 0, 0);
        step(f, 0);
        show_barrier(f);
        answer_scan(f, NULL, 0);
        expect_commit(f, 0, false);
        ledger_commit_answer(f->ledger, LEDGER_DONE);
        assert_int_equal(f->ledger->phase, LEDGER_RUNNING);
        f->sent = 0;
}

static LedgerVerdict receive(Fixture *f, int64_t offset, int64_t timestamp) {
        return ledger_receive(f->ledger, offset, timestamp, f, 10);
}

static Row *send_next(Fixture *f) {
        Row *row = ledger_next(f->ledger);
        Entry e = {0};

        assert_non_null(row);
        assert_int_equal(journal_write(&f->journal, f->ledger, row, &e, f->now), 0);
        return row;
}

static void read_back(Fixture *f, int64_t offset) {
        journal_read_event(&f->journal, f->ledger->epoch, offset);
        step(f, 0);
}

static void write_verified(Fixture *f, int64_t offset) {
        assert_int_equal(receive(f, offset, 100 + offset), LEDGER_NEW);
        send_next(f);
        read_back(f, offset);
}

/* ---- step 1 ---- */

static void test_waits_for_the_lock_and_says_so_once(void **state) {
        Fixture *f = *state;

        f->locked_elsewhere = true;
        assert_true(step(f, 0) <= USEC_PER_SEC);
        step(f, USEC_PER_SEC);
        assert_int_equal(f->ledger->phase, LEDGER_LOCKING);
        assert_int_equal(f->notices[RECORD_LOCK_WAITING], 1);
        f->locked_elsewhere = false;
        step(f, USEC_PER_SEC);
        assert_int_equal(f->ledger->phase, LEDGER_FETCHING);
        assert_int_equal(f->notices[RECORD_LOCK_TAKEN], 1);
        assert_true(f->woken > 0);
}

static void test_a_fresh_epoch_is_anchored_before_anything_is_taken(void **state) {
        Fixture *f = *state;

        step(f, 0);
        ledger_fetched(f->ledger, -1, NULL, 0, 0, 7);
        step(f, 0);
        show_barrier(f);
        answer_scan(f, NULL, 0);
        assert_int_equal(f->ledger->phase, LEDGER_OPENING);
        assert_false(ledger_takes(f->ledger));
        expect_commit(f, 7, false);
        ledger_commit_answer(f->ledger, LEDGER_UNKNOWN);
        assert_false(ledger_takes(f->ledger));
        expect_commit(f, 7, false);
        ledger_commit_answer(f->ledger, LEDGER_DONE);
        assert_true(ledger_takes(f->ledger));
        assert_int_equal(f->ledger->start, 7);
}

static void test_a_scan_waits_for_a_barrier_sent_after_the_fetch(void **state) {
        Fixture *f = *state;
        uint32_t before;

        step(f, 0);
        ledger_fetched(f->ledger, -1, NULL, 0, 0, 0);
        before = f->journal.barriers_sent;
        journal_read_barrier(&f->journal, before);
        step(f, 0);
        assert_null(f->scan);
        assert_int_equal(f->journal.barriers_sent, before + 1);
        show_barrier(f);
        assert_non_null(f->scan);
        assert_false(f->scan->look);
}

static void test_a_commit_with_another_clusters_note_is_a_reset(void **state) {
        Fixture *f = *state;
        Marker m = {.epoch = EPOCH, .cluster = "other", .host = "here"};
        char text[MARKER_TEXT_MAX];

        marker_format(&m, text);
        step(f, 0);
        ledger_fetched(f->ledger, 5, text, strlen(text), 0, 5);
        assert_int_equal(f->notices[RECORD_GROUP_RESET], 1);
        assert_int_equal(f->drawn, 1);
}

static void test_our_own_epoch_goes_on_without_a_commit(void **state) {
        Fixture *f = *state;

        recover(f, "here", false, 5, NULL, 0);
        assert_int_equal(f->ledger->phase, LEDGER_RUNNING);
        assert_int_equal(f->drawn, 0);
        assert_int_equal(f->notices[RECORD_TAKEN_OVER], 0);
}

static void test_a_clean_end_is_opened_again_first(void **state) {
        Fixture *f = *state;

        recover(f, "here", true, 5, NULL, 0);
        assert_int_equal(f->ledger->phase, LEDGER_OPENING);
        expect_commit(f, 5, false);
}

static void test_an_unclean_takeover_is_said_and_opened(void **state) {
        Fixture *f = *state;

        recover(f, "there", false, 5, NULL, 0);
        assert_int_equal(f->notices[RECORD_TAKEN_OVER], 1);
        assert_int_equal(f->ledger->phase, LEDGER_OPENING);
        assert_int_equal(f->drawn, 0);
}

static void test_a_clean_takeover_says_nothing(void **state) {
        Fixture *f = *state;

        recover(f, "there", true, 5, NULL, 0);
        assert_int_equal(f->notices[RECORD_TAKEN_OVER], 0);
        assert_int_equal(f->ledger->phase, LEDGER_OPENING);
}

static void test_what_stands_is_not_written_and_told_once(void **state) {
        static const Standing standing[] = {{.offset = 5, .timestamp = 105},
                                            {.offset = 7, .timestamp = 107}};
        Fixture *f = *state;

        recover(f, "here", false, 5, standing, 2);
        assert_int_equal(receive(f, 5, 105), LEDGER_STANDS);
        assert_int_equal(receive(f, 6, 106), LEDGER_NEW);
        assert_int_equal(f->notices[RECORD_PARTITION_RECOVERED], 0);
        assert_int_equal(receive(f, 7, 107), LEDGER_STANDS);
        assert_int_equal(f->notices[RECORD_PARTITION_RECOVERED], 1);
        assert_int_equal(f->notice.count, 2);
        assert_int_equal(f->notice.written, 1);
        assert_int_equal(ledger_position(f->ledger), 6);
}

static void test_retention_before_the_commit_goes_on_at_the_logs_start(void **state) {
        Fixture *f = *state;
        Marker m = {.epoch = EPOCH, .cluster = "C", .host = "here"};
        char text[MARKER_TEXT_MAX];

        marker_format(&m, text);
        step(f, 0);
        ledger_fetched(f->ledger, 5, text, strlen(text), 9, 9);
        assert_int_equal(f->notices[RECORD_RETENTION], 1);
        assert_int_equal(f->notice.first, 5);
        assert_int_equal(f->notice.last, 8);
        assert_int_equal(f->ledger->start, 9);
        assert_int_equal(f->drawn, 0);
}

/* ---- step 2 ---- */

static void test_a_redelivery_is_known(void **state) {
        Fixture *f = *state;

        run(f);
        assert_int_equal(receive(f, 3, 103), LEDGER_NEW);
        assert_int_equal(receive(f, 3, 103), LEDGER_KNOWN);
        send_next(f);
        read_back(f, 3);
        assert_int_equal(receive(f, 3, 103), LEDGER_KNOWN);
        commit(f, 4);
        assert_int_equal(receive(f, 3, 103), LEDGER_KNOWN);
}

static void test_another_timestamp_is_a_rewritten_log(void **state) {
        Fixture *f = *state;
        int64_t offset;

        run(f);
        write_verified(f, 3);
        assert_int_equal(receive(f, 3, 999), LEDGER_MOVED);
        assert_true(ledger_has_moved(f->ledger, &offset));
        assert_int_equal(offset, 3);
        assert_false(ledger_has_moved(f->ledger, &offset));
        assert_int_equal(f->drawn, 2);
        expect_commit(f, 3, false);
}

static void test_an_offset_that_was_passed_empty_is_a_rewritten_log(void **state) {
        Fixture *f = *state;

        run(f);
        write_verified(f, 3);
        assert_int_equal(receive(f, 1, 101), LEDGER_MOVED);
}

static void test_a_full_ledger_takes_nothing_until_a_row_is_verified(void **state) {
        Fixture *f = *state;

        f->journal.in_flight_events = 2;
        run(f);
        receive(f, 0, 100);
        assert_true(ledger_takes(f->ledger));
        receive(f, 1, 101);
        assert_false(ledger_takes(f->ledger));
        send_next(f);
        f->woken = 0;
        read_back(f, 0);
        assert_int_equal(f->woken, 1);
        assert_true(ledger_takes(f->ledger));
}

static void test_one_event_may_be_larger_than_all_memory(void **state) {
        Fixture *f = *state;

        f->journal.in_flight_bytes = 5;
        run(f);
        assert_true(ledger_takes(f->ledger));
        receive(f, 0, 100);
        assert_false(ledger_takes(f->ledger));
}

static void test_a_socket_that_takes_nothing_leaves_the_row_queued(void **state) {
        Fixture *f = *state;
        Entry e = {0};

        run(f);
        receive(f, 0, 100);
        f->send_error = -EAGAIN;
        assert_int_equal(journal_write(&f->journal, f->ledger, ledger_next(f->ledger), &e, f->now),
                         -EAGAIN);
        assert_non_null(ledger_next(f->ledger));
}

/* ---- steps 3 and 4 ---- */

static void test_only_what_was_read_back_is_verified(void **state) {
        Fixture *f = *state;

        run(f);
        receive(f, 0, 100);
        receive(f, 1, 101);
        send_next(f);
        send_next(f);
        assert_int_equal(ledger_position(f->ledger), 0);
        read_back(f, 1);
        assert_int_equal(ledger_position(f->ledger), 0);
        read_back(f, 0);
        assert_int_equal(ledger_position(f->ledger), 2);
        assert_int_equal(f->released, 2);
}

static void test_a_late_row_gets_a_barrier_and_no_sooner(void **state) {
        Fixture *f = *state;
        uint64_t next;

        run(f);
        receive(f, 0, 100);
        send_next(f);
        next = step(f, 0);
        assert_int_equal(f->sent, 1);
        assert_true(next > 0 && next <= 200 * USEC_PER_MSEC);
        step(f, next);
        assert_int_equal(f->sent, 2);
}

/* The row was sent, a barrier behind it is readable, and a look has not found it. */
static void lose(Fixture *f, bool promptly) {
        step(f, promptly ? 30 * USEC_PER_MSEC : 250 * USEC_PER_MSEC);
        show_barrier(f);
        assert_non_null(f->scan);
        assert_true(f->scan->look);
        answer_scan(f, NULL, 0);
}

static void test_lost_is_only_what_a_look_does_not_find(void **state) {
        static const Standing standing[] = {{.offset = 0, .timestamp = 100}};
        Fixture *f = *state;

        run(f);
        receive(f, 0, 100);
        send_next(f);
        step(f, 250 * USEC_PER_MSEC);
        show_barrier(f);
        answer_scan(f, standing, 1);
        assert_null(ledger_next(f->ledger));
        assert_int_equal(ledger_position(f->ledger), 1);
        assert_int_equal(f->notices[RECORD_ENTRIES_LOST], 0);
}

static void test_what_was_lost_is_written_again_and_said(void **state) {
        Fixture *f = *state;

        run(f);
        receive(f, 0, 100);
        receive(f, 1, 101);
        send_next(f);
        send_next(f);
        read_back(f, 1);
        lose(f, false);
        assert_int_equal(f->notices[RECORD_ENTRIES_LOST], 1);
        assert_int_equal(f->notice.count, 1);
        assert_int_equal(f->notice.first, 0);
        assert_int_equal(send_next(f)->offset, 0);
        assert_int_equal(f->ledger->stats.written_again, 1);
        read_back(f, 0);
        assert_int_equal(ledger_position(f->ledger), 2);
}

static void test_an_entry_lost_twice_by_itself_is_cut(void **state) {
        Fixture *f = *state;

        run(f);
        receive(f, 0, 100);
        send_next(f);
        lose(f, false);
        for (unsigned i = 0; i < LEDGER_FAULTS_MAX; i++) {
                assert_false(row_is_cut(send_next(f)));
                lose(f, true);
        }
        assert_int_equal(f->notices[RECORD_VALUE_CUT], 1);
        assert_true(row_is_cut(ledger_next(f->ledger)));
        send_next(f);
        read_back(f, 0);
        assert_int_equal(f->ledger->stats.cut, 1);
}

static void test_a_journal_that_drops_for_a_while_cuts_nothing(void **state) {
        Fixture *f = *state;

        run(f);
        receive(f, 0, 100);
        for (unsigned i = 0; i < 10; i++) {
                send_next(f);
                /* The barriers that follow at once are dropped as well. */
                step(f, 30 * USEC_PER_MSEC);
                step(f, 5 * USEC_PER_SEC);
                show_barrier(f);
                answer_scan(f, NULL, 0);
        }
        assert_false(row_is_cut(ledger_next(f->ledger)));
        assert_int_equal(f->notices[RECORD_VALUE_CUT], 0);
}

static void test_a_silent_journal_is_said_and_its_return_too(void **state) {
        Fixture *f = *state;

        run(f);
        receive(f, 0, 100);
        send_next(f);
        for (unsigned i = 0; i < 20; i++)
                step(f, USEC_PER_SEC);
        assert_int_equal(f->notices[RECORD_JOURNAL_SILENT], 1);
        show_barrier(f);
        assert_int_equal(f->notices[RECORD_JOURNAL_HEARD], 1);
        answer_scan(f, NULL, 0);
}

/* ---- step 5 ---- */

static void test_a_commit_is_the_position_and_gaps_are_passed(void **state) {
        Fixture *f = *state;

        run(f);
        write_verified(f, 3);
        write_verified(f, 8);
        assert_true(ledger_owes(f->ledger));
        commit(f, 9);
        assert_false(ledger_owes(f->ledger));
        ledger_commit_begin(f->ledger);
        assert_false(commits(f));
}

static void test_sync_comes_before_the_commit_and_after_the_position(void **state) {
        Fixture *f = *state;

        open_ledger(f, true);
        run(f);
        write_verified(f, 0);
        ledger_commit_begin(f->ledger);
        assert_false(commits(f));
        step(f, 0);
        assert_true(f->syncing);
        write_verified(f, 1);
        assert_false(commits(f));
        journal_synced(&f->journal, 0, f->now);
        expect_commit(f, 1, false);
}

static void test_a_sync_that_fails_is_done_again(void **state) {
        Fixture *f = *state;

        open_ledger(f, true);
        run(f);
        write_verified(f, 0);
        ledger_commit_begin(f->ledger);
        step(f, 0);
        f->syncing = false;
        journal_synced(&f->journal, -EIO, f->now);
        assert_false(commits(f));
        step(f, USEC_PER_SEC);
        assert_true(f->syncing);
        journal_synced(&f->journal, 0, f->now);
        expect_commit(f, 1, false);
}

static void test_a_refused_commit_changes_nothing(void **state) {
        Fixture *f = *state;

        run(f);
        write_verified(f, 0);
        ledger_commit_begin(f->ledger);
        expect_commit(f, 1, false);
        ledger_commit_answer(f->ledger, LEDGER_REFUSED);
        assert_int_equal(f->ledger->committed, 0);
        commit(f, 1);
}

/* ---- steps 6 and 7 ---- */

static void test_a_settled_partition_ends_clean(void **state) {
        Fixture *f = *state;

        run(f);
        receive(f, 0, 100);
        send_next(f);
        ledger_revoke(f->ledger);
        assert_false(ledger_takes(f->ledger));
        assert_false(ledger_settle(f->ledger, false));
        assert_false(commits(f));
        f->woken = 0;
        read_back(f, 0);
        assert_int_equal(f->woken, 1);
        assert_false(ledger_settle(f->ledger, false));
        expect_commit(f, 1, true);
        ledger_commit_answer(f->ledger, LEDGER_DONE);
        assert_true(ledger_settle(f->ledger, false));
        f->ledger = ledger_free(f->ledger);
        assert_int_equal(f->unlocked, 1);
}

static void test_what_was_never_sent_is_left_to_the_next_owner(void **state) {
        Fixture *f = *state;

        run(f);
        write_verified(f, 0);
        receive(f, 1, 101);
        ledger_revoke(f->ledger);
        assert_null(ledger_next(f->ledger));
        assert_int_equal(f->released, 2);
        assert_false(ledger_settle(f->ledger, false));
        expect_commit(f, 1, true);
}

static void test_rows_in_flight_at_the_end_are_not_clean(void **state) {
        Fixture *f = *state;

        run(f);
        write_verified(f, 0);
        receive(f, 1, 101);
        send_next(f);
        ledger_revoke(f->ledger);
        assert_false(ledger_settle(f->ledger, true));
        expect_commit(f, 1, false);
}

static void test_what_stands_ahead_is_not_clean(void **state) {
        static const Standing standing[] = {{.offset = 5, .timestamp = 105},
                                            {.offset = 9, .timestamp = 109}};
        Fixture *f = *state;

        recover(f, "here", false, 5, standing, 2);
        assert_int_equal(receive(f, 5, 105), LEDGER_STANDS);
        ledger_revoke(f->ledger);
        assert_false(ledger_settle(f->ledger, false));
        expect_commit(f, 6, false);
}

static void test_a_partition_without_anything_is_given_back_at_once(void **state) {
        Fixture *f = *state;

        step(f, 0);
        ledger_revoke(f->ledger);
        assert_true(ledger_settle(f->ledger, false));
}

static void test_a_lost_assignment_is_silent(void **state) {
        Fixture *f = *state;

        run(f);
        write_verified(f, 0);
        receive(f, 1, 101);
        ledger_commit_begin(f->ledger);
        ledger_fence(f->ledger);
        assert_null(ledger_next(f->ledger));
        assert_false(commits(f));
        assert_false(ledger_takes(f->ledger));
        assert_true(ledger_settle(f->ledger, false));
}

static void test_a_fenced_commit_is_a_lost_assignment(void **state) {
        Fixture *f = *state;

        run(f);
        write_verified(f, 0);
        ledger_commit_begin(f->ledger);
        expect_commit(f, 1, false);
        ledger_commit_answer(f->ledger, LEDGER_FENCED);
        assert_true(f->ledger->fenced);
        assert_int_equal(f->ledger->committed, 0);
}

/* ---- step 9 ---- */

static void test_a_seek_waits_for_rows_then_anchors_a_new_epoch(void **state) {
        Fixture *f = *state;
        sd_id128_t before;
        int64_t offset;

        run(f);
        before = f->ledger->epoch;
        receive(f, 0, 100);
        send_next(f);
        assert_int_equal(ledger_seek(f->ledger, 50), 0);
        assert_false(ledger_takes(f->ledger));
        assert_false(ledger_has_moved(f->ledger, &offset));
        read_back(f, 0);
        assert_true(ledger_has_moved(f->ledger, &offset));
        assert_int_equal(offset, 50);
        assert_false(sd_id128_equal(before, f->ledger->epoch));
        assert_int_equal(f->ledger->seek, LEDGER_SEEK_PENDING);
        expect_commit(f, 50, false);
        ledger_commit_answer(f->ledger, LEDGER_DONE);
        assert_int_equal(f->ledger->seek, LEDGER_SEEK_DONE);
        assert_true(ledger_takes(f->ledger));
}

static void test_no_seek_while_a_commit_is_unknown(void **state) {
        Fixture *f = *state;

        run(f);
        write_verified(f, 0);
        ledger_commit_begin(f->ledger);
        expect_commit(f, 1, false);
        assert_int_equal(ledger_seek(f->ledger, 50), 0);
        ledger_commit_answer(f->ledger, LEDGER_UNKNOWN);
        assert_int_equal(f->ledger->seek, LEDGER_SEEK_REFUSED);
        assert_true(ledger_takes(f->ledger));
        assert_int_equal(ledger_seek(f->ledger, 50), -EAGAIN);
}

static void test_behind_the_logs_end_is_an_anchor_at_its_start(void **state) {
        Fixture *f = *state;
        int64_t offset;

        run(f);
        write_verified(f, 7);
        ledger_out_of_range(f->ledger, 8, 2, 4);
        assert_true(ledger_has_moved(f->ledger, &offset));
        assert_int_equal(offset, 2);
        assert_int_equal(f->notices[RECORD_POSITION_RESET], 1);
        expect_commit(f, 2, false);
}

static void test_before_the_logs_start_is_not(void **state) {
        Fixture *f = *state;
        int64_t offset;

        run(f);
        write_verified(f, 0);
        ledger_out_of_range(f->ledger, 1, 5, 9);
        assert_true(ledger_has_moved(f->ledger, &offset));
        assert_int_equal(offset, 5);
        assert_int_equal(f->drawn, 1);
        assert_int_equal(f->notices[RECORD_RETENTION], 1);
        commit(f, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(waits_for_the_lock_and_says_so_once),
                TEST(a_fresh_epoch_is_anchored_before_anything_is_taken),
                TEST(a_scan_waits_for_a_barrier_sent_after_the_fetch),
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
                TEST(a_full_ledger_takes_nothing_until_a_row_is_verified),
                TEST(one_event_may_be_larger_than_all_memory),
                TEST(a_socket_that_takes_nothing_leaves_the_row_queued),
                TEST(only_what_was_read_back_is_verified),
                TEST(a_late_row_gets_a_barrier_and_no_sooner),
                TEST(lost_is_only_what_a_look_does_not_find),
                TEST(what_was_lost_is_written_again_and_said),
                TEST(an_entry_lost_twice_by_itself_is_cut),
                TEST(a_journal_that_drops_for_a_while_cuts_nothing),
                TEST(a_silent_journal_is_said_and_its_return_too),
                TEST(a_commit_is_the_position_and_gaps_are_passed),
                TEST(sync_comes_before_the_commit_and_after_the_position),
                TEST(a_sync_that_fails_is_done_again),
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
