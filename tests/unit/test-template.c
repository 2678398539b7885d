/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of config/template: what each word expands to, what a broken template is told, and
 * that random words stay in their bounds and reach all of them. The generator's seed is fixed, so
 * that every run sees the same numbers.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <errno.h>

#include "common/parse.h"
#include "config/template.h"

#define SEED UINT64_C(0x9e3779b97f4a7c15)

static bool find_header(void *userdata, const char *name, const void **ret_value,
                        size_t *ret_size) {
        static const struct {
                const char *name, *value;
        } headers[] = {{"source", "lab"}, {"empty", ""}, {"null", NULL}};

        for (size_t i = 0; i < ELEMENTSOF(headers); i++)
                if (streq(headers[i].name, name)) {
                        *ret_value = headers[i].value;
                        *ret_size = headers[i].value ? strlen(headers[i].value) : 0;
                        return true;
                }
        return false;
}

static TemplateValues sample(uint64_t *random) {
        return (TemplateValues){
                .seq = 42,
                .time_ms = 1700000000123,
                .producer = "office",
                .random = random,
                .topic = "post.office",
                .consumer = 3,
                .group = "invoice-services",
                .partition = 4,
                .offset = 1234567890123,
                .timestamp_ms = 1700000000123,
                .key = "Ada",
                .key_size = 3,
                .value = "v",
                .value_size = 1,
                .header = find_header,
        };
}

static Template *compile(const char *text, TemplateUse use) {
        Template *t = NULL;
        char *error = NULL;
        int r;

        r = template_compile(text, use, &t, &error);
        if (r < 0)
                fail_msg("'%s': %s", text, error);
        return t;
}

static void check(TemplateUse use, const char *text, const char *expected) {
        _cleanup_(template_freep) Template *t = compile(text, use);
        _cleanup_buffer_ Buffer out = {0};
        uint64_t random = SEED;
        TemplateValues v = sample(&random);

        template_expand(t, &v, &out);
        assert_string_equal(buffer_string(&out), expected);
}

static void test_words_of_values_say_what_they_name(void **state) {
        check(TEMPLATE_VALUE, "", "");
        check(TEMPLATE_VALUE, "as it is", "as it is");
        check(TEMPLATE_VALUE, "%{seq}", "42");
        check(TEMPLATE_VALUE, "%{time}", "2023-11-14T22:13:20.123Z");
        check(TEMPLATE_VALUE, "%{ms}", "1700000000123");
        check(TEMPLATE_VALUE, "<%{producer}|%{topic}>", "<office|post.office>");
        check(TEMPLATE_VALUE, "%{int:7:7}%{pick:x}%{pick:}", "7x");
        check(TEMPLATE_VALUE, "{\"n\": %{seq}}", "{\"n\": 42}");
}

static void test_words_of_messages_say_what_they_name(void **state) {
        check(TEMPLATE_MESSAGE, "Consumer %{consumer}: %{value} (key: %{key})",
              "Consumer 3: v (key: Ada)");
        check(TEMPLATE_MESSAGE, "%{group} %{topic}/%{partition}@%{offset}",
              "invoice-services post.office/4@1234567890123");
        check(TEMPLATE_MESSAGE, "%{timestamp}", "2023-11-14T22:13:20.123Z");
        check(TEMPLATE_MESSAGE, "%{header:source}/%{header:empty}/%{header:null}/%{header:other}",
              "lab//None/None");
}

static void test_values_come_through_byte_for_byte(void **state) {
        _cleanup_(template_freep) Template *t = compile("<%{value}>", TEMPLATE_MESSAGE);
        _cleanup_buffer_ Buffer out = {0};
        uint64_t random = SEED;
        TemplateValues v = sample(&random);

        v.value = "v\0w";
        v.value_size = 3;
        template_expand(t, &v, &out);
        assert_int_equal(out.size, 5);
        assert_memory_equal(out.data, "<v\0w>", 5);
}

