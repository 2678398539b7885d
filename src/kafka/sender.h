/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Events that are made by hand: one client for all of them, made when it is needed and gone when it
 * was not needed for a minute. What is to be sent comes in requests, which are sent in the order in
 * which they came; each of their events ends with a place or a problem, within SENDING_USEC and
 * what librdkafka takes to deliver. Not for the producers of the configuration (producer.h).
 */

#include "common/buffer.h"
#include "kafka/context.h"

/* What may be under way. */
#define SENDER_SENDINGS_MAX 64
#define SENDER_BYTES_MAX ((size_t) 1024 * 1024)

/* The events of one request. */
#define SENDING_EVENTS_MAX 1000

typedef struct Sending Sending;
typedef struct Sender Sender;

typedef struct SentEvent {
        Sending *sending;
        /* What is sent; to be filled by whoever asks for it. */
        bool has_key;
        Buffer key;
        bool has_value;
        Buffer value;
        rd_kafka_headers_t *headers; /* NULL: none */
        int32_t partition;           /* RD_KAFKA_PARTITION_UA: by its key */
        /* What became of it. */
        bool done;
        int32_t at_partition; /* < 0: it was not delivered, or not yet */
        int64_t offset;       /* the same */
        char *problem;        /* why it was not delivered; NULL: it was, or not yet */
} SentEvent;

typedef enum SendingState {
        SENDING_WAITING, /* for those before it, and for the topic to be looked up */
        SENDING_SENT,    /* to librdkafka; delivery reports are to come */
        SENDING_DONE,
} SendingState;

struct Sending {
        unsigned references;
        SendingState state;
        char *topic;
        bool no_topic; /* there is none of that name: nothing was sent */
        size_t bytes;
        unsigned left;          /* events that are not done */
        uint64_t deadline_usec; /* SENDING_WAITING: when it is given up */
        KeyTable *keys;         /* of its topic; NULL: they are not counted */
        Sending *next;
        unsigned n;
        SentEvent events[];
};

/* One for `n` events, with one reference. NULL where memory is short. */
Sending *sending_new(const char *topic, unsigned n);
Sending *sending_unref(Sending *x);
DEFINE_CLEANUP(Sending *, sending_unref);

int sender_new(KafkaContext *context, Sender **ret);
Sender *sender_free(Sender *s);
DEFINE_CLEANUP(Sender *, sender_free);

/* Sends it; takes a reference of its own for as long as that lasts. Returns 0, -EBUSY where too
 * much is under way, -ESHUTDOWN after sender_stop(). */
int sender_send(Sender *s, Sending *x);

/* About once a second. */
void sender_tick(Sender *s, uint64_t now);

/* Sends no more; what is under way is delivered if that is possible soon. */
void sender_stop(Sender *s);
/* True where nothing is under way and there is no client. */
bool sender_is_gone(const Sender *s);

/* Its client at the moment, or NULL: for tests, which have it fail. */
rd_kafka_t *sender_client(const Sender *s);
