/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The pictures of the verbs that look, one file each where they are large: what they need of a
 * reply, and how it is drawn. Each is a Draw for a reply that has the shape.
 */

#include "crierctl/command.h"

extern const Shape producers_shape[];
void producers_draw(const Command *c, const json_t *reply, Buffer *out);

extern const Shape consumers_shape[];
void consumers_draw(const Command *c, const json_t *reply, Buffer *out);

/* A grid for each group and topic: a partition a column, a member a row; where the partitions do
 * not fit the width, each row has theirs as ranges. */
extern const Shape groups_shape[];
void groups_draw(const Command *c, const json_t *reply, Buffer *out);

/* Each key with its partition, and where the two common partitioners would have it. */
extern const Shape keys_shape[];
void keys_draw(const Command *c, const json_t *reply, Buffer *out);

/* A bar for each partition: its share of the topic's events. */
extern const Shape topics_shape[];
void topics_draw(const Command *c, const json_t *reply, Buffer *out);

/* Events, a line each. */
extern const Shape tail_shape[];
void tail_draw(const Command *c, const json_t *reply, Buffer *out);
