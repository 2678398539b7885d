/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What the journal has of a partition's events, as any program may read it with sd-journal(3).
 * Looks only, and counts only entries that journald itself says are this user's (_UID): anybody may
 * write our fields.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-journal.h>

#include "verify/compare.h"

/* Which journal, and whose entries. */
typedef struct EntrySource {
        const char *directory;  /* with journal files; NULL: the machine's journal… */
        const char *name_space; /* …or that of a namespace */
        uid_t uid;
        const char *const *rewritten; /* MESSAGE_IDs of two records that have ranges of offsets */
        sd_journal *journal;          /* opened when it is needed first; entries_close() */
        uint64_t bytes;               /* that its files had when it was used last */
} EntrySource;

/* Which entries. */
typedef struct EntryQuery {
        const char *epoch; /* NULL: those of the group in the partition, of whatever epoch */
        const char *group;
        const char *topic;
        int32_t partition;
        int64_t since_ms; /* the journal is read from a while before that on; negative: all of it */
        /* Takes longer, and finds what a match on all fields does not: a journald that is killed
         * may leave its last entry under some fields and not under others. Then it stands where its
         * epoch finds it: crier-delivery(7). */
        bool by_epoch;
} EntryQuery;

/* Called for each entry, in the journal's order; negative ends the scan and is returned. The
 * timestamp is NO_TIMESTAMP where the entry has none. */
typedef int (*EntrySeen)(void *userdata, int64_t offset, int64_t timestamp_ms);

/* Reads through the journal as it is now. Entries without an offset are passed over. Returns 0 or a
 * negative errno. */
int entries_scan(EntrySource *source, const EntryQuery *query, EntrySeen seen, void *userdata);

/* The time of the oldest entry of ours, negative where there is none that may be read; and whether
 * it is known that no entry was ever removed. Returns 0 or a negative errno. */
int entries_horizon(EntrySource *source, int64_t *ret_ms, bool *ret_uncut);

/* Where entries of the partition were written again, as our own records tell it (CRIER_FIRST,
 * CRIER_LAST). The caller frees the ranges. Returns 0 or a negative errno. */
int entries_rewritten(EntrySource *source, const EntryQuery *query, OffsetRange **ret,
                      size_t *ret_n);

void entries_close(EntrySource *source);
