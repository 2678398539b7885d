/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of what differs between two configurations, and of what a reload does about it by the
 * schema's table.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "config-text.h"
#include "config/diff.h"

/* One change a line: "effect section name key before after", "-" for NULL. */
static void changes_print(const Changes *c, Buffer *out) {
        for (unsigned i = 0; i < c->n; i++) {
                const Change *x = &c->items[i];

                buffer_appendf(out, "%s %s %s %s %s %s\n", change_effect_to_string(x->effect),
                               x->section, x->name ? x->name : "-", x->key ? x->key : "-",
                               x->before ? x->before : "-", x->after ? x->after : "-");
        }
}

static void check_diff(const char *before, const char *after, const char *expected) {
        _cleanup_(config_freep) Config *a = config_text_load(before, "");
        _cleanup_(config_freep) Config *b = config_text_load(after, "");
        _cleanup_changes_ Changes changes = {0};
        _cleanup_buffer_ Buffer text = {0};

        assert_int_equal(config_diff(a, b, &changes), 0);
        changes_print(&changes, &text);
        assert_string_equal(buffer_string(&text), expected);
}

#define GROUP(more) "groups = ( { name = \"g\"; topics = [ \"t\" ]; " more " } );\n"
#define PRODUCER(more) "producers = ( { name = \"p\"; topic = \"t\"; value = \"v\"; " more " } );\n"

static void test_the_same_text_has_no_differences(void **state) {
        static const char text[] = "limits = { in_flight_events = 7; };\n" GROUP("consumers = 3;")
                PRODUCER("rate = \"max\"; keys = [ \"a\", \"b\" ];");

        check_diff("", "", "");
        check_diff(text, text, "");
}

static void test_a_default_is_the_same_as_its_value_written_out(void **state) {
        check_diff(GROUP(""), GROUP("consumers = 1; log = true; start = \"latest\";"), "");
        check_diff(PRODUCER("rate = 1;"), PRODUCER("rate = 1.0;"), "");
}

static void test_an_entry_that_is_switched_off_is_gone(void **state) {
        check_diff(GROUP(""), GROUP("enabled = false;"), "applied groups g - g -\n");
        check_diff(GROUP("enabled = false;"), GROUP(""), "applied groups g - - g\n");
}

static void test_each_kind_of_value_is_shown(void **state) {
        check_diff(GROUP("consumers = 1;"), GROUP("consumers = 4; log = false;"),
                   "applied groups g consumers 1 4\napplied groups g log true false\n");
        check_diff(PRODUCER(""), PRODUCER("rate = 2.5;"), "applied producers p rate 1 2.5\n");
        check_diff(PRODUCER("rate = \"max\";"), PRODUCER("rate = 20000;"),
                   "applied producers p rate max 20000\n");
        check_diff(PRODUCER(""), PRODUCER("count = 5000000000L;"),
                   "applied producers p count 0 5000000000\n");
        check_diff(PRODUCER(""), PRODUCER("keys = [ \"a\", \"b\" ];"),
                   "applied producers p keys [] [ \"a\", \"b\" ]\n");
        check_diff(GROUP(""), GROUP("message = \"%{value}\";"),
                   "applied groups g message \"Consumer %{consumer}: %{value} (key: %{key})\" "
                   "\"%{value}\"\n");
        check_diff(GROUP(""), GROUP("start = \"earliest\";"),
                   "restarted groups g start latest earliest\n");
}

static void test_a_key_that_makes_clients_anew_takes_the_entrys_others_with_it(void **state) {
        check_diff(GROUP(""), GROUP("consumers = 2; delivery = \"at-most-once\"; log = false;"),
                   "restarted groups g consumers 1 2\n"
                   "restarted groups g delivery auto at-most-once\n"
                   "restarted groups g log true false\n");
}

static void test_sections_that_are_no_lists_need_a_restart(void **state) {
        check_diff("",
                   "cluster = { embedded_brokers = 3; };\nlimits = { in_flight_events = 7; };\n"
                   "control = { socket = \"/x\"; };\n",
                   "needs_restart cluster - embedded_brokers 1 3\n"
                   "needs_restart control - socket \"/run/crier/control\" \"/x\"\n"
                   "needs_restart limits - in_flight_events 16384 7\n");
}

