/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What a configuration says, as plain structs: made by load.c, read by everybody, changed by
 * nobody. crierd.conf(5) explains each key. Not for how files are read (load.h) or what is allowed
 * in them (schema.h).
 */

#include <stdbool.h>
#include <stdint.h>

/* A rate that is not a number: as many events as the broker takes. */
#define RATE_MAX (-1.0)

/* The partitions that a topic without an entry of its own is counted with (limits, see client.h).
 */
#define CONFIG_PARTITIONS_GUESS 16

typedef struct StringList {
        char **items; /* NULL-terminated; NULL where there are none */
        unsigned n;
} StringList;

/* Which file said it last, for errors that show only later (a property that librdkafka refuses). A
 * section that no file has is from nowhere. */
typedef struct ConfigOrigin {
        char *file; /* NULL: nowhere */
        unsigned line;
} ConfigOrigin;

typedef struct ClusterConfig {
        char *bootstrap; /* "embedded" or "host:port,…" */
        unsigned embedded_brokers;
        StringList properties; /* "key=value" */
        ConfigOrigin origin;
} ClusterConfig;

typedef struct TopicConfig {
        char *name;
        unsigned partitions;
        unsigned replication;
        bool create;
        ConfigOrigin origin;
} TopicConfig;

typedef struct ProducerConfig {
        char *name;
        char *topic;
        bool enabled;   /* always true: see Config */
        double rate;    /* events per second, or RATE_MAX */
        uint64_t count; /* 0: until stopped */
        StringList keys;
        char *value;
        StringList headers; /* "name=value" */
        StringList properties;
        ConfigOrigin origin;
} ProducerConfig;

typedef enum GroupStart {
        GROUP_START_LATEST,
        GROUP_START_EARLIEST,
} GroupStart;

typedef enum Delivery {
        DELIVERY_AUTO,
        DELIVERY_EXACTLY_ONCE,
        DELIVERY_AT_LEAST_ONCE,
        DELIVERY_AT_MOST_ONCE,
} Delivery;

/* The words that stand for them in a file. */
const char *group_start_to_string(GroupStart start);
const char *delivery_to_string(Delivery delivery);

typedef struct GroupConfig {
        char *name;
        StringList topics;
        bool enabled; /* always true: see Config */
        unsigned consumers;
        GroupStart start;
        Delivery delivery;
        bool sync; /* exactly-once: the journal is on disk before anything is committed */
        bool log;
        char *message;
        StringList properties;
        ConfigOrigin origin;
} GroupConfig;

typedef struct ControlConfig {
        char *socket;
        bool faults; /* the embedded broker may be made to misbehave */
        ConfigOrigin origin;
} ControlConfig;

typedef struct LimitsConfig {
        unsigned in_flight_events; /* a partition; at most LEDGER_ROWS_MAX */
        uint64_t in_flight_bytes;  /* the daemon */
        ConfigOrigin origin;
} LimitsConfig;

/* Entries that are switched off are not in here. */
typedef struct Config {
        ClusterConfig cluster;
        TopicConfig *topics;
        unsigned n_topics;
        ProducerConfig *producers;
        unsigned n_producers;
        GroupConfig *groups;
        unsigned n_groups;
        ControlConfig control;
        LimitsConfig limits;
} Config;
