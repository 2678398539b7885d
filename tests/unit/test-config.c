/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of config/load, config/read and config/scan: defaults, the merge of several files,
 * errors of all of them at once, and the traps of libconfig. What each key takes is
 * test-config-keys.c's.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "config-text.h"

static void test_an_empty_file_is_an_idle_daemon(void **state) {
        static const char *const texts[] = {
                "", "\n", "# nothing", "/* nothing */", "// nothing\n", "groups = ( );"};

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_(config_freep) Config *c = config_text_load(texts[i], "");

                assert_string_equal(c->cluster.bootstrap, "embedded");
                assert_int_equal(c->cluster.embedded_brokers, 1);
                assert_int_equal(c->cluster.properties.n, 0);
                assert_null(c->cluster.origin.file);
                assert_int_equal(c->n_topics + c->n_producers + c->n_groups, 0);
                assert_string_equal(c->control.socket, "/run/crier/control");
                assert_false(c->control.faults);
                assert_int_equal(c->limits.in_flight_events, 16384);
                assert_int_equal(c->limits.in_flight_bytes, 67108864);
        }
}

static void test_entries_have_the_documented_defaults(void **state) {
        _cleanup_(config_freep) Config *c = config_text_load(
                "topics = ( { name = \"t\"; } );\n"
                "producers = ( { name = \"p\"; topic = \"t\"; value = \"v\"; } );\n"
                "groups = ( { name = \"g\"; topics = [ \"t\" ]; } );\n",
                "");
        const TopicConfig *t = &c->topics[0];
        const ProducerConfig *p = &c->producers[0];
        const GroupConfig *g = &c->groups[0];

        assert_int_equal(c->n_topics, 1);
        assert_true(t->partitions == 1 && t->replication == 1 && t->create);
        assert_int_equal(t->origin.line, 1);
        assert_int_equal(c->n_producers, 1);
        assert_true(p->enabled && p->rate == 1.0 && p->count == 0);
        assert_int_equal(p->keys.n + p->headers.n + p->properties.n, 0);
        assert_int_equal(p->origin.line, 2);
        assert_int_equal(c->n_groups, 1);
        assert_true(g->enabled && g->log && g->consumers == 1);
        assert_int_equal(g->start, GROUP_START_LATEST);
        assert_int_equal(g->delivery, DELIVERY_AUTO);
        assert_string_equal(g->message, "Consumer %{consumer}: %{value} (key: %{key})");
        assert_int_equal(g->origin.line, 3);
        assert_string_equal(g->origin.file, "t");
        assert_string_equal(group_start_to_string(g->start), "latest");
        assert_string_equal(delivery_to_string(g->delivery), "auto");
}

static void test_every_value_arrives_in_its_place(void **state) {
        _cleanup_(config_freep) Config *c = config_text_load(
                "cluster: { bootstrap: \"a:1,b:2\"; embedded_brokers = 3; properties = "
                "[ \"x=1\", \"y=2\" ]; };\n"
                "topics: ( { name = \"t\"; partitions = 5; replication = 7; create = false; } );\n"
                "producers: ( { name = \"p\"; topic = \"t\"; rate = \"max\"; count = 5000000000L; "
                "keys = [ \"k\" ]; value = \"one \" \"string\"; headers = [ \"h=1\" ]; properties "
                "= [ \"z=3\" ]; } );\n"
                "groups: ( { name = \"g\"; topics = [ \"t\", \"u\" ]; consumers = 0; start = "
                "\"earliest\"; delivery = \"at-most-once\"; log = false; message = \"m\"; "
                "properties = [ \"z=4\" ]; } );\n"
                "control: { socket = \"/tmp/s\"; faults = true; };\n"
                "limits: { in_flight_events = 0x10; in_flight_bytes = 17179869184L; };\n",
                "");

        assert_string_equal(c->cluster.bootstrap, "a:1,b:2");
        assert_int_equal(c->cluster.embedded_brokers, 3);
        assert_int_equal(c->cluster.properties.n, 2);
        assert_string_equal(c->cluster.properties.items[1], "y=2");
        assert_null(c->cluster.properties.items[2]);
        assert_true(c->topics[0].partitions == 5 && c->topics[0].replication == 7);
        assert_false(c->topics[0].create);
        assert_true(c->producers[0].rate == RATE_MAX);
        assert_true(c->producers[0].count == 5000000000);
        assert_string_equal(c->producers[0].keys.items[0], "k");
        assert_string_equal(c->producers[0].value, "one string");
        assert_string_equal(c->producers[0].headers.items[0], "h=1");
        assert_string_equal(c->producers[0].properties.items[0], "z=3");
        assert_int_equal(c->groups[0].topics.n, 2);
        assert_int_equal(c->groups[0].consumers, 0);
        assert_int_equal(c->groups[0].start, GROUP_START_EARLIEST);
        assert_int_equal(c->groups[0].delivery, DELIVERY_AT_MOST_ONCE);
        assert_false(c->groups[0].log);
        assert_string_equal(c->groups[0].message, "m");
        assert_string_equal(c->control.socket, "/tmp/s");
        assert_true(c->control.faults);
        assert_int_equal(c->limits.in_flight_events, 16);
        assert_true(c->limits.in_flight_bytes == 17179869184);
        assert_int_equal(c->limits.origin.line, 6);
}

