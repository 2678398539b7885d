/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The names that the cluster gave to our consumers as members of one group, those that are no more
 * included: the group goes on listing who died until the session is over. It is how members that
 * other programs run are told from ours: their client ids may be the same where another crierd
 * serves the same group.
 */

#include <stdbool.h>

#include "common/macro.h"

/* Twice as many as a group may have consumers. */
#define MEMBERS_MAX 2048

/* All zero is an empty one. */
typedef struct Members {
        char **ids; /* the newest MEMBERS_MAX */
        unsigned n;
        unsigned next;
} Members;

void members_done(Members *m);
/* A consumer of ours has this name from now on; one that is noted already may be noted again. What
 * memory is short for is not noted. */
void members_note(Members *m, const char *id);
bool members_has(const Members *m, const char *id);
