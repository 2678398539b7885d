/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Everything that runs against Kafka: the cluster, all producers and all groups of one
 * configuration; their common start, tick and stop.
 */

#include "config/diff.h"
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
        Config *config; /* the one in force */

        /* A reload has taken them out of the configuration, or makes others in their place. They
         * finish; names do not find them. */
        Group **leaving_groups;
        unsigned n_leaving_groups;
        Producer **leaving_producers;
        unsigned n_leaving_producers;
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
 * Takes `config` over, also on failure; `sink` and `machine` must outlive the fleet. `machine` may
 * be NULL: `no_machine` says why then, and must outlive it too. Returns 0 or a negative errno;
 * -EOPNOTSUPP, which is logged, for what fleet_accepts() refuses. The caller frees with
 * fleet_free(). */
int fleet_new(sd_event *event, Config *config, Sink *sink, Machine *machine, const char *no_machine,
              Fleet **ret);
/* Whether everything that the configuration asks for is possible here; otherwise appends a line for
 * what is not. */
bool fleet_accepts(const Fleet *f, const Config *config, Buffer *errors);
/* Frees a fleet that has stopped cleanly, or was never started. One that has not stopped is left
 * where it is: its threads still use it, and the process is about to end. */
Fleet *fleet_free(Fleet *f);
DEFINE_CLEANUP(Fleet *, fleet_free);

/* Begins: the clients are made when the cluster is reached. */
void fleet_start(Fleet *f);

/* Puts another configuration in the place of the one in force, which it takes over, also on
 * failure. What does not differ is not touched: a group that is the same does not rebalance, a
 * producer's schedule goes on. Sections that are no lists stay what they were. Appends what
 * differs, each with its effect, and what a command has set and is kept. What has to leave or to be
 * made anew does so from now on: see fleet_is_settled(). Returns 0, or -ENOMEM: nothing was changed
 * then. */
int fleet_reconfigure(Fleet *f, Config *config, Changes *changes);
/* Whether nobody leaves, or waits to be started, any more. */
bool fleet_is_settled(const Fleet *f);

/* For reconfigure.c: starts whoever waits for it and can be started. Returns 0, or the first error;
 * the others are started all the same. */
int fleet_start_waiting(Fleet *f);
/* Has the tick come, soon where something is waited for. */
void fleet_arm(Fleet *f);

/* Stops everything within a bounded time, then calls the handler. */
void fleet_stop(Fleet *f, FleetStoppedHandler handler, void *userdata);

/* By name, or number; NULL where there is none, or it is leaving. */
Group *fleet_find_group(const Fleet *f, const char *name);
Producer *fleet_find_producer(const Fleet *f, const char *name);
Consumer *fleet_find_consumer(const Fleet *f, int64_t number);

/* The sink takes entries again. */
void fleet_sink_ready(Fleet *f);
