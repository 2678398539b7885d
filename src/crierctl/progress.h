/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * One line on standard error that says what is waited for and for how long, and that is gone before
 * the result comes. Only where somebody sits there and looks.
 */

#include "crierctl/output.h"

typedef struct Progress {
        bool wanted; /* standard error is a terminal that can erase a line, and --json is not given
                      */
        bool shown;
        uint64_t started_usec;
} Progress;

void progress_begin(Progress *p, const OutputStyle *style);

/* Shows "waiting for TEXT, 3 s" in place of what was shown before. `text` is safe for a terminal.
 */
void progress_show(Progress *p, Buffer *text);

/* Erases the line. */
void progress_end(Progress *p);
