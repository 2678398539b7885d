/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * A small world for the exactly-once core to live in: two hosts with a journald each, a broker with
 * one topic and a group coordinator, up to three crierd processes, and everything that may go wrong
 * between them. crierd's ledgers and journal are the real ones (src/journal), compiled with small
 * limits. There is no I/O, no thread and no clock: a schedule is a list of actions with a number
 * each, from which all choices inside the action and the time that it takes are drawn, so that any
 * part of a schedule is a schedule too and plays the same each time.
 */

#include <stdbool.h>
#include <stdint.h>

#include "journal/journal.h"
#include "journal/own.h"
#include "sim/rules.h"

#define PARTITIONS 2
#define HOSTS 2
#define CRIERDS 3

#define LOG_MAX 150     /* offsets of a partition */
#define EVENTS_MAX 768  /* of a whole schedule */
#define SOCKET_MAX 5    /* datagrams in the journal socket's queue */
#define REQUESTS_MAX 32 /* commits on their way */
#define SCANS_MAX 6
#define EPOCHS_MAX 1024
#define ERAS_MAX 1024
#define NOTICES_MAX 1024
#define MEMBERS_MAX 128

/* Kinds of faults; a seed has some of them. */
typedef enum Plague {
#define SIM_PLAGUE(name, first, first_weight, second, second_weight) PLAGUE_##name,
#include "sim/plagues.def"
#undef SIM_PLAGUE
        PLAGUES,
} Plague;

typedef enum ActionId {
#define SIM_ACTION(name, weight) ACTION_##name,
#include "sim/actions.def"
#undef SIM_ACTION
        ACTIONS,
} ActionId;

typedef struct Action {
        uint64_t number;
        ActionId id;
} Action;

/* What a schedule is played in. */
typedef struct Setup {
        uint32_t plagues; /* bits */
        bool sync;
        bool latest; /* the start policy; else earliest */
        unsigned n_partitions;
        unsigned n_crierds;
        unsigned hosts[CRIERDS];
        unsigned in_flight_events;
        unsigned in_flight_bytes;
        unsigned poison; /* one event of so many */
        unsigned unfit;
        unsigned slow; /* when all faults have ended, journald takes in one of so many turns */
} Setup;

/* The choices inside one action, all taken from the action's one number. */
typedef struct Dice {
        uint64_t number;
} Dice;

static inline unsigned pick(Dice *d, unsigned n) {
        d->number = d->number * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (unsigned) ((d->number >> 32) * n >> 32);
}

/* A set of events by their stamps. */
typedef struct Stamps {
        uint64_t words[EVENTS_MAX / 64];
} Stamps;

static inline void stamps_add(Stamps *s, unsigned stamp) {
        s->words[stamp / 64] |= UINT64_C(1) << (stamp % 64);
}

static inline bool stamps_has(const Stamps *s, unsigned stamp) {
        return s->words[stamp / 64] >> (stamp % 64) & 1;
}

static inline void stamps_join(Stamps *s, const Stamps *more) {
        for (size_t i = 0; i < ELEMENTSOF(s->words); i++)
                s->words[i] |= more->words[i];
}

/* ---- the broker ---- */

typedef struct Event {
        int32_t offset;
        uint16_t stamp; /* unique; stands for the timestamp and the content */
        bool poison;    /* journald refuses it whole */
        bool unfit;     /* and cut as well */
        bool dark;      /* the log was rewritten below a position already passed */
} Event;

typedef struct Log {
        Event events[LOG_MAX + 2];
        unsigned n;
        int32_t start;
        int32_t end;
        int32_t dark; /* events appended below this offset cannot be noticed */
} Log;

typedef struct Commit {
        bool exists;
        bool marked; /* with metadata */
        int64_t offset;
        unsigned epoch; /* of the metadata */
        char marker[320];
} Commit;

/* A commit on its way, or the answer to it. */
typedef struct Request {
        bool used;
        bool arrived; /* its answer is on its way back */
        bool late;    /* nobody waits for it any longer */
        uint8_t fate;
        int member;
        int generation;
        unsigned p;
        uint64_t serial; /* the ledger's */
        LedgerOutcome outcome;
        Commit commit;
} Request;

typedef struct Group {
        int members[MEMBERS_MAX];
        bool acked[MEMBERS_MAX];
        unsigned n;
        bool preparing;
        int generation;
        int owners[PARTITIONS]; /* 0: nobody */
        Commit commits[PARTITIONS];
} Group;

/* ---- journald ---- */

typedef enum Gone {
        GONE_NOT,
        GONE_VACUUM,
        GONE_POWER,
} Gone;

typedef struct Item {
        uint32_t barrier; /* else an event */
        int process;      /* that sent it */
        unsigned epoch;
        uint8_t p; /* the partition */
        int32_t offset;
        uint16_t stamp;
        bool poison;
        bool unfit;
        bool forged; /* somebody else's _UID */
        bool cut;
        bool debug;  /* of another pool of the rate limit than events */
        bool linked; /* else it is in the file, but no match finds it */
        bool synced;
        Gone gone;
} Item;

