/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of what `crierctl top` draws, on screens of any size, and of the text that is in it.
 */

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "crierctl/top-draw.h"
#include "crierctl/top-keys.h"
#include "crierctl/top-text.h"
#include "protocol/varlink.h"
#include "top-status.h"

static int utf8_locale(void **state) {
        return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

/* ---- text ---- */

static void assert_fit(const char *text, size_t columns, bool right, const char *expected) {
        _cleanup_buffer_ Buffer b = {0};

        text_fit(&b, text, columns, right);
        assert_string_equal(buffer_string(&b), expected);
        assert_int_equal(text_columns(buffer_string(&b)), columns);
}

static void test_text_is_cut_and_filled_to_columns(void **state) {
        assert_fit("post", 6, false, "post  ");
        assert_fit("post", 6, true, "  post");
        assert_fit("post", 4, false, "post");
        assert_fit("post.office", 5, false, "post…");
        assert_fit("post.office", 1, false, "…");
        assert_fit("post", 0, false, "");
        assert_fit("", 3, true, "   ");
}

static void test_wide_and_combining_characters_keep_columns_aligned(void **state) {
        assert_fit("日本語", 6, false, "日本語");
        assert_fit("日本語", 8, true, "  日本語");
        /* Half a character does not fit: a blank takes its place. */
        assert_fit("日本語", 4, false, "日… ");
        assert_fit("日本語", 5, false, "日本…");
        assert_fit("e\xcc\x81te\xcc\x81", 4, false, "e\xcc\x81te\xcc\x81 ");
        assert_fit("👍👍", 3, false, "👍…");
        /* Nobody has given this one a width. */
        assert_fit("a\xf4\x8f\xbf\xbf", 4, false, "a?  ");
}

static void test_plain_locale_cuts_with_ascii(void **state) {
        const double values[] = {0, 7};
        _cleanup_buffer_ Buffer b = {0};

        assert_non_null(setlocale(LC_CTYPE, "C"));
        assert_fit("post.office", 5, false, "post~");
        text_sparkline(&b, values, 2, 2, 2);
        assert_string_equal(buffer_string(&b), "_#");
        assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
}

static void assert_wrap(const char *text, size_t columns, size_t indent, const char *expected) {
        _cleanup_buffer_ Buffer b = {0};

        text_wrap(&b, text, columns, indent);
        assert_string_equal(buffer_string(&b), expected);
}

static void test_lines_break_at_blanks_and_long_words_anywhere(void **state) {
        assert_wrap("", 10, 0, "");
        assert_wrap("start the broker", 40, 2, "start the broker\n");
        assert_wrap("start the broker", 10, 2, "start the\n  broker\n");
        assert_wrap("startthebroker now", 6, 0, "startt\nhebrok\ner now\n");
        assert_wrap("日本語", 4, 0, "日本\n語\n");
        /* A character that never fits ends, too. */
        assert_wrap("日本", 1, 0, "\n\n");
        assert_wrap("a b c", 1, 5, "a\nb\nc\n");
        assert_wrap("a b", 0, 0, "");
}

static void test_numbers_take_few_columns(void **state) {
        static const struct {
                double number;
                const char *text;
        } cases[] = {
                {0, "0"},         {0.25, "0.25"},   {0.3333333, "0.33"}, {1, "1"},
                {2.5, "2.5"},     {99.94, "99.9"},  {100.4, "100"},      {9999, "9999"},
                {12345, "12.3k"}, {999960, "1.0M"}, {4.5e6, "4.5M"},     {-2.5, "-2.5"},
                {9.2e18, "9.2E"}, {1e21, "1e+21"},  {1e308, "1e+308"},   {999950, "1.0M"},
        };
        static const struct {
                int64_t count;
                const char *text;
        } counts[] = {
                {0, "0"},
                {999999, "999999"},
                {1000000, "1.0M"},
                {-999999, "-999999"},
                {INT64_MAX, "9.2E"},
                {INT64_MIN, "-9.2E"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_buffer_ Buffer b = {0};

                text_number(&b, cases[i].number);
                assert_string_equal(buffer_string(&b), cases[i].text);
        }
        for (size_t i = 0; i < ELEMENTSOF(counts); i++) {
                _cleanup_buffer_ Buffer b = {0};

                text_count(&b, counts[i].count);
                assert_string_equal(buffer_string(&b), counts[i].text);
        }
}

static void assert_sparkline(const double *values, size_t n, size_t span, size_t columns,
                             const char *expected) {
        _cleanup_buffer_ Buffer b = {0};

        text_sparkline(&b, values, n, span, columns);
        assert_string_equal(buffer_string(&b), expected);
}

static void test_sparklines_have_the_newest_at_the_right(void **state) {
        const double rising[] = {0, 1, 2, 3, 4, 5, 6, 7}, flat[] = {5, 5, 5}, none[] = {0, 0, 0};
        const double wild[] = {-3, 1e308, 1e308};

        assert_sparkline(rising, 8, 8, 8, "▁▂▃▄▅▆▇█");
        assert_sparkline(rising, 8, 8, 20, "▁▂▃▄▅▆▇█");
        /* Two values a column: their means are 0.5, 2.5, 4.5 and 6.5. */
        assert_sparkline(rising, 8, 8, 4, "▂▄▆█");
        assert_sparkline(flat, 3, 6, 6, "   ███");
        /* A column of which only a part is there is the mean of that part. */
        assert_sparkline(flat, 3, 8, 4, "  ██");
        assert_sparkline(none, 3, 3, 3, "▁▁▁");
        assert_sparkline(NULL, 0, 3, 3, "   ");
        assert_sparkline(rising, 8, 8, 0, "");
        assert_sparkline(wild, 3, 3, 3, "▁██");
}

/* ---- the picture ---- */

#define SIDE_MAX 200

/* What was put where: a line of text for each line. */
typedef struct Screen {
        TopCanvas canvas;
        Buffer lines[SIDE_MAX];
        size_t reversed; /* the line that is selected */
        bool coloured;
} Screen;

static void put_on_lines(void *userdata, size_t line, size_t column, const char *text,
                         TopLook look) {
        Screen *s = userdata;
        size_t columns = text_columns(text);

        assert_true(line < s->canvas.height);
        assert_true(column + columns <= s->canvas.width);
        assert_null(strpbrk(text, "\x1b\n\r\t\x7f"));
        /* Everything is put from left to right. */
        assert_true(text_columns(buffer_string(s->lines + line)) <= column);
        while (text_columns(buffer_string(s->lines + line)) < column)
                buffer_append_byte(s->lines + line, ' ');
        buffer_append_string(s->lines + line, text);
        if (look.reverse && columns > 0)
                s->reversed = line;
        s->coloured |= look.colour != TOP_PLAIN;
}

static void screen_done(Screen *s) {
        for (size_t i = 0; i < SIDE_MAX; i++)
                buffer_done(s->lines + i);
}

static size_t draw(Screen *s, TopModel *m, size_t width, size_t height) {
        screen_done(s);
        s->canvas =
                (TopCanvas){.width = width, .height = height, .put = put_on_lines, .userdata = s};
        s->reversed = SIZE_MAX;
        return top_draw(m, &s->canvas);
}

/* Whether a line has this text, not counting runs of blanks. */
static bool shows(Screen *s, const char *text) {
        for (size_t i = 0; i < s->canvas.height; i++) {
                _cleanup_buffer_ Buffer squeezed = {0};

                for (const char *p = buffer_string(s->lines + i); *p; p++)
                        if (p[0] != ' ' || p[1] != ' ')
                                buffer_append_byte(&squeezed, (uint8_t) *p);
                if (strstr(buffer_string(&squeezed), text))
                        return true;
        }
        return false;
}

static void test_picture_has_head_rows_and_keys(void **state) {
        _cleanup_top_model_ TopModel m = {0};
        _cleanup_(screen_done) Screen s = {0};

        draw(&s, &m, 80, 24);
        assert_true(shows(&s, "Asking crierd"));
        take_consumers(&m, 61, CONSUMERS(3, 4));
        draw(&s, &m, 80, 24);
        assert_true(shows(&s, "crierd 0.1.0 running, up 1 min 1 s | cluster up, host:9092"));
        assert_true(shows(&s, "sink ok, 610 entries"));
        assert_true(shows(&s, "PRODUCER TOPIC RATE QUEUED PER S STATE"));
        assert_true(shows(&s, "office post 20/s 4 20 running"));
        assert_true(shows(&s, "GROUP OWNS CONSUMERS LAG PER S STATE"));
        assert_true(shows(&s, "mail 3 partitions 1+1 ? 12.5 stable"));
        assert_true(shows(&s, " consumer 3 0-2 6 3 owner"));
        assert_true(shows(&s, " consumer 4 4 standby"));
        assert_true(shows(&s, "█"));
        assert_true(shows(&s, "h help q end"));
        assert_true(s.coloured);
}

static void test_picture_says_that_nothing_runs_and_what_to_do(void **state) {
        _cleanup_top_model_ TopModel m = {0};
        _cleanup_(screen_done) Screen s = {0};

        take_consumers(&m, 1, CONSUMERS(3));
        status_fails(&m, FAILURE_TIMEOUT, "crierd did not answer");
        draw(&s, &m, 80, 24);
        assert_true(shows(&s, "crierd did not answer"));
        assert_true(shows(&s, "office"));
        status_fails(&m, FAILURE_NOT_RUNNING, "crierd is not running");
        draw(&s, &m, 80, 24);
        assert_true(shows(&s, "crierd is not running"));
        assert_true(shows(&s, "do this"));
        assert_false(shows(&s, "office"));
        assert_false(shows(&s, "cluster up"));
}

static void test_picture_has_troubles_with_advice_at_the_bottom(void **state) {
        json_t *group = group_json("mail", CONSUMERS(3));
        _cleanup_top_model_ TopModel m = {0};
        _cleanup_(screen_done) Screen s = {0};

        json_object_set_new(group, "trouble",
                            json_pack("{s:s, s:s, s:s, s:i}", "code", "x", "text", "it broke",
                                      "advice", "mend it", "since_ms", 940000));
        take(&m, status_json(1, 0, json_array(), json_pack("[o]", group)));
        draw(&s, &m, 80, 24);
        assert_string_equal(buffer_string(s.lines + 21),
                            "trouble: group mail, for 1 min 0 s: it broke");
        assert_string_equal(buffer_string(s.lines + 22), "         mend it");
        draw(&s, &m, 20, 8);
        assert_true(shows(&s, "(There are more tro"));
        draw(&s, &m, 20, 5);
        assert_false(shows(&s, "trouble"));
}

static void test_selected_row_is_always_seen(void **state) {
        int numbers[41];
        _cleanup_top_model_ TopModel m = {0};
        _cleanup_(screen_done) Screen s = {0};

        for (int i = 0; i < 40; i++)
                numbers[i] = i;
        numbers[40] = -1;
        take_consumers(&m, 1, numbers);
        for (size_t height = 4; height < 30; height++) {
                top_model_select(&m, INT64_MIN);
                for (size_t i = 0; i < 2 * m.n_rows; i++) {
                        draw(&s, &m, 80, height);
                        assert_true(s.reversed < height);
                        top_model_select(&m, i < m.n_rows ? 1 : -1);
                }
                draw(&s, &m, 80, height);
                /* Back at the first, its heading is there again. */
                if (height > 4)
                        assert_true(shows(&s, "PRODUCER"));
        }
}

static void test_screens_of_any_size_are_drawn(void **state) {
        static const char hostile[] = "\x1b[31m日本語 👍 e\xcc\x81\n\xe2\x80\xae very long indeed";
        json_t *group = group_json(hostile, CONSUMERS(1, 2, 3)), *trouble;
        _cleanup_top_model_ TopModel m = {0};
        _cleanup_(screen_done) Screen s = {0};

        trouble = json_pack("{s:s, s:s, s:s, s:i}", "code", "x", "text", hostile, "advice", hostile,
                            "since_ms", 1);
        json_object_set_new(group, "trouble", trouble);
        take(&m, status_json(1, 0, json_pack("[o]", producer_json(hostile, 1e308)),
                             json_pack("[o]", group)));
        for (size_t width = 0; width < 100; width++)
                for (size_t height = 0; height < 30; height += 1 + height / 8) {
                        top_model_say(&m, true, "%s", width % 2 ? hostile : "");
                        m.help = width % 5 == 0;
                        m.frozen = width % 3 == 0;
                        top_model_select(&m, width % 7 == 0 ? INT64_MIN : 1);
                        draw(&s, &m, width, height);
                }
        draw(&s, &m, SIDE_MAX, SIDE_MAX);
        assert_true(shows(&s, "\\u001b[31m"));
}

static void test_question_is_seen_on_the_smallest_screen(void **state) {
        TopCommand command = {0};
        _cleanup_top_model_ TopModel m = {0};
        _cleanup_(screen_done) Screen s = {0};

        take_consumers(&m, 1, CONSUMERS(3));
        top_model_select(&m, 2);
        assert_int_equal(top_key(&m, 'K', 1, &command), TOP_STAY);
        draw(&s, &m, 40, 2);
        assert_true(shows(&s, "Kill consumer 3 of group 'mail'? y/n"));
}

static void test_help_has_each_key_on_a_small_screen(void **state) {
        _cleanup_top_model_ TopModel m = {.help = true};
        _cleanup_(screen_done) Screen s = {0};

        take_consumers(&m, 1, CONSUMERS(3));
        draw(&s, &m, 80, 24);
        for (const TopHelp *h = top_help; h->keys; h++)
                assert_true(shows(&s, h->what));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_text_is_cut_and_filled_to_columns),
                cmocka_unit_test(test_wide_and_combining_characters_keep_columns_aligned),
                cmocka_unit_test(test_plain_locale_cuts_with_ascii),
                cmocka_unit_test(test_lines_break_at_blanks_and_long_words_anywhere),
                cmocka_unit_test(test_numbers_take_few_columns),
                cmocka_unit_test(test_sparklines_have_the_newest_at_the_right),
                cmocka_unit_test(test_picture_has_head_rows_and_keys),
                cmocka_unit_test(test_picture_says_that_nothing_runs_and_what_to_do),
                cmocka_unit_test(test_picture_has_troubles_with_advice_at_the_bottom),
                cmocka_unit_test(test_selected_row_is_always_seen),
                cmocka_unit_test(test_screens_of_any_size_are_drawn),
                cmocka_unit_test(test_question_is_seen_on_the_smallest_screen),
                cmocka_unit_test(test_help_has_each_key_on_a_small_screen),
        };

        return cmocka_run_group_tests(tests, utf8_locale, NULL);
}
