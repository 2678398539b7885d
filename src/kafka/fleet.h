/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Everything that runs against Kafka: the cluster, all producers and all groups of one
 * configuration; their common start, tick and stop.
 */

#include "kafka/cluster.h"
#include "kafka/group.h"
#include "kafka/producer.h"
#include "kafka/sender.h"

/* Called once, when the fleet has stopped. `gone`: all clients are; otherwise the time was up and
 * threads of theirs still run. `settled`: everything that was under way was delivered, written and
 * committed. */
typedef void (*FleetStoppedHandler)(void *userdata, bool gone, bool settled);

typedef struct Fleet {
        KafkaContext context;
        Group **groups;
        unsigned n_groups;
        Producer **producers;
        unsigned n_producers;
        Sender *sender; /* for events made by hand */

        sd_event_source *timer;
        unsigned next_group; /* whose turn it is when the sink takes entries again */
        bool started;
        bool stopping;
        bool stopped;
        uint64_t stop_usec; /* when stopping has to be over */
        FleetStoppedHandler on_stopped;
        void *userdata;
} Fleet;

/* Makes everything that is enabled, without connecting to anything but the embedded broker.
 * `config` and `sink` must outlive the fleet. Returns 0 or a negative errno; the caller frees with
 * fleet_free(). */
int fleet_new(sd_event *event, const Config *config, Sink *sink, Fleet **ret);
/* Frees a fleet that has stopped cleanly, or was never started. One that has not stopped is left
 * where it is: its threads still use it, and the process is about to end. */
Fleet *fleet_free(Fleet *f);
DEFINE_CLEANUP(Fleet *, fleet_free);

/* Begins: the clients are made when the cluster is reached. */
void fleet_start(Fleet *f);

/* Stops everything within a bounded time, then calls the handler. */
void fleet_stop(Fleet *f, FleetStoppedHandler handler, void *userdata);

/* By name, or number; NULL where there is none, or it is leaving. */
Group *fleet_find_group(const Fleet *f, const char *name);
Producer *fleet_find_producer(const Fleet *f, const char *name);
Consumer *fleet_find_consumer(const Fleet *f, int64_t number);

/* The sink takes entries again. */
void fleet_sink_ready(Fleet *f);
