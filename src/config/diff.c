/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What differs between two configurations: see diff.h.
 */

#include "config/diff.h"

#include <errno.h>

#include "config/check.h"
#include "config/secret.h"

/* A longer value is cut: who wants all of it has the file. */
#define VALUE_MAX 200

const char *change_effect_to_string(ChangeEffect effect) {
        static const char *const names[] = {
                [CHANGE_APPLIED] = "applied",
                [CHANGE_RESTARTED] = "restarted",
                [CHANGE_NEEDS_RESTART] = "needs_restart",
                [CHANGE_KEPT] = "kept",
        };

        return names[effect];
}

void changes_done(Changes *c) {
        for (unsigned i = 0; i < c->n; i++) {
                free(c->items[i].name);
                free(c->items[i].before);
                free(c->items[i].after);
        }
        free(c->items);
        *c = (Changes){0};
}

/* NULL stays NULL. Returns false where memory is short. */
static bool copy_text(const char *text, char **ret) {
        *ret = text ? strdup(text) : NULL;
        return *ret || !text;
}

int changes_add(Changes *c, const SchemaSection *section, const char *name, const SchemaKey *key,
                const char *before, const char *after, ChangeEffect effect) {
        Change *more = reallocarray(c->items, c->n + 1, sizeof(*more)), *item;

        if (!more)
                return -ENOMEM;
        c->items = more;
        item = &more[c->n++];
        *item = (Change){.section = section->name, .key = key ? key->name : NULL, .effect = effect};
        if (copy_text(name, &item->name) && copy_text(before, &item->before) &&
            copy_text(after, &item->after))
                return 0;
        return -ENOMEM;
}

Change *changes_find(const Changes *c, const char *section, const char *name, const char *key) {
        for (unsigned i = 0; i < c->n; i++) {
                Change *item = &c->items[i];

                if (streq(item->section, section) && !item->name == !name &&
                    (!name || streq(item->name, name)) && !item->key == !key &&
                    (!key || streq(item->key, key)))
                        return item;
        }
        return NULL;
}

/* ---- values ---- */

static void append_strings(const SchemaKey *key, const StringList *list, Buffer *out) {
        size_t begin = out->size;

        buffer_append_byte(out, '[');
        for (unsigned i = 0; i < list->n; i++) {
                const char *text = list->items[i];

                buffer_append_string(out, i > 0 ? ", " : " ");
                if (out->size - begin > VALUE_MAX) {
                        buffer_appendf(out, "%u more", list->n - i);
                        break;
                }
                (key->secret ? secret_quote : check_quote)(text, out);
        }
        buffer_append_string(out, list->n > 0 ? " ]" : "]");
}

void change_value(const SchemaKey *key, const void *field, Buffer *out) {
        double rate;

        switch (key->type) {
        case SCHEMA_BOOL:
                buffer_append_string(out, *(const bool *) field ? "true" : "false");
                break;
        case SCHEMA_UINT:
                buffer_append_u64(out, *(const unsigned *) field);
                break;
        case SCHEMA_U64:
                buffer_append_u64(out, *(const uint64_t *) field);
                break;
        case SCHEMA_RATE:
                memcpy(&rate, field, sizeof(rate));
                if (rate < 0)
                        buffer_append_string(out, "max");
                else
                        buffer_appendf(out, "%.10g", rate);
                break;
        case SCHEMA_CHOICE:
                buffer_append_string(out, key->choices[*(const unsigned *) field]);
                break;
        case SCHEMA_STRING:
                check_quote(*(char *const *) field, out);
                break;
        case SCHEMA_STRINGS:
                append_strings(key, field, out);
                break;
        }
}

static bool strings_equal(const StringList *a, const StringList *b) {
        if (a->n != b->n)
                return false;
        for (unsigned i = 0; i < a->n; i++)
                if (!streq(a->items[i], b->items[i]))
                        return false;
        return true;
}

static bool values_equal(const SchemaKey *key, const void *a, const void *b) {
        double x, y;

        switch (key->type) {
        case SCHEMA_BOOL:
                return *(const bool *) a == *(const bool *) b;
        case SCHEMA_UINT:
        case SCHEMA_CHOICE:
                return *(const unsigned *) a == *(const unsigned *) b;
        case SCHEMA_U64:
                return *(const uint64_t *) a == *(const uint64_t *) b;
        case SCHEMA_RATE:
                memcpy(&x, a, sizeof(x));
                memcpy(&y, b, sizeof(y));
                return !(x < y) && !(x > y);
        case SCHEMA_STRING:
                return streq(*(char *const *) a, *(char *const *) b);
        case SCHEMA_STRINGS:
                return strings_equal(a, b);
        }
        return false;
}

