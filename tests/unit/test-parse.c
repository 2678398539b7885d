/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of common/parse, common/utf8, common/iso-time and common/nearest: what is taken, what
 * is not, and at which byte or number that changes.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <float.h>
#include <time.h>

#include "common/iso-time.h"
#include "common/nearest.h"
#include "common/parse.h"
#include "common/utf8.h"

static void test_u64_takes_digits_and_nothing_else(void **state) {
        static const char *const refused[] = {
                "",    " 1",  "1 ", "+1",  "-1", "-0", "1.0",
                "1e3", "0x1", "1L", "1\n", "a",  "١",  "99999999999999999999x"};
        uint64_t n = 7;

        for (size_t i = 0; i < ELEMENTSOF(refused); i++)
                assert_int_equal(parse_u64(refused[i], 0, UINT64_MAX, &n), -EINVAL);
        assert_int_equal(n, 7);
        assert_int_equal(parse_u64("0", 0, UINT64_MAX, &n), 0);
        assert_int_equal(n, 0);
        assert_int_equal(parse_u64("007", 0, UINT64_MAX, &n), 0);
        assert_int_equal(n, 7);
        assert_int_equal(parse_u64("18446744073709551615", 0, UINT64_MAX, &n), 0);
        assert_true(n == UINT64_MAX);
}

static void test_u64_outside_its_range_is_told_from_no_number(void **state) {
        uint64_t n = 7;

        assert_int_equal(parse_u64("18446744073709551616", 0, UINT64_MAX, &n), -ERANGE);
        assert_int_equal(parse_u64("99999999999999999999", 0, UINT64_MAX, &n), -ERANGE);
        assert_int_equal(parse_u64("4", 5, 9, &n), -ERANGE);
        assert_int_equal(parse_u64("10", 5, 9, &n), -ERANGE);
        assert_int_equal(n, 7);
        assert_int_equal(parse_u64("5", 5, 9, &n), 0);
        assert_int_equal(parse_u64("9", 5, 9, &n), 0);
        assert_int_equal(n, 9);
}

static void test_i64_takes_a_sign_and_both_ends_of_its_range(void **state) {
        static const char *const refused[] = {"", "-", "+", "--1", "- 1", "1-", "0x1", "1.5"};
        int64_t n = 7;

        for (size_t i = 0; i < ELEMENTSOF(refused); i++)
                assert_int_equal(parse_i64(refused[i], INT64_MIN, INT64_MAX, &n), -EINVAL);
        assert_int_equal(parse_i64("9223372036854775808", INT64_MIN, INT64_MAX, &n), -ERANGE);
        assert_int_equal(parse_i64("-9223372036854775809", INT64_MIN, INT64_MAX, &n), -ERANGE);
        assert_int_equal(n, 7);
        assert_int_equal(parse_i64("-9223372036854775808", INT64_MIN, INT64_MAX, &n), 0);
        assert_true(n == INT64_MIN);
        assert_int_equal(parse_i64("9223372036854775807", INT64_MIN, INT64_MAX, &n), 0);
        assert_true(n == INT64_MAX);
        assert_int_equal(parse_i64("+5", INT64_MIN, INT64_MAX, &n), 0);
        assert_int_equal(n, 5);
        assert_int_equal(parse_i64("-6", -5, 5, &n), -ERANGE);
}

static void test_hex_needs_its_prefix(void **state) {
        static const char *const refused[] = {"", "0", "ff", "0x", "0xg", "x1", "-0x1", "0x1L"};
        uint64_t n = 7;

        for (size_t i = 0; i < ELEMENTSOF(refused); i++)
                assert_int_equal(parse_hex(refused[i], 0, UINT64_MAX, &n), -EINVAL);
        assert_int_equal(parse_hex("0x10000000000000000", 0, UINT64_MAX, &n), -ERANGE);
        assert_int_equal(n, 7);
        assert_int_equal(parse_hex("0XfFfFfFfFfFfFfFfF", 0, UINT64_MAX, &n), 0);
        assert_true(n == UINT64_MAX);
}

static void test_double_is_decimal_and_finite(void **state) {
        static const char *const refused[] = {"",    ".",   "-",   "1.5.", "1e", "1e+", "inf",
                                              "nan", "0x1", "1,5", " 1",   "1 ", "e5",  "1.5f"};
        static const struct {
                const char *text;
                double value;
        } taken[] = {
                {"0", 0}, {"1.5", 1.5}, {".5", .5}, {"5.", 5}, {"-2.5e2", -250}, {"+1E-2", .01},
        };
        double d = 7;

        for (size_t i = 0; i < ELEMENTSOF(refused); i++)
                assert_int_equal(parse_double(refused[i], -DBL_MAX, DBL_MAX, &d), -EINVAL);
        assert_int_equal(parse_double("1e999", -DBL_MAX, DBL_MAX, &d), -ERANGE);
        assert_int_equal(parse_double("-0.1", 0, 1, &d), -ERANGE);
        assert_int_equal(parse_double("1.1", 0, 1, &d), -ERANGE);
        assert_true(d == 7);
        for (size_t i = 0; i < ELEMENTSOF(taken); i++) {
                assert_int_equal(parse_double(taken[i].text, -DBL_MAX, DBL_MAX, &d), 0);
                assert_true(d == taken[i].value);
        }
}

