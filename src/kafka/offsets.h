/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Asking the cluster for places in partitions' logs: their two ends, or where a time is. Blocks:
 * for helper threads (helper.h).
 */

#include <librdkafka/rdkafka.h>

/* What rd_kafka_offsets_for_times() takes for the two ends of a log, on a real cluster and on the
 * embedded broker. */
#define OFFSETS_BEGIN (-2)
#define OFFSETS_END (-1)

/* Looks up OFFSETS_BEGIN, OFFSETS_END or a time (milliseconds since 1970) in each partition of
 * `which`, within `timeout_ms`. On success `*ret` is a copy of the list with the offsets, which the
 * caller destroys; for a time that is later than the newest event the offset is negative. An answer
 * is one only where each partition has one: otherwise the first error is returned, with a copy of
 * the topic that it is about in `*ret_topic` (which may be NULL), where it is about one. */
rd_kafka_resp_err_t offsets_lookup(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *which,
                                   int64_t at, int timeout_ms,
                                   rd_kafka_topic_partition_list_t **ret, char **ret_topic);
