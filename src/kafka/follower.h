/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Somebody who wants to see events as they are consumed. Each has a ring of copies that it empties
 * when it can; while the ring is full, events are only counted, so that nobody who follows ever
 * keeps events from being consumed. Who that is and how it is told is control/tail.c's.
 */

#include "kafka/copy.h"

/* How many may follow at a time, and what waits for each. */
#define FOLLOWERS_MAX 8
#define FOLLOWER_EVENTS_MAX 256
#define FOLLOWER_BYTES_MAX ((size_t) 1024 * 1024)

/* Which events: those that have all of what is given. All zero but for the two numbers: each. */
typedef struct EventFilter {
        const char *group; /* NULL: any */
        const char *topic;
        const char *key; /* NULL: any, and none */
        size_t key_size;
        int32_t partition; /* < 0: any */
        int64_t consumer;  /* < 0: any */
} EventFilter;

bool event_filter_matches(const EventFilter *f, const EventReader *reader, const char *topic,
                          int32_t partition, const void *key, size_t key_size);
/* The same for a copy. */
bool event_filter_matches_copy(const EventFilter *f, const EventCopy *c);

typedef struct Follower {
        EventFilter filter; /* its texts are the follower's own */
        CopyRing ring;
        uint64_t missed; /* left out since the newest copy in the ring */
} Follower;

/* Those that there are: a member of the KafkaContext. */
typedef struct Followers {
        Follower *items[FOLLOWERS_MAX];
        unsigned n;
        uint64_t copied; /* the number of the next copy, of any ring */
} Followers;

/* Adds one. Returns 0, -EBUSY where there are FOLLOWERS_MAX, -ENOMEM. */
int follower_new(Followers *all, const EventFilter *filter, Follower **ret);
/* Takes it away and frees it. Takes NULL, returns NULL. */
Follower *follower_free(Followers *all, Follower *f);

/* Whether the follower takes a copy of this event. Counts it as missed where it would but cannot.
 */
bool follower_wants(Follower *f, const EventReader *reader, const char *topic,
                    const rd_kafka_message_t *m);
/* Takes one that it wants. */
void follower_take(Followers *all, Follower *f, const EventReader *reader, const char *topic,
                   const rd_kafka_message_t *m, const Buffer *message);