static void test_bool_is_one_of_two_words(void **state) {
        static const char *const refused[] = {"", "True", "yes", "1", "true ", "falsey"};
        bool b = true;

        for (size_t i = 0; i < ELEMENTSOF(refused); i++)
                assert_int_equal(parse_bool(refused[i], &b), -EINVAL);
        assert_true(b);
        assert_int_equal(parse_bool("false", &b), 0);
        assert_false(b);
        assert_int_equal(parse_bool("true", &b), 0);
        assert_true(b);
}

static void test_utf8_characters_have_their_shortest_form(void **state) {
        static const struct {
                const char *text;
                size_t size;
                uint32_t character;
        } rows[] = {
                {"a", 1, 'a'},
                {"\x7f", 1, 0x7f},
                {"\xc2\x80", 2, 0x80},
                {"\xdf\xbf", 2, 0x7ff},
                {"\xe0\xa0\x80", 3, 0x800},
                {"\xef\xbf\xbf", 3, 0xffff},
                {"\xf0\x90\x80\x80", 4, 0x10000},
                {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
                /* a rest, an overlong form each, a surrogate, too high, cut off */
                {"\x80", 0, 0},
                {"\xc1\xbf", 0, 0},
                {"\xe0\x9f\xbf", 0, 0},
                {"\xf0\x8f\xbf\xbf", 0, 0},
                {"\xed\xa0\x80", 0, 0},
                {"\xf4\x90\x80\x80", 0, 0},
                {"\xf8\x88\x80\x80\x80", 0, 0},
                {"\xc3", 0, 0},
                {"\xe2\x82", 0, 0},
                {"\xe2\x28\xa1", 0, 0},
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                uint32_t c = 0;

                assert_int_equal(utf8_character(rows[i].text, strlen(rows[i].text), &c),
                                 rows[i].size);
                assert_int_equal(c, rows[i].character);
        }
        assert_int_equal(utf8_character("a", 0, &(uint32_t){0}), 0);
}

static void check_time(int64_t ms, const char *expected) {
        _cleanup_buffer_ Buffer b = {0};

        iso_time_append(&b, ms);
        assert_string_equal(buffer_string(&b), expected);
}

static void test_times_know_the_calendar(void **state) {
        check_time(0, "1970-01-01T00:00:00.000Z");
        check_time(951782399999, "2000-02-28T23:59:59.999Z");
        check_time(951782400000, "2000-02-29T00:00:00.000Z");
        check_time(4107542400000, "2100-03-01T00:00:00.000Z");
        check_time(253402300799999, "9999-12-31T23:59:59.999Z");
        /* What the form has no place for. */
        check_time(253402300800000, "253402300800000");
        check_time(-1, "-1");
        check_time(INT64_MIN, "-9223372036854775808");
}

static void test_times_agree_with_the_library_for_every_day(void **state) {
        for (int64_t day = 0; day <= 2932896; day++) {
                _cleanup_buffer_ Buffer b = {0};
                time_t t = (time_t) day * 86400;
                char expected[32];
                struct tm tm;

                iso_time_append(&b, day * 86400000);
                assert_non_null(gmtime_r(&t, &tm));
                assert_true(strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.000Z", &tm) >
                            0);
                assert_string_equal(buffer_string(&b), expected);
        }
}

static void test_nearest_word_is_suggested_only_when_near(void **state) {
        static const char *const words[] = {"partitions", "replication", "create", "name", NULL};

        assert_string_equal(nearest("partition", words), "partitions");
        assert_string_equal(nearest("naem", words), "name");
        assert_string_equal(nearest("Create", words), "create");
        assert_null(nearest("colour", words));
        assert_null(nearest("", words));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_u64_takes_digits_and_nothing_else),
                cmocka_unit_test(test_u64_outside_its_range_is_told_from_no_number),
                cmocka_unit_test(test_i64_takes_a_sign_and_both_ends_of_its_range),
                cmocka_unit_test(test_hex_needs_its_prefix),
                cmocka_unit_test(test_double_is_decimal_and_finite),
                cmocka_unit_test(test_bool_is_one_of_two_words),
                cmocka_unit_test(test_utf8_characters_have_their_shortest_form),
                cmocka_unit_test(test_times_know_the_calendar),
                cmocka_unit_test(test_times_agree_with_the_library_for_every_day),
                cmocka_unit_test(test_nearest_word_is_suggested_only_when_near),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
