/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The comparison of one partition: the events that the broker has against the entries that the
 * journal has. Pure: offsets and timestamps in, numbers out. It knows nothing of how the daemon
 * keeps its promise (and shares no code with that), only of what is promised: crierd(8).
 *
 * Memory is bounded: a partition is gone through in windows of offsets, eight bytes an offset. For
 * each window the events are told first, in ascending order, and then all entries of the partition,
 * in the order of the journal; those of other windows are passed over.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/macro.h"

/* Offsets in a window, unless a test wants fewer: 32 MiB. */
#define COMPARE_WINDOW ((size_t) 4 * 1024 * 1024)

/* How many events of a partition are at most received and not committed: limits.in_flight_events
 * may be no more. An entry that is written again stands at most so many events behind its place. */
#define COMPARE_IN_FLIGHT 65536

/* At most so many places are remembered of each kind that was found. */
#define COMPARE_FINDINGS 8

/* What is promised for the events, and so what counts as a fault. */
typedef enum Guarantee {
        GUARANTEE_EXACTLY_ONCE,
        GUARANTEE_AT_LEAST_ONCE,
        GUARANTEE_AT_MOST_ONCE,
} Guarantee;

const char *guarantee_to_string(Guarantee g);

typedef enum FindingKind {
        FINDING_LOST,
        FINDING_DUPLICATED,
        FINDING_REORDERED,
        FINDING_DIFFERENT,
        FINDING_KINDS,
} FindingKind;

const char *finding_kind_to_string(FindingKind kind);

/* Offsets, both included. */
typedef struct OffsetRange {
        int64_t first, last;
} OffsetRange;

typedef struct Finding {
        FindingKind kind;
        OffsetRange where;
} Finding;

/* What is known before; offsets and times are negative where there are none. */
typedef struct CompareInput {
        Guarantee guarantee;
        bool epoch;        /* entries are those of one epoch: all are of this log */
        int64_t anchor;    /* where the epoch began */
        int64_t log_start; /* the oldest offset that the broker has */
        int64_t committed; /* events below it must stand */
        int64_t since_ms;  /* what is older is left out; negative: nothing is */
        /* The time of the oldest entry of ours that the journal has: an event that is older than
         * this may have stood in a part of the journal that is gone. */
        int64_t horizon_ms;
        bool uncut; /* nothing of the journal is gone */
        /* Where entries were written again, as the journal's records say: they are out of order. */
        const OffsetRange *rewritten;
        size_t n_rewritten;
} CompareInput;

/* The numbers; of all windows so far. */
typedef struct CompareResult {
        int64_t first;       /* the checked range begins here; negative: nothing was checked */
        uint64_t events;     /* events at the broker in the checked range */
        uint64_t entries;    /* entries for them, each event once */
        uint64_t lost;       /* events without an entry */
        uint64_t duplicated; /* further entries of an event */
        uint64_t reordered;  /* entries behind one with a higher offset, not said to be rewritten */
        uint64_t rewritten;  /* those that are said to be */
        uint64_t different;  /* entries that have the offset of an event, but another timestamp */
        uint64_t in_flight;  /* entries at or beyond the committed offset */
        uint64_t vacuumed;   /* events without an entry that may have been vacuumed */
        uint64_t retention;  /* offsets that the broker has no more */
        uint64_t compacted;  /* entries at offsets where the broker has no event (any more) */
        uint64_t before;     /* events at the broker that lie before the checked range */
        bool faulty[FINDING_KINDS]; /* what of it breaks the promise */
} CompareResult;

typedef struct Compare {
        CompareInput input;
        CompareResult result;
        Finding findings[COMPARE_FINDINGS * FINDING_KINDS];
        size_t n_findings;

        size_t window_max;
        int64_t begin; /* of the window */
        size_t n;      /* its size */
        uint64_t *slots;
        size_t allocated;
        int64_t lowest;  /* offset among all entries; negative: none was seen */
        int64_t highest; /* among the entries so far, in this pass */
        bool started;    /* the checked range has begun */
        uint64_t rank;   /* events from the first that has an entry on */

        /* As they were when the window began, for another try. */
        CompareResult kept;
        size_t kept_findings;
        bool kept_started;
        uint64_t kept_rank;
} Compare;

/* Begins. `rewritten` stays the caller's. */
void compare_init(Compare *c, const CompareInput *input, size_t window_max);
void compare_done(Compare *c);
#define _cleanup_compare_ _cleanup_(compare_done)

/* The next window, from that offset up to `committed` and some beyond, or as much as there is room
 * for. Returns 0 or -ENOMEM. */
int compare_window(Compare *c, int64_t begin);

/* Behind the last offset of the window. */
int64_t compare_window_end(const Compare *c);

/* An event at the broker, in the window, below the committed offset; in ascending order. */
void compare_event(Compare *c, int64_t offset, int64_t timestamp_ms);

/* An entry of ours. Any offset. */
void compare_entry(Compare *c, int64_t offset, int64_t timestamp_ms);

/* After all entries were told: counts. */
void compare_window_done(Compare *c);

/* After compare_window_done(), instead of the next window: forgets what it counted, so that
 * entries (and with `events` those, too) can be told again. */
void compare_again(Compare *c, bool events);

/* After the last window: what breaks the promise. Returns whether nothing does. */
bool compare_finish(Compare *c);
