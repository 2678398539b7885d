/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * One file of the journal: what its header says, and how to read it by itself. sd-journal(3) opens
 * all files of a journal at once, looks into each of them at every step, and passes over what it
 * cannot open or map without a word; here only those are opened that are needed, and what cannot be
 * read is an error.
 */

#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-journal.h>

#include "journal/place.h"
#include "journal/sequence.h"

typedef struct JournalFile {
        int fd;
        char *name; /* in its directory, when it was opened */
        /* Which file it is, whatever its name: an inode alone is given to another one when the file
         * is gone. */
        dev_t device;
        ino_t inode;
        sd_id128_t id;
        sd_id128_t sequence_id;
        uint64_t head; /* the numbers of its first and its last entry */
        uint64_t tail;
        uint64_t tail_usec; /* the time of its last entry */
        bool closed;        /* journald has put it aside in good order: its header is final */
        bool archived;      /* as its name says: journald writes to it no more */
} JournalFile;

/* Opens the file and reads its header. Returns 1; 0 where it is gone, or has no header and so no
 * entry that anybody could find; or a negative errno. file_done() is for what was opened. */
int file_open(const char *directory, const char *name, JournalFile *ret);
void file_done(JournalFile *f);

bool file_is_same(const JournalFile *a, const JournalFile *b);

/* Opens it for reading, with no match. Returns 0 or a negative errno; sd_journal_close() is the
 * caller's. */
int file_read(const JournalFile *f, sd_journal **ret);
/* Whether journald has put it aside as it found it, not closed, so that a loss of power may have
 * torn it: what was to be written last may be referred to and not be there. sd-journal(3) may give
 * such a file up at such a place, or pass over more than that: it has to be read from both ends. */
bool file_may_be_torn(const JournalFile *f);
/* After sd-journal(3) has said that there is no further entry: it says so as well where it has
 * given the file up. Returns 0, also where that may be because it is torn; or a negative errno
 * where the end may not be the end. */
int file_at_end(const JournalFile *f, sd_journal *j);

/* Where its journal's count is now; never too far. */
Sequence file_reached(const JournalFile *f);
/* Whether all that is in it had its place when the count was at `place`. */
bool file_is_before(const JournalFile *f, Sequence place);

typedef struct JournalFiles {
        JournalFile *items; /* the newest first, as far as that is known */
        size_t n;
} JournalFiles;

/* All files of the place that may hold entries of ours. Returns 0 or a negative errno (-ENOENT:
 * there is none); where it is about one file, its name is in `*ret_culprit`, for free().
 * files_done() in any case. */
int files_open(const JournalPlace *p, JournalFiles *ret, char **ret_culprit);
void files_done(JournalFiles *files);
