/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What there is, as JSON: the types of io.crier.Control. Each returns a new reference, NULL where
 * memory is short.
 */

#include <jansson.h>

#include "kafka/fleet.h"

/* A name from the configuration is valid UTF-8 already; what Kafka or the system said may not be.
 * NULL becomes null. */
json_t *pack_text(const char *text);
/* Negative: null. */
json_t *pack_offset(int64_t offset);
/* RATE_MAX: null. */
json_t *pack_rate(double rate);

/* Bytes that are text: UTF-8 without a NUL, which JSON can carry but readers in C cannot. */
bool pack_is_text(const void *data, size_t size);
/* Bytes as text, or, where `base64`, in base64. NULL becomes null. */
json_t *pack_bytes(const void *data, size_t size, bool base64);

json_t *pack_event(const EventCopy *c);
json_t *pack_cluster(const Cluster *c);
json_t *pack_sink(const Sink *s, const Trouble *trouble);
json_t *pack_producer(const Producer *p);
json_t *pack_consumer(const Consumer *c);
json_t *pack_group(const Group *g);
