/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The names that the daemon knows, each once.
 */

#include "kafka/fleet.h"

/* All zero: none. The names are the configuration's, and NULL behind the last one. */
typedef struct Names {
        const char **items;
        size_t n;
} Names;

void names_done(Names *n);
#define _cleanup_names_ _cleanup_(names_done)

/* What memory is short for is left out. */
void names_add_groups(Names *n, const Fleet *f);
void names_add_producers(Names *n, const Fleet *f);
/* Of the configuration's topics, then those that only producers and groups name. */
void names_add_topics(Names *n, const Fleet *f);

bool names_has(const Names *n, const char *name);
