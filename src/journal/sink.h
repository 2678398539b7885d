/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Where entries go: the journal (writer.c) or standard output (stdout.c), behind one interface,
 * with what both need: whether it takes entries at the moment, who waits for it, and a short queue
 * for records, which nobody else would keep. A sink never blocks.
 */

#include <systemd/sd-event.h>

#include "journal/entry.h"

typedef enum SinkState {
        SINK_OK,      /* takes entries */
        SINK_FULL,    /* its buffer is full: ordinary under load, over in a moment */
        SINK_REFUSED, /* takes nothing, and that lasts */
} SinkState;

const char *sink_state_to_string(SinkState s);

typedef struct Sink Sink;

/* What a kind of sink is made of. */
typedef struct SinkKind {
        const char *name;
        size_t size;       /* of its own struct, which begins with a Sink */
        bool wants_fields; /* false: only Entry.message is looked at */
        /* Tries to write one entry: 0 or a negative errno, -EAGAIN where the buffer is full. */
        int (*write)(Sink *s, const Entry *e);
        /* Could an entry be taken now? 0 or a negative errno; connects again where that is needed.
         */
        int (*probe)(Sink *s);
        /* Asks for sink_retry() when it may take entries again, or no more for that. Returns after
         * how many microseconds a timer shall ask as well; 0: what is usual. */
        uint64_t (*watch)(Sink *s, bool enable);
        /* The last chance to write, and to free what its struct holds. May be NULL. */
        void (*close)(Sink *s);
} SinkKind;

/* Called when the sink takes entries again. */
typedef void (*SinkReadyHandler)(void *userdata);
/* Called when the state changed between "takes entries" (also SINK_FULL) and SINK_REFUSED. `error`
 * is what the last write said, or 0; `usec` for how long it refused, when it is back. */
typedef void (*SinkTroubleHandler)(void *userdata, bool refused, int error, uint64_t usec);

/* The beginning of each kind's own struct. */
struct Sink {
        const SinkKind *kind;
        sd_event *event;
        char *target; /* a socket's path, or "standard output" */
        int fd;
        sd_event_source *source; /* the kind's own, for watch() */
        sd_event_source *timer;

        SinkState state;
        int error;      /* of the last write that failed, but -EAGAIN */
        uint64_t since; /* CLOCK_MONOTONIC usec: last time that it took an entry, before this state
                         */
        uint64_t entries;      /* taken so far, records included */
        uint64_t records_lost; /* records that did not fit the queue */

        Entry *records; /* waiting ones, oldest first */
        unsigned n_records;

        SinkReadyHandler ready;
        SinkTroubleHandler trouble;
        void *userdata;
};

/* Used by the kinds' constructors, which fill their own struct afterwards: `fd` and `target`
 * (allocated) belong to the sink afterwards, also on failure. */
int sink_new(sd_event *event, const SinkKind *kind, int fd, char *target, Sink **ret);
/* Closes; waiting records get one last try. */
Sink *sink_free(Sink *s);
DEFINE_CLEANUP(Sink *, sink_free);

void sink_set_handlers(Sink *s, SinkReadyHandler ready, SinkTroubleHandler trouble, void *userdata);

/* Writes one entry. Returns 0 when the sink took it, or -EAGAIN when it takes none at the moment:
 * keep the entry, SinkReadyHandler will be called. */
int sink_write(Sink *s, const Entry *e);

/* The same for an entry that nobody keeps: what the sink does not take now waits in a short queue.
 * The entry's buffers are taken over (and are empty afterwards). */
void sink_write_kept(Sink *s, Entry *e);

/* For the kinds: try again what waits, and call the ready handler if entries are taken again. */
void sink_retry(Sink *s);