typedef struct Journald {
        Item queue[SOCKET_MAX];
        unsigned n_queue;
        Item *items;
        unsigned n;
        unsigned allocated;
        bool up;
        bool socket;
        bool dropping;
        bool limiting; /* drops what is not debug */
} Journald;

typedef struct Lock {
        uint64_t key;
        int process; /* 0: free */
} Lock;

/* ---- crierd ---- */

typedef struct World World;
typedef struct Crierd Crierd;

/* What a row of a ledger owns. */
typedef struct Held {
        bool used;
        Event event;
} Held;

/* One assigned partition: what src/kafka does around a ledger. */
typedef struct Part {
        Crierd *crierd;
        Ledger *ledger; /* NULL: not assigned */
        unsigned p;
        int64_t pos; /* next offset to fetch; < 0: does not read yet */
        unsigned epoch;
        LedgerMove moving;
        Stamps received; /* since the epoch began, here */
        bool asked;      /* the commit was fetched, the log's range not yet */
        Commit commit;
        bool reading_sleeps; /* until woken */
        bool writing_sleeps;
        bool committing_sleeps;
        bool settling_sleeps;
        bool revoked;
        int64_t confirmed;
        Held held[LEDGER_ROWS_MAX + 1];
} Part;

typedef struct ScanJob {
        JournalScan *scan; /* NULL: not used */
        bool done;
} ScanJob;

struct Crierd {
        World *world;
        unsigned index;
        unsigned host;
        int id; /* of this run: a process, and a member of the group */
        bool up;
        bool stalled;
        bool net;
        bool member;
        bool stopping;
        int generation;
        Journal journal;
        Part parts[PARTITIONS];
        bool dirty; /* something happened that journal_step() has to see */
        uint64_t deadline;

        Part *armed; /* is about to write: everything was checked */
        Row *armed_row;
        const Item *sending;
        Item ghosts[PARTITIONS *
                    LEDGER_ROWS_MAX]; /* rule `quiet` is off: queued rows of a lost assignment */
        unsigned n_ghosts;

        bool following;
        bool begun;
        uint32_t barrier; /* told by follow() */
        uint32_t seen;
        unsigned cursor;
        ScanJob scans[SCANS_MAX];
        bool syncing;
        bool synced;
        unsigned n_requests; /* commits that wait for their answers */
        unsigned sync_n;     /* what stood when it began */
};

/* ---- the record, for the oracle ---- */

typedef enum Left {
        LEFT_NOT,
        LEFT_SEEK,
        LEFT_REWRITTEN,
} Left;

typedef struct EpochInfo {
        bool known; /* else drawn, and not yet told whose it is */
        bool begun;
        unsigned p;
        unsigned era;
        int64_t start;
        LedgerMove move;
        Left left;
        Stamps received;
} EpochInfo;

/* Epochs that nobody moved the group between: a partition's era. */
typedef struct Lineage {
        bool claims;
        Stamps claimed; /* by commits */
} Lineage;

typedef struct Notice {
        unsigned p;
        unsigned era;
        int64_t from;
        int64_t to;
} Notice;

#define EXCUSES(x)                                                                                 \
        x(HALF_LINKED, "half-linked by a killed journald") x(VACUUMED,                             \
                                                             "written again after a vacuum")       \
                x(BOTH_HOSTS, "on both hosts, after a notice") x(                                  \
                        REPLAYED, "replayed after a deliberate move") x(UNSYNCED,                  \
                                                                        "power loss without sync") \
                        x(DARK, "missed: log rewritten below a position already passed") x(        \
                                UNDONE,                                                            \
                                "wrong after a late commit undid the anchor of a rewritten log")   \
                                x(CUT, "cut without need, lost twice by faults that "              \
                                       "looked like its own")                                      \
                                        x(STOPPED, "not written, in a partition that was stopped")

typedef enum Excuse {
#define EXCUSE(id, text) EXCUSE_##id,
        EXCUSES(EXCUSE)
#undef EXCUSE
                EXCUSE_COUNT,
} Excuse;

struct World {
        const Setup *setup;
        bool faults;
        unsigned tick;
        uint64_t now;
        bool traced;

        Log logs[PARTITIONS];
        Group group;
        Request requests[REQUESTS_MAX];
        Journald journald[HOSTS];
        Lock locks[HOSTS][PARTITIONS];
        Crierd crierds[CRIERDS];
        bool script_member;
        int script_generation;
        int last_id;
        unsigned n_stamps;

        unsigned eras[PARTITIONS];
        unsigned rewritten[PARTITIONS];        /* the era of the newest anchor of a rewritten log */
        bool stopped[PARTITIONS][LOG_MAX + 2]; /* offsets that no partition gets over */
        bool undone[PARTITIONS]; /* a late commit has undone the anchor of a rewritten log */
        Lineage lineages[PARTITIONS][ERAS_MAX];
        EpochInfo epochs[EPOCHS_MAX];
        unsigned n_epochs; /* number 0 is none */
        Notice notices[NOTICES_MAX];
        unsigned n_notices;

        char wrong[160]; /* a violation that was seen on the way */
        uint64_t excused[EXCUSE_COUNT];
        uint64_t lost; /* entries written again */
        uint64_t cut;
};

