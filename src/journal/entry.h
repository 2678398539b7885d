/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Journal entries as bytes: the fields in journald's native protocol, and text that is fit for
 * MESSAGE. Pure: no descriptors, no Kafka. Sending them is writer.h's.
 *
 * The format is systemd's "Native Journal Protocol": a field is NAME=value and a newline, or, where
 * the value holds a newline, NAME, a newline, the value's size as 64-bit little endian, the value
 * and a newline.
 */

#include "common/buffer.h"

/* The longest MESSAGE of an event, in bytes, the ellipsis included. */
#define ENTRY_MESSAGE_MAX 4096

/* journald refuses an entry with more than 1024 fields whole, its own ones included; what is over
 * this many headers is left out, and CRIER_CUT=headers says so. */
#define ENTRY_HEADERS_MAX 900

/* An entry that the journal did not take is written without what is longer than this of its event:
 * key, value, or all headers together. It then fits a journal file of the smallest size that
 * journald has (512 KiB), whatever becomes longer by escaping. */
#define ENTRY_PIECE_MAX 16384

/* One entry on its way to a sink: the line that a terminal shows, and the journal's fields. */
typedef struct Entry {
        Buffer message; /* fit to be shown, one line, without a newline */
        Buffer fields;  /* native protocol, MESSAGE included */
} Entry;

void entry_done(Entry *e);
void entry_clear(Entry *e);

/* Appends one field. `name` must be valid (A-Z, 0-9, _; no leading underscore or digit; at most
 * 64): that is our own mistake otherwise. Any bytes are a valid value. */
void entry_field(Buffer *fields, const char *name, const void *value, size_t n);
void entry_field_string(Buffer *fields, const char *name, const char *value);
void entry_field_i64(Buffer *fields, const char *name, int64_t value);

/* Whether the bytes may be shown as they are: UTF-8 without control characters (C0, DEL, C1). */
bool entry_is_shown(const void *text, size_t n);

/* Appends `text` to `out` as one line that is safe to show: control characters (C0, DEL, C1) and
 * bytes that are not UTF-8 become \n, \t, \r or \xNN, and what is longer than ENTRY_MESSAGE_MAX is
 * cut at a character and ends in an ellipsis. Returns true where the bytes went through as they
 * were. */
bool entry_escape(const void *text, size_t n, Buffer *out);
