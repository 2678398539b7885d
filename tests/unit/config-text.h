/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Configuration files for unit tests: texts made from the schema, and what loading them says.
 */

#include "common/buffer.h"
#include "config/load.h"
#include "config/schema.h"

/* The line of the key in a text of config_text_make(). */
#define CONFIG_TEXT_LINE 3

/* Makes a file called "t" in which nothing is wrong but, perhaps, the one key: `key` = `literal`
 * stands on line CONFIG_TEXT_LINE, and what its entry needs besides on other lines. */
void config_text_make(const SchemaSection *section, const char *key, const char *literal,
                      Buffer *out);

/* Loads a text and fails the test unless exactly these errors are said ("" for none). Returns the
 * configuration, or NULL where there are errors. */
Config *config_text_load(const char *text, const char *errors);

/* The same for one value of a key; `what` is the middle of the message, between name and ";
 * allowed:". */
void config_text_refused(const SchemaSection *section, const SchemaKey *key, const char *literal,
                         const char *what);
Config *config_text_taken(const SchemaSection *section, const SchemaKey *key, const char *literal);
