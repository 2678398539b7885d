/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What a committed offset says beside itself: crier-delivery(7), COMMIT METADATA. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define METADATA_EPOCH_SIZE 32
#define METADATA_NAME_SIZE 255

typedef struct Metadata {
        char epoch[METADATA_EPOCH_SIZE + 1]; /* lower-case hexadecimal digits */
        char cluster[METADATA_NAME_SIZE + 1];
        int64_t anchor; /* where the epoch began; negative where it does not say */
        /* Whom it is for; in the old form it does not say. */
        char group[METADATA_NAME_SIZE + 1];
        char topic[METADATA_NAME_SIZE + 1];
        int64_t partition;
        bool old;
} Metadata;

/* Reads "crier/2 epoch=… cluster=… …", words with one blank between them: those that are needed
 * once each, others passed over; or the old form, "crier/1 …". Returns false for anything else:
 * then the offset was committed by another program, or by a crier that promises less. `text` need
 * not end with a NUL. */
bool metadata_parse(const char *text, size_t size, Metadata *ret);
/* Whether it can be that of this partition. */
bool metadata_is_for(const Metadata *m, const char *group, const char *topic, int32_t partition);
