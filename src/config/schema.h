/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What a configuration may say: one table of sections and keys, with their types, ranges, defaults
 * and places in the structs of config.h. Parsing, defaults, messages, freeing and the tests all go
 * by it; a new key is a row here, a member there and a paragraph in crierd.conf(5). Not for reading
 * files (read.h).
 */

#include "common/buffer.h"
#include "config/config.h"

typedef enum SchemaType {
        SCHEMA_BOOL,    /* bool */
        SCHEMA_UINT,    /* unsigned */
        SCHEMA_U64,     /* uint64_t */
        SCHEMA_RATE,    /* double: a number, or "max" for RATE_MAX */
        SCHEMA_STRING,  /* char * */
        SCHEMA_CHOICE,  /* an enum: the place of the word among `choices` */
        SCHEMA_STRINGS, /* StringList */
} SchemaType;

typedef struct SchemaKey {
        const char *name;
        SchemaType type;
        bool once;     /* lists: no two strings are the same up to a '=' */
        bool anew;     /* a reload that changes it makes the entry's clients anew; otherwise they go
                        * on. Outside lists a reload changes nothing at all */
        bool secret;   /* lists: strings are properties, whose values may be secrets */
        size_t offset; /* in the struct of its section */
        /* Numbers: what is allowed; a rate is above `min`. Lists: how many strings. */
        uint64_t min;
        uint64_t max;
        const char *const *choices; /* NULL-terminated */
        /* As it is written in a file, but without quotes. A list has none. NULL: the key must be
         * there. */
        const char *fallback;
        /* Each string must pass; see check.h. */
        bool (*check)(const char *text, Buffer *why);
        const char *detail; /* strings: what is allowed, as prose */
} SchemaKey;

typedef struct SchemaSection {
        const char *name;
        /* false: a group of keys, one struct in Config. true: a list of such groups, an array in
         * Config with its length; the first key of each is its name. */
        bool list;
        size_t offset;   /* in Config */
        size_t n_offset; /* in Config: the length of the array */
        size_t size;     /* of the struct */
        size_t origin;   /* of the ConfigOrigin in the struct */
        const SchemaKey *keys;
        size_t n_keys;
} SchemaSection;

/* The sections in the order of the manual page; NULL behind the last one. */
const SchemaSection *schema_section(size_t i);

/* By name; NULL where there is none. */
const SchemaSection *schema_find_section(const char *name);
const SchemaKey *schema_find_key(const SchemaSection *section, const char *name);

/* Appends what the key may be set to, as prose: "a whole number from 1 to 9". */
void schema_allowed(const SchemaKey *key, Buffer *out);

/* Where the key's value is in its section's struct. */
void *schema_field(const SchemaKey *key, void *section_struct);

/* Where the struct says which file it is from. */
ConfigOrigin *schema_origin(const SchemaSection *section, void *section_struct);

/* The array of a section that is a list, and its length. Setting them frees nothing. */
void *schema_entries(const SchemaSection *section, const Config *config, unsigned *ret_n);
void schema_set_entries(const SchemaSection *section, Config *config, void *entries, unsigned n);

/* Fills a zeroed struct with the defaults; what has none stays zero. Returns 0 or -ENOMEM. */
int schema_set_defaults(const SchemaSection *section, void *section_struct);

/* Frees what the struct points to and zeroes it. */
void schema_done(const SchemaSection *section, void *section_struct);

/* Replaces the string; the copy is the struct's. Returns 0 or -ENOMEM. */
int schema_set_string(char **field, const char *text);
void schema_strings_done(StringList *list);
