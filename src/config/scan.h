/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * A look at a configuration file's text before libconfig reads it. It takes the whole numbers out
 * of the text, because libconfigs differ in how they read them: 1.5 wraps what has more than 32
 * bits, 1.7 does not, takes 010 for 8, and calls what has more than 64 bits a syntax error. And it
 * finds what libconfig would take in silence and get wrong: comments without an end, NUL bytes,
 * @include, which crier does not have, and keys without number, which would take it for ever. Knows
 * libconfig's tokens, not its grammar and not the schema. Pure.
 */

#include <stddef.h>

#include "common/buffer.h"

/* A key, as often as one occurs in the text. */
typedef struct ScanKey {
        unsigned line;
        char *number; /* NULL, or the first whole number behind it, as it stands in the text */
} ScanKey;

typedef struct Scan {
        ScanKey *keys; /* in the order of the text */
        size_t n_keys;
} Scan;

/* Looks at `size` bytes, behind which there is a NUL, and writes a 0 over each whole number in
 * them. Returns 0 with `scan` filled, which scan_done() frees; -ENOMEM; or -EINVAL where libconfig
 * must not see this text, with the line in *ret_line and what is wrong in *ret_error, which is
 * static. */
int scan_text(char *text, size_t size, Scan *scan, unsigned *ret_line, const char **ret_error);

void scan_done(Scan *scan);
