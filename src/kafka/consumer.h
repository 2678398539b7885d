/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * One member of a group: a librdkafka client of its own, from joining to leaving. This header is
 * the consumer as all of this room sees it; its parts are assignment.c (which partitions it has),
 * reading.c (events to the sink) and committer.c (offsets to the broker).
 */

#include "kafka/context.h"
#include "kafka/event.h"
#include "kafka/meter.h"
#include "kafka/partition.h"
#include "kafka/prefetch.h"
#include "kafka/trouble.h"

typedef struct Group Group;

typedef enum ConsumerState {
        CONSUMER_JOINING,    /* waits for an assignment */
        CONSUMER_RESOLVING,  /* has one; where to start is being looked up */
        CONSUMER_ASSIGNED,   /* reads its partitions, or stands by where it has none */
        CONSUMER_SETTLING,   /* gives them back, or stops: finishes and commits first */
        CONSUMER_CLOSING,    /* leaves the group */
        CONSUMER_DESTROYING, /* its client is being freed */
        CONSUMER_RESTARTING, /* its client failed; waits until it is made anew */
        CONSUMER_GONE,
} ConsumerState;

typedef struct Consumer {
        Group *group;
        KafkaContext *context;
        unsigned number;
        char *client_id;
        EventReader reader;

        ConsumerState state;
        rd_kafka_t *rk;
        rd_kafka_queue_t *queue;
        QueueWaker *waker;

        uint64_t generation; /* assignments so far: tells late answers from those of now */
        rd_kafka_topic_partition_list_t *offered; /* assignment not taken yet */
        Partition **partitions;
        unsigned n_partitions;
        unsigned next_partition; /* where the next round of reading begins */

        Prefetch prefetch;
        unsigned lookups;      /* assignment.c: jobs that use our client */
        uint64_t lookup_usec;  /* when to try a lookup again; 0: none is due */
        uint64_t begin_usec;   /* beginning.c: since when it waits for the group's beginning */
        bool begins;           /* its commit of that is under way */
        bool revoked;          /* the broker waits for our answer to a revocation */
        bool settle_committed; /* the last commit of CONSUMER_SETTLING was sent */
        bool stopping;         /* wanted: leave and never come back */
        bool killed;           /* wanted: end without leaving */
        bool paused;           /* reads nothing, keeps its place */
        bool failed;           /* wanted: leave and come back */
        bool unclosable;       /* CONSUMER_CLOSING: its client refuses to close; free it as it is */
        unsigned commits;      /* committer.c: requests under way */
        uint64_t deadline_usec; /* of CONSUMER_SETTLING */
        uint64_t restart_usec;
        unsigned failures; /* in a row, for the back-off */

        uint64_t received;
        uint64_t written;
        Meter meter;          /* of received */
        bool reads_committed; /* isolation.level */
        int session_ms;       /* session.timeout.ms, as librdkafka has it */
        Trouble trouble;
        Entry entry; /* reading.c: the event on its way out */
        Buffer scratch;
} Consumer;

/* For the status: joining, owner, standby, stopping, restarting. */
const char *consumer_state_to_string(const Consumer *c);

/* Makes a consumer and has it join its group. Returns 0 or a negative errno; the caller frees with
 * consumer_free() once it is gone. */
int consumer_new(Group *group, KafkaContext *context, Consumer **ret);
Consumer *consumer_free(Consumer *c);
DEFINE_CLEANUP(Consumer *, consumer_free);

/* Has it finish, commit, leave its group and end: CONSUMER_GONE when that is done. */
void consumer_stop(Consumer *c);

/* Ends it as a crash would: nothing is finished, nothing committed, and the group is not told, so
 * that it notices when the session is over. CONSUMER_GONE when its client is freed. */
void consumer_kill(Consumer *c);

/* Whether its partitions have ledgers: its group's delivery is exactly-once. */
bool consumer_is_exact(const Consumer *c);

/* Reads nothing for a while, or goes on. */
void consumer_set_paused(Consumer *c, bool paused);

/* Its group has another configuration, and perhaps another message. */
void consumer_reconfigure(Consumer *c);

/* Serves what librdkafka has for it, then reads events until there are none, the sink is full or
 * its share of time is used up. */
void consumer_serve(Consumer *c);

/* About once a second, oftener while something is being waited for: commits, retries, ends waits.
 */
void consumer_tick(Consumer *c, uint64_t now);

/* True while it waits for something that a tick may have to end. */
bool consumer_in_transition(const Consumer *c);

/* An error that librdkafka reported for this client, or in the place of an event. */
void consumer_error(Consumer *c, rd_kafka_resp_err_t err, const char *topic, const char *text);

/* "consumer 3 of group 'x'" into `to`. */
void consumer_subject(const Consumer *c, char *to, size_t size);