#define SCRIPT_ID 1

void world_say(const World *w, const char *format, ...) _printf_(2, 3);
#define say(w, ...)                                  \
        do {                                         \
                if ((w)->traced)                     \
                        world_say((w), __VA_ARGS__); \
        } while (0)

void world_wrong(World *w, const char *format, ...) _printf_(2, 3);

/* Any of these plagues, as bits. */
static inline bool has_plagues(const World *w, uint32_t plagues) {
        return (w->setup->plagues & plagues) != 0;
}

#define BIT(plague) (UINT32_C(1) << PLAGUE_##plague)

static inline bool has_plague(const World *w, Plague p) {
        return w->setup->plagues >> p & 1;
}

/* sim-world.c */
void world_start(World *w, const Setup *setup, bool traced);
void world_done(World *w);
void world_do(World *w, const Action *a);
/* Ends all faults; true once every event is committed. */
bool world_settle(World *w);

/* sim-broker.c */
Event *log_at(Log *l, int64_t offset);
int64_t log_start_offset(const World *w, const Log *l);
void log_append(World *w, unsigned p, bool gap, bool poison, bool unfit);
/* By offsets that hold no events. */
void log_extend(World *w, unsigned p, unsigned n);
int group_find(const Group *g, int member);
void group_join(World *w, int member, unsigned turn);
void group_remove(World *w, int member, unsigned turn);
/* Something changed; `acked` has given back what it had, 0: nobody has. */
void group_change(World *w, unsigned turn, int acked);
bool group_land(World *w, int member, int generation, unsigned p, const Commit *c);
/* Sends a commit off. */
void request_send(Crierd *c, const Part *part, int64_t offset, const char *marker, Dice *d);
/* Goes on with a request: it arrives. */
void request_arrive(World *w, Request *r);
/* A request that nobody waits for any longer arrives, or not. */
void request_arrive_late(World *w, Dice *d, bool dropped);
/* Its sender is dead. */
void request_orphan(World *w, int member);
void script_work(World *w, Dice *d);
void script_turn(World *w, Dice *d);

/* sim-journald.c */
bool journald_send(Journald *j, const Item *item);
void journald_take(Journald *j);
void journald_kill(Journald *j, unsigned fate);
void journald_lose_power(Journald *j, Dice *d);
unsigned journald_vacuum(Journald *j, Dice *d);
void journald_fsync(Journald *j, unsigned n);
/* Its index, or -1. */
int journald_find_barrier(const Journald *j, int process, uint32_t number);
int journald_match(const Journald *j, JournalScan *scan);
/* The JournalOps of a crierd. */
extern const JournalOps crierd_ops;
unsigned epoch_number(sd_id128_t epoch);

/* sim-crierd.c */
void crierd_start(Crierd *c);
void crierd_work(Crierd *c, Dice *d);
void crierd_die(Crierd *c, const char *why);
void crierd_lost(Crierd *c, const char *why);
void crierd_touch(Crierd *c);

/* sim-reader.c */
void reader_read(Crierd *c, Part *part, Dice *d);
void scan_go_on(Crierd *c, ScanJob *job, Dice *d);
void sync_go_on(Crierd *c, Part *part, Dice *d);
void jobs_forget(Crierd *c);

/* sim-part.c */
int part_open(Crierd *c, unsigned p);
void part_close(Part *part);
/* Of the entries of a partition. */
uint64_t part_subject(unsigned p);
/* The steps that it could do now: their number, into `steps`. */
typedef void (*Step)(Part *part, Dice *d);
unsigned part_steps(const Part *part, Step *steps);
void part_seek(Part *part, Dice *d);
void part_redeliver(Part *part, Dice *d);
void part_revoke(Part *part);
void part_send(Part *part);
void part_answered(Part *part, LedgerOutcome outcome, int64_t offset);
/* Notices what a step of the core has changed. */
void part_observe(Part *part);
bool part_is_drained(const Part *part);
extern const JournalHandlers crierd_handlers;

/* sim-oracle.c */
unsigned epoch_draw(World *w);
void epoch_tell(World *w, unsigned epoch, unsigned p, int64_t start, LedgerMove move);
void epoch_begin(World *w, unsigned epoch);
void era_next(World *w, unsigned p);
void record_landed(World *w, unsigned p, const Commit *c);
void record_notice(World *w, unsigned epoch, int64_t offset);
void record_log_start(World *w, unsigned p, int64_t start);
/* A partition is stopped at the offset. */
void record_stop(World *w, unsigned epoch, int64_t offset);
/* The first violation, as text into w->wrong; counts what is excused. */
void judge(World *w, bool drained);

/* sim-schedule.c */
uint64_t draw64(uint64_t *state);
void schedule_make(uint64_t seed, const char *focus, Setup *ret, Action *actions, unsigned n);
/* Returns the violation, or NULL; `w` is for reading the record until the next call. */
const char *schedule_play(World *w, const Setup *setup, const Action *actions, unsigned n,
                          bool traced);
unsigned schedule_shorten(World *w, const Setup *setup, Action *actions, unsigned n);
void setup_print(const Setup *setup);
