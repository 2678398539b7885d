/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * This machine's journald behind journal.h: entries go to the sink, come back through the reader,
 * are searched for and brought to disk on helper threads, and partitions are locked in the state
 * directory. Decides nothing.
 */

#include "journal/journal.h"
#include "loop/helper.h"

typedef struct Machine Machine;

typedef struct MachineSpec {
        Sink *sink;            /* must outlive it */
        const char *directory; /* --journal-directory=; NULL: the machine's */
        const char *state;     /* the directory with the lock */
        bool other_socket;     /* the sink's journald may not be the machine's */
} MachineSpec;

/* Makes it where events can be written exactly once. Otherwise `*ret` is NULL, and why, with what
 * to do, is a sentence in `why`. Returns 0, or a negative errno for what is no reason of that kind.
 * The caller frees with machine_free(), when no ledger is left. */
int machine_new(sd_event *event, const MachineSpec *spec, Buffer *why, Machine **ret);
/* Takes NULL. While machine_running() it is left where it is: the process is about to end. */
Machine *machine_free(Machine *m);
DEFINE_CLEANUP(Machine *, machine_free);

Journal *machine_journal(Machine *m);

/* A ledger was made, or has changed by something that the journal does not see: goes on soon. */
void machine_poke(Machine *m);
/* Goes on now. */
void machine_step(Machine *m);

/* Searches and syncs that still run. */
unsigned machine_running(const Machine *m);
