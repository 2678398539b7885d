/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of what `crierctl top` knows and of what its keys do, without a terminal.
 */

#include <curses.h>
#include <locale.h>
#include <stdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "crierctl/top-keys.h"
#include "protocol/varlink.h"
#include "top-status.h"

static int utf8_locale(void **state) {
        return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

static void assert_cells(const TopRow *row, const char *name, const char *what, const char *size,
                         const char *behind, const char *speed, const char *row_state) {
        assert_string_equal(row->cells[TOP_NAME], name);
        assert_string_equal(row->cells[TOP_WHAT], what);
        if (size)
                assert_string_equal(row->cells[TOP_SIZE], size);
        else
                assert_null(row->cells[TOP_SIZE]);
        if (behind)
                assert_string_equal(row->cells[TOP_BEHIND], behind);
        else
                assert_null(row->cells[TOP_BEHIND]);
        assert_string_equal(row->cells[TOP_SPEED], speed);
        assert_string_equal(row->cells[TOP_STATE], row_state);
}

/* ---- the model ---- */

static void test_rows_are_producers_and_groups_with_their_consumers(void **state) {
        _cleanup_top_model_ TopModel m = {0};

        take_consumers(&m, 10, CONSUMERS(3, 4));
        assert_int_equal(m.n_rows, 4);
        assert_int_equal(m.n_producers, 1);
        assert_cells(m.rows, "office", "post", "20/s", "4", "20", "running");
        assert_cells(m.rows + 1, "mail", "3 partitions", "1+1", "?", "12.5", "stable");
        assert_cells(m.rows + 2, "  consumer 3", "0-2", NULL, "6", "3", "owner");
        assert_cells(m.rows + 3, "  consumer 4", "", NULL, NULL, "4", "standby");
}

static void test_history_is_one_value_a_second_and_bounded(void **state) {
        _cleanup_top_model_ TopModel m = {0};
        const TopHistory *h;

        for (int i = 1; i <= TOP_HISTORY + 5; i++)
                take(&m,
                     status_json(i, 0, json_pack("[o]", producer_json("office", i)), json_array()));
        h = &m.rows[0].history;
        assert_int_equal(h->n, TOP_HISTORY);
        assert_true(h->values[TOP_HISTORY - 1] == TOP_HISTORY + 5);
        assert_true(h->values[0] == 6);
}

static void test_status_asked_for_in_between_does_not_hurry_the_history(void **state) {
        static const int ms[] = {1000, 2000, 2100, 2200, 3200, 4200};
        _cleanup_top_model_ TopModel m = {0};
        const TopHistory *h;

        for (size_t i = 0; i < ELEMENTSOF(ms); i++) {
                json_t *s = status_json(0, 0, json_pack("[o]", producer_json("office", ms[i])),
                                        json_array());

                json_object_set_new(s, "uptime_ms", json_integer(ms[i]));
                take(&m, s);
        }
        h = &m.rows[0].history;
        assert_int_equal(h->n, 4);
        assert_true(h->values[0] == 1000 && h->values[1] == 2000);
        assert_true(h->values[2] == 3200 && h->values[3] == 4200);
}

static void test_history_stays_with_its_row(void **state) {
        _cleanup_top_model_ TopModel m = {0};

        take_consumers(&m, 1, CONSUMERS(1, 2));
        take_consumers(&m, 2, CONSUMERS(2, 7));
        assert_int_equal(m.rows[2].history.n, 2); /* consumer 2 */
        assert_true(m.rows[2].history.values[0] == 2);
        assert_int_equal(m.rows[3].history.n, 1); /* consumer 7 */
        /* Another daemon has another history. */
        take_consumers(&m, 1, CONSUMERS(2));
        assert_int_equal(m.rows[2].history.n, 1);
}

static void test_entries_per_second_are_counted_over_some_seconds(void **state) {
        _cleanup_top_model_ TopModel m = {0};

        take_consumers(&m, 1, CONSUMERS(1));
        assert_string_equal(buffer_string(&m.parts[TOP_PART_SINK].after), ", 10 entries, 0/s");
        take_consumers(&m, 5, CONSUMERS(1));
        assert_string_equal(buffer_string(&m.parts[TOP_PART_SINK].after), ", 50 entries, 10/s");
}

static void test_selection_stays_with_its_row(void **state) {
        _cleanup_top_model_ TopModel m = {0};

        assert_null(top_model_selected(&m));
        top_model_select(&m, 1);
        take_consumers(&m, 1, CONSUMERS(1, 2, 3));
        assert_int_equal(top_model_selected(&m)->kind, TOP_PRODUCER);
        top_model_select(&m, 3);
        assert_int_equal(top_model_selected(&m)->number, 2);
        take_consumers(&m, 2, CONSUMERS(2, 3, 4));
        assert_int_equal(top_model_selected(&m)->number, 2);
        take(&m,
             status_json(3, 0, json_pack("[o, o]", producer_json("a", 1), producer_json("b", 1)),
                         json_pack("[o, o]", group_json("first", CONSUMERS(9)),
                                   group_json("mail", CONSUMERS(1, 2)))));
        assert_int_equal(top_model_selected(&m)->number, 2);
        assert_string_equal(top_model_selected(&m)->name, "mail");
}

static void test_selection_moves_to_the_neighbour_of_a_row_that_goes(void **state) {
        _cleanup_top_model_ TopModel m = {0};

        take_consumers(&m, 1, CONSUMERS(1, 2, 3));
        top_model_select(&m, 3);
        take_consumers(&m, 2, CONSUMERS(1, 3));
        assert_int_equal(top_model_selected(&m)->number, 3);
        take_consumers(&m, 3, CONSUMERS(1));
        assert_int_equal(top_model_selected(&m)->number, 1);
        take(&m, status_json(4, 0, json_array(),
                             json_pack("[o, o]", group_json("mail", CONSUMERS(-1)),
                                       group_json("web", CONSUMERS(5)))));
        take(&m,
             status_json(5, 0, json_array(), json_pack("[o]", group_json("web", CONSUMERS(5)))));
        assert_non_null(top_model_selected(&m));
}

static void test_last_consumer_of_a_group_leaves_the_selection_to_its_group(void **state) {
        _cleanup_top_model_ TopModel m = {0};

        take(&m, status_json(1, 0, json_array(),
                             json_pack("[o, o]", group_json("mail", CONSUMERS(1)),
                                       group_json("web", CONSUMERS(5)))));
        top_model_select(&m, 1);
        take(&m, status_json(2, 0, json_array(),
                             json_pack("[o, o]", group_json("mail", CONSUMERS(-1)),
                                       group_json("web", CONSUMERS(5)))));
        assert_int_equal(top_model_selected(&m)->kind, TOP_GROUP);
        assert_string_equal(top_model_selected(&m)->name, "mail");
}

static void test_selection_has_ends(void **state) {
        _cleanup_top_model_ TopModel m = {0};

        take_consumers(&m, 1, CONSUMERS(1, 2, 3));
        top_model_select(&m, INT64_MIN);
        assert_int_equal(m.selected, 0);
        top_model_select(&m, -1);
        assert_int_equal(m.selected, 0);
        top_model_select(&m, INT64_MAX);
        assert_int_equal(m.selected, 4);
        top_model_select(&m, 1);
        assert_int_equal(m.selected, 4);
}

static void test_silent_daemon_keeps_its_rows_and_a_stopped_one_does_not(void **state) {
        _cleanup_top_model_ TopModel m = {0};

        take_consumers(&m, 9, CONSUMERS(1, 2));
        top_model_select(&m, 3);
        status_fails(&m, FAILURE_TIMEOUT, "no answer");
        assert_int_equal(m.contact, TOP_SILENT);
        assert_int_equal(m.n_rows, 4);
        status_fails(&m, FAILURE_NOT_RUNNING, "not running");
        assert_int_equal(m.contact, TOP_GONE);
        assert_int_equal(m.n_rows, 0);
        assert_null(top_model_selected(&m));
        assert_string_equal(buffer_string(&m.advice), "do this");
        take_consumers(&m, 1, CONSUMERS(1, 2));
        assert_int_equal(top_model_selected(&m)->number, 2);
        assert_int_equal(m.rows[0].history.n, 1);
}

static void test_any_json_is_survived(void **state) {
        static const char *const texts[] = {
                "null",
                "[]",
                "{}",
                "7",
                "\"x\"",
                "{\"version\":7}",
                ("{\"version\":\"1\",\"pid\":1,\"state\":\"running\",\"uptime_ms\":1,"
                 "\"cluster\":[],\"sink\":{},\"producers\":[],\"groups\":[]}"),
        };
        _cleanup_top_model_ TopModel m = {0};

        take_consumers(&m, 1, CONSUMERS(1));
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                take(&m, json_loads(texts[i], JSON_DECODE_ANY, NULL));
                assert_int_equal(m.contact, TOP_SILENT);
                assert_non_null(strstr(buffer_string(&m.problem), "Cannot make sense"));
        }
        top_model_take(&m, NULL, 0);
        assert_int_equal(m.contact, TOP_SILENT);
        take_consumers(&m, 2, CONSUMERS(1));
}