static void test_what_is_null_reads_none_and_what_is_empty_reads_empty(void **state) {
        _cleanup_(template_freep) Template *t =
                compile("%{key}|%{value}|%{timestamp}|%{header:x}", TEMPLATE_MESSAGE);
        _cleanup_buffer_ Buffer out = {0};
        TemplateValues v = {.timestamp_ms = -1};

        template_expand(t, &v, &out);
        assert_string_equal(buffer_string(&out), "None|None|None|None");
        buffer_clear(&out);
        v.key = v.value = "";
        v.timestamp_ms = 0;
        template_expand(t, &v, &out);
        assert_string_equal(buffer_string(&out), "||1970-01-01T00:00:00.000Z|None");
}

static void test_percent_signs_stand_for_themselves(void **state) {
        check(TEMPLATE_VALUE, "100%", "100%");
        check(TEMPLATE_VALUE, "100% sure", "100% sure");
        check(TEMPLATE_VALUE, "%%", "%");
        check(TEMPLATE_VALUE, "%%%", "%%");
        check(TEMPLATE_VALUE, "%%%%", "%%");
        check(TEMPLATE_VALUE, "%a%%b%", "%a%b%");
        check(TEMPLATE_VALUE, "%%{seq}", "%{seq}");
        check(TEMPLATE_VALUE, "%%%{seq}", "%42");
        check(TEMPLATE_VALUE, "%{seq}%{seq}", "4242");
        check(TEMPLATE_VALUE, "{%{seq}}", "{42}");
        check(TEMPLATE_VALUE, "%{pick:50%}", "50%");
}

/* Expands a hundred thousand times and hands each out. */
static void expand_often(const char *text, void (*look)(const char *s, size_t size, void *userdata),
                         void *userdata) {
        _cleanup_(template_freep) Template *t = compile(text, TEMPLATE_VALUE);
        _cleanup_buffer_ Buffer out = {0};
        uint64_t random = SEED;
        TemplateValues v = sample(&random);

        for (int i = 0; i < 100000; i++) {
                buffer_clear(&out);
                template_expand(t, &v, &out);
                look(buffer_string(&out), out.size, userdata);
        }
        assert_false(out.failed);
}

static void count_characters(const char *s, size_t size, void *userdata) {
        unsigned *counts = userdata;

        assert_int_equal(size, 7);
        for (size_t i = 0; i < size; i++)
                counts[(uint8_t) s[i]]++;
}

static void check_characters(const char *text, int (*is)(int), unsigned n) {
        unsigned counts[256] = {0};

        expand_often(text, count_characters, counts);
        for (int c = 0; c < 256; c++) {
                if (c < 128 && is(c)) {
                        /* Even, within a twentieth. */
                        assert_in_range(counts[c], 700000 / n * 19 / 20, 700000 / n * 21 / 20);
                } else {
                        assert_int_equal(counts[c], 0);
                }
        }
}

static int is_lower_hex(int c) {
        return isxdigit(c) && !isupper(c);
}

static void test_random_characters_are_of_their_kind_and_even(void **state) {
        check_characters("%{alpha:7}", isalpha, 52);
        check_characters("%{digits:7}", isdigit, 10);
        check_characters("%{hex:7}", is_lower_hex, 16);
}

static void count_numbers(const char *s, size_t size, void *userdata) {
        unsigned *counts = userdata;
        int64_t n;

        assert_int_equal(parse_i64(s, -3, 3, &n), 0);
        counts[n + 3]++;
}

static void count_picks(const char *s, size_t size, void *userdata) {
        static const char *const words[] = {"Ada", "", "Grace Hopper"};
        unsigned *counts = userdata;

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                counts[i] += streq(words[i], s);
}

static void test_random_choices_reach_both_ends_and_are_even(void **state) {
        unsigned numbers[7] = {0}, picks[3] = {0};

        expand_often("%{int:-3:3}", count_numbers, numbers);
        for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
                assert_in_range(numbers[i], 100000 / 7 * 19 / 20, 100000 / 7 * 21 / 20);
        expand_often("%{pick:Ada||Grace Hopper}", count_picks, picks);
        for (size_t i = 0; i < ELEMENTSOF(picks); i++)
                assert_in_range(picks[i], 100000 / 3 * 19 / 20, 100000 / 3 * 21 / 20);
        assert_int_equal(picks[0] + picks[1] + picks[2], 100000);
}

