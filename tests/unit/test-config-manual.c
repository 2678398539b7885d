/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of man/crierd.conf.5 against the schema and the template language: every key stands in
 * its section with its default and its range, every word of a template stands there, and no key
 * stands there that the schema does not have.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>

#include "common/buffer.h"
#include "config/schema.h"
#include "config/template.h"

static int page_read(void **state) {
        Buffer *page = calloc(1, sizeof(*page));
        FILE *f = fopen(MAN_DIR "/crierd.conf.5", "re");
        char line[1000];

        assert_non_null(page);
        assert_non_null(f);
        while (fgets(line, sizeof(line), f))
                buffer_append_string(page, line);
        fclose(f);
        *state = page;
        return 0;
}

static int page_free(void **state) {
        buffer_done(*state);
        free(*state);
        return 0;
}

/* The text from a line that begins so up to the next that begins with one of two others. */
static const char *cut(const char *text, const char *from, const char *to, const char *or_to,
                       Buffer *out) {
        const char *begin = strstr(text, from), *end, *other;

        if (!begin) {
                fail_msg("there is no '%s'", from);
                return "";
        }
        begin += strlen(from);
        end = strstr(begin, to);
        other = strstr(begin, or_to);
        if (!end || (other && other < end))
                end = other;
        assert_non_null(end);
        buffer_clear(out);
        buffer_append(out, begin, (size_t) (end - begin));
        return buffer_string(out);
}

static const char *section_text(const char *page, const SchemaSection *section, Buffer *out) {
        _cleanup_buffer_ Buffer from = {0};

        buffer_appendf(&from, "\n.Ss %s\n", section->name);
        return cut(page, buffer_string(&from), "\n.Ss ", "\n.Sh ", out);
}

static void assert_says(const char *text, const SchemaKey *key, const char *format, ...)
        _printf_(3, 4);
static void assert_says(const char *text, const SchemaKey *key, const char *format, ...) {
        _cleanup_buffer_ Buffer wanted = {0};
        va_list ap;

        va_start(ap, format);
        buffer_appendv(&wanted, format, ap);
        va_end(ap);
        if (!strstr(text, buffer_string(&wanted)))
                fail_msg("'%s' does not say '%s':\n%s", key->name, buffer_string(&wanted), text);
}

static void check_range(const char *text, const SchemaKey *key) {
        switch (key->type) {
        case SCHEMA_UINT:
        case SCHEMA_U64:
                assert_says(text, key, "from %" PRIu64, key->min);
                assert_says(text, key, "to %" PRIu64, key->max);
                break;
        case SCHEMA_RATE:
                assert_says(text, key, "above %" PRIu64 " and up to %" PRIu64, key->min, key->max);
                assert_says(text, key, "\\(dqmax\\(dq");
                break;
        case SCHEMA_CHOICE:
                for (size_t i = 0; key->choices[i]; i++)
                        assert_says(text, key, "\\(dq%s\\(dq", key->choices[i]);
                break;
        case SCHEMA_STRINGS:
                assert_says(text, key, "at most %" PRIu64, key->max);
                break;
        case SCHEMA_STRING:
        case SCHEMA_BOOL:
                break;
        }
}

static void check_default(const char *text, const SchemaKey *key) {
        bool quoted = key->type == SCHEMA_STRING || key->type == SCHEMA_CHOICE;
        const char *quote = quoted ? "\\(dq" : "";

        if (key->fallback)
                assert_says(text, key, "Default:\n.Li %s%s%s", quote, key->fallback, quote);
        else if (key->type == SCHEMA_STRINGS && key->min == 0)
                assert_says(text, key, "Default:\n.Li \\&[ \\&]");
        else
                assert_says(text, key, "No default.");
}

static void test_every_key_has_its_default_and_range_in_the_manual(void **state) {
        const char *page = buffer_string(*state);
        const SchemaSection *section;

        for (size_t i = 0; (section = schema_section(i)); i++) {
                _cleanup_buffer_ Buffer cut_section = {0};
                const char *text = section_text(page, section, &cut_section);

                for (size_t k = 0; k < section->n_keys; k++) {
                        const SchemaKey *key = &section->keys[k];
                        _cleanup_buffer_ Buffer item = {0}, cut_entry = {0};
                        const char *entry;

                        buffer_appendf(&item, "\n.It Ic %s No = ", key->name);
                        entry = cut(text, buffer_string(&item), "\n.It ", "\n.El", &cut_entry);
                        check_default(entry, key);
                        check_range(entry, key);
                }
        }
}

static void test_the_manual_has_no_key_that_the_schema_lacks(void **state) {
        static const char item[] = "\n.It Ic ";
        const char *page = buffer_string(*state);
        const SchemaSection *section;

        for (size_t i = 0; (section = schema_section(i)); i++) {
                _cleanup_buffer_ Buffer cut_section = {0}, name = {0};
                const char *p = section_text(page, section, &cut_section);
                size_t n = 0;

                for (; (p = strstr(p, item)); n++) {
                        p += strlen(item);
                        buffer_clear(&name);
                        buffer_append(&name, p, strcspn(p, " \n"));
                        assert_non_null(schema_find_key(section, buffer_string(&name)));
                }
                assert_int_equal(n, section->n_keys);
        }
}

/* The words are what the compiler lists when it is given one that is none: "%{seq}, %{alpha:N}, …".
 */
static void check_words(const char *page, TemplateUse use) {
        Template *t = NULL;
        char *error = NULL, *save = NULL;

        assert_true(template_compile("%{zzzzzzzzzz}", use, &t, &error) < 0);
        for (char *word = strtok_r(strstr(error, "The words are") + strlen("The words are"), ", ",
                                   &save);
             word; word = strtok_r(NULL, ", ", &save)) {
                _cleanup_buffer_ Buffer item = {0};

                buffer_appendf(&item, "\n.It Ic %.*s", (int) strcspn(word, ":}") + 1, word);
                if (!strstr(page, buffer_string(&item)))
                        fail_msg("the manual does not have '%s'", word);
        }
        free(error);
}

static void test_every_word_of_templates_is_in_the_manual(void **state) {
        check_words(buffer_string(*state), TEMPLATE_VALUE);
        check_words(buffer_string(*state), TEMPLATE_MESSAGE);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_key_has_its_default_and_range_in_the_manual),
                cmocka_unit_test(test_the_manual_has_no_key_that_the_schema_lacks),
                cmocka_unit_test(test_every_word_of_templates_is_in_the_manual),
        };

        return cmocka_run_group_tests(tests, page_read, page_free);
}
