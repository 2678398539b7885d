/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * A look at a configuration file's text before libconfig reads it, for what libconfig (1.5) would
 * take in silence and get wrong: whole numbers that do not fit, comments without an end, NUL bytes,
 * and for @include, which crier does not have. Knows libconfig's tokens, not its grammar and not
 * the schema. Pure.
 */

#include <stddef.h>

#include "common/buffer.h"

/* A key, as often as one occurs in the text. */
typedef struct ScanKey {
        unsigned line;
        char *number; /* NULL, or the first number behind it that libconfig would get wrong */
} ScanKey;

typedef struct Scan {
        ScanKey *keys; /* in the order of the text */
        size_t n_keys;
} Scan;

/* Looks at `size` bytes, behind which there is a NUL. Returns 0 with `scan` filled, which
 * scan_done() frees; -ENOMEM; or -EINVAL where libconfig must not see this text, with the line in
 * *ret_line and what is wrong in *ret_error, which is static. */
int scan_text(const char *text, size_t size, Scan *scan, unsigned *ret_line,
              const char **ret_error);

void scan_done(Scan *scan);
