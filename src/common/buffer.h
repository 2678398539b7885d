/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * A growing byte buffer: what is written to it stays in one piece of memory. Used where bytes are
 * put together: journal entries, template output, control replies. Not a string class.
 */

#include <stdarg.h>
#include <stdbool.h>

#include "common/macro.h"

/* All zero is an empty buffer. After a failed allocation `failed` stays set and every further call
 * does nothing, so that a caller may check once, at the end. */
typedef struct Buffer {
        uint8_t *data;
        size_t size;
        size_t allocated;
        bool failed;
} Buffer;

/* Frees the memory; the buffer is empty and usable afterwards. */
void buffer_done(Buffer *b);
#define _cleanup_buffer_ _cleanup_(buffer_done)

/* Forgets the contents and the failure, keeps the memory. */
void buffer_clear(Buffer *b);

/* Makes room for `n` more bytes. Returns false when memory is short. */
bool buffer_reserve(Buffer *b, size_t n);

void buffer_append(Buffer *b, const void *data, size_t n);
void buffer_append_byte(Buffer *b, uint8_t byte);
void buffer_append_string(Buffer *b, const char *s);
void buffer_append_u64(Buffer *b, uint64_t value);
void buffer_append_i64(Buffer *b, int64_t value);
void buffer_appendf(Buffer *b, const char *format, ...) _printf_(2, 3);
void buffer_appendv(Buffer *b, const char *format, va_list ap) _printf_(2, 0);

/* The contents as a C string (a NUL is kept behind them), owned by the buffer; "" where it failed.
 */
const char *buffer_string(Buffer *b);
