/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Text into numbers, strictly: the whole text counts, nothing before it, nothing behind it, no
 * other base, no locale. The only place of the tree where this is done.
 *
 * Every function returns 0 and writes its result, or returns, without writing it, -EINVAL where the
 * text is not such a value at all and -ERANGE where it is one that is less than `min` or more than
 * `max`.
 */

#include <stdbool.h>
#include <stdint.h>

/* Digits only. */
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret);

/* Digits, with a '-' or '+' before them or without. */
int parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret);

/* "0x" or "0X" and hexadecimal digits. */
int parse_hex(const char *text, uint64_t min, uint64_t max, uint64_t *ret);

/* A decimal number, "-1", "2.5", ".5" or "1e-3"; the point is a point in every locale. Infinity and
 * "not a number" cannot be written. May return -ENOMEM as well. */
int parse_double(const char *text, double min, double max, double *ret);

/* "true" or "false". Never returns -ERANGE. */
int parse_bool(const char *text, bool *ret);
