/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Bringing the journal to disk: fsync(2) on every file that may hold entries which are not there
 * yet, and on the directories. journald itself does it every five minutes (journald.conf(5),
 * SyncIntervalSec=). Blocks: for a helper thread, one at a time. crier-delivery(7).
 */

#include "journal/place.h"

/* Files that were put aside (archived) and brought to disk since: nothing is written to them any
 * more. All zero knows of none. */
typedef struct SyncMemory {
        ino_t *done;
        unsigned n;
} SyncMemory;

void sync_memory_done(SyncMemory *m);

/* Returns 0 when everything that stood at the call is on disk, or a negative errno. */
int sync_run(const JournalPlace *place, SyncMemory *memory);
