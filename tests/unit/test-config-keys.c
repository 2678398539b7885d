/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of config/schema and config/value: for each key of the schema each kind of error, made
 * from the table; then the sentences that the table cannot make, word for word.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>

#include "config-text.h"

/* Calls look() for each key of the schema, and says which one it was where that fails. */
static void each_key(void (*look)(const SchemaSection *section, const SchemaKey *key)) {
        const SchemaSection *section;
        unsigned n = 0;

        for (size_t i = 0; (section = schema_section(i)); i++)
                for (size_t k = 0; k < section->n_keys; k++, n++) {
                        print_message("  %s.%s\n", section->name, section->keys[k].name);
                        look(section, &section->keys[k]);
                }
        assert_in_range(n, 28, 1000);
}

static const SchemaKey *find(const char *section_name, const char *key_name,
                             const SchemaSection **ret_section) {
        *ret_section = schema_find_section(section_name);
        assert_non_null(*ret_section);
        return schema_find_key(*ret_section, key_name);
}

#define TYPE(type) (1u << (type))
#define WHOLE (TYPE(SCHEMA_UINT) | TYPE(SCHEMA_U64) | TYPE(SCHEMA_RATE))

static void refuse_wrong_types(const SchemaSection *section, const SchemaKey *key) {
        static const struct {
                const char *literal;
                const char *said;
                unsigned taken_by;
        } rows[] = {
                {"true", "is true or false", TYPE(SCHEMA_BOOL)},
                {"FALSE", "is true or false", TYPE(SCHEMA_BOOL)},
                {"2", "is a whole number", WHOLE},
                {"2L", "is a whole number", WHOLE},
                {"0x2", "is a whole number", WHOLE},
                {"2.5", "is a number with a point", TYPE(SCHEMA_RATE)},
                {"2e0", "is a number with a point", TYPE(SCHEMA_RATE)},
                {"\"2\"", "is a string",
                 TYPE(SCHEMA_STRING) | TYPE(SCHEMA_CHOICE) | TYPE(SCHEMA_RATE)},
                {"\"max\"", "is a string",
                 TYPE(SCHEMA_STRING) | TYPE(SCHEMA_CHOICE) | TYPE(SCHEMA_RATE)},
                {"{ }", "is a group { }", 0},
                {"{ a = 1; }", "is a group { }", 0},
                {"( )", "is a list ( )", 0},
                {"( \"a\" )", "is a list ( )", 0},
                {"[ ]", "is an array [ ]", TYPE(SCHEMA_STRINGS)},
                {"[ \"a=b\" ]", "is an array [ ]", TYPE(SCHEMA_STRINGS)},
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (!(rows[i].taken_by & TYPE(key->type)))
                        config_text_refused(section, key, rows[i].literal, rows[i].said);
        if (key->type == SCHEMA_RATE)
                config_text_refused(section, key, "\"2\"", "is a string");
        if (key->type == SCHEMA_STRINGS) {
                config_text_refused(section, key, "[ 1, 2 ]",
                                    "is an array, but its elements are not strings");
                config_text_refused(section, key, "[ true ]",
                                    "is an array, but its elements are not strings");
        }
}

static void test_every_key_refuses_each_other_type(void **state) {
        each_key(refuse_wrong_types);
}

static bool is_number(const SchemaKey *key) {
        return key->type == SCHEMA_UINT || key->type == SCHEMA_U64 || key->type == SCHEMA_RATE;
}

static void refuse_literal(const SchemaSection *section, const SchemaKey *key,
                           const char *literal) {
        _cleanup_buffer_ Buffer said = {0};

        buffer_appendf(&said, "%s is out of range", literal);
        config_text_refused(section, key, literal, buffer_string(&said));
}

static void refuse_number(const SchemaSection *section, const SchemaKey *key, int64_t number) {
        _cleanup_buffer_ Buffer literal = {0};

        buffer_appendf(&literal, "%" PRId64 "L", number);
        refuse_literal(section, key, buffer_string(&literal));
}

static void refuse_out_of_range(const SchemaSection *section, const SchemaKey *key) {
        if (!is_number(key))
                return;
        refuse_number(section, key, -1);
        refuse_number(section, key, INT64_MIN);
        if (key->min > 0)
                refuse_number(section, key, (int64_t) key->min - 1);
        if (key->max < INT64_MAX) {
                refuse_number(section, key, (int64_t) key->max + 1);
                refuse_number(section, key, INT64_MAX);
        }
}

static void test_every_number_refuses_what_is_out_of_its_range(void **state) {
        each_key(refuse_out_of_range);
}

static uint64_t number_of(const SchemaKey *key, const void *field) {
        if (key->type == SCHEMA_UINT)
                return *(const unsigned *) field;
        if (key->type == SCHEMA_RATE)
                return (uint64_t) * (const double *) field;
        return *(const uint64_t *) field;
}

static void take_literal(const SchemaSection *section, const SchemaKey *key, const char *literal,
                         uint64_t number) {
        _cleanup_(config_freep) Config *c = config_text_taken(section, key, literal);
        uint8_t *section_struct;
        unsigned n;

        section_struct =
                section->list ? schema_entries(section, c, &n) : (uint8_t *) c + section->offset;
        assert_true(number_of(key, schema_field(key, section_struct)) == number);
}

static void take_number(const SchemaSection *section, const SchemaKey *key, uint64_t number) {
        _cleanup_buffer_ Buffer literal = {0};

        buffer_appendf(&literal, "%" PRIu64 "L", number);
        take_literal(section, key, buffer_string(&literal), number);
}

static void take_ends_of_range(const SchemaSection *section, const SchemaKey *key) {
        /* More embedded replicas than brokers are refused for another reason. */
        if (!is_number(key) || streq(key->name, "replication"))
                return;
        take_number(section, key, key->min + (key->type == SCHEMA_RATE));
        take_number(section, key, key->max);
}

static void test_every_number_takes_both_ends_of_its_range(void **state) {
        each_key(take_ends_of_range);
}

/* More embedded replicas than brokers are refused for another reason. */
static bool takes_eight(const SchemaKey *key) {
        return is_number(key) && key->min <= 8 && key->max >= 8 && !streq(key->name, "replication");
}

/* Zeros before a number say nothing: libconfig 1.7 takes it for octal, 1.5 does not. */
static void take_every_spelling(const SchemaSection *section, const SchemaKey *key) {
        static const char *const spellings[] = {"8",  "08",  "0008L", "+8",
                                                "8L", "8LL", "0x8",   "0X08"};

        if (takes_eight(key))
                for (size_t i = 0; i < ELEMENTSOF(spellings); i++)
                        take_literal(section, key, spellings[i], 8);
}

static void test_every_number_is_read_as_it_is_written(void **state) {
        each_key(take_every_spelling);
}

/* libconfig 1.8 would take some of these. */
static void refuse_letters(const SchemaSection *section, const SchemaKey *key) {
        static const char *const literals[] = {"0b10", "0o7", "8x", "0x", "8LLL", "1e", "2.5L"};

        for (size_t i = 0; is_number(key) && i < ELEMENTSOF(literals); i++) {
                _cleanup_buffer_ Buffer text = {0}, expected = {0};

                config_text_make(section, key->name, literals[i], &text);
                buffer_appendf(&expected, "t:%d: a number with letters or digits right behind it\n",
                               CONFIG_TEXT_LINE);
                assert_null(config_text_load(buffer_string(&text), buffer_string(&expected)));
        }
}

static void test_every_number_refuses_letters_behind_it(void **state) {
        each_key(refuse_letters);
}

/* What libconfig 1.5 wraps or cuts to something that may well be in range, and what 1.7 calls a
 * syntax error. */
static void refuse_wrapped(const SchemaSection *section, const SchemaKey *key) {
        static const char *const wrapped[] = {
                "9223372036854775808L", "99999999999999999999",  "99999999999999999999LL",
                "0xFFFFFFFFFFFFFFFFL",  "-9223372036854775809L", "-2147483649",
        };

        if (!is_number(key))
                return;
        for (size_t i = 0; i < ELEMENTSOF(wrapped); i++)
                refuse_literal(section, key, wrapped[i]);
        if (key->max > UINT32_MAX) {
                config_text_refused(section, key, "4294967301",
                                    "4294967301 needs an L behind it, 4294967301L, as it has more "
                                    "than 32 bits");
                config_text_refused(section, key, "0x80000000",
                                    "0x80000000 needs an L behind it, 0x80000000L, as it has more "
                                    "than 32 bits");
        } else {
                config_text_refused(section, key, "4294967301", "4294967301 is out of range");
                config_text_refused(section, key, "0x100000001", "0x100000001 is out of range");
        }
}

static void test_every_number_refuses_what_libconfig_would_wrap(void **state) {
        each_key(refuse_wrapped);
}

static void refuse_misspelt(const SchemaSection *section, const SchemaKey *key) {
        _cleanup_buffer_ Buffer misspelt = {0}, text = {0}, expected = {0};

        buffer_appendf(&misspelt, "%sx", key->name);
        config_text_make(section, buffer_string(&misspelt), "1", &text);
        buffer_appendf(&expected,
                       "t:%d: '%s.%s': there is no such key, did you mean '%s'; allowed: ",
                       CONFIG_TEXT_LINE, section->name, buffer_string(&misspelt), key->name);
        for (size_t i = 0; i < section->n_keys; i++)
                buffer_appendf(&expected, "%s%s", i > 0 ? ", " : "", section->keys[i].name);
        buffer_append_byte(&expected, '\n');
        assert_null(config_text_load(buffer_string(&text), buffer_string(&expected)));
}

static void test_every_key_is_suggested_for_its_misspelling(void **state) {
        each_key(refuse_misspelt);
}

static void miss_required(const SchemaSection *section, const SchemaKey *key) {
        bool required = !key->fallback && (key->type != SCHEMA_STRINGS || key->min > 0);
        _cleanup_buffer_ Buffer text = {0}, expected = {0};

        if (!section->list)
                return;
        if (required) {
                buffer_appendf(&expected, "t:2: '%s.%s': is missing; allowed: ", section->name,
                               key->name);
                schema_allowed(key, &expected);
                buffer_append_byte(&expected, '\n');
        }
        config_text_make(section, key->name, "0", &text);
        /* The line of the key becomes a comment. */
        memcpy(strstr((char *) text.data, "{\n") + 2, "#", 1);
        config_free(config_text_load(buffer_string(&text), buffer_string(&expected)));
}

static void test_every_key_without_a_default_is_missed(void **state) {
        each_key(miss_required);
}

static void refuse_wrong_counts(const SchemaSection *section, const SchemaKey *key) {
        _cleanup_buffer_ Buffer literal = {0}, said = {0};

        if (key->type != SCHEMA_STRINGS)
                return;
        if (key->min > 0)
                config_text_refused(section, key, "[ ]", "is an array of 0");
        buffer_append_string(&literal, "[ \"k0=\"");
        for (uint64_t i = 1; i <= key->max; i++)
                buffer_appendf(&literal, ", \"k%" PRIu64 "=\"", i);
        buffer_append_string(&literal, " ]");
        buffer_appendf(&said, "is an array of %" PRIu64, key->max + 1);
        config_text_refused(section, key, buffer_string(&literal), buffer_string(&said));
}

static void test_every_list_refuses_too_few_and_too_many(void **state) {
        each_key(refuse_wrong_counts);
}

static void refuse_unknown_words(const SchemaSection *section, const SchemaKey *key) {
        if (key->type != SCHEMA_CHOICE)
                return;
        config_text_refused(section, key, "\"\"", "\"\" is not known");
        config_text_refused(section, key, "\"zzzzzz\"", "\"zzzzzz\" is not known");
        for (size_t i = 0; key->choices[i]; i++) {
                _cleanup_(config_freep) Config *c = NULL;
                _cleanup_buffer_ Buffer literal = {0}, said = {0};
                unsigned n;

                buffer_appendf(&literal, "\"%s\"", key->choices[i]);
                c = config_text_taken(section, key, buffer_string(&literal));
                assert_int_equal(*(unsigned *) schema_field(key, schema_entries(section, c, &n)),
                                 i);
                buffer_clear(&literal);
                buffer_appendf(&literal, "\"%sx\"", key->choices[i]);
                buffer_appendf(&said, "\"%sx\" is not known, did you mean \"%s\"", key->choices[i],
                               key->choices[i]);
                config_text_refused(section, key, buffer_string(&literal), buffer_string(&said));
        }
}

static void test_every_choice_takes_its_words_only(void **state) {
        each_key(refuse_unknown_words);
}

/* The strings that checks refuse, and what they say. */
static const struct {
        const char *section, *key, *literal, *said;
} strings[] = {
        {"cluster", "bootstrap", "\"\"",
         "\"\" is not \"embedded\", and a part of it is not host:port"},
        {"cluster", "bootstrap", "\"host\"",
         "\"host\" is not \"embedded\", and a part of it is not host:port"},
        {"cluster", "bootstrap", "\"a:1,b\"",
         "\"a:1,b\" is not \"embedded\", and a part of it is not host:port"},
        {"cluster", "bootstrap", "\"a:1,,b:2\"",
         "\"a:1,,b:2\" is not \"embedded\", and a part of it is not host:port"},
        {"cluster", "bootstrap", "\"a:0\"",
         "\"a:0\" is not \"embedded\", and a part of it is not host:port"},
        {"cluster", "bootstrap", "\"a:65536\"",
         "\"a:65536\" is not \"embedded\", and a part of it is not host:port"},
        {"cluster", "bootstrap", "\"a b:1\"",
         "\"a b:1\" is not \"embedded\", and a part of it is not host:port"},
        {"cluster", "bootstrap", "\"::1:9092\"",
         "\"::1:9092\" is not \"embedded\", and a part of it is not host:port"},
        {"cluster", "properties", "[ \"a=b\", \"security.protocol\" ]",
         "string 2: \"(secret)\" has no '='"},
        {"cluster", "properties", "[ \"=b\" ]",
         "string 1: \"(secret)\" has nothing before its '='"},
        {"cluster", "properties", "[ \"a=b\", \"c=d\", \"a=\" ]",
         "string 3: \"a=\" is there twice"},
        {"topics", "name", "\"\"", "\"\" is empty"},
        {"topics", "name", "\"a b\"", "\"a b\" has a character that may not be in it"},
        {"topics", "name", "\"ü\"", "\"ü\" has a character that may not be in it"},
        {"topics", "name", "\".\"", "\".\" is a name that Kafka keeps to itself"},
        {"topics", "name", "\"..\"", "\"..\" is a name that Kafka keeps to itself"},
        {"producers", "name", "\"a/b\"", "\"a/b\" has a character that may not be in it"},
        {"producers", "topic", "\"a\\nb\"", "\"a\\x0ab\" has a character that may not be in it"},
        {"producers", "keys", "[ \"a\", \"%{alpha:x}\" ]",
         "string 2: byte 1: 'x' is no number from 1 to 65536; write '%{alpha:N}'"},
        {"producers", "value", "\"a%{int:1\"",
         "byte 2: '%{' has no '}' behind it; write '%%{' for a '%{' that stands for itself"},
        {"producers", "headers", "[ \"source\" ]", "string 1: \"source\" has no '='"},
        {"groups", "name", "\"\"", "\"\" is empty"},
        {"groups", "name", "\"a\\tb\"", "\"a\\x09b\" has a control character"},
        {"groups", "name", "\"\\xff\"", "\"\\xff\" is not UTF-8"},
        {"groups", "topics", "[ \"a\", \"b\", \"a\" ]", "string 3: \"a\" is there twice"},
        {"groups", "topics", "[ \"a b\" ]",
         "string 1: \"a b\" has a character that may not be in it"},
        {"groups", "message", "\"%{header:}\"",
         "byte 1: a header has a name; write '%{header:NAME}'"},
        {"control", "socket", "\"\"", "\"\" does not begin with '/'"},
        {"control", "socket", "\"run/crier\"", "\"run/crier\" does not begin with '/'"},
        {"control", "socket", "\"/run/crier/\"", "\"/run/crier/\" is a directory"},
};

static void test_strings_that_will_not_do_are_told_why(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(strings); i++) {
                const SchemaSection *section;
                const SchemaKey *key = find(strings[i].section, strings[i].key, &section);

                config_text_refused(section, key, strings[i].literal, strings[i].said);
        }
}

