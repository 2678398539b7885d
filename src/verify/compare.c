/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The comparison of one partition: see compare.h.
 */

#include "verify/compare.h"

#include <errno.h>

#include "common/iso-time.h"

/* A slot: whether there is an event, whether it is older than the horizon or than what is asked
 * for, and how many entries stand there (0, 1, more); then the event's timestamp. */
#define SLOT_EVENT 0x0001
#define SLOT_OLD 0x0002
#define SLOT_EARLY 0x0004
#define SLOT_ONE 0x0008
#define SLOT_MORE 0x0010
#define SLOT_ENTRIES (SLOT_ONE | SLOT_MORE)
#define SLOT_TIME_SHIFT 5

/* Beyond the committed offset there is room for entries in flight, whose offsets have gaps. */
#define BEYOND (4 * COMPARE_IN_FLIGHT)

const char *guarantee_to_string(Guarantee g) {
        static const char *const names[] = {
                [GUARANTEE_EXACTLY_ONCE] = "exactly-once",
                [GUARANTEE_AT_LEAST_ONCE] = "at-least-once",
                [GUARANTEE_AT_MOST_ONCE] = "at-most-once",
        };

        return names[g];
}

const char *finding_kind_to_string(FindingKind kind) {
        static const char *const names[] = {
                [FINDING_LOST] = "lost",
                [FINDING_DUPLICATED] = "duplicated",
                [FINDING_REORDERED] = "reordered",
                [FINDING_DIFFERENT] = "different",
        };

        return names[kind];
}

void compare_init(Compare *c, const CompareInput *input, size_t window_max) {
        *c = (Compare){
                .input = *input,
                .window_max = window_max,
                .lowest = -1,
                .highest = -1,
        };
        c->result.first = -1;
}

void compare_done(Compare *c) {
        free(c->slots);
        c->slots = NULL;
}

static void keep(Compare *c) {
        c->kept = c->result;
        c->kept_findings = c->n_findings;
        c->kept_started = c->started;
        c->kept_rank = c->rank;
        c->highest = -1;
}

int compare_window(Compare *c, int64_t begin) {
        int64_t left = c->input.committed - begin;
        size_t n = c->window_max;

        if (left < (int64_t) c->window_max - BEYOND)
                n = (size_t) (MAX(left, 0) + BEYOND);
        n = MIN(n, c->window_max);
        if (n > c->allocated) {
                free(c->slots);
                c->slots = calloc(n, sizeof(*c->slots));
                c->allocated = c->slots ? n : 0;
                if (!c->slots)
                        return -ENOMEM;
        } else
                memset(c->slots, 0, n * sizeof(*c->slots));
        c->begin = begin;
        c->n = n;
        keep(c);
        return 0;
}

int64_t compare_window_end(const Compare *c) {
        return c->begin + (int64_t) c->n;
}

static uint64_t *slot_of(const Compare *c, int64_t offset) {
        if (offset < c->begin || offset - c->begin >= (int64_t) c->n)
                return NULL;
        return &c->slots[offset - c->begin];
}

/* The timestamp as a slot has it, without its highest bits. */
static uint64_t time_bits(int64_t timestamp_ms) {
        return (uint64_t) timestamp_ms << SLOT_TIME_SHIFT;
}

static bool same_time(uint64_t slot, int64_t timestamp_ms) {
        return slot >> SLOT_TIME_SHIFT == time_bits(timestamp_ms) >> SLOT_TIME_SHIFT;
}

/* What has no timestamp may be of any time. */
static bool is_early(const Compare *c, int64_t timestamp_ms) {
        return c->input.since_ms >= 0 && timestamp_ms != NO_TIMESTAMP &&
               timestamp_ms < c->input.since_ms;
}

void compare_event(Compare *c, int64_t offset, int64_t timestamp_ms) {
        uint64_t *slot = slot_of(c, offset);

        if (!slot)
                return;
        *slot = SLOT_EVENT | time_bits(timestamp_ms);
        if (is_early(c, timestamp_ms))
                *slot |= SLOT_EARLY;
        if (timestamp_ms == NO_TIMESTAMP || timestamp_ms < c->input.horizon_ms)
                *slot |= SLOT_OLD;
}

/* ---- findings ---- */

/* The last of its kind that this window has, or NULL. */
static Finding *find_last(Compare *c, FindingKind kind) {
        for (size_t i = c->n_findings; i-- > c->kept_findings;)
                if (c->findings[i].kind == kind)
                        return &c->findings[i];
        return NULL;
}

static void find(Compare *c, FindingKind kind, int64_t offset) {
        Finding *last = find_last(c, kind);
        size_t same = 0;

        if (last && last->where.last == offset)
                return;
        if (last && last->where.last == offset - 1) {
                last->where.last = offset;
                return;
        }
        for (size_t i = 0; i < c->n_findings; i++)
                same += c->findings[i].kind == kind;
        if (same < COMPARE_FINDINGS)
                c->findings[c->n_findings++] = (Finding){kind, {offset, offset}};
}

static bool is_rewritten(const Compare *c, int64_t offset) {
        for (size_t i = 0; i < c->input.n_rewritten; i++)
                if (offset >= c->input.rewritten[i].first && offset <= c->input.rewritten[i].last)
                        return true;
        return false;
}

/* ---- entries ---- */

/* The first entry of its event, in the order of the journal. */
static void compare_order(Compare *c, int64_t offset) {
        if (offset >= c->highest)
                return;
        if (is_rewritten(c, offset))
                c->result.rewritten++;
        else {
                c->result.reordered++;
                find(c, FINDING_REORDERED, offset);
        }
}

