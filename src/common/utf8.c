/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Characters of UTF-8, one by one: see utf8.h.
 */

#include "common/utf8.h"

#include "common/macro.h"

/* By what a first byte says: its fixed bits, the character's bits in it, and the least character
 * that needs so many bytes. */
static const struct {
        uint8_t mask;
        uint8_t first;
        uint32_t least;
} forms[] = {
        {0x80, 0x00, 0},
        {0xe0, 0xc0, 0x80},
        {0xf0, 0xe0, 0x800},
        {0xf8, 0xf0, 0x10000},
};

size_t utf8_character(const void *s, size_t n, uint32_t *ret_character) {
        const uint8_t *bytes = s;
        size_t form = 0;
        uint32_t c;

        if (n == 0)
                return 0;
        while (form < ELEMENTSOF(forms) && (bytes[0] & forms[form].mask) != forms[form].first)
                form++;
        if (form == ELEMENTSOF(forms) || form >= n)
                return 0;
        c = (uint8_t) (bytes[0] & ~forms[form].mask);
        for (size_t i = 1; i <= form; i++) {
                if ((bytes[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (bytes[i] & 0x3f);
        }
        if (c < forms[form].least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
                return 0;
        *ret_character = c;
        return form + 1;
}

bool utf8_is_unsafe(uint32_t c) {
        return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
               (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}
