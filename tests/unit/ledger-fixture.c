/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ledger to be tested: see ledger-fixture.h.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "ledger-fixture.h"

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

static void on_tried(void *userdata, JournalTask task, int error, const char *culprit) {
        ((Fixture *) userdata)->tried[task] = error;
}

void fixture_open_ledger(Fixture *f, bool sync) {
        LedgerSpec spec = {.cluster = "C", .group = "g", .topic = "t", .sync = sync};

        f->ledger = ledger_free(f->ledger);
        assert_int_equal(ledger_new(&f->journal, &spec, f, &f->ledger), 0);
}

int fixture_set_up(void **state) {
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
        f->journal.handlers = (JournalHandlers){on_notice, on_release, on_wake, on_tried};
        fixture_open_ledger(f, false);
        *state = f;
        return 0;
}

int fixture_tear_down(void **state) {
        Fixture *f = *state;

        ledger_free(f->ledger);
        journal_scan_free(f->scan);
        assert_int_equal(f->journal.bytes, 0);
        journal_done(&f->journal);
        free(f);
        return 0;
}

/* ---- what a test does again and again ---- */

uint64_t fixture_step(Fixture *f, uint64_t usec) {
        f->now += usec;
        return journal_step(&f->journal, f->now);
}

void fixture_show_barrier(Fixture *f) {
        journal_read_barrier(&f->journal, f->journal.barriers_sent);
        fixture_step(f, 0);
}

void fixture_answer_scan(Fixture *f, const Standing *standing, unsigned n) {
        JournalScan *scan = TAKE_PTR(f->scan);

        assert_non_null(scan);
        scan->standing = calloc(n + 1, sizeof(*standing));
        scan->n_standing = n;
        for (unsigned i = 0; i < n; i++)
                scan->standing[i] = standing[i];
        journal_scanned(&f->journal, scan, f->now);
        fixture_step(f, 0);
}

void fixture_expect_commit(Fixture *f, int64_t offset, bool clean) {
        char text[MARKER_TEXT_MAX];
        int64_t got;
        Marker m;

        assert_true(ledger_commit_take(f->ledger, &got, text));
        assert_int_equal(got, offset);
        assert_int_equal(marker_parse(text, strlen(text), offset, &m), 0);
        assert_true(marker_is_for(&m, "C", "g", "t", 0));
        assert_false(m.old);
        assert_string_equal(m.host, "here");
        assert_int_equal(m.clean, clean);
        assert_true(sd_id128_equal(m.epoch, f->ledger->epoch));
        assert_false(ledger_commit_take(f->ledger, &got, text));
}

bool fixture_commits(Fixture *f) {
        char text[MARKER_TEXT_MAX];
        int64_t offset;

        return ledger_commit_take(f->ledger, &offset, text);
}

void fixture_commit(Fixture *f, int64_t offset) {
        ledger_commit_begin(f->ledger);
        fixture_expect_commit(f, offset, false);
        ledger_commit_answer(f->ledger, LEDGER_DONE);
}

void fixture_recover(Fixture *f, const char *host, bool clean, int64_t offset,
                     const Standing *standing, unsigned n) {
        Marker m = {.epoch = EPOCH, .clean = clean, .last = -1};
        char text[MARKER_TEXT_MAX];

        marker_address(&m, host, "C", "g", "t", 0);
        marker_format(&m, text);
        fixture_step(f, 0);
        assert_int_equal(f->ledger->phase, LEDGER_FETCHING);
        ledger_fetched(f->ledger, offset, text, strlen(text), 0, offset);
        fixture_step(f, 0);
        fixture_show_barrier(f);
        fixture_answer_scan(f, standing, n);
}

void fixture_run(Fixture *f) {
        fixture_step(f, 0);
        ledger_fetched(f->ledger, -1, NULL, 0, 0, 0);
        fixture_step(f, 0);
        fixture_show_barrier(f);
        fixture_answer_scan(f, NULL, 0);
        fixture_expect_commit(f, 0, false);
        ledger_commit_answer(f->ledger, LEDGER_DONE);
        assert_int_equal(f->ledger->phase, LEDGER_RUNNING);
        f->sent = 0;
}

LedgerVerdict fixture_receive(Fixture *f, int64_t offset, int64_t timestamp) {
        return ledger_receive(f->ledger, offset, timestamp, f, 10);
}

Row *fixture_send_next(Fixture *f) {
        Row *row = ledger_next(f->ledger);
        Entry e = {0};

        assert_non_null(row);
        assert_int_equal(journal_write(&f->journal, f->ledger, row, &e, f->now), 0);
        return row;
}

void fixture_read_back(Fixture *f, int64_t offset) {
        journal_read_event(&f->journal, f->ledger->epoch, f->ledger->subject, offset);
        fixture_step(f, 0);
}

void fixture_write_verified(Fixture *f, int64_t offset) {
        assert_int_equal(fixture_receive(f, offset, 100 + offset), LEDGER_NEW);
        fixture_send_next(f);
        fixture_read_back(f, offset);
}

void fixture_lose(Fixture *f, bool promptly) {
        fixture_step(f, promptly ? 30 * USEC_PER_MSEC : 250 * USEC_PER_MSEC);
        fixture_show_barrier(f);
        assert_non_null(f->scan);
        assert_true(f->scan->look);
        fixture_answer_scan(f, NULL, 0);
}
