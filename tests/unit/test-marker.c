/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of the note that stands beside a committed offset: what is written is read, and
 * whatever else stands there is not taken for ours.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "journal/marker.h"

#define GOOD                                                                                 \
        "crier/1 epoch=0123456789abcdef0123456789abcdef cluster=abc-DEF host=h.1 anchor=42 " \
        "clean=1"

static void test_what_is_written_is_read(void **state) {
        Marker m = {
                .epoch = SD_ID128_MAKE(01, 23, 45, 67, 89, ab, cd, ef, 01, 23, 45, 67, 89, ab, cd,
                                       ef),
                .cluster = "abc-DEF",
                .host = "h.1",
                .anchor = 42,
                .clean = true,
        };
        char text[MARKER_TEXT_MAX];
        Marker read;

        marker_format(&m, text);
        assert_string_equal(text, GOOD);
        assert_int_equal(marker_parse(text, strlen(text), &read), 0);
        assert_true(sd_id128_equal(read.epoch, m.epoch));
        assert_string_equal(read.cluster, "abc-DEF");
        assert_string_equal(read.host, "h.1");
        assert_int_equal(read.anchor, 42);
        assert_true(read.clean);
}

static void test_names_as_long_as_they_may_be_fit(void **state) {
        Marker m = {.epoch = SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, 0),
                    .anchor = INT64_MAX};
        char text[MARKER_TEXT_MAX];
        Marker read;

        memset(m.cluster, 'c', MARKER_NAME_MAX);
        memset(m.host, 'h', MARKER_NAME_MAX);
        marker_format(&m, text);
        assert_int_equal(marker_parse(text, strlen(text), &read), 0);
        assert_string_equal(read.host, m.host);
        assert_int_equal(read.anchor, INT64_MAX);
        assert_false(read.clean);
}

static void test_anything_else_is_not_ours(void **state) {
        static const char *const texts[] = {
                "",
                "crier/1",
                "crier/2 epoch=0123456789abcdef0123456789abcdef cluster=a host=h anchor=0 clean=1",
                "crier/1 epoch=0123456789ABCDEF0123456789abcdef cluster=a host=h anchor=0 clean=1",
                "crier/1 epoch=0123456789abcdef0123456789abcde cluster=a host=h anchor=0 clean=1",
                "crier/1 epoch=0123456789abcdef0123456789abcdef cluster= host=h anchor=0 clean=1",
                "crier/1 epoch=0123456789abcdef0123456789abcdef cluster=a host=h anchor=-1 clean=1",
                "crier/1 epoch=0123456789abcdef0123456789abcdef cluster=a host=h anchor=00 clean=1",
                "crier/1 epoch=0123456789abcdef0123456789abcdef cluster=a host=h clean=1",
                "crier/1 epoch=00000000000000000000000000000000 cluster=a host=h anchor=0 clean=1",
                GOOD " ",
                GOOD " more=1",
                " " GOOD,
        };
        Marker m;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                assert_true(marker_parse(texts[i], strlen(texts[i]), &m) < 0);
        assert_true(marker_parse(GOOD, sizeof(GOOD), &m) < 0); /* its NUL is one byte too many */
        for (size_t n = 0; n < strlen(GOOD); n++)
                assert_true(marker_parse(GOOD, n, &m) < 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_is_written_is_read),
                cmocka_unit_test(test_names_as_long_as_they_may_be_fit),
                cmocka_unit_test(test_anything_else_is_not_ours),
        };

        return cmocka_run_group_tests_name("marker", tests, NULL, NULL);
}