static void test_the_order_is_that_of_the_table_then_of_the_entries(void **state) {
        check_diff("topics = ( { name = \"a\"; }, { name = \"b\"; }, { name = \"c\"; } );\n",
                   GROUP("") "topics = ( { name = \"x\"; }, { name = \"c\"; partitions = 2; }, "
                             "{ name = \"b\"; create = false; replication = 1; } );\n",
                   "applied topics a - a -\n"
                   "applied topics b create true false\n"
                   "applied topics c partitions 1 2\n"
                   "applied topics x - - x\n"
                   "applied groups g - - g\n");
}

static void test_entries_in_another_order_are_no_difference(void **state) {
        check_diff("topics = ( { name = \"a\"; }, { name = \"b\"; }, { name = \"c\"; } );\n",
                   "topics = ( { name = \"c\"; }, { name = \"a\"; }, { name = \"b\"; } );\n", "");
}

static void test_secrets_are_not_shown(void **state) {
        check_diff("cluster = { properties = [ \"sasl.username=ada\", \"sasl.password=one\" ]; };",
                   "cluster = { properties = [ \"sasl.username=eve\", \"sasl.password=two\" ]; };",
                   "needs_restart cluster - properties "
                   "[ \"sasl.username=ada\", \"sasl.password=(secret)\" ] "
                   "[ \"sasl.username=eve\", \"sasl.password=(secret)\" ]\n");
        /* A difference is one also where it cannot be seen. */
        check_diff(GROUP("properties = [ \"ssl.key.pem=a\" ];"),
                   GROUP("properties = [ \"ssl.key.pem=b\" ];"),
                   "restarted groups g properties [ \"ssl.key.pem=(secret)\" ] "
                   "[ \"ssl.key.pem=(secret)\" ]\n");
}

static void test_long_values_are_cut(void **state) {
        _cleanup_buffer_ Buffer long_list = {0};
        _cleanup_(config_freep) Config *a = config_text_load(PRODUCER(""), ""), *b = NULL;
        _cleanup_changes_ Changes changes = {0};

        buffer_append_string(&long_list, "producers = ( { name = \"p\"; topic = \"t\"; value = ");
        buffer_append_string(&long_list, "\"v\"; keys = [ \"k\"");
        for (unsigned i = 0; i < 1000; i++)
                buffer_appendf(&long_list, ", \"key %u\"", i);
        buffer_append_string(&long_list, " ]; } );");
        b = config_text_load(buffer_string(&long_list), "");
        assert_int_equal(config_diff(a, b, &changes), 0);
        assert_int_equal(changes.n, 1);
        assert_true(strlen(changes.items[0].after) < 400);
        assert_non_null(strstr(changes.items[0].after, "more ]"));
}

/* Sets the member to something that it was not. */
static void field_change(const SchemaKey *key, void *field) {
        StringList *list = field;

        switch (key->type) {
        case SCHEMA_BOOL:
                *(bool *) field = !*(bool *) field;
                break;
        case SCHEMA_UINT:
        case SCHEMA_CHOICE:
                *(unsigned *) field ^= 1;
                break;
        case SCHEMA_U64:
                *(uint64_t *) field ^= 1;
                break;
        case SCHEMA_RATE:
                *(double *) field += 1;
                break;
        case SCHEMA_STRING:
                assert_int_equal(schema_set_string(field, "another"), 0);
                break;
        case SCHEMA_STRINGS:
                schema_strings_done(list);
                list->items = calloc(2, sizeof(*list->items));
                list->items[0] = strdup("x");
                list->n = 1;
                break;
        }
}

static void key_is_compared(const SchemaSection *section, const SchemaKey *key) {
        static const char text[] = "topics = ( { name = \"t\"; } );\n" GROUP("") PRODUCER("");
        _cleanup_(config_freep) Config *a = config_text_load(text, "");
        _cleanup_(config_freep) Config *b = config_text_load(text, "");
        _cleanup_changes_ Changes changes = {0};
        unsigned n;
        uint8_t *b_struct =
                section->list ? schema_entries(section, b, &n) : (uint8_t *) b + section->offset;

        field_change(key, schema_field(key, b_struct));
        assert_int_equal(config_diff(a, b, &changes), 0);
        assert_int_equal(changes.n, 1);
        assert_string_equal(changes.items[0].section, section->name);
        assert_string_equal(changes.items[0].key, key->name);
        assert_int_equal(changes.items[0].effect, !section->list ? CHANGE_NEEDS_RESTART
                                                  : key->anew    ? CHANGE_RESTARTED
                                                                 : CHANGE_APPLIED);
        assert_string_not_equal(changes.items[0].before, changes.items[0].after);
        assert_ptr_equal(changes_find(&changes, section->name, changes.items[0].name, key->name),
                         &changes.items[0]);
}

