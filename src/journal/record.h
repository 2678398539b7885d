/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Records: what crierd itself has to say in the journal, each kind with a MESSAGE_ID of its own
 * that the catalog explains (journalctl -x). The kinds are the rows of records.def. Not for
 * consumed events, whose entries the kafka room builds, nor for diagnostics (common/log.h).
 */

#include "journal/sink.h"

typedef enum RecordId {
#define RECORD(name, id, level, title) RECORD_##name,
#include "journal/records.def"
#undef RECORD
        RECORD_COUNT_,
} RecordId;

/* One field beside MESSAGE; a NULL value leaves it out. */
typedef struct RecordField {
        const char *name;
        const char *value;
} RecordField;

/* The 32 hexadecimal digits of a kind's MESSAGE_ID. */
const char *record_message_id(RecordId id);
/* syslog level of a kind. */
int record_level(RecordId id);

/* Appends the fields that every entry of ours begins with: MESSAGE_ID, PRIORITY, SYSLOG_IDENTIFIER.
 */
void record_fields(RecordId id, Buffer *fields);

/* Writes a record to the journal, and as a line to standard error where that does not lead to the
 * journal as well. `fields` ends at the first NULL name; may be NULL. Never fails: a record that
 * the journal does not take at once waits in a short queue. */
void record_write(Sink *s, RecordId id, const RecordField *fields, const char *format, ...)
        _printf_(4, 5);
