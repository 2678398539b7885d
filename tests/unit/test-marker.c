/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of the note that stands beside a committed offset: what is written is read, and
 * whatever else stands there, or cannot be, is not taken for ours.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "journal/marker.h"

#define EPOCH "0123456789abcdef0123456789abcdef"
#define COUNT "00000000000000000000000000000001"
#define WHOM " host=h.1 cluster=abc-DEF group=g%20%3D%C3%A9 topic=post.office partition=3"
#define GOOD "crier/2 epoch=" EPOCH " anchor=42 clean=1 last=99 sequence=" COUNT ".5.7" WHOM
#define OLD "crier/1 epoch=" EPOCH " cluster=abc-DEF host=h.1 anchor=42 clean=1"
#define COMMITTED 100

static int parse(const char *text, Marker *ret) {
        return marker_parse(text, strlen(text), COMMITTED, ret);
}

static void test_what_is_written_is_read(void **state) {
        Marker m = {
                .epoch = SD_ID128_MAKE(01, 23, 45, 67, 89, ab, cd, ef, 01, 23, 45, 67, 89, ab, cd,
                                       ef),
                .anchor = 42,
                .clean = true,
                .last = 99,
                .reached = {.id = {.bytes = {[15] = 1}}, .number = 7},
                .from = 5,
        };
        char text[MARKER_TEXT_MAX];
        Marker read;

        marker_address(&m, "h.1", "abc-DEF", "g =é", "post.office", 3);
        marker_format(&m, text);
        assert_string_equal(text, GOOD);
        assert_int_equal(parse(text, &read), 0);
        assert_true(sd_id128_equal(read.epoch, m.epoch));
        assert_int_equal(read.anchor, 42);
        assert_true(read.clean);
        assert_false(read.old);
        assert_int_equal(read.last, 99);
        assert_true(sd_id128_equal(read.reached.id, m.reached.id));
        assert_int_equal(read.reached.number, 7);
        assert_int_equal(read.from, 5);
        assert_string_equal(read.host, "h.1");
        assert_true(marker_is_for(&read, "abc-DEF", "g =é", "post.office", 3));
        assert_false(marker_is_for(&read, "abc-DEf", "g =é", "post.office", 3));
        assert_false(marker_is_for(&read, "abc-DEF", "g", "post.office", 3));
        assert_false(marker_is_for(&read, "abc-DEF", "g =é", "post", 3));
        assert_false(marker_is_for(&read, "abc-DEF", "g =é", "post.office", 4));
}

static void test_names_as_long_as_they_may_be_fit(void **state) {
        Marker m = {.epoch = SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, 0),
                    .anchor = INT64_MAX,
                    .last = INT64_MAX,
                    .reached = {.id = {.bytes = {1}}, .number = INT64_MAX},
                    .from = INT64_MAX};
        char text[MARKER_TEXT_MAX], name[MARKER_NAME_MAX + 1];
        Marker read;

        memset(name, ' ', MARKER_NAME_MAX);
        name[MARKER_NAME_MAX] = '\0';
        marker_address(&m, name, name, name, name, INT32_MAX);
        marker_format(&m, text);
        /* What a broker takes: offset.metadata.max.bytes. */
        assert_true(strlen(text) < 4096);
        assert_int_equal(marker_parse(text, strlen(text), INT64_MAX, &read), 0);
        assert_string_equal(read.host, name);
        assert_true(marker_is_for(&read, name, name, name, INT32_MAX));
        assert_int_equal(read.anchor, INT64_MAX);
        assert_false(read.clean);
}

static void test_an_old_note_says_the_cluster_alone(void **state) {
        Marker m;

        assert_int_equal(parse(OLD, &m), 0);
        assert_true(m.old && m.clean);
        assert_int_equal(m.anchor, 42);
        assert_int_equal(m.last, -1);
        assert_true(marker_is_for(&m, "abc-DEF", "any", "other", 9));
        assert_false(marker_is_for(&m, "other", "any", "other", 9));
}

static void assert_not_ours(const char *before, const char *what, const char *behind) {
        char text[MARKER_TEXT_MAX];
        Marker m;

        snprintf(text, sizeof(text), "%s%s%s", before, what, behind);
        assert_true(parse(text, &m) < 0);
}

