/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * A consumed event as a journal entry: the group's message, fit to be shown, and the fields that
 * crierd(8) lists. Pure: nothing is sent here.
 */

#include <librdkafka/rdkafka.h>
#include <systemd/sd-id128.h>

#include "config/template.h"
#include "journal/entry.h"

/* Who consumed it. */
typedef struct EventReader {
        const char *group;
        unsigned consumer;
        const Template *message;
        bool message_holds_value; /* the template uses %{value} */
} EventReader;

/* Appends the fields that are the same for every event of this reader and partition. `epoch`: of
 * exactly-once; zero: there is none. */
void event_prefix(const EventReader *r, const char *topic, int32_t partition, sd_id128_t epoch,
                  Buffer *prefix);

/* When it was produced, in milliseconds since 1970; or NO_TIMESTAMP. */
int64_t event_timestamp(const rd_kafka_message_t *m);

/* How much of an event an entry has. */
typedef enum EventForm {
        EVENT_MESSAGE, /* only e->message is made */
        EVENT_WHOLE,   /* all fields */
        EVENT_SHORT,   /* without what event_large() tells; CRIER_CUT says so */
} EventForm;

/* Pieces of an event. */
enum {
        EVENT_KEY = 1 << 0,
        EVENT_HEADERS = 1 << 1,
        EVENT_VALUE = 1 << 2,
};

/* What CRIER_CUT calls a piece. */
const char *event_piece_to_string(unsigned piece);

/* The pieces that are larger than ENTRY_PIECE_MAX. */
unsigned event_large(const rd_kafka_message_t *m);

/* The memory that it takes, about. */
size_t event_size(const rd_kafka_message_t *m);

/* Builds the entry of one event: `e` is cleared first. `scratch` is memory to work with. Returns
 * false where the event has more headers than an entry may have fields: the entry then says so in
 * CRIER_CUT. Fails only for memory (the buffers' `failed`). */
bool event_entry(const EventReader *r, const rd_kafka_message_t *m, const char *topic,
                 const Buffer *prefix, EventForm form, Buffer *scratch, Entry *e);
