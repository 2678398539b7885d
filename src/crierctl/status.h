/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * `crierctl status` as a picture: the broker, the sink, the producers, who owns what in each group,
 * and what is wrong with what to do about it.
 */

#include "crierctl/output.h"
#include "crierctl/shape.h"

/* What the picture needs of io.crier.Control.Status. */
extern const Shape status_shape[];

/* Appends the picture. `status` has status_shape; `now_ms` is the time since 1970. */
void status_draw(const json_t *status, const OutputStyle *style, int64_t now_ms, Buffer *out);