static void test_members_that_are_not_in_the_shape_may_be_anything(void **state) {
        json_t *group = group_json("mail", CONSUMERS(1)), *status;
        _cleanup_top_model_ TopModel m = {0};

        json_object_set_new(group, "wanted", json_array());
        status = status_json(1, 0, json_array(), json_pack("[O]", group));
        json_object_set_new(status, "more", json_integer(1));
        take(&m, status);
        assert_int_equal(m.n_rows, 2);
        assert_string_equal(m.rows[0].cells[TOP_SIZE], "1+0");
        json_object_set_new(group, "wanted", json_integer(4));
        take(&m, status_json(2, 0, json_array(), json_pack("[o]", group)));
        assert_string_equal(m.rows[0].cells[TOP_SIZE], "1+0/4");
}

static void test_rows_have_a_limit(void **state) {
        _cleanup_top_model_ TopModel m = {0};
        json_t *producers = json_array();

        for (size_t i = 0; i < TOP_ROWS_MAX + 3; i++)
                json_array_append_new(producers, producer_json("p", 1));
        take(&m, status_json(1, 0, producers, json_pack("[o]", group_json("mail", CONSUMERS(1)))));
        assert_int_equal(m.n_rows, TOP_ROWS_MAX);
        assert_int_equal(m.left_out, 5);
}

