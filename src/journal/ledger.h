/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The ledger of one partition that is written exactly once: which events were received, which of
 * them stand in the journal, and what may be committed; from assignment to revocation. It does
 * nothing by itself: it is told what happened and tells what is to be done, so that the tests can
 * run it against a simulated journal and broker. What ledgers share is journal.h's.
 * crier-delivery(7), HOW IT WORKS; the numbers of steps are that section's.
 */

#include "journal/marker.h"
#include "journal/rows.h"

typedef struct Journal Journal;
typedef struct JournalScan JournalScan;

/* Why the journal may have lost entries. */
typedef enum JournalCause {
        CAUSE_UNKNOWN,
        CAUSE_RATE_LIMIT,
        CAUSE_DISK_FULL,
        CAUSE_RESTARTED,
} JournalCause;

/* Rows that a ledger may hold in all, whatever the configuration allows to be in flight. The scan
 * of a recovery depends on it: every crierd, of whatever configuration, must have the same. */
#ifndef LEDGER_ROWS_MAX /* tests/sim has few, so that it meets every limit */
#define LEDGER_ROWS_MAX 65536
#endif

/* Of so many rows a commit is due at once. */
#define LEDGER_ROWS_MANY (LEDGER_ROWS_MAX / 2)

/* An entry that was lost so often by its own fault is written cut: as one that fits any journal.
 * Where that does not help either its partition is stopped. */
#define LEDGER_FAULTS_CUT 2
#define LEDGER_FAULTS_STOP 10

typedef enum LedgerPhase {
        LEDGER_LOCKING,  /* waits for the partition's lock */
        LEDGER_FETCHING, /* waits for ledger_fetched() */
        LEDGER_WAITING,  /* for a barrier to be readable */
        LEDGER_SCANNING, /* for what already stands in the journal */
        LEDGER_OPENING,  /* for its first commit */
        LEDGER_RUNNING,
        LEDGER_SETTLING, /* is given back: waits for its rows, then commits a last time */
        LEDGER_CLOSED,   /* there is nothing left to wait for */
} LedgerPhase;

typedef enum LedgerVerdict {
        LEDGER_NEW,    /* has a row now, which owns the event: write it */
        LEDGER_STANDS, /* stands in the journal already: drop it */
        LEDGER_KNOWN,  /* came before: drop it */
        LEDGER_MOVED,  /* the log was rewritten: drop it and read no more, see ledger_has_moved() */
        LEDGER_NO_MEMORY,
} LedgerVerdict;

typedef enum LedgerOutcome {
        LEDGER_DONE,    /* the broker has taken the commit */
        LEDGER_REFUSED, /* it has not, and never will */
        LEDGER_UNKNOWN, /* it may have, or may still do so */
        LEDGER_FENCED,  /* it has not, because the partition is somebody else's by now */
} LedgerOutcome;

typedef enum LedgerSync {
        SYNC_NONE,
        SYNC_WANTED,
        SYNC_UNDER_WAY,
        SYNC_DONE, /* all that stood when it began is on disk */
} LedgerSync;

typedef enum LedgerMove {
        MOVE_NONE,
        MOVE_SEEK,      /* somebody wants it */
        MOVE_REWRITTEN, /* the log's content has changed */
} LedgerMove;

typedef enum LedgerSeek {
        LEDGER_SEEK_NONE,
        LEDGER_SEEK_PENDING, /* waits for rows, then for the anchor */
        LEDGER_SEEK_DONE,
        LEDGER_SEEK_REFUSED, /* an earlier commit may still undo it: try again */
} LedgerSeek;

/* An event that stands in the journal. */
typedef struct Standing {
        int64_t offset;
        int64_t timestamp;
} Standing;

typedef struct LedgerStats {
        uint64_t received;
        uint64_t written; /* datagrams that the socket took, those written again included */
        uint64_t verified;
        uint64_t written_again; /* because the journal had lost them */
        uint64_t cut;           /* written without what is large of the event */
} LedgerStats;

typedef struct LedgerSpec {
        const char *cluster; /* the Kafka cluster's id */
        const char *group;
        const char *topic;
        int32_t partition;
        bool sync; /* fsync before each commit */
} LedgerSpec;

typedef struct Ledger {
        Journal *journal;
        uint64_t serial; /* never used again: for who may outlive us */
        void *owner;     /* who is woken */
        char *group;
        char *topic;
        char *cluster;
        uint64_t key;     /* of its lock */
        uint64_t subject; /* of its entries: see own_subject() */
        int32_t partition;
        bool with_sync;

        LedgerPhase phase;
        bool locked;
        bool lock_said;
        bool stopped; /* at `reach`, whose entry the journal does not keep: nothing more is received
                       */
        bool fenced;  /* nothing may be written or committed any more */
        bool fresh;   /* the epoch has no anchor yet */
        bool open;    /* the commit says that we are at work: clean=0, our host */
        bool old_note; /* the note was of a crierd that did not say whom it is for */
        sd_id128_t epoch;
        int64_t anchor;     /* where the epoch began */
        int64_t start;      /* where reading begins */
        int64_t committed;  /* < 0: nothing yet */
        int64_t last;       /* of the epoch, the highest offset below `committed` that was read back
                             * from this journal; < 0: none that is known */
        Sequence reached;   /* where the journal was then, by the note */
        Sequence from;      /* what stands at or behind `committed` does so behind this place */
        Sequence next_from; /* the same for `next_reach` */
        int64_t next_reach;
        int64_t reach;    /* one behind the highest offset received, or passed */
        uint32_t barrier; /* LEDGER_WAITING: of the barriers sent later one must be readable */
        bool unclean;     /* how the former owner left it */
        bool scanning;    /* a scan or a look is under way */
        uint64_t retry_usec;

        Rows rows;
        uint64_t due_usec;     /* where rows wait: not later than the first of them is due */
        unsigned first_open;   /* the first row that is not verified, or the number of rows */
        unsigned first_queued; /* no row before it is queued */
        unsigned n_open;       /* rows that are not verified */
        unsigned n_queued;
        unsigned n_waiting;
        bool starved; /* reading stopped because too much is in flight */
        bool woken;   /* its owner is to be woken */

        Standing *standing; /* S: what stood when it was scanned, at or behind `committed` */
        unsigned n_standing;
        bool recovered_said;
        uint64_t recovered_written;

        LedgerSync sync; /* of the commit, or move, in progress */
        struct {
                bool active;
                bool sent;
                bool final; /* the last one of this assignment */
                bool clean;
                int64_t position;
        } job;
        bool unknown; /* a commit of this assignment may still land */
        bool settled; /* the last commit was made, or cannot be */

        LedgerMove move;
        int64_t target;
        bool has_moved; /* until ledger_has_moved() was asked */
        LedgerSeek seek;

        LedgerStats stats;
} Ledger;

