/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * An event's headers as fields of its entry: one KAFKA_HEADER for each, to match on, and where
 * these do not tell the list apart from every other, KAFKA_HEADER_LIST with the list as it is.
 * crierd(8), JOURNAL ENTRIES. Pure.
 */

#include <librdkafka/rdkafka.h>

#include "common/buffer.h"

/* The bytes of all names and values. */
size_t headers_size(const rd_kafka_headers_t *headers);

/* Whether the first `n` headers need KAFKA_HEADER_LIST. journald sorts equal fields of an entry and
 * keeps each value once, so only a single header is itself; its name ends at the first '=', and
 * journalctl shows what is no text as numbers. */
bool headers_need_list(const rd_kafka_headers_t *headers, size_t n);

/* Appends the list as JSON: [["name","value"],["name",null],…]. A name or value that is not UTF-8,
 * or has a NUL, is {"base64":"…"}. There is no newline in it. */
void headers_list(const rd_kafka_headers_t *headers, size_t n, Buffer *to);

/* Appends the fields of the first `n` headers. `scratch` is memory to work with. */
void headers_fields(const rd_kafka_headers_t *headers, size_t n, Buffer *scratch, Buffer *fields);
