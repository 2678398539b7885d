/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Which partitions a consumer has: what happens from the moment that the broker offers an
 * assignment until it is read, and from a revocation until it is given back. Reading and committing
 * are elsewhere.
 */

#include "kafka/consumer.h"

/* The broker offers these partitions (possibly none: a standby). Answers at once, looks up where to
 * start, off the loop, and then takes them. */
void assignment_offered(Consumer *c, const rd_kafka_topic_partition_list_t *partitions);

/* The broker wants all partitions back. Where the assignment is lost already nothing more is
 * written or committed; else what is finished is committed first. */
void assignment_revoked(Consumer *c);

/* The consumer stops: the same, but nobody waits for the answer. */
void assignment_settle(Consumer *c);

/* Goes on with whatever is waited for: to be called when a commit was answered, the sink takes
 * entries again, or time has passed. */
void assignment_step(Consumer *c, uint64_t now);

/* The partition of ours that a list's element is about, or NULL. */
Partition *assignment_find(const Consumer *c, const rd_kafka_topic_partition_t *where);

/* A partition's position is not in its log (any more): looks up where to go on. */
void assignment_reset(Consumer *c, Partition *p);

/* Has librdkafka fetch all partitions anew, each from where reading goes on. With
 * auto.offset.reset=error it has ended for good the fetching of a partition whose position was not
 * in its log, and refuses a seek ("erroneous state"). */
void assignment_restart(Consumer *c);

/* Forgets all partitions without a word to the broker. */
void assignment_clear(Consumer *c);