static void test_what_cannot_be_is_not_ours(void **state) {
        static const char *const texts[] = {
                /* A null epoch would be a barrier's. */
                "crier/2 epoch=00000000000000000000000000000000 anchor=42 clean=1 last=99 "
                "sequence=" COUNT ".5.7" WHOM,
                "crier/1 epoch=00000000000000000000000000000000 cluster=a host=h anchor=0 clean=1",
                /* An epoch that begins behind the offset. */
                "crier/2 epoch=" EPOCH " anchor=101 clean=1 last=-1 sequence=" COUNT ".5.7" WHOM,
                "crier/2 epoch=" EPOCH " anchor=9223372036854775807 clean=1 last=-1 "
                "sequence=" COUNT ".5.7" WHOM,
                "crier/1 epoch=" EPOCH " cluster=a host=h anchor=9223372036854775807 clean=1",
                /* What was read back before the epoch began. */
                "crier/2 epoch=" EPOCH " anchor=42 clean=1 last=41 sequence=" COUNT ".5.7" WHOM,
                /* A count that goes backwards, and one that is too large. */
                "crier/2 epoch=" EPOCH " anchor=42 clean=1 last=99 sequence=" COUNT ".8.7" WHOM,
                "crier/2 epoch=" EPOCH " anchor=42 clean=1 last=99 "
                "sequence=" COUNT ".5.9223372036854775808" WHOM,
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                assert_not_ours("", texts[i], "");
}

static void test_anything_else_is_not_ours(void **state) {
        static const char *const texts[] = {
                "",
                "crier/2",
                "crier/3 epoch=" EPOCH " anchor=42 clean=1 last=99 sequence=" COUNT ".5.7" WHOM,
                "crier/2 epoch=0123456789ABCDEF0123456789abcdef anchor=42 clean=1 last=99 "
                "sequence=" COUNT ".5.7" WHOM,
                "crier/2 epoch=" EPOCH " anchor=042 clean=1 last=99 sequence=" COUNT ".5.7" WHOM,
                "crier/2 epoch=" EPOCH " anchor=42 clean=2 last=99 sequence=" COUNT ".5.7" WHOM,
                "crier/2 epoch=" EPOCH " anchor=42 clean=1 last=-2 sequence=" COUNT ".5.7" WHOM,
                "crier/2 epoch=" EPOCH " anchor=42 clean=1 last=99 sequence=" COUNT ".5" WHOM,
                "crier/2 epoch=" EPOCH " anchor=42 clean=1 last=99 sequence=" COUNT ".5.7"
                " host=h cluster=c group=g%2 topic=t partition=3",
                "crier/2 epoch=" EPOCH " anchor=42 clean=1 last=99 sequence=" COUNT ".5.7"
                " host=h cluster=c group=g%zz topic=t partition=3",
                "crier/2 epoch=" EPOCH " anchor=42 clean=1 last=99 sequence=" COUNT ".5.7"
                " host=h cluster=c group=%41 topic=t partition=3",
                "crier/2 epoch=" EPOCH " anchor=42 clean=1 last=99 sequence=" COUNT ".5.7"
                " host=h cluster=c group= topic=t partition=3",
                "crier/2 epoch=" EPOCH " anchor=42 clean=1 last=99 sequence=" COUNT ".5.7"
                " host=h cluster=c group=g topic=t partition=-1",
                "crier/1",
                "crier/1 epoch=0123456789ABCDEF0123456789abcdef cluster=a host=h anchor=0 clean=1",
                "crier/1 epoch=0123456789abcdef0123456789abcde cluster=a host=h anchor=0 clean=1",
                "crier/1 epoch=" EPOCH " cluster= host=h anchor=0 clean=1",
                "crier/1 epoch=" EPOCH " cluster=a host=h anchor=-1 clean=1",
                "crier/1 epoch=" EPOCH " cluster=a host=h anchor=00 clean=1",
                "crier/1 epoch=" EPOCH " cluster=a host=h clean=1",
        };
        static const char *const good[] = {GOOD, OLD};

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                assert_not_ours("", texts[i], "");
        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                Marker m;

                assert_not_ours("", good[i], " ");
                assert_not_ours("", good[i], " more=1");
                assert_not_ours(" ", good[i], "");
                /* Its NUL is one byte too many. */
                assert_true(marker_parse(good[i], strlen(good[i]) + 1, COMMITTED, &m) < 0);
                for (size_t n = 0; n < strlen(good[i]); n++)
                        assert_true(marker_parse(good[i], n, COMMITTED, &m) < 0);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_is_written_is_read),
                cmocka_unit_test(test_names_as_long_as_they_may_be_fit),
                cmocka_unit_test(test_an_old_note_says_the_cluster_alone),
                cmocka_unit_test(test_what_cannot_be_is_not_ours),
                cmocka_unit_test(test_anything_else_is_not_ours),
        };

        return cmocka_run_group_tests_name("marker", tests, NULL, NULL);
}
