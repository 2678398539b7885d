/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of kafka/headers: which lists of headers need KAFKA_HEADER_LIST beside the plain
 * fields, and what it has. The other half, that the list can be rebuilt from a journal, is
 * tests/integration/test_headers.py.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kafka/headers.h"

typedef struct Given {
        const char *name;
        const char *value;
        size_t size;
} Given;

#define TEXT(name, value) \
        { (name), (value), sizeof(value) - 1 }
#define NO_VALUE(name) \
        { (name), NULL, 0 }

static void free_headers(rd_kafka_headers_t **h) {
        rd_kafka_headers_destroy(*h);
}
#define _cleanup_headers_ _cleanup_(free_headers)

static rd_kafka_headers_t *make(const Given *given, size_t n) {
        rd_kafka_headers_t *h = rd_kafka_headers_new(n);

        for (size_t i = 0; i < n; i++)
                assert_int_equal(rd_kafka_header_add(h, given[i].name, -1, given[i].value,
                                                     (ssize_t) given[i].size),
                                 0);
        return h;
}

static bool needs_list(const Given *given, size_t n) {
        _cleanup_headers_ rd_kafka_headers_t *h = make(given, n);

        return headers_need_list(h, n);
}

static void test_one_plain_header_needs_no_list(void **state) {
        static const Given plain[] = {
                TEXT("a", "1"), TEXT("a", ""),     NO_VALUE("a"), TEXT("a", "1=2"),
                TEXT("", "x"),  TEXT("ü", "世界"), NO_VALUE(""),  TEXT("a", "{\"b\":\"\\\\\"}"),
        };

        assert_false(needs_list(NULL, 0));
        for (size_t i = 0; i < ELEMENTSOF(plain); i++)
                assert_false(needs_list(&plain[i], 1));
}

static void test_what_the_plain_field_leaves_open_needs_the_list(void **state) {
        static const Given open[] = {
                TEXT("x=1", "2"),  NO_VALUE("x="),    TEXT("=", ""),     TEXT("a", "\xff"),
                TEXT("a", "b\nc"), TEXT("a", "b\0c"), TEXT("\xc3", "v"), TEXT("n\x1b", "v"),
        };
        static const Given two[] = {TEXT("a", "1"), TEXT("a", "1")};

        for (size_t i = 0; i < ELEMENTSOF(open); i++)
                assert_true(needs_list(&open[i], 1));
        assert_true(needs_list(two, 2));
}

static void expect_list(const Given *given, size_t n, size_t first, const char *json) {
        _cleanup_headers_ rd_kafka_headers_t *h = make(given, n);
        _cleanup_buffer_ Buffer to = {0};

        headers_list(h, first, &to);
        assert_string_equal(buffer_string(&to), json);
        assert_false(to.failed);
}

static void test_list_has_order_repetitions_and_nulls(void **state) {
        static const Given given[] = {
                TEXT("b", "2"), TEXT("a", "1"),   TEXT("a", "1"),   NO_VALUE("n"),
                TEXT("n", ""),  TEXT("x=1", "2"), TEXT("x", "1=2"), NO_VALUE(""),
        };

        expect_list(given, 0, 0, "[]");
        expect_list(given, ELEMENTSOF(given), ELEMENTSOF(given),
                    "[[\"b\",\"2\"],[\"a\",\"1\"],[\"a\",\"1\"],[\"n\",null],[\"n\",\"\"],"
                    "[\"x=1\",\"2\"],[\"x\",\"1=2\"],[\"\",null]]");
        expect_list(given, ELEMENTSOF(given), 1, "[[\"b\",\"2\"]]");
}

static void test_list_escapes_text_and_encodes_the_rest(void **state) {
        static const Given given[] = {
                TEXT("q", "\"\\\n\x1f\x7f"), TEXT("ü", "世界"),
                TEXT("cut", "\xe4\xb8"),     TEXT("nul", "a\0b"),
                TEXT("\xff", "v"),           TEXT("late", "plain \"and\" then \xff"),
        };

        expect_list(given, ELEMENTSOF(given), ELEMENTSOF(given),
                    "[[\"q\",\"\\\"\\\\\\u000a\\u001f\x7f\"],[\"ü\",\"世界\"],"
                    "[\"cut\",{\"base64\":\"5Lg=\"}],[\"nul\",{\"base64\":\"YQBi\"}],"
                    "[{\"base64\":\"/w==\"},\"v\"],"
                    "[\"late\",{\"base64\":\"cGxhaW4gImFuZCIgdGhlbiD/\"}]]");
}

static void test_fields_are_the_plain_ones_and_the_list(void **state) {
        static const Given one[] = {TEXT("a", "1")};
        static const Given two[] = {TEXT("a", "1"), NO_VALUE("b")};
        _cleanup_headers_ rd_kafka_headers_t *h = make(one, 1), *more = make(two, 2);
        _cleanup_buffer_ Buffer scratch = {0}, fields = {0};

        headers_fields(h, 1, &scratch, &fields);
        assert_string_equal(buffer_string(&fields), "KAFKA_HEADER=a=1\n");
        buffer_clear(&fields);
        headers_fields(more, 2, &scratch, &fields);
        assert_string_equal(buffer_string(&fields),
                            "KAFKA_HEADER=a=1\nKAFKA_HEADER=b\n"
                            "KAFKA_HEADER_LIST=[[\"a\",\"1\"],[\"b\",null]]\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_one_plain_header_needs_no_list),
                cmocka_unit_test(test_what_the_plain_field_leaves_open_needs_the_list),
                cmocka_unit_test(test_list_has_order_repetitions_and_nulls),
                cmocka_unit_test(test_list_escapes_text_and_encodes_the_rest),
                cmocka_unit_test(test_fields_are_the_plain_ones_and_the_list),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
