/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * A place in a journal's own count of its entries, which grows with each (journal-file format,
 * "Sequence Numbers"). Numbers of different ids say nothing about each other; a null id: not known.
 */

#include <stdint.h>
#include <systemd/sd-id128.h>

typedef struct Sequence {
        sd_id128_t id;
        uint64_t number;
} Sequence;
