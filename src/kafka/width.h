/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * How many partitions topics have, as far as the cluster was asked (survey.h). A topic can get more
 * of them, so what was learned is old after a while.
 */

#include "common/macro.h"

/* Topics that are remembered; of more, those that were learned longest ago are forgotten. */
#define WIDTHS_MAX 2048

typedef struct Width {
        char *topic;
        unsigned partitions; /* 0: the cluster does not have it */
        uint64_t usec;       /* when it was learned, CLOCK_MONOTONIC */
} Width;

/* All zero is an empty one. */
typedef struct Widths {
        Width *items;
        unsigned n;
} Widths;

void widths_done(Widths *w);
/* What memory is short for is not remembered. */
void widths_set(Widths *w, const char *topic, unsigned partitions);
/* How many partitions it has, or 0 where that is not known, or was learned before `since_usec`. */
unsigned widths_get(const Widths *w, const char *topic, uint64_t since_usec);