static void test_what_comes_later_is_refused_now(void **state) {
        config_free(config_text_load(
                "groups = ( { name = \"g\"; topics = [ \"t\" ];\n"
                "delivery = \"twice\";\n"
                "journal = \"events\"; } );\n"
                "control = { access = true; };\n",
                "t:2: 'groups.delivery': \"twice\" is not known; allowed: \"auto\", "
                "\"exactly-once\", \"at-least-once\" or \"at-most-once\"\n"
                "t:3: 'groups.journal': there is no such key; allowed: name, topics, enabled, "
                "consumers, start, delivery, sync, log, message, properties\n"
                "t:4: 'control.access': there is no such key; allowed: socket, faults\n"));
}

static void test_sections_are_known_and_have_their_form(void **state) {
        config_free(config_text_load(
                "grups = ( );\n"
                "cluster = ( );\n"
                "topics = { };\n"
                "producers = [ ];\n"
                "groups = ( 5, { name = \"g\"; topics = [ \"t\" ]; }, \"x\", [ ] );\n"
                "limits = 5;\n",
                "t:1: 'grups': there is no such section, did you mean 'groups'; allowed: cluster, "
                "topics, producers, groups, control, limits\n"
                "t:2: 'cluster': is a list ( ); allowed: a group of keys, { bootstrap = …; }\n"
                "t:3: 'topics': is a group { }; allowed: a list of groups, ( { name = …; }, … )\n"
                "t:4: 'producers': is an array [ ]; allowed: a list of groups, ( { name = …; }, … "
                ")\n"
                "t:5: 'groups': has an entry that is a whole number; allowed: a list of groups, ( "
                "{ name = …; }, … )\n"
                "t:5: 'groups': has an entry that is a string; allowed: a list of groups, ( { name "
                "= …; }, … )\n"
                "t:5: 'groups': has an entry that is an array [ ]; allowed: a list of groups, ( { "
                "name = …; }, … )\n"
                "t:6: 'limits': is a whole number; allowed: a group of keys, { in_flight_events = "
                "…; }\n"));
}

static void test_a_name_stands_once_in_a_file(void **state) {
        config_free(config_text_load("topics = (\n"
                                     "{ name = \"a\"; },\n"
                                     "{ name = \"b\"; },\n"
                                     "{ name = \"a\"; } );\n",
                                     "t:4: 'topics.name': \"a\" is there twice, first on line 2; "
                                     "allowed: a name once in a file\n"));
}

static void test_an_entry_that_is_switched_off_needs_only_its_name(void **state) {
        _cleanup_(config_freep) Config *c = config_text_load(
                "producers = ( { name = \"p\"; enabled = false; } );\n"
                "groups = ( { name = \"a\"; enabled = false; }, { name = \"b\"; topics = [ \"t\" "
                "]; }, { name = \"c\"; enabled = false; topics = [ \"t\" ]; } );\n",
                "");

        assert_int_equal(c->n_producers, 0);
        assert_int_equal(c->n_groups, 1);
        assert_string_equal(c->groups[0].name, "b");
        config_free(config_text_load(
                "groups = ( { enabled = false; consumers = -1; } );\n",
                "t:1: 'groups.consumers': -1 is out of range; allowed: a whole number from 0 to "
                "1024\n"
                "t:1: 'groups.name': is missing; allowed: a string: 1 to 249 bytes of UTF-8 "
                "without control characters and no blank in front\n"));
}

static void test_embedded_replicas_need_as_many_brokers(void **state) {
        config_free(config_text_load(
                "topics = (\n"
                "{ name = \"a\"; replication = 2; },\n"
                "{ name = \"b\"; replication = 3; } );\n"
                "cluster = { embedded_brokers = 2; };\n",
                "t:3: 'topics.replication': 3 is more than there are embedded brokers; allowed: a "
                "whole number up to 'cluster.embedded_brokers', which is 2\n"));
        config_free(config_text_load("topics = ( { name = \"a\"; replication = 3; } );\n"
                                     "cluster = { bootstrap = \"localhost:9092\"; };\n",
                                     ""));
}

