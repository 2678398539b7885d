/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What differs between two configurations, key by key, by the schema table; and what a reload does
 * about it as far as the table tells. Pure. Not for applying anything (kafka/reconfigure.c).
 */

#include "common/buffer.h"
#include "config/config.h"
#include "config/schema.h"

typedef enum ChangeEffect {
        CHANGE_APPLIED,       /* while everything went on */
        CHANGE_RESTARTED,     /* the entry's clients are made anew */
        CHANGE_NEEDS_RESTART, /* what was in force stays so until crierd is started again */
        CHANGE_KEPT,          /* a command has changed it since, and the files did not */
} ChangeEffect;

/* "applied", "restarted", "needs_restart", "kept": the words of io.crier.Control. */
const char *change_effect_to_string(ChangeEffect effect);

typedef struct Change {
        const char *section; /* the schema's */
        char *name;          /* of the entry; NULL: the section is no list */
        const char *key;     /* the schema's; NULL: the whole entry came or went */
        char *before;        /* what was in force; NULL: nothing */
        char *after;         /* what the files say; NULL: nothing */
        ChangeEffect effect;
} Change;

/* All zero is an empty list. */
typedef struct Changes {
        Change *items;
        unsigned n;
} Changes;

void changes_done(Changes *c);
#define _cleanup_changes_ _cleanup_(changes_done)

/* Appends what differs: the sections in the order of the manual page; in a list first the entries
 * of `before`, in their order, then those that are new; in each the keys as the table has them.
 * Values are cut where they are long, and what may be a secret (a password among properties) is
 * left out of them: they are for people. Returns 0 or -ENOMEM. */
int config_diff(const Config *before, const Config *after, Changes *c);

/* Appends one; the texts are copied. Returns 0 or -ENOMEM. */
int changes_add(Changes *c, const SchemaSection *section, const char *name, const SchemaKey *key,
                const char *before, const char *after, ChangeEffect effect);

/* The one about that key (NULL: of the whole entry), or NULL. */
Change *changes_find(const Changes *c, const char *section, const char *name, const char *key);

/* Appends a value as it is shown in a change; `field` points to the member of the struct. */
void change_value(const SchemaKey *key, const void *field, Buffer *out);

/* Appends one as a line for people: "groups 'mail': consumers 2 -> 3". */
void change_describe(const Change *c, Buffer *out);
