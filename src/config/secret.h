/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What of a configuration is a secret, and texts without it. Errors, differences, records and log
 * lines are read by more people than the file is: no value of a secret is shown to anybody. Pure.
 */

#include <stdbool.h>

#include "common/buffer.h"

/* Whether what stands behind the '=' of a "property=value" for librdkafka may be a secret. Asks the
 * name alone, and says yes rather once too often. */
bool secret_property(const char *property);

/* Appends a "property=value" in double quotes as it may be shown: without the value of a secret,
 * and nothing of it where it has no name. */
void secret_quote(const char *property, Buffer *out);

/* Shorter pieces of a secret are not looked for: any text has them. */
#define SECRET_PIECE 8
/* Appends `text`, but not the pieces of it that are pieces of `secret` too. */
void secret_hide(const char *secret, const char *text, Buffer *out);
