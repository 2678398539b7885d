/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * A ledger and its notes: what it takes from the one beside the committed offset, and what it says
 * in its own. For ledger.c; pure. crier-delivery(7), THE COMMIT.
 */

#include "journal/ledger.h"
#include "journal/record.h"

/* Begins an epoch at this offset. */
void note_anchor(Ledger *l, int64_t offset);
/* The epoch of a note that is for this ledger goes on at the committed offset. */
void note_take(Ledger *l, const Marker *m, int64_t committed);
/* A notice about all from this offset on. */
void note_say(Ledger *l, RecordId record, int64_t first);

/* What is received from now on will stand behind where the journal is now; what stands already was
 * received before. To be called when an epoch begins to be received. */
void note_hold_place(Ledger *l);

/* Writes the note of the commit that is under way. */
void note_write(Ledger *l, char to[static MARKER_TEXT_MAX]);
/* The last offset below its position that is known to stand in this journal; < 0: none. */
int64_t note_last(const Ledger *l);
