/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Offsets to the broker: what to commit, and what its answers mean. Commits carry an explicit list
 * of offsets and are answered through the consumer's queue, so that the loop never waits.
 */

#include "kafka/consumer.h"

/* Commits where partitions of a group begin, also such as others own, and notes in `begins` that
 * the answer is awaited. */
void committer_begin(Consumer *c, const rd_kafka_topic_partition_list_t *list);

/* Commits every position that moved since the last commit. Does nothing while one is under way. */
void committer_commit(Consumer *c);

/* Sends what exactly-once has become ready to commit: the journal was brought to disk, or a ledger
 * waits for its first commit. */
void committer_send_ready(Consumer *c);

/* exactly-once: commits at once where much is uncommitted. */
void committer_hurry(Consumer *c);

/* at-most-once: commits what the partition holds before it is written. */
void committer_claim(Consumer *c, Partition *p);

/* at-most-once: claims again where a claim was refused. For the tick: a refusal may last. */
void committer_reclaim(Consumer *c);

/* True while a position has moved and its commit was not confirmed. */
bool committer_is_dirty(const Consumer *c);

/* The same for one of its partitions. */
bool committer_owes(const Consumer *c, const Partition *p);

/* The answer to one of these commits. */
void committer_answered(Consumer *c, rd_kafka_event_t *ev);