/* ---- sections ---- */

static int diff_key(const SchemaSection *section, const SchemaKey *key, const char *name,
                    void *before, void *after, Changes *c) {
        _cleanup_buffer_ Buffer was = {0}, is = {0};
        const void *a = schema_field(key, before), *b = schema_field(key, after);

        if (values_equal(key, a, b))
                return 0;
        change_value(key, a, &was);
        change_value(key, b, &is);
        if (was.failed || is.failed)
                return -ENOMEM;
        return changes_add(c, section, name, key, buffer_string(&was), buffer_string(&is),
                           !section->list ? CHANGE_NEEDS_RESTART
                           : key->anew    ? CHANGE_RESTARTED
                                          : CHANGE_APPLIED);
}

/* Two structs of the section: the whole of it, or the same entry of a list. */
static int diff_struct(const SchemaSection *section, const char *name, void *before, void *after,
                       Changes *c) {
        unsigned first = c->n;
        bool anew = false;

        for (size_t i = 0; i < section->n_keys; i++) {
                int r = diff_key(section, &section->keys[i], name, before, after, c);

                if (r < 0)
                        return r;
        }
        for (unsigned i = first; i < c->n; i++)
                anew = anew || c->items[i].effect == CHANGE_RESTARTED;
        /* One key that makes the clients anew takes the others with it. */
        for (unsigned i = first; i < c->n && anew; i++)
                c->items[i].effect = CHANGE_RESTARTED;
        return 0;
}

/* The first key of each entry is its name. */
static const char *entry_name(const SchemaSection *section, void *entry) {
        return *(char **) schema_field(&section->keys[0], entry);
}

/* Looks from entry `*hint` on, where the next one mostly is: files are edited, not shuffled. */
static void *entry_find(const SchemaSection *section, const Config *config, const char *name,
                        unsigned *hint) {
        unsigned n;
        uint8_t *entries = schema_entries(section, config, &n);

        for (unsigned i = 0; i < n; i++) {
                unsigned at = (*hint + i) % n;

                if (streq(entry_name(section, entries + at * section->size), name)) {
                        *hint = at + 1;
                        return entries + at * section->size;
                }
        }
        return NULL;
}

static int diff_list(const SchemaSection *section, const Config *before, const Config *after,
                     Changes *c) {
        unsigned n, hint = 0;
        uint8_t *entries = schema_entries(section, before, &n);
        int r = 0;

        for (unsigned i = 0; i < n && r >= 0; i++) {
                void *entry = entries + i * section->size;
                const char *name = entry_name(section, entry);
                void *other = entry_find(section, after, name, &hint);

                r = other ? diff_struct(section, name, entry, other, c)
                          : changes_add(c, section, name, NULL, name, NULL, CHANGE_APPLIED);
        }
        entries = schema_entries(section, after, &n);
        hint = 0;
        for (unsigned i = 0; i < n && r >= 0; i++) {
                const char *name = entry_name(section, entries + i * section->size);

                if (!entry_find(section, before, name, &hint))
                        r = changes_add(c, section, name, NULL, NULL, name, CHANGE_APPLIED);
        }
        return r;
}

int config_diff(const Config *before, const Config *after, Changes *c) {
        const SchemaSection *section;
        int r = 0;

        for (size_t i = 0; r >= 0 && (section = schema_section(i)); i++)
                r = section->list ? diff_list(section, before, after, c)
                                  : diff_struct(section, NULL,
                                                (uint8_t *) (uintptr_t) before + section->offset,
                                                (uint8_t *) (uintptr_t) after + section->offset, c);
        return r;
}

void change_describe(const Change *c, Buffer *out) {
        buffer_append_string(out, c->section);
        if (c->name)
                buffer_appendf(out, " '%s'", c->name);
        if (!c->key) {
                buffer_append_string(out, c->after ? " added" : " removed");
                return;
        }
        buffer_appendf(out, ": %s %s -> %s", c->key, c->before, c->after);
        if (c->effect == CHANGE_RESTARTED)
                buffer_append_string(out, " (made anew)");
        else if (c->effect == CHANGE_NEEDS_RESTART)
                buffer_append_string(out, " (needs a restart of crierd)");
        else if (c->effect == CHANGE_KEPT)
                buffer_append_string(out, " (kept as a command has set it)");
}
