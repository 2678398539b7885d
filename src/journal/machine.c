/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * This machine's journald: see machine.h.
 */

#include "journal/machine.h"

#include <errno.h>

#include "common/clock.h"
#include "common/log.h"
#include "journal/lock.h"
#include "journal/reader.h"
#include "journal/scan.h"
#include "journal/state.h"
#include "journal/sync.h"

/* Searches at a time: each opens every journal file that may hold what it looks for. */
#define SCANS_AT_ONCE 2

/* A search that waits or is under way. */
typedef struct ScanJob {
        Machine *machine;
        JournalScan *scan;
        struct ScanJob *next;
} ScanJob;

struct Machine {
        sd_event *event; /* its owner's */
        Journal journal;
        Sink *sink;
        JournalPlace place;
        Locks locks;
        bool gave_up;
        Reader *reader;
        Helpers *helpers;
        ScanJob *scans; /* that wait, the first one first */
        unsigned n_scanning;
        SyncMemory memory;
        int sync_error; /* of the sync under way, the helper thread's while it runs */
        sd_event_source *timer;
};

Journal *machine_journal(Machine *m) {
        return &m->journal;
}

void machine_step(Machine *m) {
        uint64_t next = journal_step(&m->journal, clock_usec());

        if (next == UINT64_MAX)
                sd_event_source_set_enabled(m->timer, SD_EVENT_OFF);
        else if (sd_event_source_set_time_relative(m->timer, next) >= 0)
                sd_event_source_set_enabled(m->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        machine_step(userdata);
        return 0;
}

void machine_poke(Machine *m) {
        if (sd_event_source_set_time_relative(m->timer, 0) >= 0)
                sd_event_source_set_enabled(m->timer, SD_EVENT_ONESHOT);
}

static void on_read(void *userdata, const ReaderItem *items, size_t n, Sequence reached) {
        Machine *m = userdata;

        /* Two files may be written to in turn. */
        if (!sd_id128_equal(m->journal.reached.id, reached.id) ||
            m->journal.reached.number < reached.number)
                m->journal.reached = reached;
        for (size_t i = 0; i < n; i++)
                if (sd_id128_is_null(items[i].epoch))
                        journal_read_barrier(&m->journal, (uint32_t) items[i].offset);
                else
                        journal_read_event(&m->journal, items[i].epoch, items[i].subject,
                                           items[i].offset);
        machine_step(m);
}

/* ---- what the journal asks for ---- */

/* Another process may hold the same partitions by now, and may have written there: what this one
 * knows of the journal is worth nothing, and only a recovery makes it good. So it ends like one
 * that is killed: nothing more is sent. A service begins again with a state directory of its own,
 * which could not be made from inside. */
static int give_up(Machine *m) {
        if (!m->gave_up)
                log_error("The lock file '%s' was removed or replaced while partitions were locked "
                          "in it: another crierd could write them as well, so this one ends. Start "
                          "it again.",
                          m->locks.path);
        m->gave_up = true;
        (void) sd_event_exit(m->event, EXIT_FAILURE);
        return -ESTALE;
}

static int op_send(void *userdata, const Entry *e) {
        Machine *m = userdata;

        if (m->gave_up || !locks_hold(&m->locks))
                return give_up(m);
        return sink_write(m->sink, e);
}

static int op_lock(void *userdata, uint64_t key) {
        Machine *m = userdata;
        int r = m->gave_up ? -ESTALE : locks_take(&m->locks, key);

        return r == -ESTALE ? give_up(m) : r;
}

static void op_unlock(void *userdata, uint64_t key) {
        locks_give(&((Machine *) userdata)->locks, key);
}

static void op_follow(void *userdata, bool enable, uint32_t barrier) {
        reader_follow(((Machine *) userdata)->reader, enable, barrier);
}

static void scan_work(void *userdata) {
        ScanJob *job = userdata;

        scan_run(&job->machine->place, job->scan);
}

static void scan_done(void *userdata);

static int scan_start(ScanJob *job) {
        int r = helpers_run(job->machine->helpers, scan_work, scan_done, job);

        job->machine->n_scanning += r >= 0;
        return r;
}

static void scan_end(ScanJob *job) {
        journal_scanned(&job->machine->journal, job->scan, clock_usec());
        free(job);
}

static void scan_done(void *userdata) {
        ScanJob *job = userdata;
        Machine *m = job->machine;
        int r;

        m->n_scanning--;
        scan_end(job);
        while (m->scans && m->n_scanning < SCANS_AT_ONCE) {
                job = m->scans;
                m->scans = job->next;
                /* Where it was started it is the thread's, which may have found already what it
                 * says. */
                r = scan_start(job);
                if (r < 0) {
                        job->scan->error = r;
                        scan_end(job);
                }
        }
        machine_step(m);
}

static int op_scan(void *userdata, JournalScan *scan) {
        Machine *m = userdata;
        ScanJob *job = malloc(sizeof(*job)), **last = &m->scans;
        int r = 0;

        if (!job)
                return -ENOMEM;
        *job = (ScanJob){.machine = m, .scan = scan};
        if (m->n_scanning < SCANS_AT_ONCE)
                r = scan_start(job);
        else {
                while (*last)
                        last = &(*last)->next;
                *last = job;
        }
        if (r < 0)
                free(job);
        return r;
}

static void sync_work(void *userdata) {
        Machine *m = userdata;

        m->sync_error = sync_run(&m->place, &m->memory);
}

static void sync_done(void *userdata) {
        Machine *m = userdata;

        journal_synced(&m->journal, m->sync_error, clock_usec());
        machine_step(m);
}

static int op_sync(void *userdata) {
        Machine *m = userdata;

        return helpers_run(m->helpers, sync_work, sync_done, m);
}

static sd_id128_t op_draw(void *userdata) {
        sd_id128_t id = SD_ID128_NULL;

        /* From getrandom(2), which does not fail once the machine has booted. */
        (void) sd_id128_randomize(&id);
        return id;
}

/* ---- life ---- */

/* Returns 0, or a negative errno with the reason in `why`. */
static int machine_check(Machine *m, const MachineSpec *spec, Buffer *why, sd_id128_t *ret_state) {
        int r;

        if (spec->other_socket && !spec->directory) {
                buffer_append_string(why,
                                     "--journal-socket names another journald, whose files are not "
                                     "known: say where they are with --journal-directory=DIR");
                return -ENOENT;
        }
        r = place_check(&m->place);
        if (r < 0) {
                place_explain(&m->place, r, why);
                return r;
        }
        r = locks_open(spec->state, &m->locks);
        if (r >= 0)
                r = state_id(spec->state, ret_state);
        if (r == -EBADFD)
                buffer_appendf(why,
                               "partitions cannot be locked in %s: what is called %s there was not "
                               "made by crierd; remove it",
                               spec->state, LOCK_FILE);
        else if (r < 0)
                buffer_appendf(why,
                               "partitions cannot be locked in %s: %s; make it a directory that "
                               "crierd may write to, or name another one with "
                               "--state-directory=DIR",
                               spec->state, strerror(-r));
        return r;
}

int machine_new(sd_event *event, const MachineSpec *spec, Buffer *why, Machine **ret) {
        static const JournalOps ops = {
                .send = op_send,
                .lock = op_lock,
                .unlock = op_unlock,
                .follow = op_follow,
                .scan = op_scan,
                .sync = op_sync,
                .draw = op_draw,
        };
        _cleanup_(machine_freep) Machine *m = calloc(1, sizeof(*m));
        char host[MARKER_NAME_MAX + 1];
        sd_id128_t token, state;
        int r;

        *ret = NULL;
        if (!m)
                return -ENOMEM;
        m->event = event;
        m->sink = spec->sink;
        r = place_find(spec->directory, &m->place);
        if (r >= 0)
                r = sd_id128_randomize(&token);
        if (r < 0)
                return r;
        if (machine_check(m, spec, why, &state) < 0)
                return 0;
        r = place_host(&m->place, state, host);
        if (r < 0)
                return r;
        journal_init(&m->journal, &ops, m, host, token);
        r = place_old_host(&m->place, m->journal.old_host);
        if (r < 0)
                return r;
        r = helpers_new(event, &m->helpers);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(event, &m->timer, CLOCK_MONOTONIC, 0, USEC_PER_MSEC,
                                       on_timer, m);
        if (r < 0)
                return r;
        sd_event_source_set_description(m->timer, "journal-step");
        sd_event_source_set_enabled(m->timer, SD_EVENT_OFF);
        r = reader_new(event, &m->place, token, on_read, m, &m->reader);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

unsigned machine_running(const Machine *m) {
        return helpers_running(m->helpers);
}

Machine *machine_free(Machine *m) {
        if (!m || (m->helpers && helpers_running(m->helpers) > 0))
                return NULL;
        reader_free(m->reader);
        sd_event_source_disable_unref(m->timer);
        helpers_free(m->helpers);
        while (m->scans) {
                ScanJob *job = m->scans;

                m->scans = job->next;
                journal_scan_free(job->scan);
                free(job);
        }
        journal_done(&m->journal);
        sync_memory_done(&m->memory);
        locks_done(&m->locks);
        place_done(&m->place);
        free(m);
        return NULL;
}
