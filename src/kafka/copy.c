/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bounded copies of consumed events: see copy.h.
 */

#include "kafka/copy.h"

#include "common/utf8.h"

/* A header as it is kept: this, the name, a NUL, the value. */
typedef struct HeaderMark {
        uint32_t name_size;
        int32_t value_size; /* < 0: null */
} HeaderMark;

/* How much of a piece is kept. A text is not cut inside of a character: it would be none then. */
static size_t piece_size(const void *data, size_t size, size_t limit, bool *cut) {
        const uint8_t *bytes = data;
        uint32_t character;

        if (size <= limit)
                return size;
        *cut = true;
        for (size_t back = 0; back < 4 && back < limit; back++) {
                size_t start = limit - back,
                       n = utf8_character(bytes + start, size - start, &character);

                if ((bytes[start] & 0xc0) != 0x80)
                        return n > back ? start : limit;
        }
        return limit;
}

static const char *append_piece(Buffer *b, const void *data, size_t size) {
        const char *at = (const char *) b->data + b->size;

        buffer_append(b, data, size);
        buffer_append_byte(b, 0);
        return at;
}

/* Appends a header as far as `room` goes. Returns whether all of it went in. */
static bool append_header(Buffer *b, const char *name, const void *value, size_t size,
                          size_t room) {
        HeaderMark mark = {.name_size = (uint32_t) strlen(name), .value_size = -1};
        size_t fixed = sizeof(mark) + mark.name_size + 1;
        bool cut = false;

        if (fixed > room)
                return false;
        if (value)
                mark.value_size = (int32_t) piece_size(value, size, room - fixed, &cut);
        buffer_append(b, &mark, sizeof(mark));
        buffer_append(b, name, mark.name_size + 1);
        if (mark.value_size > 0)
                buffer_append(b, value, (size_t) mark.value_size);
        return !cut;
}

static void append_headers(EventCopy *c, const rd_kafka_message_t *m) {
        size_t start = c->bytes.size, size;
        rd_kafka_headers_t *headers;
        const char *name;
        const void *value;

        c->headers = (const char *) c->bytes.data + start;
        c->headers_size = 0;
        if (rd_kafka_message_headers(m, &headers))
                return;
        for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &size); i++)
                if (!append_header(&c->bytes, name, value, size,
                                   COPY_PIECE_MAX - (c->bytes.size - start))) {
                        c->cut = true;
                        break;
                }
        c->headers_size = c->bytes.size - start;
}

bool copy_header(const EventCopy *c, size_t *position, const char **ret_name,
                 const char **ret_value, size_t *ret_size) {
        const char *at = c->headers + *position;
        HeaderMark mark;

        if (*position >= c->headers_size)
                return false;
        memcpy(&mark, at, sizeof(mark));
        at += sizeof(mark);
        *ret_name = at;
        *ret_value = mark.value_size < 0 ? NULL : at + mark.name_size + 1;
        *ret_size = mark.value_size < 0 ? 0 : (size_t) mark.value_size;
        *position += sizeof(mark) + mark.name_size + 1 + *ret_size;
        return true;
}

/* Fills a copy whose buffer is empty. Room for everything is made first: the pointers stay. */
static bool copy_fill(EventCopy *c, const EventReader *reader, const char *topic,
                      const rd_kafka_message_t *m, const Buffer *message) {
        rd_kafka_headers_t *headers;
        bool has_headers = rd_kafka_message_headers(m, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR;

        c->cut = false;
        c->key_size = m->key ? piece_size(m->key, m->key_len, COPY_PIECE_MAX, &c->cut) : 0;
        c->value_size = m->payload ? piece_size(m->payload, m->len, COPY_PIECE_MAX, &c->cut) : 0;
        if (!buffer_reserve(&c->bytes, strlen(reader->group) + strlen(topic) + c->key_size +
                                               c->value_size + message->size + 5 +
                                               (has_headers ? COPY_PIECE_MAX : 0)))
                return false;
        c->consumer = reader->consumer;
        c->partition = m->partition;
        c->offset = m->offset;
        c->timestamp_ms = event_timestamp(m);
        c->group = append_piece(&c->bytes, reader->group, strlen(reader->group));
        c->topic = append_piece(&c->bytes, topic, strlen(topic));
        c->key = m->key ? append_piece(&c->bytes, m->key, c->key_size) : NULL;
        c->value = m->payload ? append_piece(&c->bytes, m->payload, c->value_size) : NULL;
        c->message = append_piece(&c->bytes, message->data, message->size);
        c->message_size = message->size;
        append_headers(c, m);
        return true;
}

EventCopy *copy_ring_add(CopyRing *r, const EventReader *reader, const char *topic,
                         const rd_kafka_message_t *m, const Buffer *message) {
        EventCopy *c;

        if (!r->slots) {
                r->slots = calloc(r->size, sizeof(*r->slots));
                if (!r->slots)
                        return NULL;
        }
        c = &r->slots[(r->first + r->n) % r->size];
        if (r->n == r->size) {
                /* Its memory is used again. */
                r->bytes -= c->bytes.size;
                r->first = (r->first + 1) % r->size;
                r->n--;
        }
        buffer_clear(&c->bytes);
        if (!copy_fill(c, reader, topic, m, message))
                return NULL;
        c->missed = 0;
        r->bytes += c->bytes.size;
        r->n++;
        return c;
}

const EventCopy *copy_ring_at(const CopyRing *r, unsigned i) {
        return i < r->n ? &r->slots[(r->first + i) % r->size] : NULL;
}

void copy_ring_pop(CopyRing *r) {
        EventCopy *c = &r->slots[r->first];

        r->bytes -= c->bytes.size;
        buffer_done(&c->bytes);
        r->first = (r->first + 1) % r->size;
        r->n--;
}

void copy_ring_done(CopyRing *r) {
        for (unsigned i = 0; r->slots && i < r->size; i++)
                buffer_done(&r->slots[i].bytes);
        free(r->slots);
        *r = (CopyRing){.size = r->size};
}
