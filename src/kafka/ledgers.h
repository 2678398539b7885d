/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The ledgers of one consumer's partitions, where its group is written exactly once: made when the
 * broker offers an assignment, told what is committed, followed where they move, settled when the
 * assignment is given back. When that happens is assignment.c's, what a ledger does is
 * journal/ledger.h's.
 */

#include "kafka/lookup.h"

/* Makes a partition with a ledger for each of those that are offered, and takes the locks that are
 * free. Returns 0 or a negative errno. */
int ledgers_make(Consumer *c);

/* Those that have their lock and do not know yet what is committed, or NULL where there are none:
 * to be looked up. */
rd_kafka_topic_partition_list_t *ledgers_to_look_up(const Consumer *c);
/* Tells them. Returns whether any was told: its partition can be read from now on. */
bool ledgers_tell(Consumer *c, const Lookup *l);

/* Reading goes on where ledgers have moved to. Returns whether any has: the assignment has to be
 * restarted. */
bool ledgers_follow(Consumer *c);

/* Begins to give them back. */
void ledgers_revoke(Consumer *c);
/* Goes on with that; `late`: without what is not verified by now. Returns true when all is done. */
bool ledgers_settle(Consumer *c, bool late);