/* ---- keys ---- */

/* Presses a key, and gives what is called as text; NULL where nothing is. */
static char *press(TopModel *m, int key) {
        TopCommand command = {0};
        TopEffect effect = top_key(m, key, 10, &command);
        char *text = NULL;

        if (effect == TOP_CALL) {
                _cleanup_free_ char *parameters =
                        json_dumps(command.parameters, JSON_COMPACT | JSON_SORT_KEYS);

                assert_true(asprintf(&text, "%s %s", strrchr(command.method, '.') + 1, parameters) >
                            0);
        }
        json_decref(command.parameters);
        return text;
}

static void assert_press(TopModel *m, int key, const char *expected) {
        _cleanup_free_ char *called = press(m, key);

        if (expected)
                assert_string_equal(called, expected);
        else
                assert_null(called);
}

static void test_keys_change_what_is_selected(void **state) {
        _cleanup_top_model_ TopModel m = {0};

        take_consumers(&m, 1, CONSUMERS(3, 4));
        assert_press(&m, '+', "Rate {\"producer\":\"office\",\"rate\":\"+10%\"}");
        assert_press(&m, '-', "Rate {\"producer\":\"office\",\"rate\":\"-10%\"}");
        assert_press(&m, 'p', "Pause {\"targets\":[\"producer/office\"],\"wait\":false}");
        assert_press(&m, KEY_DOWN, NULL);
        assert_press(&m, '+', "Scale {\"by\":1,\"group\":\"mail\",\"wait\":false}");
        assert_press(&m, 'p', "Pause {\"targets\":[\"group/mail\"],\"wait\":false}");
        assert_press(&m, 'j', NULL);
        assert_press(&m, '-', "Scale {\"by\":-1,\"group\":\"mail\",\"wait\":false}");
        assert_press(&m, 'p', "Pause {\"targets\":[\"3\"],\"wait\":false}");
        assert_press(&m, 'k', NULL);
        assert_press(&m, KEY_UP, NULL);
        assert_int_equal(m.selected, 0);
}

