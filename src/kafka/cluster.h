/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The Kafka cluster as a whole: the embedded broker or a real one, whether it can be reached, and
 * the topics that the configuration wants to exist. Not for producing or consuming.
 */

#include "config/diff.h"
#include "kafka/context.h"
#include "kafka/trouble.h"

typedef enum ClusterState {
        CLUSTER_CONNECTING, /* not reached yet since the start */
        CLUSTER_UP,
        CLUSTER_LOST,
} ClusterState;

const char *cluster_state_to_string(ClusterState s);

/* Called each time the cluster was reached. `was_up`: it was thought to be there, and is. */
typedef void (*ClusterUpHandler)(void *userdata, bool was_up);

struct Cluster {
        KafkaContext *context;
        const ClusterConfig *config;
        bool embedded;
        char *bootstrap; /* the address to connect to, the embedded broker's own where it is that */
        char *id;        /* NULL: not known */
        ClusterState state;
        Trouble trouble;
        uint64_t lost_usec;
        uint64_t found_usec;

        rd_kafka_t *mock_parent;
        struct rd_kafka_mock_cluster_s *mock;

        rd_kafka_t *admin; /* only while the cluster is looked for */
        bool probing;
        bool topics_done;    /* each is there, or may stay away */
        bool topics_said;    /* those that differ were named */
        bool topics_pending; /* a reload has changed them, and they were not seen to yet */
        bool topics_stale;   /* the probe under way asks for what they were before that */
        bool stopping;
        sd_event_source *timer;
        ClusterUpHandler up;
        void *userdata;
};

/* Starts the embedded broker where the configuration says so. Returns 0 or a negative errno; the
 * caller frees with cluster_free(). */
int cluster_new(KafkaContext *context, ClusterUpHandler up, void *userdata, Cluster **ret);
/* Ends the embedded broker: all its clients must be gone. */
Cluster *cluster_free(Cluster *c);
DEFINE_CLEANUP(Cluster *, cluster_free);

/* Begins to look for the cluster, at once and then every second until it is found. */
void cluster_start(Cluster *c);
/* The configuration has changed like this: sees to its topics. On the embedded broker they are
 * there afterwards; a topic that exists stays as it is there, and its changes are told to need a
 * restart. On a real one it takes until `topics_pending` is false; ClusterUpHandler is called then.
 */
void cluster_reconfigure(Cluster *c, Changes *changes);
/* Ends that. */
void cluster_stop(Cluster *c);

/* A client had an error that may mean that the cluster is gone: finds out. */
void cluster_suspect(Cluster *c, rd_kafka_resp_err_t err, const char *text);
