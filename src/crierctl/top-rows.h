/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * From a status to the rows of `crierctl top`: their cells, with nothing of what was before.
 */

#include "crierctl/top-model.h"

/* What one status has. */
typedef struct TopRows {
        TopRow *rows;
        size_t n, n_producers, left_out;
} TopRows;

/* Makes the rows of a status that has status_shape. Returns false when memory is short. */
bool top_rows_new(const json_t *status, TopRows *ret);
void top_rows_free(TopRow *rows, size_t n);

/* Appends the troubles, safe text: a line that says who, for how long and what, and a line of
 * advice, as parts_trouble() has them. */
void top_troubles_append(Buffer *out, const json_t *status, int64_t now_ms);
