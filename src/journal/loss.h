/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What becomes of an entry that the journal has lost: it is written again, after a wait that grows;
 * cut, where the journal lost it by the entry's own fault; and where that goes on its partition is
 * stopped. Nothing is written without end. crier-delivery(7), HOW IT WORKS, step 4. Part of the
 * ledger, and as pure.
 */

#include "journal/ledger.h"

/* Whether the row is to be written without what is large of its event. */
bool row_is_cut(const Row *row);

/* What stands of the epoch, looked up after a barrier was readable. Rows that were sent before that
 * barrier and are not there were lost. Says so, with `cause`. */
void ledger_judge(Ledger *l, uint32_t barrier, const Standing *standing, unsigned n,
                  JournalCause cause, uint64_t now);

/* Queues the lost rows whose time has come. Returns after how many microseconds others will be due,
 * UINT64_MAX: there are none. */
uint64_t ledger_write_again(Ledger *l, uint64_t now);
