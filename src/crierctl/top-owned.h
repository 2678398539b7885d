/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The partitions of a consumer on one line, for `crierctl top`.
 */

#include <jansson.h>
#include <stdbool.h>

#include "common/buffer.h"

/* Appends safe text: "0-2,4" where all are of one topic and `one_topic` says that the reader knows
 * which, else "post.office 0-2,4; invoices 1". `partitions` has the shape that status_shape asks
 * for. */
void owned_append(Buffer *out, const json_t *partitions, bool one_topic);
