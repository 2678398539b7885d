/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * One partition that one of our consumers owns at the moment: its queue, the events that were
 * fetched and not yet written, and the positions. Made at each assignment, gone at each revocation.
 * Which partitions there are and when they are read is consumer.c's.
 */

#include <librdkafka/rdkafka.h>

#include "journal/entry.h"
#include "journal/ledger.h"
#include "kafka/keys.h"
#include "kafka/queue.h"

/* Events taken from the partition's queue at once. */
#define PARTITION_BATCH 256

typedef enum PartitionState {
        PARTITION_READY,     /* events may be read and written */
        PARTITION_CLAIMING,  /* at-most-once: the events held are being committed, before they are
                                written */
        PARTITION_RESETTING, /* its position is not in the log; a new one is looked up */
} PartitionState;

typedef struct Partition {
        char *topic;
        int32_t number;
        PartitionState state;
        rd_kafka_queue_t *queue;
        KeyTable *keys; /* of its topic; NULL: they are not counted */

        rd_kafka_message_t *held[PARTITION_BATCH]; /* fetched, not written: held[first … n - 1] */
        unsigned first;
        unsigned n;

        int64_t position;  /* one behind the last event that was written (or counted); < 0: unknown
                            */
        int64_t end;       /* of its log, when it was assigned */
        int64_t committed; /* what the broker has, as far as we know; < 0: nothing */
        int64_t fetched;   /* one behind the last event that was read, or the end that was reached:
                            * where reading goes on */
        int64_t reached;   /* the last end of the log that was reached; -1: none */
        int64_t anchor;   /* to be committed, or what lies behind it, although nothing may have been
                             consumed; -1: nothing is */
        uint64_t taken;   /* messages out of the queue so far */
        uint64_t brought; /* prefetch.c: that came into it so far */
        size_t level;     /* at half of it more is asked for; 0: not at all */
        bool claim_failed;   /* PARTITION_CLAIMING: the commit was refused; claim again */
        uint64_t reset_usec; /* when its position was last found not to be in the log; 0: never */
        int64_t reset_position; /* where it was made to go on then */
        Ledger *ledger;         /* exactly-once; NULL: something else */
        int64_t open_at; /* partition_watch_end(): where an open transaction was found; -1: none */
        uint64_t open_usec; /* when it was first found */
        bool cut_said;      /* an event of it did not fit an entry whole, and that was said */
        Buffer prefix;      /* the fields that are the same in each entry */
} Partition;

/* Makes the partition and takes its queue out of the consumer's, so that it can be left unread
 * without keeping rebalances from being served. `start` is the first offset to be read; negative:
 * not known yet. To be called before client_assign(). Returns 0 or a negative errno. */
int partition_new(rd_kafka_t *rk, const char *topic, int32_t number, int64_t start,
                  QueueWaker *waker, Partition **ret);
/* Drops what is held: it was not committed and comes again to whoever owns the partition next. */
Partition *partition_free(Partition *p);
DEFINE_CLEANUP(Partition *, partition_free);

/* Where nothing is held, takes the next events from the queue. Returns how many are held then. */
unsigned partition_fetch(Partition *p);
/* The oldest event held, or NULL. */
rd_kafka_message_t *partition_peek(const Partition *p);
/* The oldest event held was written: destroys it and moves the position. */
void partition_pop(Partition *p);
/* Destroys the oldest event without moving the position: an error message of librdkafka's. */
void partition_skip(Partition *p);
/* Takes the oldest event out and moves the position: it is the caller's, or its ledger's. */
rd_kafka_message_t *partition_take(Partition *p);
void partition_drop_held(Partition *p);
/* The oldest message held says that reading has reached an end of the log: what lies before it and
 * was not handed out holds no events. Moves the position and takes the message out. */
void partition_end_reached(Partition *p);
/* Goes on at another offset, which is to be committed: drops what is held. Fetching is moved by
 * assignment_restart(). */
void partition_move(Partition *p, int64_t offset);
/* Whether its position was found not to be in the log a short while ago: then it is not said each
 * time that its log runs away from its reader. */
bool partition_was_reset(const Partition *p);
unsigned partition_held(const Partition *p);

/* The end of the log, as the last fetch or else the assignment told it. Does not block. */
int64_t partition_end(const Partition *p, rd_kafka_t *rk);
/* About once a second, for a client that only reads what was committed: its log ends for it where
 * the oldest open transaction begins. That there is one is known from an end that was reached while
 * the log goes on behind it. */
void partition_watch_end(Partition *p, rd_kafka_t *rk, uint64_t now);
/* For how many milliseconds an open transaction has kept the position where it is, since we first
 * saw it; -1: none has, or not for a second. */
int64_t partition_open_ms(const Partition *p, uint64_t now);
/* Offsets between the position and that, or -1 where unknown. */
int64_t partition_lag(const Partition *p, rd_kafka_t *rk);
