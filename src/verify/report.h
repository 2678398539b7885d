/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What a verification tells: JSON objects, one a line, on standard output. crierd(8), VERIFY, lists
 * them.
 */

#include "verify/compare.h"

/* How often, at most, it is said how far it is. */
#define REPORT_USEC ((uint64_t) 500000)

typedef struct Report {
        uint64_t started_usec;
        uint64_t told_usec;
        unsigned total; /* partitions */
        unsigned done;
        unsigned faulty;
        uint64_t read;             /* events and entries */
        const char *group, *topic; /* what is looked at now; NULL: nothing yet */
        int32_t partition;
} Report;

void report_begin(Report *r);

/* Says how far it is, unless that was said a moment ago. Returns 0, or -EPIPE where nobody reads it
 * any more. */
int report_tick(Report *r);

/* A partition. `c` NULL: nothing was compared. `problem` is why it could not be checked, which is a
 * fault; `note` is what is to be known beside. Both may be NULL. Returns what report_tick() does.
 */
int report_partition(Report *r, const Compare *c, bool clean, const char *problem,
                     const char *note);

/* The last line: all was done. */
int report_end(Report *r);

/* The last line: it could not be. `code` is the end of an error of io.crier.Control. */
int report_failure(const char *code, const char *text, const char *advice);
