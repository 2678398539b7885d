/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * One value of a configuration file: from libconfig's setting into the member of a struct that the
 * schema names, or into a message. Not for sections and entries (read.c).
 */

#include <libconfig.h>
#include <stdbool.h>

#include "common/buffer.h"
#include "config/schema.h"

/* What is being read. */
typedef struct ValueContext {
        const char *file;
        Buffer *errors;
        bool wrong;                   /* something was appended to `errors` */
        const SchemaSection *section; /* NULL: the root */
        const SchemaKey *key;
} ValueContext;

/* Reads the key at hand. The setting's hook is a ScanKey, or NULL. A value that is wrong leaves a
 * line in `errors` and the field with something that can be freed. Returns 0 or -ENOMEM. */
int value_read(ValueContext *c, config_setting_t *s, void *field);

/* Appends "FILE:LINE: 'SECTION.KEY': what is wrong; allowed: what is right" about the key at hand;
 * the format is the middle. */
void value_error(ValueContext *c, unsigned line, const char *format, ...) _printf_(3, 4);

/* Appends the part up to the colon, with any name for the key. */
void value_error_begin(ValueContext *c, unsigned line, const char *name);

/* What the setting is, as prose. */
const char *value_type_name(const config_setting_t *s);
