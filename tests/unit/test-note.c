/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of what a ledger makes of the note beside a committed offset: whose it is, whether it
 * is about this journal, and what it says itself.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "ledger-fixture.h"

#define OLD "crier/1 epoch=0a0b0c0d0e0f00010203040506070809 cluster=C host=%s anchor=0 clean=%d"

static const sd_id128_t count = {.qwords = {7, 7}};

/* A note with the fixture's epoch, of `group`, `topic` and `partition`. */
static Marker note_for(const char *group, const char *topic, int32_t partition) {
        Marker m = {.epoch = EPOCH, .last = -1};

        marker_address(&m, "here", "C", group, topic, partition);
        return m;
}

/* A note that says what was read back last, and where the journal was then. */
static Marker note_of_last(void) {
        Marker m = note_for("g", "t", 0);

        m.last = 4;
        m.reached = (Sequence){count, 50};
        m.from = 40;
        return m;
}

static void fetch(Fixture *f, const Marker *m, int64_t offset) {
        char text[MARKER_TEXT_MAX];

        marker_format(m, text);
        fixture_step(f, 0);
        ledger_fetched(f->ledger, offset, text, strlen(text), 0, offset);
        fixture_step(f, 0);
}

static void fetch_old(Fixture *f, const char *host, bool clean, int64_t offset) {
        char text[MARKER_TEXT_MAX];

        snprintf(text, sizeof(text), OLD, host, clean);
        snprintf(f->journal.old_host, sizeof(f->journal.old_host), "old-here");
        fixture_step(f, 0);
        ledger_fetched(f->ledger, offset, text, strlen(text), 0, offset);
        fixture_step(f, USEC_PER_SEC);
        fixture_show_barrier(f);
        assert_non_null(f->scan);
}

/* The note of the next commit. */
static Marker take(Fixture *f, int64_t offset) {
        char text[MARKER_TEXT_MAX];
        int64_t got;
        Marker m;

        ledger_commit_begin(f->ledger);
        assert_true(ledger_commit_take(f->ledger, &got, text));
        assert_int_equal(got, offset);
        assert_int_equal(marker_parse(text, strlen(text), offset, &m), 0);
        ledger_commit_answer(f->ledger, LEDGER_DONE);
        return m;
}

static void test_a_note_for_another_group_topic_or_partition_is_a_reset(void **state) {
        const Marker notes[] = {
                note_for("other", "t", 0),
                note_for("g", "other", 0),
                note_for("g", "t", 1),
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(notes); i++) {
                fixture_open_ledger(f, false);
                fetch(f, &notes[i], 5);
                assert_int_equal(f->notices[RECORD_GROUP_RESET], i + 1);
                assert_int_equal(f->drawn, i + 1);
                assert_int_equal(f->ledger->start, 5);
        }
}

static void test_an_epoch_that_begins_behind_the_offset_is_a_reset(void **state) {
        Fixture *f = *state;
        Marker m = note_for("g", "t", 0);

        m.anchor = 6;
        fetch(f, &m, 5);
        assert_int_equal(f->notices[RECORD_GROUP_RESET], 1);
        assert_int_equal(f->ledger->anchor, 5);
}

/* ---- old notes ---- */

static void test_an_old_note_with_entries_goes_on_and_becomes_a_new_one(void **state) {
        static const Standing standing[] = {{5, 105}};
        Fixture *f = *state;

        fetch_old(f, "old-here", false, 5);
        f->scan->seen = true;
        fixture_answer_scan(f, standing, 1);
        assert_int_equal(f->drawn, 0);
        assert_int_equal(f->notices[RECORD_TAKEN_OVER], 0);
        assert_int_equal(f->ledger->phase, LEDGER_OPENING);
        assert_true(sd_id128_equal(take(f, 5).epoch, EPOCH));
        assert_int_equal(fixture_receive(f, 5, 105), LEDGER_STANDS);
}

static void test_an_old_note_without_entries_is_a_reset(void **state) {
        Fixture *f = *state;
        int64_t offset;

        fetch_old(f, "old-here", false, 5);
        fixture_answer_scan(f, NULL, 0);
        assert_int_equal(f->notices[RECORD_GROUP_RESET], 1);
        assert_int_equal(f->drawn, 1);
        /* Entries have the new epoch. */
        assert_true(ledger_has_moved(f->ledger, &offset));
        assert_int_equal(offset, 5);
        fixture_expect_commit(f, 5, false);
}

static void test_an_old_note_of_another_host_is_taken_over(void **state) {
        Fixture *f = *state;

        fetch_old(f, "old-there", true, 5);
        assert_int_equal(f->notices[RECORD_TAKEN_OVER], 0);
        fixture_answer_scan(f, NULL, 0);
        fixture_open_ledger(f, false);
        fetch_old(f, "old-there", false, 5);
        assert_int_equal(f->notices[RECORD_TAKEN_OVER], 1);
}

/* ---- whether it is this journal ---- */

