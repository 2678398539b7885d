/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * One file of the journal that is followed by the thread of reader.h: its entries of ours, as they
 * appear.
 */

#include "journal/file.h"

typedef struct ReaderItem {
        sd_id128_t epoch; /* zero: a barrier of this process */
        int64_t offset;   /* or the barrier's number */
        uint64_t subject; /* see own_subject() */
} ReaderItem;

/* Who follows, and what is called with what was read. */
typedef struct FollowedFor {
        const JournalPlace *place;
        sd_id128_t token; /* of this process, in barriers */
        void (*add)(void *userdata, ReaderItem item);
        void *userdata;
} FollowedFor;

typedef struct Followed {
        JournalFile file;
        sd_journal *journal;
        sd_journal *other; /* for looking something up, without losing the place */
        ReaderItem held;   /* the newest event read */
        bool holds;
        bool finished; /* was read to its end, and nothing will follow */
} Followed;

/* Takes the file, in any case; it is read from its head. Returns 0 or a negative errno;
 * followed_done() is for what was opened. */
int followed_open(const FollowedFor *who, JournalFile *file, Followed *ret);
void followed_done(Followed *f);

/* Looks for a barrier. Returns 1 where it is there, 0 where it is not, or a negative errno. */
int followed_find(const FollowedFor *who, Followed *f, uint32_t barrier);
/* Reads on from the barrier that was found. Returns 0 or a negative errno. */
int followed_begin(Followed *f);

/* Reads what is there, but not endlessly. Returns how many entries, or a negative errno. */
int followed_read(const FollowedFor *who, Followed *f);