static void test_every_key_of_the_table_is_compared(void **state) {
        const SchemaSection *section;

        for (size_t s = 0; (section = schema_section(s)); s++)
                /* The first key of an entry is its name: another name is another entry. */
                for (size_t k = section->list; k < section->n_keys; k++)
                        key_is_compared(section, &section->keys[k]);
}

static void test_a_change_reads_as_a_line(void **state) {
        static const struct {
                const char *before, *after, *line;
        } cases[] = {
                {GROUP(""), GROUP("consumers = 2;"), "groups 'g': consumers 1 -> 2"},
                {"", GROUP(""), "groups 'g' added"},
                {GROUP(""), "", "groups 'g' removed"},
                {GROUP(""), GROUP("start = \"earliest\";"),
                 "groups 'g': start latest -> earliest (made anew)"},
                {"", "cluster = { embedded_brokers = 2; };",
                 "cluster: embedded_brokers 1 -> 2 (needs a restart of crierd)"},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(config_freep) Config *a = config_text_load(cases[i].before, "");
                _cleanup_(config_freep) Config *b = config_text_load(cases[i].after, "");
                _cleanup_changes_ Changes changes = {0};
                _cleanup_buffer_ Buffer line = {0};

                assert_int_equal(config_diff(a, b, &changes), 0);
                assert_int_equal(changes.n, 1);
                change_describe(&changes.items[0], &line);
                assert_string_equal(buffer_string(&line), cases[i].line);
        }
}

/* The rows of the manual's table are ".It Ic KEY Ta WHAT". */
static void assert_row(const char *page, const char *key, bool exactly, const char *what) {
        _cleanup_buffer_ Buffer row = {0};
        const char *found;

        buffer_appendf(&row, "\n.It Ic %s Ta ", key);
        found = strstr(page, buffer_string(&row));
        if (!found) {
                fail_msg("the manual has no row for '%s'", key);
                return;
        }
        found += row.size;
        if ((strncmp(found, what, strlen(what)) == 0) != exactly)
                fail_msg("the manual says of '%s': %.40s", key, found);
}

static void test_the_manual_has_the_table(void **state) {
        _cleanup_buffer_ Buffer page = {0};
        FILE *f = fopen(MAN_DIR "/crierd.8", "re");
        const SchemaSection *section;
        char line[1000];

        assert_non_null(f);
        while (fgets(line, sizeof(line), f))
                buffer_append_string(&page, line);
        fclose(f);
        for (size_t s = 0; (section = schema_section(s)); s++) {
                if (!section->list)
                        assert_row(buffer_string(&page), section->name, true,
                                   "needs a restart of crierd\n");
                for (size_t k = 1; section->list && k < section->n_keys; k++) {
                        _cleanup_buffer_ Buffer name = {0};

                        buffer_appendf(&name, "%s.%s", section->name, section->keys[k].name);
                        assert_row(buffer_string(&page), buffer_string(&name),
                                   section->keys[k].anew, "made anew\n");
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_same_text_has_no_differences),
                cmocka_unit_test(test_a_default_is_the_same_as_its_value_written_out),
                cmocka_unit_test(test_an_entry_that_is_switched_off_is_gone),
                cmocka_unit_test(test_each_kind_of_value_is_shown),
                cmocka_unit_test(
                        test_a_key_that_makes_clients_anew_takes_the_entrys_others_with_it),
                cmocka_unit_test(test_sections_that_are_no_lists_need_a_restart),
                cmocka_unit_test(test_the_order_is_that_of_the_table_then_of_the_entries),
                cmocka_unit_test(test_entries_in_another_order_are_no_difference),
                cmocka_unit_test(test_secrets_are_not_shown),
                cmocka_unit_test(test_long_values_are_cut),
                cmocka_unit_test(test_every_key_of_the_table_is_compared),
                cmocka_unit_test(test_a_change_reads_as_a_line),
                cmocka_unit_test(test_the_manual_has_the_table),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
