/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One value of a configuration file: see value.h.
 */

#include "config/value.h"

#include <errno.h>

#include "common/nearest.h"
#include "common/parse.h"
#include "config/check.h"
#include "config/scan.h"
#include "config/secret.h"

void value_error_begin(ValueContext *c, unsigned line, const char *name) {
        c->wrong = true;
        buffer_appendf(c->errors, "%s:%u: '", c->file, line);
        if (c->section)
                buffer_appendf(c->errors, "%s.", c->section->name);
        buffer_appendf(c->errors, "%s': ", name);
}

static void error_end(ValueContext *c) {
        buffer_append_string(c->errors, "; allowed: ");
        schema_allowed(c->key, c->errors);
        buffer_append_byte(c->errors, '\n');
}

void value_error(ValueContext *c, unsigned line, const char *format, ...) {
        va_list ap;

        value_error_begin(c, line, c->key->name);
        va_start(ap, format);
        buffer_appendv(c->errors, format, ap);
        va_end(ap);
        error_end(c);
}

const char *value_type_name(const config_setting_t *s) {
        static const char *const names[] = {
                [CONFIG_TYPE_NONE] = "nothing",
                [CONFIG_TYPE_GROUP] = "a group { }",
                [CONFIG_TYPE_INT] = "a whole number",
                [CONFIG_TYPE_INT64] = "a whole number",
                [CONFIG_TYPE_FLOAT] = "a number with a point",
                [CONFIG_TYPE_STRING] = "a string",
                [CONFIG_TYPE_BOOL] = "true or false",
                [CONFIG_TYPE_ARRAY] = "an array [ ]",
                [CONFIG_TYPE_LIST] = "a list ( )",
        };
        size_t type = (size_t) config_setting_type(s);

        return type < ELEMENTSOF(names) ? names[type] : "something else";
}

static int type_error(ValueContext *c, const config_setting_t *s) {
        value_error(c, config_setting_source_line(s), "is %s", value_type_name(s));
        return 0;
}

/* Values: a function for each type of the schema. They return 0, an error of the file included, or
 * -ENOMEM. */

static int read_bool(ValueContext *c, config_setting_t *s, void *field) {
        if (config_setting_type(s) != CONFIG_TYPE_BOOL)
                return type_error(c, s);
        *(bool *) field = config_setting_get_bool(s);
        return 0;
}

static bool is_whole(const config_setting_t *s) {
        return config_setting_type(s) == CONFIG_TYPE_INT ||
               config_setting_type(s) == CONFIG_TYPE_INT64;
}

/* The whole number of the key at hand as scan.c found it; libconfig has a 0 in its place. Returns
 * false where it is refused, which is said: also one that would fit and needs an L for libconfig
 * 1.5, since the next program that reads the file would take it for another. */
static bool whole_number(ValueContext *c, const config_setting_t *s, int64_t *ret) {
        const ScanKey *scanned = config_setting_get_hook(s);
        const char *text = scanned && scanned->number ? scanned->number : "";
        unsigned line = config_setting_source_line(s);
        size_t n = strcspn(text, "L");
        char digits[64] = "";
        int64_t number;
        uint64_t hex;

        if (n < sizeof(digits))
                memcpy(digits, text, n);
        if (parse_hex(digits, c->key->min, c->key->max, &hex) >= 0)
                number = (int64_t) hex;
        else if (parse_i64(digits, (int64_t) c->key->min, (int64_t) c->key->max, &number) < 0) {
                value_error(c, line, "%s is out of range", text);
                return false;
        }
        if (!text[n] && number > INT32_MAX) {
                value_error(c, line, "%s needs an L behind it, %sL, as it has more than 32 bits",
                            text, text);
                return false;
        }
        *ret = number;
        return true;
}

static int read_u64(ValueContext *c, config_setting_t *s, void *field) {
        int64_t number;

        if (!is_whole(s))
                return type_error(c, s);
        if (whole_number(c, s, &number))
                *(uint64_t *) field = (uint64_t) number;
        return 0;
}

static int read_uint(ValueContext *c, config_setting_t *s, void *field) {
        uint64_t number = *(unsigned *) field;
        int e = read_u64(c, s, &number);

        *(unsigned *) field = (unsigned) number;
        return e;
}

