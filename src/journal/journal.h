/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * One journal as a place where events stand exactly once: what is written to it, what was read back
 * from it, the barriers between the two, and the ledgers of all partitions whose events go there.
 * There is one of it now; a journal namespace would be another. It reaches journald only through
 * JournalOps: the machine's (machine.h), or a simulated one of the tests.
 */

#include "journal/entry.h"
#include "journal/ledger.h"
#include "journal/record.h"
#include "journal/sequence.h"

/* A scan looks on until so many entries in a row lie below its floor: two full ledgers. Step 1.3.
 */
#define SCAN_BELOW_MAX (2 * LEDGER_ROWS_MAX)

/* Barriers that are remembered. */
#define BARRIERS_KEPT 256

/* One that was sent. */
typedef struct Barrier {
        Sequence reached; /* where the journal was, at least */
        uint32_t sent_ms; /* the low bits of a clock */
        bool seen;
} Barrier;

/* A search for what stands of one epoch from `floor` on: journal.c's, lent to JournalOps.scan. */
struct JournalScan {
        uint64_t ledger;  /* its serial */
        bool look;        /* step 4, not step 1.3 */
        uint32_t barrier; /* step 4: the newest that was readable */
        sd_id128_t epoch;
        uint64_t subject; /* see own_subject() */
        int64_t floor;
        Sequence after; /* nothing that is looked for stands up to there */
        /* Step 1.3: what was read back last, by the note: does this journal have it? */
        int64_t last;     /* its offset; < 0: do not look */
        Sequence reached; /* where the journal was then */
        /* The answer. */
        int error;          /* negative: try again */
        char *culprit;      /* the file that it is about, or NULL */
        Standing *standing; /* sorted by offset, each once */
        unsigned n_standing;
        JournalCause cause; /* what could explain that entries are missing */
        bool seen;          /* an entry of the epoch, wherever it stands */
        bool elsewhere;     /* it is another journal, or an older state of it */
};

JournalScan *journal_scan_free(JournalScan *s);

typedef struct JournalOps {
        /* Hands one entry to journald: 0, or a negative errno where it takes none now. */
        int (*send)(void *userdata, const Entry *e);
        /* Takes a partition's lock: 0, or -EAGAIN where another process has it. */
        int (*lock)(void *userdata, uint64_t key);
        void (*unlock)(void *userdata, uint64_t key);
        /* Has entries of ours be read back from now on, or no more. `barrier` is the newest that
         * was sent: who has not begun to read yet begins there. */
        void (*follow)(void *userdata, bool enable, uint32_t barrier);
        /* Starts a search; journal_scanned() when it is over, or returns a negative errno. */
        int (*scan)(void *userdata, JournalScan *scan);
        /* Starts to bring to disk all that stands now; journal_synced() when that is over. */
        int (*sync)(void *userdata);
        sd_id128_t (*draw)(void *userdata);
} JournalOps;

/* Something that the protocol has to say; `ledger` is NULL where it is about the whole journal. */
typedef struct JournalNotice {
        RecordId record;
        const Ledger *ledger;
        uint64_t count;
        uint64_t written;
        int64_t first; /* offsets, both included; < 0: none */
        int64_t last;
        JournalCause cause;
        uint64_t usec;
        const void *event; /* of a row, where it is about one that is still there */
} JournalNotice;

/* What is tried again until it works. */
typedef enum JournalTask {
        JOURNAL_SEARCH,
        JOURNAL_SYNC,
        JOURNAL_TASK_COUNT_,
} JournalTask;

/* Who uses the ledgers. */
typedef struct JournalHandlers {
        void (*notice)(void *userdata, const JournalNotice *n);
        /* A row's event is not needed any more. */
        void (*release)(void *userdata, void *event);
        void (*wake)(void *userdata, void *owner);
        /* Was tried; `error`: 0, or the negative errno that the journal's files answered;
         * `culprit`: the file that it is about, or NULL. */
        void (*tried)(void *userdata, JournalTask task, int error, const char *culprit);
} JournalHandlers;

struct Journal {
        const JournalOps *ops;
        void *ops_userdata;
        JournalHandlers handlers;
        void *userdata;

        char host[MARKER_NAME_MAX + 1];
        char old_host[MARKER_NAME_MAX + 1]; /* as a crierd with the old notes has called it */
        sd_id128_t token;                   /* this process, in barriers */

        Ledger **ledgers;
        uint64_t next_serial;
        uint64_t in_flight_bytes;  /* the limit, for all ledgers together */
        uint64_t bytes;            /* in flight */
        unsigned in_flight_events; /* the limit, for a ledger */
        unsigned n_ledgers;
        unsigned last_found; /* where the last epoch was found */

        Sequence reached;                /* where the journal was when it was read last */
        Barrier barriers[BARRIERS_KEPT]; /* the newest ones, by number */
        uint32_t barriers_sent;
        uint32_t barriers_seen;     /* the number of the newest that was read */
        uint32_t followed;          /* the one that the reader was told last */
        uint64_t barrier_usec;      /* when the newest was sent */
        uint64_t barrier_wait_usec; /* when it is missed */
        uint64_t heard_usec;        /* the last time that one appeared, or that none was missed */
        uint64_t silent_usec;
        uint64_t sync_retry_usec;
        uint64_t sync_usec;      /* when the one under way began */
        uint64_t sync_rest_usec; /* until when no other is to begin that can wait */
        bool prompt; /* what was lost is being written again: a barrier is to follow at once */
        bool heard;  /* a barrier has appeared since the last step */
        bool silent; /* said: barriers do not appear */
        bool following;
        bool syncing;
};

/* Fills an empty one; `host` names the journal in commits. */
void journal_init(Journal *j, const JournalOps *ops, void *ops_userdata, const char *host,
                  sd_id128_t token);
void journal_done(Journal *j);

/* The note of a commit that begins an epoch: draws one that begins at `offset`, and in which
 * nothing is written yet. For who commits where a partition begins before it has a ledger. */
void journal_first_note(Journal *j, const LedgerSpec *spec, int64_t offset,
                        char to[static MARKER_TEXT_MAX]);

/* Writes the row's entry. Returns 0, or a negative errno where the journal takes none now. */
int journal_write(Journal *j, Ledger *l, Row *row, const Entry *e, uint64_t now);

/* From the reader: an entry with this epoch and subject, or this process's barrier, is readable.
 * After a batch of them journal_step() is called. */
void journal_read_event(Journal *j, sd_id128_t epoch, uint64_t subject, int64_t offset);
void journal_read_barrier(Journal *j, uint32_t number);
/* The end of a scan; takes `scan` back. */
void journal_scanned(Journal *j, JournalScan *scan, uint64_t now);
void journal_synced(Journal *j, int error, uint64_t now);

/* Does whatever is to be done now, and wakes who can go on. Returns after how many microseconds it
 * has to be called again, though nothing happened; UINT64_MAX: not for that. */
uint64_t journal_step(Journal *j, uint64_t now);

/* Whether some ledger needs that to succeed. */
bool journal_depends_on(const Journal *j, JournalTask task);

/* Why entries were probably lost, in words. */
const char *journal_cause_to_string(JournalCause cause);

/* ---- for ledger.c ---- */

/* Whether a barrier that was sent right behind an entry is readable. The entry: sent when as
 * many barriers had been as `before` says, at `sent_ms`. */
bool journal_was_followed(const Journal *j, uint32_t before, uint32_t sent_ms);
int journal_add(Journal *j, Ledger *l);
void journal_remove(Journal *j, Ledger *l);
void journal_notice(Journal *j, JournalNotice n);