/* The long ones: one byte more than fits, and as many as fit. */
static void check_length(const char *section_name, const char *key_name, const char *first,
                         unsigned max) {
        const SchemaSection *section;
        const SchemaKey *key = find(section_name, key_name, &section);
        _cleanup_buffer_ Buffer literal = {0}, said = {0};

        buffer_appendf(&literal, "\"%s", first);
        while (literal.size < max + 1)
                buffer_append_byte(&literal, 'x');
        buffer_append_byte(&literal, '"');
        config_free(config_text_taken(section, key, buffer_string(&literal)));
        literal.size--;
        buffer_append_string(&literal, "x\"");
        buffer_appendf(&said, "%.81s…\" has %u bytes", buffer_string(&literal), max + 1);
        config_text_refused(section, key, buffer_string(&literal), buffer_string(&said));
}

static void test_names_and_paths_have_a_longest_length(void **state) {
        check_length("topics", "name", "", 249);
        check_length("producers", "name", "", 249);
        check_length("groups", "name", "", 249);
        check_length("control", "socket", "/", 107);
}

static void test_strings_that_look_odd_and_are_right_are_taken(void **state) {
        static const struct {
                const char *section, *key, *literal;
        } rows[] = {
                {"cluster", "bootstrap", "\"[::1]:9092,127.0.0.1:1,broker-1.example_x:65535\""},
                {"cluster", "properties", "[ \"sasl.password=a=b, c\", \"client.rack=\" ]"},
                {"topics", "name", "\"...\""},
                {"groups", "name", "\"Rechnungen für Söhne & Töchter\""},
                {"producers", "keys", "[ \"a\", \"a\", \"\", \"%{seq}\" ]"},
                {"producers", "headers", "[ \"a=1\", \"a=2\", \"b=\" ]"},
                {"producers", "value", "\"\""},
                {"groups", "message", "\"100% of %% %{value}\""},
                {"producers", "rate", "0.000001"},
                {"producers", "rate", "1e7"},
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const SchemaSection *section;
                const SchemaKey *key = find(rows[i].section, rows[i].key, &section);

                config_free(config_text_taken(section, key, rows[i].literal));
        }
}

