/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The known word nearest to a mistyped one: see nearest.h.
 */

#include "common/nearest.h"

#include <ctype.h>
#include <strings.h>

#include "common/macro.h"

/* Longer words are not compared: nobody mistypes them, and the rows below stay small. */
#define WORD_MAX 64

static int lower(char c) {
        return tolower((unsigned char) c);
}

static unsigned min3(unsigned a, unsigned b, unsigned c) {
        return MIN(a, MIN(b, c));
}

/* Optimal string alignment: Levenshtein's distance where two swapped neighbours count once. Keeps
 * three rows of the usual table. */
static unsigned distance(const char *a, size_t a_size, const char *b, size_t b_size) {
        unsigned rows[3][WORD_MAX + 1];
        unsigned *before = rows[0], *above = rows[1], *row = rows[2];

        for (size_t j = 0; j <= b_size; j++)
                above[j] = (unsigned) j;
        for (size_t i = 1; i <= a_size; i++) {
                unsigned *oldest = before;

                row[0] = (unsigned) i;
                for (size_t j = 1; j <= b_size; j++) {
                        unsigned differs = lower(a[i - 1]) != lower(b[j - 1]);

                        row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + differs);
                        if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                            lower(a[i - 2]) == lower(b[j - 1]))
                                row[j] = MIN(row[j], before[j - 2] + 1);
                }
                before = above;
                above = row;
                row = oldest;
        }
        return above[b_size];
}

const char *nearest(const char *word, const char *const *candidates) {
        size_t size = strlen(word);
        unsigned best = (unsigned) MAX(size / 3, (size_t) 1) + 1;
        const char *found = NULL;

        if (size == 0 || size > WORD_MAX)
                return NULL;
        for (; *candidates; candidates++) {
                size_t n = strlen(*candidates);
                unsigned d;

                if (n > WORD_MAX)
                        continue;
                d = strncasecmp(word, *candidates, size) == 0
                            ? n > size
                            : distance(word, size, *candidates, n);
                if (d < best) {
                        best = d;
                        found = *candidates;
                }
        }
        return found;
}
