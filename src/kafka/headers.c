/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An event's headers as fields of its entry: see headers.h.
 */

#include "kafka/headers.h"

#include "common/base64.h"
#include "common/utf8.h"
#include "journal/entry.h"

typedef struct Header {
        const char *name;
        const void *value; /* may be NULL */
        size_t size;
} Header;

static bool header_at(const rd_kafka_headers_t *headers, size_t i, size_t n, Header *ret) {
        return i < n && rd_kafka_header_get_all(headers, i, &ret->name, &ret->value, &ret->size) ==
                                RD_KAFKA_RESP_ERR_NO_ERROR;
}

size_t headers_size(const rd_kafka_headers_t *headers) {
        size_t size = 0;
        Header h;

        for (size_t i = 0; header_at(headers, i, SIZE_MAX, &h); i++)
                size += strlen(h.name) + h.size;
        return size;
}

bool headers_need_list(const rd_kafka_headers_t *headers, size_t n) {
        Header h;

        if (header_at(headers, 1, n, &h))
                return true;
        return header_at(headers, 0, n, &h) &&
               (strchr(h.name, '=') || !entry_is_shown(h.name, strlen(h.name)) ||
                !entry_is_shown(h.value, h.size));
}

static bool is_plain(uint8_t byte) {
        return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* How many bytes may stand in a JSON string as they are. */
static size_t plain_prefix(const uint8_t *s, size_t n) {
        uint32_t character;
        size_t i = 0;

        while (i < n)
                if (is_plain(s[i]))
                        i++;
                else {
                        size_t size = s[i] < 0x80 ? 0 : utf8_character(s + i, n - i, &character);

                        if (size == 0)
                                break;
                        i += size;
                }
        return i;
}

/* Appends a JSON string. Returns false where the bytes are no text: what was appended is void. */
static bool append_text(Buffer *to, const uint8_t *s, size_t n) {
        buffer_append_byte(to, '"');
        for (size_t i = 0; i < n;) {
                size_t plain = plain_prefix(s + i, n - i);

                buffer_append(to, s + i, plain);
                i += plain;
                if (i == n)
                        break;
                if (s[i] >= 0x80 || s[i] == '\0')
                        return false;
                if (s[i] < 0x20)
                        buffer_appendf(to, "\\u%04x", s[i]);
                else {
                        buffer_append_byte(to, '\\');
                        buffer_append_byte(to, s[i]);
                }
                i++;
        }
        buffer_append_byte(to, '"');
        return true;
}

static void append_bytes(Buffer *to, const void *data, size_t n) {
        size_t start = to->size;

        if (append_text(to, data, n))
                return;
        to->size = start;
        buffer_append_string(to, "{\"base64\":\"");
        base64_encode(data, n, to);
        buffer_append_string(to, "\"}");
}

void headers_list(const rd_kafka_headers_t *headers, size_t n, Buffer *to) {
        Header h;

        buffer_append_byte(to, '[');
        for (size_t i = 0; header_at(headers, i, n, &h); i++) {
                buffer_append_string(to, i > 0 ? ",[" : "[");
                append_bytes(to, h.name, strlen(h.name));
                buffer_append_byte(to, ',');
                if (h.value)
                        append_bytes(to, h.value, h.size);
                else
                        buffer_append_string(to, "null");
                buffer_append_byte(to, ']');
        }
        buffer_append_byte(to, ']');
}

void headers_fields(const rd_kafka_headers_t *headers, size_t n, Buffer *scratch, Buffer *fields) {
        Header h;

        for (size_t i = 0; header_at(headers, i, n, &h); i++) {
                buffer_clear(scratch);
                buffer_append_string(scratch, h.name);
                if (h.value) {
                        buffer_append_byte(scratch, '=');
                        buffer_append(scratch, h.value, h.size);
                }
                entry_field(fields, "KAFKA_HEADER", scratch->data, scratch->size);
        }
        if (headers_need_list(headers, n)) {
                buffer_append_string(fields, "KAFKA_HEADER_LIST=");
                headers_list(headers, n, fields);
                buffer_append_byte(fields, '\n');
        }
}
