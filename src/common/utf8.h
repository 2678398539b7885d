/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * UTF-8 as RFC 3629 has it: shortest forms, no surrogates, nothing above U+10FFFF.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The size of the character at the start of `s` (1 to 4 bytes), which is stored in *ret_character,
 * or 0 where the first bytes of `s` are none, or `n` is 0. */
size_t utf8_character(const void *s, size_t n, uint32_t *ret_character);

/* Whether a character may not reach a reader as it is: a terminal obeys it (C0, DEL, C1), it turns
 * the direction of the text around it (Unicode Standard Annex #9, section 2), or it ends a line
 * (U+2028, U+2029). */
bool utf8_is_unsafe(uint32_t c);
