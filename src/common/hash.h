/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * A 64-bit hash (FNV-1a) that is the same in every process and version: names of places that
 * several processes have to agree on. Not against anybody who chooses the bytes.
 */

#include "common/macro.h"

#define HASH_BEGIN UINT64_C(0xcbf29ce484222325)

static inline uint64_t hash_bytes(uint64_t hash, const void *data, size_t n) {
        const uint8_t *bytes = data;

        for (size_t i = 0; i < n; i++)
                hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
        return hash;
}