static void test_rates_are_above_nothing(void **state) {
        const SchemaSection *section;
        const SchemaKey *key = find("producers", "rate", &section);

        config_text_refused(section, key, "0", "0 is out of range");
        config_text_refused(section, key, "0.0", "0 is out of range");
        config_text_refused(section, key, "-0.5", "-0.5 is out of range");
        config_text_refused(section, key, "10000000.5", "10000000.5 is out of range");
        config_text_refused(section, key, "1e999", "inf is out of range");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_key_refuses_each_other_type),
                cmocka_unit_test(test_every_number_refuses_what_is_out_of_its_range),
                cmocka_unit_test(test_every_number_takes_both_ends_of_its_range),
                cmocka_unit_test(test_every_number_is_read_as_it_is_written),
                cmocka_unit_test(test_every_number_refuses_letters_behind_it),
                cmocka_unit_test(test_every_number_refuses_what_libconfig_would_wrap),
                cmocka_unit_test(test_every_key_is_suggested_for_its_misspelling),
                cmocka_unit_test(test_every_key_without_a_default_is_missed),
                cmocka_unit_test(test_every_list_refuses_too_few_and_too_many),
                cmocka_unit_test(test_every_choice_takes_its_words_only),
                cmocka_unit_test(test_strings_that_will_not_do_are_told_why),
                cmocka_unit_test(test_names_and_paths_have_a_longest_length),
                cmocka_unit_test(test_strings_that_look_odd_and_are_right_are_taken),
                cmocka_unit_test(test_rates_are_above_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
