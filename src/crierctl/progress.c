/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is waited for: see progress.h.
 */

#include "crierctl/progress.h"

#include <stdio.h>

#include "common/clock.h"

/* Back to the left margin, and nothing behind it: ECMA-48, "EL". */
#define ERASE "\r\033[K"

/* The line may not wrap, because only the last row of it could be erased. Texts are short; columns
 * are not counted, so this is less than a terminal's 80. */
#define BYTES_MAX 70

void progress_begin(Progress *p, const OutputStyle *style) {
        const char *term = getenv("TERM");

        *p = (Progress){
                .wanted = !style->json && isatty(STDERR_FILENO) && term && !streq(term, "dumb"),
                .started_usec = clock_usec(),
        };
}

void progress_show(Progress *p, Buffer *text) {
        if (!p->wanted || text->size > BYTES_MAX)
                return;
        p->shown = true;
        fprintf(stderr, ERASE "waiting for %s, %u s", buffer_string(text),
                (unsigned) ((clock_usec() - p->started_usec) / USEC_PER_SEC));
        fflush(stderr);
}

void progress_end(Progress *p) {
        if (!p->shown)
                return;
        p->shown = false;
        fputs(ERASE, stderr);
        fflush(stderr);
}
