/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What stands beside a committed offset as its metadata, and is all that an exactly-once group
 * keeps outside the journal: "crier/2 epoch=… anchor=0 clean=0 …". Pure. crier-delivery(7), THE
 * COMMIT.
 */

#include <stdbool.h>

#include "common/macro.h"
#include "journal/sequence.h"

/* Of each name; the broker takes 4096 bytes (offset.metadata.max.bytes) in all. */
#define MARKER_NAME_MAX 255
/* Each byte of a name may need three. */
#define MARKER_TEXT_MAX (4 * 3 * MARKER_NAME_MAX + 300)

typedef struct Marker {
        sd_id128_t epoch; /* one group, topic and partition, from one anchor on */
        int64_t anchor;   /* the offset that the epoch began at: from there on it can be verified */
        int64_t last;     /* the highest offset of the epoch that was read back; < 0: none */
        /* Where the journal's count was when that was read; and a number of the same count behind
         * which all stands that is at or behind the committed offset. */
        Sequence reached;
        uint64_t from;
        int32_t partition;
        bool clean; /* no entry of the epoch stands at or behind the committed offset */
        bool old;   /* read from "crier/1": without group, topic, partition, last, sequence */
        char host[MARKER_NAME_MAX + 1];    /* whose journal: see place_host() */
        char cluster[MARKER_NAME_MAX + 1]; /* the Kafka cluster's id */
        char group[MARKER_NAME_MAX + 1];
        char topic[MARKER_NAME_MAX + 1];
} Marker;

/* Whom it is for; names are cut to MARKER_NAME_MAX. */
void marker_address(Marker *m, const char *host, const char *cluster, const char *group,
                    const char *topic, int32_t partition);
/* Whether it is for the same ones, on whatever host; an old one says the cluster alone. */
bool marker_is_for(const Marker *m, const char *cluster, const char *group, const char *topic,
                   int32_t partition);

/* Writes the text, with a NUL, into `to`; never in the old form. */
void marker_format(const Marker *m, char to[static MARKER_TEXT_MAX]);
/* Reads it. Returns 0, or -EINVAL where it is not exactly what a crierd writes, or what it says
 * cannot be beside this committed offset. */
int marker_parse(const void *text, size_t size, int64_t committed, Marker *ret);
