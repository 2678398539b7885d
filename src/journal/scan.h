/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Searching the journal afresh for what stands of one epoch: at a recovery, and before anything is
 * taken for lost. Blocks: for helper threads. What is done with the answer is ledger.h's.
 */

#include "journal/journal.h"
#include "journal/place.h"

/* Fills the answer of `scan`. */
void scan_run(const JournalPlace *place, JournalScan *scan);

/* The 64-bit number in a field of the current entry. Returns 0, -ENOENT where it has none, -EBADMSG
 * where that is no number, or what sd_journal_get_data(3) says. */
int scan_number(sd_journal *j, const char *field, int64_t *ret);
/* The same for 128 bits in hexadecimal digits, which anything may follow; `*ret_rest` is that. */
int scan_id(sd_journal *j, const char *field, sd_id128_t *ret, char *rest, size_t rest_size);
