/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration files for unit tests: see config-text.h.
 */

#include "config-text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

/* A right value for each key that must be there. */
static const struct {
        const char *key, *literal;
} needed[] = {
        {"name", "\"n\""},
        {"topic", "\"t\""},
        {"value", "\"v\""},
        {"topics", "[ \"t\" ]"},
};

void config_text_make(const SchemaSection *section, const char *key, const char *literal,
                      Buffer *out) {
        buffer_appendf(out, "%s =\n%s\n%s = %s;\n", section->name, section->list ? "( {" : "{", key,
                       literal);
        for (size_t i = 0; section->list && i < ELEMENTSOF(needed); i++)
                if (!streq(needed[i].key, key) && schema_find_key(section, needed[i].key))
                        buffer_appendf(out, "%s = %s;\n", needed[i].key, needed[i].literal);
        buffer_append_string(out, section->list ? "} );\n" : "};\n");
}

Config *config_text_load(const char *text, const char *errors) {
        _cleanup_buffer_ Buffer said = {0};
        Config *c = NULL;
        int r;

        r = config_load_text("t", text, strlen(text), &c, &said);
        if (!streq(buffer_string(&said), errors))
                fail_msg("\n%s\nsays:\n%sand not:\n%s", text, buffer_string(&said), errors);
        assert_int_equal(r, *errors ? -EINVAL : 0);
        assert_true(!c == !!*errors);
        return c;
}

void config_text_refused(const SchemaSection *section, const SchemaKey *key, const char *literal,
                         const char *what) {
        _cleanup_buffer_ Buffer text = {0}, expected = {0};

        config_text_make(section, key->name, literal, &text);
        buffer_appendf(&expected, "t:%d: '%s.%s': %s; allowed: ", CONFIG_TEXT_LINE, section->name,
                       key->name, what);
        schema_allowed(key, &expected);
        buffer_append_byte(&expected, '\n');
        assert_null(config_text_load(buffer_string(&text), buffer_string(&expected)));
}

Config *config_text_taken(const SchemaSection *section, const SchemaKey *key, const char *literal) {
        _cleanup_buffer_ Buffer text = {0};

        config_text_make(section, key->name, literal, &text);
        return config_text_load(buffer_string(&text), "");
}
