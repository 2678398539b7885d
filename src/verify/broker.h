/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What the broker has of a group: committed offsets, the ends of logs, events. Looks only: it does
 * not join the group, commits nothing, makes no topic. Calls block, each for some seconds at most.
 *
 * All functions return 0 (or what they say) or a negative errno with the reason, in words, appended
 * to `error` of the Broker.
 */

#include <librdkafka/rdkafka.h>

#include "common/buffer.h"
#include "config/config.h"
#include "verify/metadata.h"

typedef struct Broker {
        rd_kafka_t *rk;
        bool embedded;
        const char *group; /* its name in the configuration */
        char *bootstrap;
        char *cluster_id; /* NULL until it was asked for */
        Buffer error;
} Broker;

/* A client with the settings of that group's consumers. `bootstrap` is where to go. */
int broker_open(const Config *config, const char *bootstrap, const GroupConfig *group,
                Broker **ret);
Broker *broker_free(Broker *b);
DEFINE_CLEANUP(Broker *, broker_free);

/* How many partitions the topic has; -ENOENT where there is no such topic. */
int broker_width(Broker *b, const char *topic, int32_t *ret);

typedef struct Commit {
        int64_t offset; /* negative: nothing is committed */
        bool ours;      /* its metadata is that of an epoch in this cluster */
        Metadata metadata;
        const char *strange; /* why it is not, where there is something to say */
} Commit;

/* What the group has committed in the partitions 0 to n - 1. */
int broker_commits(Broker *b, const char *topic, int32_t n, Commit *ret);

/* The oldest offset that is there, and one behind the newest. */
int broker_range(Broker *b, const char *topic, int32_t partition, int64_t *ret_start,
                 int64_t *ret_end);

/* The first event that is not older, or `fallback` where that cannot be told. */
int64_t broker_since(Broker *b, const char *topic, int32_t partition, int64_t since_ms,
                     int64_t fallback);

/* Reads from that offset on. */
int broker_read(Broker *b, const char *topic, int32_t partition, int64_t offset);

typedef struct BrokerEvent {
        int64_t offset;
        int64_t timestamp_ms; /* or NO_TIMESTAMP */
} BrokerEvent;

/* The next event. Returns 1; 0 at the end of the log; -EAGAIN where none has come for a moment;
 * -ERANGE where the offset that was asked for is no more there. */
int broker_next(Broker *b, const char *topic, int32_t partition, BrokerEvent *ret);
