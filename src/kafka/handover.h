/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What a consumer has written and could not commit before it lost the partition, kept for the next
 * consumer of the same group that gets it here: the embedded broker refuses commits during a
 * rebalance, and events would be written twice. Only a help: it is lost with the process, and
 * counts for nothing once anybody has committed something else.
 */

#include "kafka/partition.h"

/* All zero is an empty one. */
typedef struct Handover {
        rd_kafka_topic_partition_list_t *list; /* `opaque` is what was committed then */
} Handover;

void handover_done(Handover *h);
/* Forgets what `to` has and gives it what `from` has, which is empty then. */
void handover_move(Handover *from, Handover *to);

/* The partition is being given up with a position that is not committed. */
void handover_note(Handover *h, const Partition *p);

/* Where to go on with a partition whose committed offset is `committed` (negative: none), or -1
 * where nothing is known of it; forgets it then. */
int64_t handover_take(Handover *h, const char *topic, int32_t partition, int64_t committed);