static void look_at_any_integer(const char *s, size_t size, void *userdata) {
        bool *seen = userdata;
        int64_t n;

        assert_int_equal(parse_i64(s, INT64_MIN, INT64_MAX, &n), 0);
        seen[n < 0] = true;
}

static void test_the_widest_range_of_integers_works(void **state) {
        bool seen[2] = {false, false};

        expand_often("%{int:-9223372036854775808:9223372036854775807}", look_at_any_integer, seen);
        assert_true(seen[0] && seen[1]);
}

static void look_at_uuid(const char *s, size_t size, void *userdata) {
        char *last = userdata;

        assert_int_equal(size, 36);
        for (size_t i = 0; i < size; i++) {
                if (i == 8 || i == 13 || i == 18 || i == 23)
                        assert_int_equal(s[i], '-');
                else
                        assert_true(is_lower_hex((uint8_t) s[i]));
        }
        assert_int_equal(s[14], '4');
        assert_non_null(strchr("89ab", s[19]));
        assert_string_not_equal(s, last);
        memcpy(last, s, size + 1);
}

static void test_uuids_have_version_and_variant(void **state) {
        char last[37] = "";

        expand_often("%{uuid}", look_at_uuid, last);
}

static void test_large_counts_are_made_whole(void **state) {
        _cleanup_(template_freep) Template *t = compile("%{hex:65536}", TEMPLATE_VALUE);
        _cleanup_buffer_ Buffer out = {0};
        uint64_t random = SEED;
        TemplateValues v = sample(&random);

        template_expand(t, &v, &out);
        assert_int_equal(out.size, 65536);
        assert_int_equal(strspn(buffer_string(&out), "0123456789abcdef"), 65536);
}

static void check_error(TemplateUse use, const char *text, const char *expected) {
        Template *t = NULL;
        char *error = NULL;

        assert_int_equal(template_compile(text, use, &t, &error), -EINVAL);
        assert_null(t);
        assert_string_equal(error, expected);
        free(error);
}

#define VALUE_WORDS                                                                          \
        "The words are %{seq}, %{time}, %{ms}, %{producer}, %{topic}, %{uuid}, %{alpha:N}, " \
        "%{digits:N}, %{hex:N}, %{int:A:B}, %{pick:A|B|…}"
#define MESSAGE_WORDS                                                                            \
        "The words are %{topic}, %{consumer}, %{group}, %{partition}, %{offset}, %{timestamp}, " \
        "%{key}, %{value}, %{header:NAME}"

static void test_a_word_that_is_not_there_names_the_nearest_and_all(void **state) {
        check_error(
                TEMPLATE_VALUE, "ab %{pik:A|B}",
                "byte 4: there is no word '%{pik}'; did you mean '%{pick:A|B|…}'? " VALUE_WORDS);
        check_error(TEMPLATE_MESSAGE, "%{colour}",
                    "byte 1: there is no word '%{colour}'; " MESSAGE_WORDS);
        check_error(TEMPLATE_VALUE, "%{}", "byte 1: there is no word '%{}'; " VALUE_WORDS);
        check_error(TEMPLATE_VALUE, "%{ seq }",
                    "byte 1: there is no word '%{ seq }'; " VALUE_WORDS);
}

static void test_a_word_of_the_other_use_is_told_so(void **state) {
        check_error(TEMPLATE_VALUE, "%{seq} %{consumer}",
                    "byte 8: '%{consumer}' is for the 'message' of a group. " VALUE_WORDS);
        check_error(TEMPLATE_MESSAGE, "%{alpha:7}",
                    "byte 1: '%{alpha:N}' is for the values and keys of producers. " MESSAGE_WORDS);
}

