/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What stands beside a committed offset as its metadata, and is all that an exactly-once group
 * keeps outside the journal: "crier/1 epoch=… cluster=… host=… anchor=0 clean=0". Pure.
 * crier-delivery(7), THE COMMIT.
 */

#include <stdbool.h>
#include <systemd/sd-id128.h>

#include "common/macro.h"

/* Names are cut to this; the broker takes 4096 bytes (offset.metadata.max.bytes) in all. */
#define MARKER_NAME_MAX 255
#define MARKER_TEXT_MAX (2 * MARKER_NAME_MAX + 130)

typedef struct Marker {
        sd_id128_t epoch;                  /* one group, topic and partition, from one anchor on */
        char cluster[MARKER_NAME_MAX + 1]; /* the Kafka cluster's id, without spaces */
        char host[MARKER_NAME_MAX + 1];    /* whose journal: see place_host() */
        int64_t anchor; /* the offset that the epoch began at: from there on it can be verified */
        bool clean;     /* no entry of the epoch stands at or behind the committed offset */
} Marker;

/* Writes the text, with a NUL, into `to`. */
void marker_format(const Marker *m, char to[static MARKER_TEXT_MAX]);
/* Reads it. Returns 0, or -EINVAL where it is not exactly what marker_format() writes. */
int marker_parse(const void *text, size_t size, Marker *ret);