static int read_rate(ValueContext *c, config_setting_t *s, void *field) {
        int64_t number;
        double rate;

        if (config_setting_type(s) == CONFIG_TYPE_STRING &&
            streq(config_setting_get_string(s), "max")) {
                *(double *) field = RATE_MAX;
                return 0;
        }
        if (is_whole(s)) {
                if (!whole_number(c, s, &number))
                        return 0;
                rate = (double) number;
        } else if (config_setting_type(s) == CONFIG_TYPE_FLOAT)
                rate = config_setting_get_float(s);
        else
                return type_error(c, s);
        if (rate > (double) c->key->min && rate <= (double) c->key->max)
                *(double *) field = rate;
        else
                value_error(c, config_setting_source_line(s), "%.10g is out of range", rate);
        return 0;
}

/* Whether the key's own check takes the string; appends to `why` where not. */
static bool text_fits(ValueContext *c, const char *text, Buffer *why) {
        return !c->key->check || c->key->check(text, why);
}

static int read_string(ValueContext *c, config_setting_t *s, void *field) {
        _cleanup_buffer_ Buffer why = {0};

        if (config_setting_type(s) != CONFIG_TYPE_STRING)
                return type_error(c, s);
        /* Kept even where it is wrong: an entry with a bad name still has one. */
        if (!text_fits(c, config_setting_get_string(s), &why))
                value_error(c, config_setting_source_line(s), "%s", buffer_string(&why));
        return schema_set_string(field, config_setting_get_string(s));
}

static int read_choice(ValueContext *c, config_setting_t *s, void *field) {
        _cleanup_buffer_ Buffer quoted = {0};
        const char *text = config_setting_get_string(s), *near;

        if (!text)
                return type_error(c, s);
        for (unsigned i = 0; c->key->choices[i]; i++)
                if (streq(c->key->choices[i], text)) {
                        *(unsigned *) field = i;
                        return 0;
                }
        near = nearest(text, c->key->choices);
        check_quote(text, &quoted);
        value_error(c, config_setting_source_line(s), "%s is not known%s%s%s",
                    buffer_string(&quoted), near ? ", did you mean \"" : "", near ? near : "",
                    near ? "\"" : "");
        return 0;
}

/* Whether an earlier string of the list is the same, up to a '='. */
static bool is_twice(const StringList *list, const char *text) {
        size_t n = strcspn(text, "=");

        for (char **item = list->items; item && *item; item++)
                if (strcspn(*item, "=") == n && memcmp(*item, text, n) == 0)
                        return true;
        return false;
}

static int read_list_item(ValueContext *c, const config_setting_t *s, const char *text,
                          StringList *list) {
        _cleanup_buffer_ Buffer why = {0};
        bool fits = text_fits(c, text, &why);

        if (fits && c->key->once && is_twice(list, text)) {
                (c->key->secret ? secret_quote : check_quote)(text, &why);
                buffer_append_string(&why, " is there twice");
                fits = false;
        }
        if (!fits)
                value_error(c, config_setting_source_line(s), "string %u: %s", list->n + 1,
                            buffer_string(&why));
        if (schema_set_string(&list->items[list->n], text) < 0)
                return -ENOMEM;
        list->n++;
        return 0;
}

/* The elements' own lines are not to be trusted: libconfig notes where the next token stands. */
static int read_strings(ValueContext *c, config_setting_t *s, void *field) {
        unsigned n = (unsigned) MAX(config_setting_length(s), 0);
        config_setting_t *first = n > 0 ? config_setting_get_elem(s, 0) : NULL;
        StringList *list = field;

        if (config_setting_type(s) != CONFIG_TYPE_ARRAY)
                return type_error(c, s);
        if (first && config_setting_type(first) != CONFIG_TYPE_STRING) {
                value_error(c, config_setting_source_line(s),
                            "is an array, but its elements are not strings");
                return 0;
        }
        if (n < c->key->min || n > c->key->max) {
                value_error(c, config_setting_source_line(s), "is an array of %u", n);
                return 0;
        }
        schema_strings_done(list);
        list->items = n > 0 ? calloc(n + 1, sizeof(*list->items)) : NULL;
        if (n > 0 && !list->items)
                return -ENOMEM;
        for (unsigned i = 0; i < n; i++)
                if (read_list_item(c, s, config_setting_get_string_elem(s, (int) i), list) < 0)
                        return -ENOMEM;
        return 0;
}

int value_read(ValueContext *c, config_setting_t *s, void *field) {
        static int (*const readers[])(ValueContext *, config_setting_t *, void *) = {
                [SCHEMA_BOOL] = read_bool,       [SCHEMA_UINT] = read_uint,
                [SCHEMA_U64] = read_u64,         [SCHEMA_RATE] = read_rate,
                [SCHEMA_STRING] = read_string,   [SCHEMA_CHOICE] = read_choice,
                [SCHEMA_STRINGS] = read_strings,
        };

        return readers[c->key->type](c, s, field);
}
