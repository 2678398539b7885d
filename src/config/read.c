/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One configuration file: see read.h.
 */

#include "config/read.h"

#include <errno.h>

#include "common/nearest.h"
#include "config/check.h"
#include "config/scan.h"
#include "config/value.h"

typedef struct Reader {
        ValueContext at;
        Config *config;
        Scan scan;
} Reader;

/* The known words, as a message lists them, and the one that was perhaps meant. */
static void append_names(Buffer *out, const char *unknown, const char *const *names) {
        const char *near = nearest(unknown, names);

        if (near)
                buffer_appendf(out, ", did you mean '%s'", near);
        buffer_append_string(out, "; allowed: ");
        for (size_t i = 0; names[i]; i++)
                buffer_appendf(out, "%s%s", i > 0 ? ", " : "", names[i]);
        buffer_append_byte(out, '\n');
}

/* Groups of keys */

static int unknown_key(Reader *r, const config_setting_t *s) {
        const char **names = calloc(r->at.section->n_keys + 1, sizeof(*names));

        if (!names)
                return -ENOMEM;
        for (size_t i = 0; i < r->at.section->n_keys; i++)
                names[i] = r->at.section->keys[i].name;
        value_error_begin(&r->at, config_setting_source_line(s), config_setting_name(s));
        buffer_append_string(r->at.errors, "there is no such key");
        append_names(r->at.errors, config_setting_name(s), names);
        free(names);
        return 0;
}

/* Reads the keys of one group into the section's struct. */
static int read_keys(Reader *r, config_setting_t *group, void *section_struct) {
        ConfigOrigin *origin = schema_origin(r->at.section, section_struct);

        if (schema_set_string(&origin->file, r->at.file) < 0)
                return -ENOMEM;
        origin->line = config_setting_source_line(group);
        for (unsigned i = 0; i < (unsigned) config_setting_length(group); i++) {
                config_setting_t *s = config_setting_get_elem(group, i);
                int e;

                r->at.key = schema_find_key(r->at.section, config_setting_name(s));
                if (r->at.key)
                        e = value_read(&r->at, s, schema_field(r->at.key, section_struct));
                else
                        e = unknown_key(r, s);
                if (e < 0)
                        return e;
        }
        return 0;
}

/* Entries of lists */

static void *entries_add(Config *c, const SchemaSection *section) {
        unsigned n;
        uint8_t *entries = schema_entries(section, c, &n), *more;

        more = reallocarray(entries, n + 1, section->size);
        if (!more)
                return NULL;
        schema_set_entries(section, c, more, n + 1);
        return more + n * section->size;
}

static const char *entry_name(const SchemaSection *section, void *entry) {
        return *(char **) schema_field(&section->keys[0], entry);
}

/* Keys that must be there and are not. An entry that is switched off needs nothing but its name. */
static void check_missing(Reader *r, const config_setting_t *group) {
        const config_setting_t *enabled = config_setting_get_member(group, "enabled");
        bool off = enabled && config_setting_type(enabled) == CONFIG_TYPE_BOOL &&
                   !config_setting_get_bool(enabled);

        for (size_t i = 0; i < (off ? 1 : r->at.section->n_keys); i++) {
                r->at.key = &r->at.section->keys[i];
                if (r->at.key->fallback || config_setting_get_member(group, r->at.key->name))
                        continue;
                if (r->at.key->type != SCHEMA_STRINGS || r->at.key->min > 0)
                        value_error(&r->at, config_setting_source_line(group), "is missing");
        }
}

static void *entry_find(Reader *r, const char *name) {
        unsigned n;
        uint8_t *entry = schema_entries(r->at.section, r->config, &n);

        for (; n > 0; n--, entry += r->at.section->size)
                if (streq(entry_name(r->at.section, entry), name))
                        return entry;
        return NULL;
}

static void twice_error(Reader *r, void *entry, void *before) {
        value_error_begin(&r->at, schema_origin(r->at.section, entry)->line, "name");
        check_quote(entry_name(r->at.section, entry), r->at.errors);
        buffer_appendf(r->at.errors,
                       " is there twice, first on line %u; allowed: a name once in a file\n",
                       schema_origin(r->at.section, before)->line);
}

/* Puts a new entry in the place of the one of its name, or behind the last, and leaves an empty
 * one. */
static int entry_merge(Reader *r, void *entry) {
        void *place = entry_find(r, entry_name(r->at.section, entry));

        if (place) {
                if (streq(schema_origin(r->at.section, place)->file, r->at.file))
                        twice_error(r, entry, place);
                schema_done(r->at.section, place);
        } else {
                place = entries_add(r->config, r->at.section);
                if (!place)
                        return -ENOMEM;
        }
        memcpy(place, entry, r->at.section->size);
        memset(entry, 0, r->at.section->size);
        return 0;
}

static int read_entry(Reader *r, config_setting_t *group) {
        _cleanup_free_ void *entry = calloc(1, r->at.section->size);
        int e;

        if (!entry)
                return -ENOMEM;
        e = schema_set_defaults(r->at.section, entry);
        if (e >= 0)
                e = read_keys(r, group, entry);
        if (e >= 0) {
                check_missing(r, group);
                if (entry_name(r->at.section, entry))
                        e = entry_merge(r, entry);
        }
        schema_done(r->at.section, entry);
        return e;
}

