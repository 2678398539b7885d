/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Where a group at `start = "latest"` began. A partition that has no commit is either as old as the
 * group, and then it is to be read from where its log ended when the group began; or it is younger,
 * and then it is to be read from its beginning, because all of it was produced since. Kafka does
 * not tell the two apart. So the group commits, once, before anything is read, where each of its
 * partitions begins, also those that other members own: a partition without a commit is younger
 * than that. crierd.conf(5), `start`.
 *
 * One member commits for all: the owner of the group's first partition. The others wait until they
 * see it. Were it more than one, the later commit could land on what the owner of a partition has
 * committed since.
 */

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

#include "common/macro.h"

typedef struct Consumer Consumer;
typedef struct Group Group;
typedef struct Lookup Lookup;

/* All zero is a group of which nothing is known. */
typedef struct Beginning {
        bool begun;  /* it has committed something */
        bool seen;   /* it was seen when it had not */
        bool asking; /* beginning_ask() is under way */
        /* Where each partition begins, as this process found it when it first looked, and the note
         * that is committed with that: the same each time, so that it does not matter which of two
         * attempts lands last. NULL: it has not looked, or the group had begun before. */
        rd_kafka_topic_partition_list_t *places;
} Beginning;

/* All partitions of a group's topics; NULL where it was not asked. */
typedef struct GroupView {
        rd_kafka_topic_partition_list_t *committed;
        rd_kafka_topic_partition_list_t *low; /* only where none has a commit */
        rd_kafka_topic_partition_list_t *high;
} GroupView;

/* Forgets all of it: where its members are all gone, a group may begin another time. */
void beginning_done(Beginning *b);
void group_view_done(GroupView *v);

/* Whether the group may still have to begin; then look-ups ask for the view of it. */
bool beginning_is_open(const Group *g);
/* The topics of such a group, for group_view_look(); the caller destroys the list. */
rd_kafka_topic_partition_list_t *beginning_topics(const Group *g);

/* Blocks: for helper threads. Asks for all partitions of `topics` that the cluster has, and those
 * of `own`; where that is NULL, the client may not know its coordinator yet, and is only asked
 * where the logs end. On an error `*ret_topic` is a copy of the topic that it is about, where it is
 * about one. */
rd_kafka_resp_err_t group_view_look(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *topics,
                                    const rd_kafka_topic_partition_list_t *own, GroupView *ret,
                                    char **ret_topic);

/* For the tick of a consumer that waits for an assignment: has its process look once before any
 * comes, so that a topic that does not exist yet is known as younger than the group. */
void beginning_ask(Consumer *c);

/* From a look-up of committed offsets that was answered. Returns true where the partitions in it
 * can be begun; where not, the group's beginning is not committed yet: `lookup_usec` says when to
 * look again. */
bool beginning_settle(Consumer *c, const Lookup *l);

/* Where to begin in a partition that has no commit and whose log is from `low` to `high`. */
int64_t beginning_offset(const Group *g, const char *topic, int32_t partition, int64_t low,
                         int64_t high);
