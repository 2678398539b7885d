/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Reads our own entries back from the journal as they appear, on a thread of its own, and hands
 * them to the loop in batches: reading a journal may wait for a disk. It rests while nobody waits
 * for anything. It may miss an entry, and is not asked again: whoever needs to know searches afresh
 * (scan.h).
 */

#include <systemd/sd-event.h>

#include "journal/followed.h"

typedef struct Reader Reader;

/* On the loop. Whatever is sent from now on will have a higher number than `reached`. */
typedef void (*ReaderHandler)(void *userdata, const ReaderItem *items, size_t n, Sequence reached);

/* `place` must outlive the reader; `token` names this process in barriers. Returns 0 or a negative
 * errno; the caller frees with reader_free(). */
int reader_new(sd_event *event, const JournalPlace *place, sd_id128_t token, ReaderHandler handler,
               void *userdata, Reader **ret);
/* Waits until the thread has ended. Takes NULL. */
Reader *reader_free(Reader *r);
DEFINE_CLEANUP(Reader *, reader_free);

/* Reads from now on, or rests. Reading begins at the first barrier that can be found; `barrier` is
 * the newest that was sent, and is looked for by itself when it does not come by. */
void reader_follow(Reader *r, bool enable, uint32_t barrier);
