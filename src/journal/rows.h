/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The rows of a ledger: the events of one partition that were received and are not committed, in
 * the order received, which is the order of their offsets. A ring that grows. What a row's state
 * means for anything else is ledger.h's.
 */

#include <stdbool.h>

#include "common/macro.h"

typedef enum RowState {
        ROW_QUEUED,   /* to be written */
        ROW_WAITING,  /* it was lost: to be written again when its time has come */
        ROW_SENT,     /* the socket took it: that proves nothing */
        ROW_VERIFIED, /* it was read back from the journal */
} RowState;

typedef struct Row {
        int64_t offset;
        int64_t timestamp; /* of the event, in ms, or NO_TIMESTAMP */
        void *event;       /* NULL once it is verified */
        uint32_t size;     /* bytes of memory that `event` is counted with */
        uint32_t barrier;  /* how many barriers had been sent when it was */
        uint32_t sent_ms;  /* when that was, or ROW_WAITING: its time; the low bits of a clock */
        RowState state;
        bool again;     /* it was sent, and lost, before */
        uint8_t losses; /* how often it was lost, as far as that counts */
        uint8_t faults; /* how often it was lost while what was sent right behind it was not */
} Row;

/* All zero is an empty one. */
typedef struct Rows {
        Row *items;
        unsigned size; /* a power of two, or 0 */
        unsigned first;
        unsigned n;
} Rows;

/* Forgets the rows (their events are the caller's) and frees the memory. */
void rows_done(Rows *r);
/* Row number `i`, counted from the oldest; `i` < n. */
Row *rows_at(const Rows *r, unsigned i);
/* The index of the first row whose offset is not below `offset`; n where there is none. */
unsigned rows_search(const Rows *r, int64_t offset);
/* Adds a row behind the newest: zeroed, the caller fills it, with a higher offset than that of any
 * other. NULL when memory is short. */
Row *rows_push(Rows *r);
void rows_pop_first(Rows *r);
void rows_pop_last(Rows *r);