static void compare_stands(Compare *c, uint64_t *slot, int64_t offset) {
        if (*slot & SLOT_ENTRIES) {
                *slot |= SLOT_MORE;
                c->result.duplicated++;
                find(c, FINDING_DUPLICATED, offset);
                return;
        }
        *slot |= SLOT_ONE;
        compare_order(c, offset);
}

void compare_entry(Compare *c, int64_t offset, int64_t timestamp_ms) {
        uint64_t *slot = slot_of(c, offset);
        bool counted = slot && !is_early(c, timestamp_ms);
        bool known = c->input.epoch;

        /* An entry has the time of its event; one without it a loss of power has torn. */
        if (timestamp_ms == NO_TIMESTAMP && slot && (*slot & SLOT_EVENT) &&
            !same_time(*slot, NO_TIMESTAMP))
                return;
        if (c->lowest < 0 || offset < c->lowest)
                c->lowest = offset;
        if (slot && (*slot & SLOT_EVENT)) {
                known = same_time(*slot, timestamp_ms);
                if (!known && c->input.epoch && counted) {
                        c->result.different++;
                        find(c, FINDING_DIFFERENT, offset);
                }
        }
        /* Without an epoch, what is of no event of this log may be of an earlier log of that name.
         */
        if (!known)
                return;
        if (slot && (*slot & SLOT_EARLY))
                *slot |= SLOT_ONE;
        else if (counted)
                compare_stands(c, slot, offset);
        c->highest = MAX(c->highest, offset);
}

/* ---- the end of a window ---- */

/* Whether the entry that is missing may have stood in a part of the journal that is gone. The
 * oldest parts go first, and entries stand in the order of their offsets, but for those that were
 * written again: so not where the event is younger than what the journal has, and not where more
 * events than can be in flight lie between it and one that stands. */
static bool may_be_vacuumed(const Compare *c, uint64_t slot) {
        return !c->input.uncut && (slot & SLOT_OLD) && c->rank <= COMPARE_IN_FLIGHT;
}

/* The checked range begins where the epoch does, or else with the first entry. */
static bool has_started(const Compare *c, uint64_t slot, int64_t offset) {
        if (c->input.anchor >= 0)
                return offset >= c->input.anchor;
        if (c->input.epoch)
                return c->lowest >= 0 && offset >= c->lowest;
        return slot & SLOT_ENTRIES;
}

static void count_event(Compare *c, uint64_t slot, int64_t offset) {
        if (!c->started && !has_started(c, slot, offset)) {
                c->result.before++;
                return;
        }
        c->started = true;
        if (c->rank > 0 || (slot & SLOT_ENTRIES) ||
            (c->input.epoch && c->lowest >= 0 && c->lowest < offset))
                c->rank++;
        if (slot & SLOT_EARLY)
                return;
        if (c->result.first < 0)
                c->result.first = offset;
        c->result.events++;
        if (slot & SLOT_ENTRIES)
                c->result.entries++;
        else if (may_be_vacuumed(c, slot))
                c->result.vacuumed++;
        else {
                c->result.lost++;
                find(c, FINDING_LOST, offset);
        }
}

void compare_window_done(Compare *c) {
        for (size_t i = 0; i < c->n; i++) {
                int64_t offset = c->begin + (int64_t) i;
                uint64_t slot = c->slots[i];

                if (slot & SLOT_EVENT)
                        count_event(c, slot, offset);
                else if (!(slot & SLOT_ENTRIES))
                        continue;
                else if (offset >= c->input.committed)
                        c->result.in_flight++;
                else
                        c->result.compacted++;
        }
}

void compare_again(Compare *c, bool events) {
        for (size_t i = 0; i < c->n; i++) {
                bool event = !events && (c->slots[i] & SLOT_EVENT);

                c->slots[i] = event ? c->slots[i] & ~(uint64_t) SLOT_ENTRIES : 0;
        }
        c->result = c->kept;
        c->n_findings = c->kept_findings;
        c->started = c->kept_started;
        c->rank = c->kept_rank;
        c->highest = -1;
}

bool compare_finish(Compare *c) {
        static const bool faults[][FINDING_KINDS] = {
                [GUARANTEE_EXACTLY_ONCE] = {[FINDING_LOST] = true,
                                            [FINDING_DUPLICATED] = true,
                                            [FINDING_REORDERED] = true,
                                            [FINDING_DIFFERENT] = true},
                [GUARANTEE_AT_LEAST_ONCE] = {[FINDING_LOST] = true},
                [GUARANTEE_AT_MOST_ONCE] = {[FINDING_DUPLICATED] = true},
        };
        CompareResult *r = &c->result;
        const uint64_t counts[FINDING_KINDS] = {
                [FINDING_LOST] = r->lost,
                [FINDING_DUPLICATED] = r->duplicated,
                [FINDING_REORDERED] = r->reordered,
                [FINDING_DIFFERENT] = r->different,
        };
        int64_t begin = c->input.anchor >= 0 ? c->input.anchor : c->lowest;
        int64_t end = MIN(c->input.log_start, c->input.committed);
        bool clean = true;

        if (begin >= 0 && begin < end)
                r->retention = (uint64_t) (end - begin);
        for (size_t i = 0; i < FINDING_KINDS; i++) {
                r->faulty[i] = counts[i] > 0 && faults[c->input.guarantee][i];
                clean &= !r->faulty[i];
        }
        return clean;
}
