/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Bounded copies of consumed events, to be shown later: what a group remembers of its newest, and
 * what waits for somebody who follows. A copy outlives the event, its consumer and its group. No
 * JSON here (control/tail.c), no choice of what is copied (reading.c).
 */

#include "kafka/event.h"

/* Of a key and of a value so much is kept, and of all headers together. */
#define COPY_PIECE_MAX ((size_t) 4096)

typedef struct EventCopy {
        uint64_t number; /* counts all that were copied, in the order in which they were written */
        uint64_t missed; /* how many were left out between the one before in its ring and this */
        unsigned consumer;
        int32_t partition;
        int64_t offset;
        int64_t timestamp_ms; /* or NO_TIMESTAMP */
        bool cut;             /* something of it was left out */
        const char *group;
        const char *topic;
        const char *key; /* NULL: null; not a string */
        size_t key_size;
        const char *value; /* NULL: null; not a string */
        size_t value_size;
        const char *message; /* the journal's line; not a string */
        size_t message_size;
        const char *headers; /* copy_header() */
        size_t headers_size;
        Buffer bytes; /* what all of these point to */
} EventCopy;

/* A header of a copy. `position` is 0 for the first and moves on to the next. Returns false where
 * there is none any more. A value of NULL is null. */
bool copy_header(const EventCopy *c, size_t *position, const char **ret_name,
                 const char **ret_value, size_t *ret_size);

/* Copies in the order in which they were added. All zero but for `size` is an empty ring; its
 * memory comes with the first copy. */
typedef struct CopyRing {
        EventCopy *slots;
        unsigned size; /* how many it holds at most */
        unsigned first;
        unsigned n;
        size_t bytes; /* of all of them */
} CopyRing;

void copy_ring_done(CopyRing *r);

/* Copies an event; where the ring is full in the place of the oldest. `message` is its line in the
 * journal. Returns the copy, or NULL where memory is short. */
EventCopy *copy_ring_add(CopyRing *r, const EventReader *reader, const char *topic,
                         const rd_kafka_message_t *m, const Buffer *message);

/* The copy at that place, 0 for the oldest; NULL where there is none. */
const EventCopy *copy_ring_at(const CopyRing *r, unsigned i);

/* Frees the oldest. */
void copy_ring_pop(CopyRing *r);
