/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * UTF-8 as RFC 3629 has it: shortest forms, no surrogates, nothing above U+10FFFF.
 */

#include <stddef.h>
#include <stdint.h>

/* The size of the character at the start of `s` (1 to 4 bytes), which is stored in *ret_character,
 * or 0 where the first bytes of `s` are none, or `n` is 0. */
size_t utf8_character(const void *s, size_t n, uint32_t *ret_character);
