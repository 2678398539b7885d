/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records with a MESSAGE_ID of their own: see record.h.
 */

#include "journal/record.h"

#include "common/log.h"

typedef struct RecordKind {
        const char *message_id;
        int level;
} RecordKind;

static const RecordKind record_kinds[] = {
#define RECORD(name, id, level, title) [RECORD_##name] = {id, level},
#include "journal/records.def"
#undef RECORD
};

const char *record_message_id(RecordId id) {
        return record_kinds[id].message_id;
}

int record_level(RecordId id) {
        return record_kinds[id].level;
}

void record_fields(RecordId id, Buffer *fields) {
        entry_field_string(fields, "MESSAGE_ID", record_kinds[id].message_id);
        entry_field_i64(fields, "PRIORITY", record_kinds[id].level);
        entry_field_string(fields, "SYSLOG_IDENTIFIER", "crierd");
}

void record_write(Sink *s, RecordId id, const RecordField *fields, const char *format, ...) {
        _cleanup_(entry_done) Entry e = {0};
        _cleanup_buffer_ Buffer text = {0};
        va_list ap;

        va_start(ap, format);
        buffer_appendv(&text, format, ap);
        va_end(ap);
        entry_escape(text.data, text.size, &e.message);

        if (!s->kind->wants_fields || !log_to_journal())
                log_line(record_kinds[id].level, "%s", buffer_string(&e.message));
        if (!s->kind->wants_fields)
                return;
        record_fields(id, &e.fields);
        entry_field(&e.fields, "MESSAGE", e.message.data, e.message.size);
        for (const RecordField *f = fields; f && f->name; f++)
                if (f->value)
                        entry_field_string(&e.fields, f->name, f->value);
        sink_write_kept(s, &e);
}
