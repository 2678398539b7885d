/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of a ledger's rows: a ring that grows, is searched, and is taken from at both ends.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "journal/rows.h"

static void push(Rows *r, int64_t offset) {
        Row *row = rows_push(r);

        assert_non_null(row);
        assert_int_equal(row->state, ROW_QUEUED);
        assert_null(row->event);
        row->offset = offset;
}

static void test_an_empty_ring_finds_nothing(void **state) {
        Rows r = {0};

        assert_int_equal(rows_search(&r, 0), 0);
        rows_done(&r);
}

static void test_search_finds_the_first_row_that_is_not_below(void **state) {
        Rows r = {0};

        for (int64_t offset = 10; offset <= 30; offset += 10)
                push(&r, offset);
        assert_int_equal(rows_search(&r, 9), 0);
        assert_int_equal(rows_search(&r, 10), 0);
        assert_int_equal(rows_search(&r, 11), 1);
        assert_int_equal(rows_search(&r, 30), 2);
        assert_int_equal(rows_search(&r, 31), 3);
        rows_done(&r);
}

static void test_order_is_kept_while_the_ring_turns_and_grows(void **state) {
        Rows r = {0};
        int64_t first = 0, next = 0;

        for (unsigned round = 0; round < 50; round++) {
                for (unsigned i = 0; i < 20; i++)
                        push(&r, next++);
                for (unsigned i = 0; i < 13; i++) {
                        assert_int_equal(rows_at(&r, 0)->offset, first++);
                        rows_pop_first(&r);
                }
                for (unsigned i = 0; i < r.n; i++)
                        assert_int_equal(rows_at(&r, i)->offset, first + i);
                assert_int_equal(rows_search(&r, next - 1), r.n - 1);
        }
        rows_done(&r);
        assert_int_equal(r.n, 0);
}

static void test_the_newest_row_can_be_taken_back(void **state) {
        Rows r = {0};

        push(&r, 1);
        push(&r, 2);
        rows_pop_last(&r);
        push(&r, 3);
        assert_int_equal(r.n, 2);
        assert_int_equal(rows_at(&r, 1)->offset, 3);
        rows_done(&r);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_an_empty_ring_finds_nothing),
                cmocka_unit_test(test_search_finds_the_first_row_that_is_not_below),
                cmocka_unit_test(test_order_is_kept_while_the_ring_turns_and_grows),
                cmocka_unit_test(test_the_newest_row_can_be_taken_back),
        };

        return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
