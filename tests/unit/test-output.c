/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of what crierctl shows: nothing that came over the socket reaches the terminal raw,
 * nothing is read before its shape was checked, and the picture says what it should.
 */

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "crierctl/status.h"
#include "protocol/varlink.h"

static const OutputStyle plain = {.legend = true};

static int utf8_locale(void **state) {
        return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

static void assert_text(const char *text, const char *expected) {
        _cleanup_buffer_ Buffer b = {0};

        output_text(&b, text);
        assert_string_equal(buffer_string(&b), expected);
}

static void test_ordinary_text_is_shown_as_it_is(void **state) {
        assert_text("", "");
        assert_text("post.office", "post.office");
        assert_text("Grüße, 日本語, 👍", "Grüße, 日本語, 👍");
        assert_text("back\\slash \"quoted\"", "back\\slash \"quoted\"");
}

static void test_what_a_terminal_would_obey_is_escaped(void **state) {
        assert_text("\x1b[2J\x1b]0;title\x07", "\\u001b[2J\\u001b]0;title\\u0007");
        assert_text("two\nlines\r\tand \x7f", "two\\u000alines\\u000d\\u0009and \\u007f");
        assert_text("\xc2\x9b"
                    "31m",
                    "\\u009b31m");
        assert_text("\xe2\x80\xae"
                    "desrever\xe2\x80\x8b",
                    "\\u202edesrever\\u200b");
}

static void test_bytes_that_are_not_utf8_are_escaped(void **state) {
        assert_text("a\xff\xc0\x80"
                    "b",
                    "a\\xff\\xc0\\x80b");
        assert_text("\xe2\x82", "\\xe2\\x82");
        assert_text("\x9b", "\\x9b");
}

static void test_plain_locale_gets_plain_ascii(void **state) {
        assert_non_null(setlocale(LC_CTYPE, "C"));
        assert_text("Grüße 👍", "Gr\\u00fc\\u00dfe \\ud83d\\udc4d");
        assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
}

static void test_json_is_safe_on_a_terminal_and_still_the_same(void **state) {
        _cleanup_json_ json_t *j =
                json_pack("{s:s, s:[i]}", "text", "\x1b[2J\n\x7f\xc2\x9b\xe2\x80\xaeä", "list", 1);
        const OutputStyle styles[] = {{.terminal = true}, {.terminal = false}};

        for (size_t i = 0; i < ELEMENTSOF(styles); i++) {
                _cleanup_json_ json_t *again = NULL;
                _cleanup_buffer_ Buffer b = {0};

                assert_true(output_json(&b, styles + i, j));
                again = json_loads(buffer_string(&b), 0, NULL);
                assert_true(json_equal(j, again));
                assert_null(strchr(buffer_string(&b), 0x1b));
                assert_null(strchr(buffer_string(&b), 0x7f));
                assert_null(strstr(buffer_string(&b), "\xc2\x9b"));
                assert_null(strstr(buffer_string(&b), "\xe2\x80\xae"));
                assert_non_null(strstr(buffer_string(&b), "ä"));
                /* One line for programs, several for people. */
                assert_int_equal(strchr(buffer_string(&b), '\n') == buffer_string(&b) + b.size - 1,
                                 !styles[i].terminal);
        }
}

static void test_durations_have_two_units_at_most(void **state) {
        static const struct {
                uint64_t ms;
                const char *text;
        } cases[] = {
                {0, "0 s"},
                {59999, "59 s"},
                {60000, "1 min 0 s"},
                {3599999, "59 min 59 s"},
                {3600000, "1 h 0 min"},
                {90061000, "1 d 1 h"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_buffer_ Buffer b = {0};

                output_duration(&b, cases[i].ms);
                assert_string_equal(buffer_string(&b), cases[i].text);
        }
}

static const Shape inner[] = {
        {"n", SHAPE_INTEGER, .nullable = true},
        {NULL},
};

static const Shape outer[] = {
        {"name", SHAPE_STRING},
        {"rate", SHAPE_NUMBER},
        {"on", SHAPE_BOOLEAN},
        {"one", SHAPE_OBJECT, .nullable = true, .members = inner},
        {"many", SHAPE_OBJECT, .list = true, .members = inner},
        {"words", SHAPE_STRING, .list = true},
        {NULL},
};

static void assert_shape(const char *text, const char *expected) {
        _cleanup_json_ json_t *j = json_loads(text, JSON_DECODE_ANY, NULL);
        _cleanup_buffer_ Buffer where = {0};

        assert_non_null(j);
        assert_int_equal(shape_check(outer, j, &where), *expected == 0);
        assert_string_equal(buffer_string(&where), expected);
}

static void test_shape_names_what_is_wrong(void **state) {
        assert_shape(
                "{\"name\":\"a\",\"rate\":1,\"on\":true,\"one\":null,\"many\":[],\"words\":[]}",
                "");
        assert_shape("{\"name\":\"a\",\"rate\":1.5,\"on\":false,\"one\":{\"n\":null,\"more\":0},"
                     "\"many\":[{\"n\":1},{}],\"words\":[\"x\"],\"other\":{}}",
                     "");
        assert_shape("[]", "it is not an object");
        assert_shape("{}", "name is not a string");
        assert_shape("{\"name\":null}", "name is not a string");
        assert_shape("{\"name\":\"a\",\"rate\":\"1\"}", "rate is not a number");
        assert_shape("{\"name\":\"a\",\"rate\":1,\"on\":1}", "on is not a boolean");
        assert_shape("{\"name\":\"a\",\"rate\":1,\"on\":true,\"one\":[]}", "one is not an object");
        assert_shape("{\"name\":\"a\",\"rate\":1,\"on\":true,\"one\":{\"n\":1.5}}",
                     "one.n is not an integer");
        assert_shape("{\"name\":\"a\",\"rate\":1,\"on\":true,\"many\":{}}", "many is not a list");
        assert_shape("{\"name\":\"a\",\"rate\":1,\"on\":true,\"many\":[{},{\"n\":\"1\"}]}",
                     "many[1].n is not an integer");
        assert_shape("{\"name\":\"a\",\"rate\":1,\"on\":true,\"many\":[],\"words\":[\"a\",2]}",
                     "words[1] is not a string");
}

/* A status with one group, whose only consumer owns the partitions of that JSON list. */
static json_t *status_with(const char *name, const char *partitions) {
        _cleanup_json_ json_t *list = json_loads(partitions, 0, NULL);

        assert_non_null(list);
        return json_pack(
                "{s:s, s:i, s:s, s:i, s:{s:s, s:b, s:n, s:s}, s:{s:s, s:s, s:s, s:i, s:n}, s:[],"
                " s:[{s:s, s:[s], s:s, s:s, s:s, s:b, s:s, s:b, s:i, s:i, s:i, s:f, s:n, s:[],"
                " s:{s:s, s:s, s:s, s:I}, s:[{s:i, s:s, s:s, s:s, s:b, s:i, s:i, s:f, s:O}]}]}",
                "version", "0.1.0", "pid", 7, "state", "running", "uptime_ms", 61000, "cluster",
                "bootstrap", "host:9092", "embedded", 0, "id", "state", "connecting", "sink",
                "kind", "journal", "target", "/socket", "state", "ok", "entries", 3, "trouble",
                "producers", "groups", "name", name, "topics", "t", "delivery", "at-least-once",
                "configured", "auto", "reason", "so it is", "log", 1, "start", "latest", "stable",
                0, "rebalances", 1, "received", 3, "written", 3, "per_second", 1.0, "lag",
                "standbys", "trouble", "code", "x", "text", "it broke", "advice", "mend it",
                "since_ms", (json_int_t) 940000, "consumers", "consumer", 0, "group", name,
                "client_id", "c", "state", "owner", "paused", 0, "received", 3, "written", 3,
                "per_second", 1.0, "partitions", list);
}

static void draw(json_t *status, const OutputStyle *style, Buffer *out) {
        _cleanup_buffer_ Buffer where = {0};

        if (!shape_check(status_shape, status, &where))
                fail_msg("%s", buffer_string(&where));
        status_draw(status, style, 1000000, out);
        assert_false(out->failed);
        json_decref(status);
}

#define PARTITION(topic, n, lag) \
        "{\"topic\":\"" topic "\",\"partition\":" #n ",\"lag\":" #lag ",\"held\":0}"

static void test_picture_puts_runs_of_partitions_together(void **state) {
        _cleanup_buffer_ Buffer b = {0};

        draw(status_with("mail",
                         "[" PARTITION("post", 4, 1) "," PARTITION("post", 0, 1) "," PARTITION(
                                 "post", 1, 1) "," PARTITION("post", 2, 1) "," PARTITION("bills", 9,
                                                                                         1) "]"),
             &plain, &b);
        assert_non_null(strstr(buffer_string(&b), " bills 9; post 0-2,4 "));
        assert_non_null(strstr(buffer_string(&b), "5 partitions"));
        assert_non_null(strstr(buffer_string(&b), "3       3   5\n"));
}

static void test_picture_takes_the_widest_numbers(void **state) {
        _cleanup_buffer_ Buffer b = {0};

        draw(status_with("mail",
                         "[" PARTITION("t", 9223372036854775807, 9223372036854775807) "," PARTITION(
                                 "t", -9223372036854775808, 9223372036854775807) "]"),
             &plain, &b);
        assert_non_null(strstr(buffer_string(&b), "t -9223372036854775808,9223372036854775807"));
        assert_non_null(strstr(buffer_string(&b), " 3 9223372036854775807\n"));
}

static void test_picture_says_unknown_lag_and_trouble_with_advice(void **state) {
        _cleanup_buffer_ Buffer b = {0};

        draw(status_with("mail", "[" PARTITION("t", 0, null) "]"), &plain, &b);
        assert_non_null(strstr(buffer_string(&b), "3       3   ?\n"));
        assert_non_null(strstr(buffer_string(&b), "1 partition "));
        assert_non_null(strstr(buffer_string(&b), "rebalancing"));
        assert_non_null(strstr(buffer_string(&b), "trouble: group mail, for 1 min 0 s: it broke\n"
                                                  "         mend it\n"));
        assert_non_null(
                strstr(buffer_string(&b), "delivery: at-least-once for mail (auto: so it is)\n"));
        assert_non_null(strstr(buffer_string(&b), "\nno producers\n"));
}

static void test_hostile_names_cannot_reach_the_terminal(void **state) {
        const OutputStyle terminal = {.terminal = true, .legend = true, .width = 80};
        _cleanup_buffer_ Buffer b = {0};

        draw(status_with("\x1b[31mred\nline", "[" PARTITION("\\u001b[2Jt\\nx", 0, 0) "]"),
             &terminal, &b);
        assert_null(strchr(buffer_string(&b), 0x1b));
        assert_non_null(strstr(buffer_string(&b), "\\u001b[31mred\\u000aline"));
        assert_non_null(strstr(buffer_string(&b), "\\u001b[2Jt\\u000ax 0"));
}

static void test_colours_are_there_only_when_asked_for(void **state) {
        const OutputStyle coloured = {
                .terminal = true, .colour = true, .legend = true, .width = 80};
        _cleanup_buffer_ Buffer with = {0}, without = {0};

        draw(status_with("mail", "[]"), &coloured, &with);
        draw(status_with("mail", "[]"), &plain, &without);
        assert_non_null(strstr(buffer_string(&with), "\x1b[32mrunning\x1b[0m"));
        assert_null(strchr(buffer_string(&without), 0x1b));
}

static void test_legend_can_be_left_out(void **state) {
        _cleanup_buffer_ Buffer b = {0};

        draw(status_with("mail", "[]"), &(OutputStyle){.legend = false}, &b);
        assert_null(strstr(buffer_string(&b), "GROUP"));
        assert_null(strstr(buffer_string(&b), "delivery:"));
        assert_non_null(strstr(buffer_string(&b), "mail"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ordinary_text_is_shown_as_it_is),
                cmocka_unit_test(test_what_a_terminal_would_obey_is_escaped),
                cmocka_unit_test(test_bytes_that_are_not_utf8_are_escaped),
                cmocka_unit_test(test_plain_locale_gets_plain_ascii),
                cmocka_unit_test(test_json_is_safe_on_a_terminal_and_still_the_same),
                cmocka_unit_test(test_durations_have_two_units_at_most),
                cmocka_unit_test(test_shape_names_what_is_wrong),
                cmocka_unit_test(test_picture_puts_runs_of_partitions_together),
                cmocka_unit_test(test_picture_takes_the_widest_numbers),
                cmocka_unit_test(test_picture_says_unknown_lag_and_trouble_with_advice),
                cmocka_unit_test(test_hostile_names_cannot_reach_the_terminal),
                cmocka_unit_test(test_colours_are_there_only_when_asked_for),
                cmocka_unit_test(test_legend_can_be_left_out),
        };

        return cmocka_run_group_tests(tests, utf8_locale, NULL);
}
