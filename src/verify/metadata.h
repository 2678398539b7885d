/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What a committed offset says beside itself: crier-delivery(7), COMMIT METADATA. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define METADATA_EPOCH_SIZE 32

typedef struct Metadata {
        char epoch[METADATA_EPOCH_SIZE + 1]; /* lower-case hexadecimal digits */
        char cluster[256];
        int64_t anchor; /* where the epoch began; negative where it does not say */
} Metadata;

/* Reads "crier/1 epoch=… cluster=… …", words with one blank between them: those that are needed
 * once each, others passed over. Returns false for anything else: then the offset was committed by
 * another program, or by a crier that promises less. `text` need not end with a NUL. */
bool metadata_parse(const char *text, size_t size, Metadata *ret);
