/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of common/buffer: growth, numbers, and the promise that a failure sticks.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/buffer.h"

static void test_buffer_keeps_what_was_appended(void **state) {
        _cleanup_buffer_ Buffer b = {0};

        for (int i = 0; i < 1000; i++)
                buffer_append(&b, "0123456789", 10);
        assert_false(b.failed);
        assert_int_equal(b.size, 10000);
        assert_memory_equal(b.data + 9990, "0123456789", 10);
        buffer_clear(&b);
        assert_string_equal(buffer_string(&b), "");
}

static void test_buffer_writes_numbers_as_text(void **state) {
        _cleanup_buffer_ Buffer b = {0};

        buffer_append_u64(&b, 0);
        buffer_append_byte(&b, ' ');
        buffer_append_u64(&b, UINT64_MAX);
        buffer_append_byte(&b, ' ');
        buffer_append_i64(&b, INT64_MIN);
        buffer_appendf(&b, " %s=%d", "x", -7);
        assert_string_equal(buffer_string(&b), "0 18446744073709551615 -9223372036854775808 x=-7");
}

static void test_buffer_failure_sticks_until_cleared(void **state) {
        _cleanup_buffer_ Buffer b = {0};

        buffer_append_string(&b, "before");
        assert_false(buffer_reserve(&b, SIZE_MAX));
        buffer_append_string(&b, "after");
        assert_true(b.failed);
        assert_int_equal(b.size, 6);
        buffer_clear(&b);
        buffer_append_string(&b, "again");
        assert_string_equal(buffer_string(&b), "again");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_buffer_keeps_what_was_appended),
                cmocka_unit_test(test_buffer_writes_numbers_as_text),
                cmocka_unit_test(test_buffer_failure_sticks_until_cleared),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
