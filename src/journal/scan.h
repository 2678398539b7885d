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
