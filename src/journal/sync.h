/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Bringing the journal to disk: fsync(2) on every file that may hold entries which are not there
 * yet, and on the directories. journald itself does it every five minutes (journald.conf(5),
 * SyncIntervalSec=). Blocks: for a helper thread, one at a time. crier-delivery(7).
 */

#include <sys/types.h>
#include <systemd/sd-id128.h>

#include "journal/place.h"

/* Which file it is, whatever its name: an inode alone is given to another one when the file is
 * gone. */
typedef struct SyncFile {
        ino_t inode;
        sd_id128_t id; /* that journald has written into it (journal-file format, "Header") */
} SyncFile;

/* Files that were put aside (archived) and brought to disk since: nothing is written to them any
 * more. All zero knows of none. */
typedef struct SyncMemory {
        SyncFile *done;
        unsigned n;
} SyncMemory;

void sync_memory_done(SyncMemory *m);

/* Returns 0 when everything that stood at the call is on disk, or a negative errno. */
int sync_run(const JournalPlace *place, SyncMemory *memory);
