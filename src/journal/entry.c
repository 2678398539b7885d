/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Journal entries as bytes: see entry.h. Sending them is writer.c's.
 */

#include "journal/entry.h"

#include <endian.h>

#include "common/utf8.h"

static const char ellipsis[] = "\xe2\x80\xa6";

void entry_done(Entry *e) {
        buffer_done(&e->message);
        buffer_done(&e->fields);
}

void entry_clear(Entry *e) {
        buffer_clear(&e->message);
        buffer_clear(&e->fields);
}

void entry_field(Buffer *fields, const char *name, const void *value, size_t n) {
        size_t name_size = strlen(name);

        if (!buffer_reserve(fields, name_size + n + 10))
                return;
        buffer_append(fields, name, name_size);
        if (n > 0 && memchr(value, '\n', n)) {
                uint64_t size = htole64(n);

                buffer_append_byte(fields, '\n');
                buffer_append(fields, &size, sizeof(size));
        } else
                buffer_append_byte(fields, '=');
        buffer_append(fields, value, n);
        buffer_append_byte(fields, '\n');
}

void entry_field_string(Buffer *fields, const char *name, const char *value) {
        entry_field(fields, name, value, strlen(value));
}

void entry_field_i64(Buffer *fields, const char *name, int64_t value) {
        buffer_append_string(fields, name);
        buffer_append_byte(fields, '=');
        buffer_append_i64(fields, value);
        buffer_append_byte(fields, '\n');
}

/* How many bytes at the start of `s` may be shown as they are: UTF-8 without what is unsafe. */
static size_t shown_prefix(const uint8_t *s, size_t n) {
        size_t i = 0;

        while (i < n) {
                uint32_t c;
                size_t size;

                if (s[i] >= 0x20 && s[i] < 0x7f) {
                        i++;
                        continue;
                }
                size = utf8_character(s + i, n - i, &c);
                if (size == 0 || utf8_is_unsafe(c))
                        break;
                i += size;
        }
        return i;
}

bool entry_is_shown(const void *text, size_t n) {
        return shown_prefix(text, n) == n;
}

/* Escapes the byte into `to` (5 bytes of room) and returns the size. */
static size_t escape_byte(uint8_t byte, char *to) {
        static const char hex[] = "0123456789abcdef";
        char letter = byte == '\n' ? 'n' : byte == '\t' ? 't' : byte == '\r' ? 'r' : 0;

        to[0] = '\\';
        if (letter) {
                to[1] = letter;
                return 2;
        }
        to[1] = 'x';
        to[2] = hex[byte >> 4];
        to[3] = hex[byte & 15];
        return 4;
}

/* The largest cut of at most `limit` bytes that does not end inside a (valid) character. */
static size_t cut_at_character(const uint8_t *s, size_t limit) {
        while (limit > 0 && (s[limit] & 0xc0) == 0x80)
                limit--;
        return limit;
}

bool entry_escape(const void *text, size_t n, Buffer *out) {
        const size_t limit = ENTRY_MESSAGE_MAX - (sizeof(ellipsis) - 1);
        const uint8_t *s = text;
        size_t done = 0, written = 0;
        bool whole = true;

        while (done < n) {
                /* Never looks further than what can be kept: values may be very large. */
                size_t window = MIN(n - done, (size_t) ENTRY_MESSAGE_MAX + 4);
                size_t shown = shown_prefix(s + done, window);
                char escaped[5];
                size_t size;

                if (shown > 0) {
                        bool fits = written + shown <= limit ||
                                    (done + shown == n && written + shown <= ENTRY_MESSAGE_MAX);

                        if (!fits)
                                shown = cut_at_character(s + done, limit - written);
                        buffer_append(out, s + done, shown);
                        done += shown;
                        written += shown;
                        if (!fits)
                                break;
                        continue;
                }
                size = escape_byte(s[done], escaped);
                if (written + size > limit)
                        break;
                whole = false;
                buffer_append(out, escaped, size);
                written += size;
                done++;
        }
        if (done < n)
                buffer_append(out, ellipsis, sizeof(ellipsis) - 1);
        return whole && done == n;
}