/* libconfig's traps */

static void test_syntax_errors_have_their_line(void **state) {
        static const struct {
                const char *text, *errors;
        } rows[] = {
                {"cluster = {\n};\nlimits {\n};\n",
                 "t:3: syntax error here or just before: settings are 'key = value;'\n"},
                {"limits = { };\nlimits = { };\n",
                 "t:2: this key is there twice: a group has each key once\n"},
                {"groups = ( { topics = [\n\"a\", 5 ]; } );\n",
                 "t:2: the elements of an array differ in type\n"},
                {"a = \"x\n\n", "t:1: the string that begins here has no end\n"},
                {"\n/* x\n\n", "t:2: the comment that begins here has no end\n"},
                {"a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={a={",
                 "t:1: groups in groups in groups, too many of them\n"},
                {"\na = \"x\\x00y\";", "t:2: a string cannot hold \\x00\n"},
                {"\n @include \"/etc/passwd\"\n",
                 "t:2: crier has no @include; put the other file into crierd.conf.d\n"},
                {"@", "t:1: crier has no @include; put the other file into crierd.conf.d\n"},
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                config_free(config_text_load(rows[i].text, rows[i].errors));
}

static void test_keys_without_number_take_no_time(void **state) {
        _cleanup_buffer_ Buffer text = {0}, said = {0};
        Config *c = NULL;

        buffer_append_string(&text, "cluster = {\n");
        for (unsigned i = 0; i < 60000; i++)
                buffer_appendf(&text, "key%u = 1;\n", i);
        buffer_append_string(&text, "};\n");
        assert_int_equal(config_load_text("t", (const char *) text.data, text.size, &c, &said),
                         -EINVAL);
        assert_string_equal(buffer_string(&said), "t:202: more than 200 keys in one group\n");
}

static void test_a_nul_byte_is_not_the_end(void **state) {
        static const char text[] = "limits = { };\n\0garbage";
        _cleanup_buffer_ Buffer said = {0};
        Config *c = NULL;

        assert_int_equal(config_load_text("t", text, sizeof(text) - 1, &c, &said), -EINVAL);
        assert_string_equal(buffer_string(&said),
                            "t:2: a NUL byte; a configuration file is text\n");
}

static void test_strings_and_comments_hide_what_they_hold(void **state) {
        _cleanup_(config_freep) Config *c = config_text_load(
                "# 99999999999 @include \"x\"\n"
                "// 99999999999 \"\n"
                "/* 99999999999 \" // */\n"
                "producers = ( { name = \"p\"; topic = \"t\"; count = 7;\n"
                "value = \"99999999999 @ # // /* \\\" \\\\\" /* \" */ \"\\x41\\q\"; } ); # end",
                "");

        assert_string_equal(c->producers[0].value, "99999999999 @ # // /* \" \\A\\q");
        assert_int_equal(c->producers[0].count, 7);
}

static void test_wrapped_numbers_are_told_from_their_neighbours(void **state) {
        config_free(config_text_load(
                "topics = ( { name = \"a\"; partitions = 99999999999; }, { name = \"b\"; "
                "partitions = 5; },\n"
                "{ name = \"c9\"; partitions\n=\n99999999998; } );\n",
                "t:1: 'topics.partitions': 99999999999 is out of range; allowed: a whole number "
                "from 1 to 10000\n"
                "t:2: 'topics.partitions': 99999999998 is out of range; allowed: a whole number "
                "from 1 to 10000\n"));
}

static void test_windows_line_ends_are_fine(void **state) {
        _cleanup_(config_freep) Config *c =
                config_text_load("# a\r\nlimits = {\r\nin_flight_events = 5;\r\n};\r\n", "");

        assert_int_equal(c->limits.in_flight_events, 5);
}

/* Files */

typedef struct Place {
        char directory[32];
        char file[64];
        char additions[64];
} Place;

static void put(const char *directory, const char *name, const char *text) {
        _cleanup_buffer_ Buffer path = {0};
        FILE *f;

        buffer_appendf(&path, "%s/%s", directory, name);
        f = fopen(buffer_string(&path), "we");
        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

static int place_make(void **state) {
        Place *p = calloc(1, sizeof(*p));

        assert_non_null(p);
        snprintf(p->directory, sizeof(p->directory), "/tmp/crier-test-XXXXXX");
        assert_non_null(mkdtemp(p->directory));
        snprintf(p->file, sizeof(p->file), "%s/crierd.conf", p->directory);
        snprintf(p->additions, sizeof(p->additions), "%s/crierd.conf.d", p->directory);
        assert_int_equal(mkdir(p->additions, 0755), 0);
        *state = p;
        return 0;
}

static int place_remove(void **state) {
        static const char *const names[] = {"crierd.conf.d/10-a.conf",
                                            "crierd.conf.d/9-b.conf",
                                            "crierd.conf.d/.hidden.conf",
                                            "crierd.conf.d/x.conf.bak",
                                            "crierd.conf.d/dir.conf",
                                            "crierd.conf.d",
                                            "crierd.conf",
                                            ""};
        Place *p = *state;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_buffer_ Buffer path = {0};

                buffer_appendf(&path, "%s/%s", p->directory, names[i]);
                (void) remove(buffer_string(&path));
        }
        free(p);
        return 0;
}

static Config *place_load(const Place *p, int expected, const char *errors) {
        _cleanup_buffer_ Buffer said = {0}, wanted = {0};
        Config *c = NULL;

        /* A '@' in what is expected stands for the folder. */
        for (; *errors; errors++)
                if (*errors == '@')
                        buffer_append_string(&wanted, p->directory);
                else
                        buffer_append_byte(&wanted, (uint8_t) *errors);
        assert_int_equal(config_load_from(p->file, p->additions, &c, &said), expected);
        assert_string_equal(buffer_string(&said), buffer_string(&wanted));
        return c;
}

static void test_later_files_replace_keys_and_whole_entries(void **state) {
        _cleanup_(config_freep) Config *c = NULL;
        Place *p = *state;

        put(p->directory, "crierd.conf",
            "limits = { in_flight_events = 5; in_flight_bytes = 2097152; };\n"
            "topics = ( { name = \"a\"; partitions = 5; }, { name = \"b\"; partitions = 6; } );\n"
            "groups = ( { name = \"off\"; topics = [ \"a\" ]; }, { name = \"g\"; topics = [ \"a\" "
            "]; consumers = 3; log = false; } );\n");
        /* In name order, which is neither a number's nor a locale's: "10" is before "9". */
        put(p->additions, "10-a.conf",
            "limits = { in_flight_events = 6; };\n"
            "groups = ( { name = \"off\"; enabled = false; }, { name = \"g\"; topics = [ \"b\" ]; "
            "} );\n");
        put(p->additions, "9-b.conf",
            "\ncluster = { properties = [ \"a=1\" ]; };\n"
            "limits = { in_flight_events = 7; };\n"
            "topics = ( { name = \"c\"; }, { name = \"a\"; } );\n");
        put(p->additions, ".hidden.conf", "nonsense");
        put(p->additions, "x.conf.bak", "nonsense");
        c = place_load(p, 0, "");
        assert_int_equal(c->limits.in_flight_events, 7);
        assert_int_equal(c->limits.in_flight_bytes, 2097152);
        assert_int_equal(c->limits.origin.line, 3);
        assert_string_equal(c->cluster.properties.items[0], "a=1");
        assert_int_equal(c->cluster.origin.line, 2);
        assert_int_equal(c->n_topics, 3);
        assert_string_equal(c->topics[0].name, "a");
        assert_int_equal(c->topics[0].partitions, 1);
        assert_int_equal(c->topics[1].partitions, 6);
        assert_string_equal(c->topics[2].name, "c");
        assert_int_equal(c->n_groups, 1);
        assert_string_equal(c->groups[0].name, "g");
        assert_string_equal(c->groups[0].topics.items[0], "b");
        assert_true(c->groups[0].consumers == 1 && c->groups[0].log);
        assert_string_equal(strrchr(c->groups[0].origin.file, '/'), "/10-a.conf");
}

static void test_errors_of_all_files_are_said_at_once(void **state) {
        Place *p = *state;

        put(p->directory, "crierd.conf",
            "limits = { in_flight_events = 0; };\ntopics = ( { name = \"a\"; replication = 2; } "
            ");\n");
        put(p->additions, "10-a.conf", "limits = {\n");
        put(p->additions, "9-b.conf", "groups = ( {\n name = \"g\"; topic = [ \"b\" ]; } );\n");
        assert_null(place_load(
                p, -EINVAL,
                "@/crierd.conf:1: 'limits.in_flight_events': 0 is out of range; allowed: a whole "
                "number from 1 to 65536\n"
                "@/crierd.conf.d/10-a.conf:2: syntax error here or just before: settings are 'key "
                "= value;'\n"
                "@/crierd.conf.d/9-b.conf:2: 'groups.topic': there is no such key, did you mean "
                "'topics'; allowed: name, topics, enabled, consumers, start, delivery, sync, log, "
                "message, properties\n"
                "@/crierd.conf.d/9-b.conf:1: 'groups.topics': is missing; allowed: an array [ ] of "
                "1 to 1000 strings, each the name of a topic, each once\n"
                "@/crierd.conf:2: 'topics.replication': 2 is more than there are embedded brokers; "
                "allowed: a whole number up to 'cluster.embedded_brokers', which is 1\n"));
}

static void test_a_later_file_may_mend_what_lies_between_sections(void **state) {
        Place *p = *state;

        put(p->directory, "crierd.conf", "topics = ( { name = \"a\"; replication = 2; } );\n");
        put(p->additions, "10-a.conf", "cluster = { embedded_brokers = 3; };\n");
        config_free(place_load(p, 0, ""));
}

static void test_files_that_cannot_be_read_say_what_to_do(void **state) {
        _cleanup_buffer_ Buffer directory = {0};
        Place *p = *state;

        assert_null(place_load(p, -ENOENT,
                               "@/crierd.conf: cannot be read: No such file or directory; make it, "
                               "or name another one with --config=FILE; see crierd.conf(5)\n"));
        put(p->directory, "crierd.conf", "limits = { in_flight_events = 0; };\n");
        buffer_appendf(&directory, "%s/dir.conf", p->additions);
        assert_int_equal(mkdir(buffer_string(&directory), 0755), 0);
        put(p->additions, "9-b.conf", "");
        assert_null(place_load(
                p, -EINVAL,
                "@/crierd.conf:1: 'limits.in_flight_events': 0 is out of range; allowed: a whole "
                "number from 1 to 65536\n"
                "@/crierd.conf.d/dir.conf: cannot be read: Is a directory; name a file\n"));
        put(p->directory, "crierd.conf", "");
        assert_null(place_load(
                p, -EISDIR,
                "@/crierd.conf.d/dir.conf: cannot be read: Is a directory; name a file\n"));
}

static void test_without_a_folder_of_additions_the_file_stands_alone(void **state) {
        Place *p = *state;

        put(p->directory, "crierd.conf", "limits = { in_flight_events = 5; };\n");
        snprintf(p->additions, sizeof(p->additions), "%s/missing", p->directory);
        config_free(place_load(p, 0, ""));
}

static void test_a_file_of_more_than_four_mebibytes_is_refused(void **state) {
        Place *p = *state;

        put(p->directory, "crierd.conf", "");
        assert_int_equal(truncate(p->file, (4 << 20) + 1), 0);
        assert_null(place_load(p, -EFBIG,
                               "@/crierd.conf: cannot be read: File too large; a configuration has "
                               "at most 4 MiB\n"));
}

#define in_a_place(test) cmocka_unit_test_setup_teardown(test, place_make, place_remove)

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_an_empty_file_is_an_idle_daemon),
                cmocka_unit_test(test_entries_have_the_documented_defaults),
                cmocka_unit_test(test_every_value_arrives_in_its_place),
                cmocka_unit_test(test_what_comes_later_is_refused_now),
                cmocka_unit_test(test_sections_are_known_and_have_their_form),
                cmocka_unit_test(test_a_name_stands_once_in_a_file),
                cmocka_unit_test(test_an_entry_that_is_switched_off_needs_only_its_name),
                cmocka_unit_test(test_embedded_replicas_need_as_many_brokers),
                cmocka_unit_test(test_syntax_errors_have_their_line),
                cmocka_unit_test(test_keys_without_number_take_no_time),
                cmocka_unit_test(test_a_nul_byte_is_not_the_end),
                cmocka_unit_test(test_strings_and_comments_hide_what_they_hold),
                cmocka_unit_test(test_wrapped_numbers_are_told_from_their_neighbours),
                cmocka_unit_test(test_windows_line_ends_are_fine),
                in_a_place(test_later_files_replace_keys_and_whole_entries),
                in_a_place(test_errors_of_all_files_are_said_at_once),
                in_a_place(test_a_later_file_may_mend_what_lies_between_sections),
                in_a_place(test_files_that_cannot_be_read_say_what_to_do),
                in_a_place(test_without_a_folder_of_additions_the_file_stands_alone),
                in_a_place(test_a_file_of_more_than_four_mebibytes_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