static void test_a_wrong_argument_says_what_would_be_right(void **state) {
        check_error(TEMPLATE_VALUE, "%{seq",
                    "byte 1: '%{' has no '}' behind it; write '%%{' for a '%{' that stands for "
                    "itself");
        check_error(TEMPLATE_VALUE, "%{seq:3}",
                    "byte 1: '%{seq}' takes nothing behind its name, but '3' stands there");
        check_error(TEMPLATE_VALUE, "%{alpha}",
                    "byte 1: '%{alpha}' lacks its argument; write '%{alpha:N}'");
        check_error(TEMPLATE_VALUE, "%{alpha:0}",
                    "byte 1: '0' is no number from 1 to 65536; write '%{alpha:N}'");
        check_error(TEMPLATE_VALUE, "%{hex:65537}",
                    "byte 1: '65537' is no number from 1 to 65536; write '%{hex:N}'");
        check_error(TEMPLATE_VALUE, "%{digits:-1}",
                    "byte 1: '-1' is no number from 1 to 65536; write '%{digits:N}'");
        check_error(TEMPLATE_VALUE, "%{int:1}",
                    "byte 1: '1' is not two whole numbers; write '%{int:A:B}'");
        check_error(TEMPLATE_VALUE, "%{int:1:2:3}",
                    "byte 1: '1:2:3' is not two whole numbers; write '%{int:A:B}'");
        check_error(TEMPLATE_VALUE, "%{int:9:1}",
                    "byte 1: 9 is more than 1; write the smaller number first");
        check_error(TEMPLATE_VALUE, "%{pick:%{seq}|b}",
                    "byte 1: words cannot stand inside of words; write '%{pick:A|B|…}'");
        check_error(TEMPLATE_MESSAGE, "%{header:}",
                    "byte 1: a header has a name; write '%{header:NAME}'");
}

static void test_a_pick_has_at_most_1024_words(void **state) {
        _cleanup_buffer_ Buffer text = {0};
        _cleanup_(template_freep) Template *t = NULL;

        buffer_append_string(&text, "%{pick:a");
        for (int i = 1; i < 1024; i++)
                buffer_append_string(&text, "|a");
        buffer_append_byte(&text, '}');
        t = compile(buffer_string(&text), TEMPLATE_VALUE);
        assert_non_null(t);
        text.size--;
        buffer_append_string(&text, "|}");
        check_error(TEMPLATE_VALUE, buffer_string(&text),
                    "byte 1: 1025 words to pick from; at most 1024 are allowed");
}

static void test_a_template_knows_what_it_uses(void **state) {
        _cleanup_(template_freep) Template *text = compile("100%% text", TEMPLATE_VALUE);
        _cleanup_(template_freep) Template *message =
                compile("%{value}%{header:a}", TEMPLATE_MESSAGE);

        assert_true(template_is_constant(text));
        assert_false(template_uses(text, "value"));
        assert_false(template_is_constant(message));
        assert_true(template_uses(message, "value"));
        assert_true(template_uses(message, "header"));
        assert_false(template_uses(message, "key"));
        assert_false(template_uses(message, "colour"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_words_of_values_say_what_they_name),
                cmocka_unit_test(test_words_of_messages_say_what_they_name),
                cmocka_unit_test(test_values_come_through_byte_for_byte),
                cmocka_unit_test(test_what_is_null_reads_none_and_what_is_empty_reads_empty),
                cmocka_unit_test(test_percent_signs_stand_for_themselves),
                cmocka_unit_test(test_random_characters_are_of_their_kind_and_even),
                cmocka_unit_test(test_random_choices_reach_both_ends_and_are_even),
                cmocka_unit_test(test_the_widest_range_of_integers_works),
                cmocka_unit_test(test_uuids_have_version_and_variant),
                cmocka_unit_test(test_large_counts_are_made_whole),
                cmocka_unit_test(test_a_word_that_is_not_there_names_the_nearest_and_all),
                cmocka_unit_test(test_a_word_of_the_other_use_is_told_so),
                cmocka_unit_test(test_a_wrong_argument_says_what_would_be_right),
                cmocka_unit_test(test_a_pick_has_at_most_1024_words),
                cmocka_unit_test(test_a_template_knows_what_it_uses),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
