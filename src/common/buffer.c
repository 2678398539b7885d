/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A growing byte buffer: see buffer.h. Not a string class.
 */

#include "common/buffer.h"

#include <stdio.h>

#define BUFFER_FIRST_SIZE 256

void buffer_done(Buffer *b) {
        free(b->data);
        *b = (Buffer){0};
}

void buffer_clear(Buffer *b) {
        b->size = 0;
        b->failed = false;
}

bool buffer_reserve(Buffer *b, size_t n) {
        size_t wanted, allocated;
        void *data;

        if (b->failed)
                return false;
        /* One byte more than asked for: the NUL of buffer_string(). */
        if (__builtin_add_overflow(b->size, n, &wanted) ||
            __builtin_add_overflow(wanted, 1, &wanted)) {
                b->failed = true;
                return false;
        }
        if (wanted <= b->allocated)
                return true;
        allocated = MAX(b->allocated * 2, MAX(wanted, (size_t) BUFFER_FIRST_SIZE));
        data = realloc(b->data, allocated);
        if (!data) {
                b->failed = true;
                return false;
        }
        b->data = data;
        b->allocated = allocated;
        return true;
}

void buffer_append(Buffer *b, const void *data, size_t n) {
        if (n == 0 || !buffer_reserve(b, n))
                return;
        memcpy(b->data + b->size, data, n);
        b->size += n;
}

void buffer_append_byte(Buffer *b, uint8_t byte) {
        if (!buffer_reserve(b, 1))
                return;
        b->data[b->size++] = byte;
}

void buffer_append_string(Buffer *b, const char *s) {
        buffer_append(b, s, strlen(s));
}

void buffer_append_u64(Buffer *b, uint64_t value) {
        char digits[20];
        size_t n = 0;

        /* By hand: printf is what a profile of the event path shows first. */
        do {
                digits[sizeof(digits) - ++n] = (char) ('0' + value % 10);
                value /= 10;
        } while (value > 0);
        buffer_append(b, digits + sizeof(digits) - n, n);
}

void buffer_append_i64(Buffer *b, int64_t value) {
        if (value < 0)
                buffer_append_byte(b, '-');
        buffer_append_u64(b, value < 0 ? -(uint64_t) value : (uint64_t) value);
}

void buffer_appendv(Buffer *b, const char *format, va_list ap) {
        va_list again;
        int n;

        va_copy(again, ap);
        n = vsnprintf(NULL, 0, format, again);
        va_end(again);
        if (n < 0 || !buffer_reserve(b, (size_t) n))
                return;
        vsnprintf((char *) b->data + b->size, (size_t) n + 1, format, ap);
        b->size += (size_t) n;
}

void buffer_appendf(Buffer *b, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        buffer_appendv(b, format, ap);
        va_end(ap);
}

const char *buffer_string(Buffer *b) {
        if (b->failed || !buffer_reserve(b, 0))
                return "";
        b->data[b->size] = 0;
        return (const char *) b->data;
}
