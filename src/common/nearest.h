/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * "Did you mean …": the known word that is nearest to a mistyped one. Both programs use it, for
 * verbs, keys and names.
 */

/* Returns the candidate (of a NULL-terminated list) that takes the fewest changed, missing, extra
 * or swapped letters to become `word`, or NULL where even that one takes more than a third of them.
 * Case does not count, and a candidate that begins with `word` counts as one letter off. */
const char *nearest(const char *word, const char *const *candidates);
