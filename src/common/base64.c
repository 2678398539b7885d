/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes as text: see base64.h.
 */

#include "common/base64.h"

#include <errno.h>
#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *data, size_t size, Buffer *out) {
        const unsigned char *p = data;

        for (; size > 0; p += MIN(size, (size_t) 3), size -= MIN(size, (size_t) 3)) {
                uint32_t bits = (uint32_t) p[0] << 16;

                if (size > 1)
                        bits |= (uint32_t) p[1] << 8;
                if (size > 2)
                        bits |= p[2];
                buffer_append_byte(out, alphabet[bits >> 18]);
                buffer_append_byte(out, alphabet[bits >> 12 & 63]);
                buffer_append_byte(out, size > 1 ? alphabet[bits >> 6 & 63] : '=');
                buffer_append_byte(out, size > 2 ? alphabet[bits & 63] : '=');
        }
}

static int digit(char c) {
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters, of which the last `padding` are '='. Returns their bits, or -1. */
static int32_t quantum(const char *text, unsigned padding) {
        int32_t bits = 0;

        for (unsigned i = 0; i < 4; i++) {
                int d = i < 4 - padding ? digit(text[i]) : 0;

                if (d < 0)
                        return -1;
                bits = bits << 6 | d;
        }
        return bits & ((1 << 8 * padding) - 1) ? -1 : bits;
}

int base64_decode(const char *text, size_t size, Buffer *out) {
        size_t before = out->size;

        if (size % 4 != 0)
                return -EINVAL;
        for (size_t i = 0; i < size; i += 4) {
                bool last = i + 4 == size;
                unsigned padding = !last || text[i + 3] != '=' ? 0 : text[i + 2] != '=' ? 1 : 2;
                int32_t bits = quantum(text + i, padding);

                if (bits < 0) {
                        out->size = before;
                        return -EINVAL;
                }
                for (unsigned k = 0; k < 3 - padding; k++)
                        buffer_append_byte(out, (uint8_t) (bits >> (16 - 8 * k)));
        }
        return out->failed ? -ENOMEM : 0;
}