/* What it does now, as io.crier.Control has it. */
const char *ledger_state_to_string(const Ledger *l);

/* Makes a ledger at the start of an assignment and enters it in its journal. `owner` is woken when
 * there is something to go on with. Returns 0 or -ENOMEM. */
int ledger_new(Journal *j, const LedgerSpec *spec, void *owner, Ledger **ret);
/* Ends it at once, as a lost assignment does: events are released, nothing is committed, the lock
 * is given back. Takes NULL. */
Ledger *ledger_free(Ledger *l);

/* Step 1.2, in LEDGER_FETCHING: the broker's answer. `committed` < 0: there is no commit. `low`:
 * the log's first offset. `start`: where to begin when the commit is not ours. */
void ledger_fetched(Ledger *l, int64_t committed, const void *metadata, size_t metadata_size,
                    int64_t low, int64_t start);

/* Step 2. Whether events may be received now; where not, the owner is woken when they may. */
bool ledger_takes(Ledger *l);
/* An event was received: `event` is opaque, `size` what it counts in memory. */
LedgerVerdict ledger_receive(Ledger *l, int64_t offset, int64_t timestamp, void *event,
                             uint32_t size);
/* Kafka was read up to `next_offset`: between the last event received and that there is none, but
 * marks of transactions, or what an aborted one wrote. Where nothing else is under way there, the
 * position is `next_offset`. */
void ledger_passed(Ledger *l, int64_t next_offset);
/* The oldest row that is to be written, or NULL. */
Row *ledger_next(Ledger *l);
/* The socket took the row's entry. */
void ledger_sent(Ledger *l, Row *row, uint64_t now);

/* Step 3: an entry of our epoch was read back. */
void ledger_verify(Ledger *l, int64_t offset);

/* Step 5. Begins a commit where there is something to commit. */
void ledger_commit_begin(Ledger *l);
/* Whether so much is uncommitted that a commit should begin now. */
bool ledger_commit_is_due(const Ledger *l);
/* Whether something is not committed: the first commit, or what was received. */
bool ledger_owes(const Ledger *l);
/* What is to be committed now: true once for each commit, which must then be answered. */
bool ledger_commit_take(Ledger *l, int64_t *ret_offset, char to[static MARKER_TEXT_MAX]);
void ledger_commit_answer(Ledger *l, LedgerOutcome outcome);
/* The offset that a commit would have now. */
int64_t ledger_position(const Ledger *l);

/* Step 6. The partition is to be given back: nothing more is received. */
void ledger_revoke(Ledger *l);
/* Goes on with that; `late`: do not wait for rows any longer. Returns true when all is done. */
bool ledger_settle(Ledger *l, bool late);
/* Step 7. It is somebody else's already. */
void ledger_fence(Ledger *l);

/* Step 9: begins to move to `target`, which is in the log. Returns -EAGAIN where that cannot be
 * now. What becomes of it stands in `seek`. */
int ledger_seek(Ledger *l, int64_t target);
/* Step 1.5: what the broker says of the log when it refused our position, which was `position`. */
void ledger_out_of_range(Ledger *l, int64_t position, int64_t low, int64_t high);
/* True once after each move: reading is to go on at the offset. */
bool ledger_has_moved(Ledger *l, int64_t *ret_offset);

/* ---- for journal.c ---- */

/* Step 1.3: what stands of the epoch from `committed` on; takes `standing` of the scan over. */
void ledger_scanned(Ledger *l, JournalScan *scan);
/* The first row, by offset, that was sent and is not verified, or NULL. */
const Row *ledger_oldest_sent(const Ledger *l);
/* Rows that were sent and are not verified were all sent after so many barriers. */
uint32_t ledger_sent_after(const Ledger *l);
/* Where it wants a sync, that begins now: what is verified by now is what will be on disk. */
void ledger_sync_begins(Ledger *l);
/* Goes on with a move. */
void ledger_step(Ledger *l);

/* ---- for loss.c ---- */

/* The row's entry is in the journal. */
void ledger_row_verify(Ledger *l, Row *row);
/* Takes the newest row back, as if its event had not been received. */
void ledger_row_forget_last(Ledger *l);
/* The entry that was found at this offset, or NULL. One without a time, where its event has one, a
 * loss of power has torn: it is none. */
const Standing *standing_find(const Standing *standing, unsigned n, int64_t offset,
                              int64_t timestamp);
