/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What every client in this room is handed: the loop, the sink, the threads, the configuration.
 * Owned by the fleet, outlives them all.
 */

#include <systemd/sd-event.h>

#include "common/clock.h"
#include "config/config.h"
#include "journal/machine.h"
#include "kafka/follower.h"
#include "kafka/keys.h"
#include "kafka/trouble.h"
#include "kafka/width.h"

typedef struct Cluster Cluster;

typedef struct KafkaContext {
        sd_event *event;
        Sink *sink;
        Machine *machine;       /* NULL: nothing is written exactly once */
        const char *no_machine; /* why not */
        /* exactly-once: what the journal's files refuse; what is sent cannot be read back */
        Trouble journal_troubles[JOURNAL_TASK_COUNT_];
        Trouble journal_silent;
        Helpers *helpers;
        const Config *config;
        Cluster *cluster;
        KeyTables keys; /* of the topics that producers and groups name */
        Widths widths;
        unsigned surveys; /* under way */
        bool unsettled;   /* a stop gave something up: an undelivered event, an offset not committed
                           */
        Followers followers;
        unsigned next_consumer; /* consumers are numbered across the daemon, never reused */
} KafkaContext;

/* How long a client that failed `failures` times in a row waits until it is made anew. */
static inline uint64_t restart_wait_usec(unsigned failures) {
        return MIN(USEC_PER_SEC << MIN(failures, 6u), 60 * USEC_PER_SEC);
}
