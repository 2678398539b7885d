/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What the cluster knows of some partitions, asked on a helper thread: what the group has
 * committed, and where the logs begin and end. What is made of it is assignment.c's.
 */

#include "kafka/beginning.h"
#include "kafka/consumer.h"

/* One look-up; the helper thread's until it is done. */
typedef struct Lookup {
        Consumer *consumer;
        rd_kafka_t *rk;
        uint64_t generation; /* the consumer's, when it was asked for */
        uint64_t usec;       /* when that was */
        bool ask_committed;
        rd_kafka_topic_partition_list_t *positions; /* in: which; out: their committed offsets */
        rd_kafka_topic_partition_list_t *low;
        rd_kafka_topic_partition_list_t *high;
        rd_kafka_topic_partition_list_t *topics; /* the group's, where it may have to begin */
        GroupView view; /* asked where one of the positions has no commit, or there are none */
        rd_kafka_resp_err_t err;
        char *topic;   /* that it is about, where it is about one */
        char *cluster; /* the cluster's id; NULL: it did not tell */
} Lookup;

/* Starts one and counts it in `lookups`; takes `positions` over. done(lookup) is called on the loop
 * and frees it; where it cannot be started, `lookup_usec` says when to try again. */
void lookup_start(Consumer *c, rd_kafka_topic_partition_list_t *positions, bool ask_committed,
                  HelperWork done);
Lookup *lookup_free(Lookup *l);
DEFINE_CLEANUP(Lookup *, lookup_free);

/* When a look-up that failed is tried again. */
uint64_t lookup_again_usec(void);

/* Whether one of its positions has no commit. */
bool lookup_lacks_commit(const Lookup *l);
/* Whether partition number `i` of it has its position in its log. */
bool lookup_is_in_log(const Lookup *l, int i);
/* Where reading starts: at the position where the log has it, at the log's beginning where it has
 * not, and where the group's `start` says if there is none. */
int64_t lookup_start_offset(const Lookup *l, int i);
