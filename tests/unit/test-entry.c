/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of journal/entry: the native protocol's bytes, and text made fit for MESSAGE.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "journal/entry.h"

static void test_field_without_newline_is_one_line(void **state) {
        _cleanup_buffer_ Buffer b = {0};

        entry_field_string(&b, "MESSAGE", "a=b");
        entry_field(&b, "KAFKA_KEY", NULL, 0);
        entry_field_i64(&b, "KAFKA_OFFSET", -7);
        assert_string_equal(buffer_string(&b), "MESSAGE=a=b\nKAFKA_KEY=\nKAFKA_OFFSET=-7\n");
}

static void test_field_with_newline_carries_its_size(void **state) {
        static const char expected[] = "KAFKA_VALUE\n\x03\0\0\0\0\0\0\0a\nb\nNEXT=1\n";
        _cleanup_buffer_ Buffer b = {0};

        entry_field(&b, "KAFKA_VALUE", "a\nb", 3);
        entry_field_i64(&b, "NEXT", 1);
        assert_int_equal(b.size, sizeof(expected) - 1);
        assert_memory_equal(b.data, expected, b.size);
}

static void test_binary_value_without_newline_comes_as_it_is(void **state) {
        static const char expected[] = "V=\0\xff\x01\n";
        _cleanup_buffer_ Buffer b = {0};

        entry_field(&b, "V", "\0\xff\x01", 3);
        assert_int_equal(b.size, sizeof(expected) - 1);
        assert_memory_equal(b.data, expected, b.size);
}

typedef struct EscapeCase {
        const char *in;
        const char *out;
        bool whole;
} EscapeCase;

static void test_escape_keeps_text_and_shows_the_rest(void **state) {
        static const EscapeCase cases[] = {
                {"", "", true},
                {"plain {\"to\": \"Ada\"} \\n", "plain {\"to\": \"Ada\"} \\n", true},
                {"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
                 true},
                {"a\nb\tc\rd", "a\\nb\\tc\\rd", false},
                {"\x1b[31mred", "\\x1b[31mred", false},
                {"\x7f", "\\x7f", false},
                {"\xc2\x9b"
                 "31m",
                 "\\xc2\\x9b31m", false},                            /* a C1 control character */
                {"\xff\xfe", "\\xff\\xfe", false},                   /* never UTF-8 */
                {"\xc0\xaf", "\\xc0\\xaf", false},                   /* not the shortest form */
                {"\xe0\x80\x80", "\\xe0\\x80\\x80", false},          /* not the shortest form */
                {"\xed\xa0\x80", "\\xed\\xa0\\x80", false},          /* a surrogate */
                {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", false}, /* beyond U+10FFFF */
                {"\xe2\x82", "\\xe2\\x82", false},                   /* cut off */
                {"ok\xe2\x82", "ok\\xe2\\x82", false},
                {"a\xe2\x80\xae"
                 "b",
                 "a\\xe2\\x80\\xae"
                 "b",
                 false},                                    /* U+202E turns what follows */
                {"\xe2\x81\xa6", "\\xe2\\x81\\xa6", false}, /* U+2066 */
                {"\xe2\x80\xa8", "\\xe2\\x80\\xa8", false}, /* U+2028 ends a line */
                {"\xe2\x80\x8d", "\xe2\x80\x8d", true},     /* a joiner, as in emoji */
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_buffer_ Buffer out = {0};

                assert_int_equal(entry_escape(cases[i].in, strlen(cases[i].in), &out),
                                 cases[i].whole);
                assert_string_equal(buffer_string(&out), cases[i].out);
        }
}

static void test_escape_shows_a_nul_byte(void **state) {
        _cleanup_buffer_ Buffer out = {0};

        assert_false(entry_escape("a\0b", 3, &out));
        assert_string_equal(buffer_string(&out), "a\\x00b");
}

/* `n` times `unit`, escaped. */
static bool escape_repeated(const char *unit, size_t n, Buffer *out) {
        _cleanup_buffer_ Buffer text = {0};

        for (size_t i = 0; i < n; i++)
                buffer_append_string(&text, unit);
        return entry_escape(text.data, text.size, out);
}

static bool ends_in_ellipsis(const Buffer *b) {
        return b->size >= 3 && memcmp(b->data + b->size - 3, "\xe2\x80\xa6", 3) == 0;
}

static void test_escape_cuts_only_what_is_too_long(void **state) {
        _cleanup_buffer_ Buffer out = {0};

        assert_true(escape_repeated("x", ENTRY_MESSAGE_MAX, &out));
        assert_int_equal(out.size, ENTRY_MESSAGE_MAX);
        assert_false(ends_in_ellipsis(&out));

        buffer_clear(&out);
        assert_false(escape_repeated("x", ENTRY_MESSAGE_MAX + 1, &out));
        assert_int_equal(out.size, ENTRY_MESSAGE_MAX);
        assert_true(ends_in_ellipsis(&out));

        buffer_clear(&out);
        assert_false(escape_repeated("x", 10 * ENTRY_MESSAGE_MAX, &out));
        assert_int_equal(out.size, ENTRY_MESSAGE_MAX);
        assert_true(ends_in_ellipsis(&out));
}

static void test_escape_never_cuts_a_character_in_two(void **state) {
        for (size_t lead = 0; lead < 4; lead++) {
                _cleanup_buffer_ Buffer text = {0}, out = {0}, again = {0};

                for (size_t i = 0; i < lead; i++)
                        buffer_append_byte(&text, 'x');
                for (size_t i = 0; i < 2000; i++)
                        buffer_append_string(&text, "\xf0\x9f\x98\x80");
                assert_false(entry_escape(text.data, text.size, &out));
                assert_true(out.size <= ENTRY_MESSAGE_MAX);
                assert_true(ends_in_ellipsis(&out));
                /* What came out needs no further escaping: it is whole characters. */
                assert_true(entry_escape(out.data, out.size, &again));
        }
}

static void test_escape_bounds_what_grows_by_escaping(void **state) {
        _cleanup_buffer_ Buffer out = {0};

        assert_false(escape_repeated("\x01", 3000, &out));
        assert_true(out.size <= ENTRY_MESSAGE_MAX);
        assert_true(ends_in_ellipsis(&out));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_field_without_newline_is_one_line),
                cmocka_unit_test(test_field_with_newline_carries_its_size),
                cmocka_unit_test(test_binary_value_without_newline_comes_as_it_is),
                cmocka_unit_test(test_escape_keeps_text_and_shows_the_rest),
                cmocka_unit_test(test_escape_shows_a_nul_byte),
                cmocka_unit_test(test_escape_cuts_only_what_is_too_long),
                cmocka_unit_test(test_escape_never_cuts_a_character_in_two),
                cmocka_unit_test(test_escape_bounds_what_grows_by_escaping),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
