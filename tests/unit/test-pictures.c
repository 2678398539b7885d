/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of what crierctl draws and how it takes a command line apart: numbers at the edge of
 * what a reply may hold, widths, and words for another host's shell.
 */

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <getopt.h>

#include "crierctl/pictures.h"
#include "crierctl/remote.h"

static int utf8_locale(void **state) {
        return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

static void draw(Draw picture, const Shape *shape, const char *text, unsigned width, Buffer *out) {
        const Command c = {.style = {.legend = true, .width = width}};
        _cleanup_json_ json_t *reply = json_loads(text, 0, NULL);
        _cleanup_buffer_ Buffer where = {0};

        assert_non_null(reply);
        if (!shape_check(shape, reply, &where))
                fail_msg("%s", buffer_string(&where));
        picture(&c, reply, out);
        assert_false(out->failed);
}

static void assert_has(Buffer *out, const char *text) {
        if (!strstr(buffer_string(out), text))
                fail_msg("no '%s' in:\n%s", text, buffer_string(out));
}

#define CONSUMER(n, partitions)                                                            \
        "{\"consumer\":" #n ",\"group\":\"g\",\"client_id\":\"c\",\"state\":\"owner\","    \
        "\"paused\":false,\"received\":1,\"written\":1,\"per_second\":1.5,\"partitions\":" \
        "[" partitions "]}"
#define PARTITION(n) "{\"topic\":\"t\",\"partition\":" #n ",\"lag\":1,\"held\":0}"
#define GROUPS(width, consumers, known)                                                            \
        "{\"groups\":[{\"name\":\"g\",\"topics\":[\"t\"],\"delivery\":\"d\",\"configured\":\"d\"," \
        "\"reason\":\"r\",\"log\":true,\"start\":\"latest\",\"stable\":true,\"rebalances\":1,"     \
        "\"received\":1,\"written\":1,\"per_second\":1.5,\"standbys\":[],\"consumers\":"           \
        "[" consumers "]}],\"topics\":[{\"topic\":\"t\",\"partitions\":" width "}],"               \
        "\"others\":[],\"others_known\":" known "}"

static void test_grid_has_a_column_a_partition(void **state) {
        _cleanup_buffer_ Buffer b = {0};

        draw(groups_draw, groups_shape,
             GROUPS("12", CONSUMER(7, PARTITION(0) "," PARTITION(11)), "false"), 120, &b);
        assert_has(&b, " 0  1  2  3  4  5  6  7  8  9 10 11 ");
        assert_has(&b, " ■  ·  ·  ·  ·  ·  ·  ·  ·  ·  ·  ■ ");
        assert_has(&b, "other?");
        assert_has(&b, " ·  ■  ■  ■  ■  ■  ■  ■  ■  ■  ■  · ");
}

static void test_grid_that_is_too_wide_has_ranges(void **state) {
        _cleanup_buffer_ Buffer b = {0};

        draw(groups_draw, groups_shape,
             GROUPS("12", CONSUMER(7, PARTITION(0) "," PARTITION(11)), "true"), 60, &b);
        assert_has(&b, " 0,11 ");
        assert_has(&b, "nobody");
        assert_has(&b, " 1-10");
        assert_null(strstr(buffer_string(&b), "■"));
}

static void test_grid_survives_numbers_that_cannot_be(void **state) {
        static const char *const widths[] = {"9223372036854775807", "-1", "0", "null"};

        for (size_t i = 0; i < ELEMENTSOF(widths); i++) {
                _cleanup_buffer_ Buffer text = {0}, b = {0};

                buffer_appendf(&text,
                               GROUPS("%s",
                                      CONSUMER(7, PARTITION(9223372036854775807) "," PARTITION(
                                                          -9223372036854775808) "," PARTITION(3)),
                                      "true"),
                               widths[i]);
                draw(groups_draw, groups_shape, buffer_string(&text), 80, &b);
                assert_has(&b, "consumer 7");
        }
}

static void test_bars_are_exact_to_an_eighth(void **state) {
        _cleanup_buffer_ Buffer b = {0};

        draw(topics_draw, topics_shape,
             "{\"topics\":[{\"name\":\"t\",\"configured\":true,\"partitions\":["
             "{\"partition\":0,\"first\":0,\"end\":240},"
             "{\"partition\":1,\"first\":0,\"end\":1},{\"partition\":2,\"first\":7,\"end\":18}]}]}",
             80, &b);
        assert_has(&b, "t, 3 partitions, 252 events\n");
        assert_has(&b, " 95% ██████████████████████████████\n");
        assert_has(&b, " 0% ▏\n");
        assert_has(&b, " 4% █▍\n");
}

static void test_bars_survive_numbers_that_cannot_be(void **state) {
        _cleanup_buffer_ Buffer b = {0};

        draw(topics_draw, topics_shape,
             "{\"topics\":[{\"name\":\"t\",\"configured\":true,\"partitions\":["
             "{\"partition\":0,\"first\":-9223372036854775808,\"end\":9223372036854775807},"
             "{\"partition\":1,\"first\":9223372036854775807,\"end\":-9223372036854775808}]}]}",
             80, &b);
        assert_has(&b, "100% ██████████████████████████████\n");
        assert_has(&b, " 0%");
}

/* ---- the command line ---- */

static int parse(Options *o, Failure *f, ...) {
        char name[] = "crierctl", *argv[16] = {name};
        int argc = 1;
        va_list ap;

        va_start(ap, f);
        while ((argv[argc] = va_arg(ap, char *)))
                argc++;
        va_end(ap);
        options_init(o);
        optind = 0; /* GNU: begins anew */
        return options_parse(o, argc, argv, f);
}

static void test_negative_numbers_are_arguments(void **state) {
        _cleanup_failure_ Failure f = {0};
        _cleanup_options_ Options o = {0};

        assert_int_equal(parse(&o, &f, "scale", "g", "--json", "-2", "-.5%", "-", "-k", "-3", "--",
                               "-x", (char *) NULL),
                         0);
        assert_int_equal(o.n_arguments, 6);
        assert_string_equal(o.arguments[2], "-2");
        assert_string_equal(o.arguments[3], "-.5%");
        assert_string_equal(o.arguments[4], "-");
        assert_string_equal(o.arguments[5], "-x");
        assert_null(o.arguments[6]);
        assert_string_equal(o.key, "-3");
        assert_true(o.json);
}

static void test_options_that_are_wrong_are_named(void **state) {
        static const char *const wrong[][2] = {
                {"--jsn", "'--jsn'"}, {"-x", "'-x'"},        {"-n", "'-n'"},
                {"-np", "'p'"},       {"--header=x", "'x'"}, {"--lines=-1", "'-1'"},
        };

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                _cleanup_failure_ Failure f = {0};
                _cleanup_options_ Options o = {0};

                assert_int_equal(parse(&o, &f, wrong[i][0], (char *) NULL), 2);
                if (!strstr(buffer_string(&f.text), wrong[i][1]))
                        fail_msg("no %s in: %s", wrong[i][1], buffer_string(&f.text));
        }
}

static void test_command_for_another_host_is_quoted(void **state) {
        _cleanup_failure_ Failure f = {0};
        _cleanup_buffer_ Buffer b = {0};
        _cleanup_options_ Options o = {0};

        assert_int_equal(parse(&o, &f, "-H", "h", "-k", "it's", "produce", "t", "$(x)", "--json",
                               (char *) NULL),
                         0);
        remote_command(&o, &b);
        assert_string_equal(buffer_string(&b),
                            "crierctl '--key=it'\\''s' '--json' -- 'produce' 't' '$(x)'");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_grid_has_a_column_a_partition),
                cmocka_unit_test(test_grid_that_is_too_wide_has_ranges),
                cmocka_unit_test(test_grid_survives_numbers_that_cannot_be),
                cmocka_unit_test(test_bars_are_exact_to_an_eighth),
                cmocka_unit_test(test_bars_survive_numbers_that_cannot_be),
                cmocka_unit_test(test_negative_numbers_are_arguments),
                cmocka_unit_test(test_options_that_are_wrong_are_named),
                cmocka_unit_test(test_command_for_another_host_is_quoted),
        };

        return cmocka_run_group_tests(tests, utf8_locale, NULL);
}