/* Sections */

static void section_error(Reader *r, const config_setting_t *s, const char *what) {
        const SchemaSection *section = r->at.section;

        r->at.section = NULL;
        value_error_begin(&r->at, config_setting_source_line(s), section->name);
        if (section->list)
                buffer_appendf(r->at.errors,
                               "%s %s; allowed: a list of groups, ( { name = …; }, … )\n", what,
                               value_type_name(s));
        else
                buffer_appendf(r->at.errors, "%s %s; allowed: a group of keys, { %s = …; }\n", what,
                               value_type_name(s), section->keys[0].name);
        r->at.section = section;
}

static int read_list(Reader *r, config_setting_t *list) {
        if (config_setting_type(list) != CONFIG_TYPE_LIST) {
                section_error(r, list, "is");
                return 0;
        }
        for (unsigned i = 0; i < (unsigned) config_setting_length(list); i++) {
                config_setting_t *s = config_setting_get_elem(list, i);
                int e = 0;

                if (config_setting_type(s) == CONFIG_TYPE_GROUP)
                        e = read_entry(r, s);
                else
                        section_error(r, s, "has an entry that is");
                if (e < 0)
                        return e;
        }
        return 0;
}

static int read_section(Reader *r, config_setting_t *s) {
        if (r->at.section->list)
                return read_list(r, s);
        if (config_setting_type(s) == CONFIG_TYPE_GROUP)
                return read_keys(r, s, (uint8_t *) r->config + r->at.section->offset);
        section_error(r, s, "is");
        return 0;
}

static int unknown_section(Reader *r, const config_setting_t *s) {
        const char *names[16] = {0};

        for (size_t i = 0; i < ELEMENTSOF(names) - 1 && schema_section(i); i++)
                names[i] = schema_section(i)->name;
        value_error_begin(&r->at, config_setting_source_line(s), config_setting_name(s));
        buffer_append_string(r->at.errors, "there is no such section");
        append_names(r->at.errors, config_setting_name(s), names);
        return 0;
}

static int read_root(Reader *r, config_setting_t *root) {
        for (unsigned i = 0; i < (unsigned) config_setting_length(root); i++) {
                config_setting_t *s = config_setting_get_elem(root, i);
                int e;

                r->at.section = schema_find_section(config_setting_name(s));
                e = r->at.section ? read_section(r, s) : unknown_section(r, s);
                if (e < 0)
                        return e;
        }
        return 0;
}

/* The text */

/* Gives each setting that has a name what scan.c knows of it: both go in the order of the text. */
static size_t attach_scan(Reader *r, config_setting_t *s, size_t next) {
        if (config_setting_name(s) && next < r->scan.n_keys)
                config_setting_set_hook(s, &r->scan.keys[next++]);
        if (config_setting_is_aggregate(s))
                for (unsigned i = 0; i < (unsigned) config_setting_length(s); i++)
                        next = attach_scan(r, config_setting_get_elem(s, i), next);
        return next;
}

/* libconfig's own messages, and what they mean. */
static void syntax_error(Reader *r, const config_t *parsed) {
        static const struct {
                const char *text;
                const char *meaning;
        } meanings[] = {
                {"syntax error", "syntax error here or just before: settings are 'key = value;'"},
                {"duplicate setting name", "this key is there twice: a group has each key once"},
                {"mismatched element type in array", "the elements of an array differ in type"},
        };
        const char *text = config_error_text(parsed);

        for (size_t i = 0; text && i < ELEMENTSOF(meanings); i++)
                if (streq(meanings[i].text, text)) {
                        text = meanings[i].meaning;
                        break;
                }
        r->at.wrong = true;
        buffer_appendf(r->at.errors, "%s:%d: %s\n", r->at.file, config_error_line(parsed),
                       text ? text : "cannot be read");
}

static int read_parsed(Reader *r, const char *text) {
        _cleanup_(config_destroy) config_t parsed = {0};

        config_init(&parsed);
        if (!config_read_string(&parsed, text)) {
                syntax_error(r, &parsed);
                return 0;
        }
        (void) attach_scan(r, config_root_setting(&parsed), 0);
        return read_root(r, config_root_setting(&parsed));
}

int read_text(const char *file, const char *text, size_t size, Config *config, Buffer *errors) {
        Reader r = {.at.file = file, .at.errors = errors, .config = config};
        _cleanup_buffer_ Buffer copy = {0};
        const char *error;
        unsigned line;
        int e;

        /* To libconfig a comment without a newline behind it is a syntax error. */
        buffer_append(&copy, text, size);
        if (size > 0 && text[size - 1] != '\n')
                buffer_append_byte(&copy, '\n');
        (void) buffer_string(&copy);
        if (copy.failed)
                return -ENOMEM;
        e = scan_text((char *) copy.data, copy.size, &r.scan, &line, &error);
        if (e == -EINVAL)
                buffer_appendf(errors, "%s:%u: %s\n", file, line, error);
        if (e >= 0)
                e = read_parsed(&r, (const char *) copy.data);
        scan_done(&r.scan);
        return e >= 0 && r.at.wrong ? -EINVAL : e;
}