static void test_p_goes_on_with_what_is_paused(void **state) {
        json_t *producer = producer_json("office", 0), *group = group_json("mail", CONSUMERS(3, 4));
        json_t *consumers = json_object_get(group, "consumers");
        _cleanup_top_model_ TopModel m = {0};

        json_object_set_new(producer, "state", json_string("paused"));
        json_object_set_new(json_array_get(consumers, 0), "paused", json_true());
        take(&m, status_json(1, 0, json_pack("[o]", producer), json_pack("[O]", group)));
        assert_press(&m, 'p', "Resume {\"targets\":[\"producer/office\"],\"wait\":false}");
        top_model_select(&m, 1);
        /* One of two: the group is not. */
        assert_press(&m, 'p', "Pause {\"targets\":[\"group/mail\"],\"wait\":false}");
        json_object_set_new(json_array_get(consumers, 1), "paused", json_true());
        take(&m, status_json(2, 0, json_array(), json_pack("[o]", group)));
        assert_string_equal(m.rows[0].cells[TOP_STATE], "paused");
        assert_string_equal(m.rows[1].cells[TOP_STATE], "paused");
        assert_press(&m, 'p', "Resume {\"targets\":[\"group/mail\"],\"wait\":false}");
}

static void test_killing_and_removing_ask_first(void **state) {
        _cleanup_top_model_ TopModel m = {0};

        take_consumers(&m, 1, CONSUMERS(3, 4));
        assert_press(&m, 'K', NULL);
        assert_true(m.failed);
        assert_non_null(strstr(buffer_string(&m.message), "Select a consumer"));
        top_model_select(&m, 2);
        assert_press(&m, 'K', NULL);
        assert_string_equal(buffer_string(&m.message), "Kill consumer 3 of group 'mail'? y/n");
        assert_press(&m, 'n', NULL);
        assert_press(&m, 'y', NULL);
        assert_press(&m, 'r', NULL);
        /* The answer is about whom the question named. */
        take_consumers(&m, 2, CONSUMERS(4, 5));
        assert_press(&m, 'y', "Remove {\"consumer\":3,\"wait\":false}");
        assert_press(&m, 'K', NULL);
        assert_press(&m, 'q', NULL);
        assert_null(m.ask_method);
}

static void test_keys_without_rows_do_nothing(void **state) {
        _cleanup_top_model_ TopModel m = {0};
        static const int all[] = {KEY_DOWN, KEY_UP,    'j', 'k', '+', '-', 'p', KEY_HOME,
                                  KEY_END,  KEY_NPAGE, 'K', 'r', 'y', 0,   255, KEY_MAX};

        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                assert_press(&m, all[i], NULL);
}

