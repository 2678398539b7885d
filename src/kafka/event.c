/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A consumed event as a journal entry: see event.h.
 */

#include "kafka/event.h"

#include "common/iso-time.h"
#include "journal/record.h"
#include "kafka/headers.h"

/* What a template writes for a null value; a value that reads like it needs KAFKA_VALUE to be told
 * apart. */
static const char null_word[] = "None";

void event_prefix(const EventReader *r, const char *topic, int32_t partition, sd_id128_t epoch,
                  Buffer *prefix) {
        char digits[SD_ID128_STRING_MAX];

        record_fields(RECORD_EVENT, prefix);
        entry_field_string(prefix, "KAFKA_GROUP", r->group);
        entry_field_string(prefix, "KAFKA_TOPIC", topic);
        entry_field_i64(prefix, "KAFKA_PARTITION", partition);
        entry_field_i64(prefix, "CRIER_CONSUMER", r->consumer);
        if (!sd_id128_is_null(epoch))
                entry_field_string(prefix, "CRIER_EPOCH", sd_id128_to_string(epoch, digits));
}

static bool event_header(void *userdata, const char *name, const void **ret_value,
                         size_t *ret_size) {
        const rd_kafka_message_t *m = userdata;
        rd_kafka_headers_t *headers;

        if (rd_kafka_message_headers(m, &headers))
                return false;
        return rd_kafka_header_get_last(headers, name, ret_value, ret_size) ==
               RD_KAFKA_RESP_ERR_NO_ERROR;
}

int64_t event_timestamp(const rd_kafka_message_t *m) {
        rd_kafka_timestamp_type_t type;
        int64_t ms = rd_kafka_message_timestamp(m, &type);

        return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? NO_TIMESTAMP : ms;
}

static size_t event_headers_size(const rd_kafka_message_t *m) {
        rd_kafka_headers_t *headers;

        return rd_kafka_message_headers(m, &headers) ? 0 : headers_size(headers);
}

const char *event_piece_to_string(unsigned piece) {
        return piece == EVENT_KEY ? "key" : piece == EVENT_HEADERS ? "headers" : "value";
}

unsigned event_large(const rd_kafka_message_t *m) {
        return (m->key_len > ENTRY_PIECE_MAX ? EVENT_KEY : 0) |
               (event_headers_size(m) > ENTRY_PIECE_MAX ? EVENT_HEADERS : 0) |
               (m->len > ENTRY_PIECE_MAX ? EVENT_VALUE : 0);
}

size_t event_size(const rd_kafka_message_t *m) {
        return m->len + m->key_len + event_headers_size(m);
}

static void event_cut(unsigned pieces, Buffer *fields) {
        for (unsigned piece = EVENT_KEY; piece <= EVENT_VALUE; piece <<= 1)
                if (pieces & piece)
                        entry_field_string(fields, "CRIER_CUT", event_piece_to_string(piece));
}

/* Returns false where some had to be left out. */
static bool event_headers(const rd_kafka_message_t *m, Buffer *scratch, Buffer *fields) {
        rd_kafka_headers_t *headers;
        size_t n;

        if (rd_kafka_message_headers(m, &headers))
                return true;
        n = rd_kafka_header_cnt(headers);
        if (n > ENTRY_HEADERS_MAX)
                event_cut(EVENT_HEADERS, fields);
        headers_fields(headers, MIN(n, (size_t) ENTRY_HEADERS_MAX), scratch, fields);
        return n <= ENTRY_HEADERS_MAX;
}

static bool event_needs_value(const EventReader *r, const rd_kafka_message_t *m, bool whole) {
        if (!m->payload)
                return false;
        return !whole || !r->message_holds_value || m->len == 0 ||
               (m->len == sizeof(null_word) - 1 && memcmp(m->payload, null_word, m->len) == 0);
}

bool event_entry(const EventReader *r, const rd_kafka_message_t *m, const char *topic,
                 const Buffer *prefix, EventForm form, Buffer *scratch, Entry *e) {
        const TemplateValues values = {
                .topic = topic,
                .consumer = r->consumer,
                .group = r->group,
                .partition = m->partition,
                .offset = m->offset,
                .timestamp_ms = event_timestamp(m),
                .key = m->key,
                .key_size = m->key_len,
                .value = m->payload,
                .value_size = m->len,
                .header = event_header,
                .userdata = (void *) (uintptr_t) m,
        };
        unsigned cut = form == EVENT_SHORT ? event_large(m) : 0;
        bool whole;

        entry_clear(e);
        buffer_clear(scratch);
        template_expand(r->message, &values, scratch);
        whole = entry_escape(scratch->data, scratch->size, &e->message) && !scratch->failed;
        if (form == EVENT_MESSAGE)
                return true;

        buffer_append(&e->fields, prefix->data, prefix->size);
        /* Who reads entries back looks for these two, and reads from the first field on. */
        entry_field_i64(&e->fields, "KAFKA_OFFSET", m->offset);
        if (values.timestamp_ms != NO_TIMESTAMP)
                entry_field_i64(&e->fields, "KAFKA_TIMESTAMP", values.timestamp_ms);
        entry_field(&e->fields, "MESSAGE", e->message.data, e->message.size);
        event_cut(cut, &e->fields);
        if (m->key && !(cut & EVENT_KEY))
                entry_field(&e->fields, "KAFKA_KEY", m->key, m->key_len);
        if (!(cut & EVENT_VALUE) && event_needs_value(r, m, whole))
                entry_field(&e->fields, "KAFKA_VALUE", m->payload, m->len);
        return (cut & EVENT_HEADERS) || event_headers(m, scratch, &e->fields);
}