static void test_a_journal_without_what_was_read_back_last_is_another_one(void **state) {
        Fixture *f = *state;
        Marker m = note_of_last();

        fetch(f, &m, 5);
        fixture_show_barrier(f);
        assert_int_equal(f->scan->last, 4);
        assert_int_equal(f->scan->reached.number, 50);
        assert_int_equal(f->scan->after.number, 40);
        f->scan->elsewhere = true;
        fixture_answer_scan(f, NULL, 0);
        assert_int_equal(f->notices[RECORD_OTHER_JOURNAL], 1);
        assert_int_equal(f->notice.first, 5);
        /* Before anything is written the broker knows that we are at work. */
        assert_int_equal(f->ledger->phase, LEDGER_OPENING);
        m = take(f, 5);
        assert_true(sd_id128_equal(m.epoch, EPOCH));
        assert_int_equal(m.last, -1);
}

static void test_another_journal_after_a_clean_end_is_told_as_well(void **state) {
        Fixture *f = *state;
        Marker m = note_for("g", "t", 0);

        m.last = 4;
        m.clean = true;
        fetch(f, &m, 5);
        fixture_show_barrier(f);
        f->scan->elsewhere = true;
        fixture_answer_scan(f, NULL, 0);
        assert_int_equal(f->notices[RECORD_OTHER_JOURNAL], 1);
        fixture_expect_commit(f, 5, false);
}

static void test_another_hosts_count_says_nothing_here(void **state) {
        Fixture *f = *state;
        Marker m = note_of_last();

        marker_address(&m, "there", "C", "g", "t", 0);
        fetch(f, &m, 5);
        fixture_show_barrier(f);
        assert_int_equal(f->scan->last, -1);
        assert_true(sd_id128_is_null(f->scan->after.id));
}

/* ---- what it says itself ---- */

static void test_a_note_tells_the_last_offset_below_its_own(void **state) {
        Fixture *f = *state;

        fixture_run(f);
        f->journal.reached = (Sequence){count, 10};
        fixture_write_verified(f, 3);
        fixture_write_verified(f, 8);
        assert_int_equal(fixture_receive(f, 9, 109), LEDGER_NEW);
        assert_int_equal(take(f, 9).last, 8);
        /* Nothing is below it that was not told before. */
        fixture_send_next(f);
        fixture_read_back(f, 9);
        assert_int_equal(take(f, 10).last, 9);
}

static void test_a_note_tells_a_place_before_all_that_is_not_committed(void **state) {
        Fixture *f = *state;

        f->journal.reached = (Sequence){count, 10};
        fixture_run(f);
        fixture_write_verified(f, 0);
        f->journal.reached.number = 20;
        /* Offset 1 is sent when the journal has come to 20 or further. */
        assert_int_equal(fixture_receive(f, 1, 101), LEDGER_NEW);
        assert_int_equal(take(f, 1).from, 10);
        f->journal.reached.number = 30;
        assert_int_equal(fixture_receive(f, 2, 102), LEDGER_NEW);
        fixture_send_next(f);
        fixture_read_back(f, 1);
        /* Offset 2 was received after the last look, at 20. */
        assert_int_equal(take(f, 2).from, 20);
}

static void test_what_stood_before_holds_the_place_back(void **state) {
        static const Standing standing[] = {{5, 105}, {8, 108}};
        Fixture *f = *state;
        Marker m = note_of_last();

        fetch(f, &m, 5);
        fixture_show_barrier(f);
        f->journal.reached = (Sequence){count, 70};
        fixture_answer_scan(f, standing, 2);
        assert_int_equal(fixture_receive(f, 5, 105), LEDGER_STANDS);
        fixture_write_verified(f, 6);
        /* The entry of offset 8 stands before 70. */
        assert_int_equal(take(f, 7).from, 40);
        fixture_write_verified(f, 7);
        assert_int_equal(fixture_receive(f, 8, 108), LEDGER_STANDS);
        assert_int_equal(take(f, 9).from, 70);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fixture_set_up, fixture_tear_down)
        const struct CMUnitTest tests[] = {
                TEST(a_note_for_another_group_topic_or_partition_is_a_reset),
                TEST(an_epoch_that_begins_behind_the_offset_is_a_reset),
                TEST(an_old_note_with_entries_goes_on_and_becomes_a_new_one),
                TEST(an_old_note_without_entries_is_a_reset),
                TEST(an_old_note_of_another_host_is_taken_over),
                TEST(a_journal_without_what_was_read_back_last_is_another_one),
                TEST(another_journal_after_a_clean_end_is_told_as_well),
                TEST(another_hosts_count_says_nothing_here),
                TEST(a_note_tells_the_last_offset_below_its_own),
                TEST(a_note_tells_a_place_before_all_that_is_not_committed),
                TEST(what_stood_before_holds_the_place_back),
        };

        return cmocka_run_group_tests_name("note", tests, NULL, NULL);
}