static void test_help_is_shown_until_a_key_and_q_ends(void **state) {
        _cleanup_top_model_ TopModel m = {0};
        TopCommand command = {0};

        assert_press(&m, 'h', NULL);
        assert_true(m.help);
        assert_int_equal(top_key(&m, 'q', 10, &command), TOP_STAY);
        assert_false(m.help);
        assert_int_equal(top_key(&m, 'q', 10, &command), TOP_END);
        assert_int_equal(top_key(&m, 27, 10, &command), TOP_END);
        assert_press(&m, ' ', NULL);
        assert_true(m.frozen);
        assert_press(&m, ' ', NULL);
        assert_false(m.frozen);
}

static void test_answers_and_errors_stay_until_the_next_key(void **state) {
        _cleanup_json_ json_t *reply =
                json_pack("{s:s, s:i, s:i}", "group", "mail\x1b[2J", "before", 2, "after", 3);
        _cleanup_json_ json_t *paused =
                json_pack("{s:[{s:s, s:s, s:s, s:s}]}", "targets", "kind", "group", "name", "mail",
                          "before", "running", "after", "paused");
        _cleanup_json_ json_t *rate =
                json_pack("{s:s, s:n, s:f}", "producer", "office", "before", "after", 12.5);
        _cleanup_json_ json_t *odd = json_pack("{s:i, s:[i]}", "group", 1, "targets", 2);
        _cleanup_top_model_ TopModel m = {0};
        _cleanup_failure_ Failure f = {0};

        top_model_answer(&m, odd);
        assert_string_equal(buffer_string(&m.message), "");
        top_model_answer(&m, reply);
        assert_string_equal(buffer_string(&m.message), "mail\\u001b[2J: 2 → 3");
        top_model_answer(&m, paused);
        assert_string_equal(buffer_string(&m.message), "mail: running → paused");
        top_model_answer(&m, rate);
        assert_string_equal(buffer_string(&m.message), "office: max → 12.5");
        failure_set(&f, FAILURE_PERMISSION, "crierd denies it");
        failure_advise(&f, "Run it as root");
        top_model_refuse(&m, &f);
        assert_string_equal(buffer_string(&m.message), "crierd denies it. Run it as root");
        assert_true(m.failed);
        take_consumers(&m, 1, CONSUMERS(1));
        assert_true(m.message.size > 0);
        assert_press(&m, KEY_RESIZE, NULL);
        assert_true(m.message.size > 0);
        assert_press(&m, 'x', NULL);
        assert_string_equal(buffer_string(&m.message), "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows_are_producers_and_groups_with_their_consumers),
                cmocka_unit_test(test_history_is_one_value_a_second_and_bounded),
                cmocka_unit_test(test_status_asked_for_in_between_does_not_hurry_the_history),
                cmocka_unit_test(test_history_stays_with_its_row),
                cmocka_unit_test(test_entries_per_second_are_counted_over_some_seconds),
                cmocka_unit_test(test_selection_stays_with_its_row),
                cmocka_unit_test(test_selection_moves_to_the_neighbour_of_a_row_that_goes),
                cmocka_unit_test(test_last_consumer_of_a_group_leaves_the_selection_to_its_group),
                cmocka_unit_test(test_selection_has_ends),
                cmocka_unit_test(test_silent_daemon_keeps_its_rows_and_a_stopped_one_does_not),
                cmocka_unit_test(test_any_json_is_survived),
                cmocka_unit_test(test_members_that_are_not_in_the_shape_may_be_anything),
                cmocka_unit_test(test_rows_have_a_limit),
                cmocka_unit_test(test_keys_change_what_is_selected),
                cmocka_unit_test(test_p_goes_on_with_what_is_paused),
                cmocka_unit_test(test_killing_and_removing_ask_first),
                cmocka_unit_test(test_keys_without_rows_do_nothing),
                cmocka_unit_test(test_help_is_shown_until_a_key_and_q_ends),
                cmocka_unit_test(test_answers_and_errors_stay_until_the_next_key),
        };

        return cmocka_run_group_tests(tests, utf8_locale, NULL);
}
