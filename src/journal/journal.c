/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A journal as a place where events stand exactly once: see journal.h.
 */

#include "journal/journal.h"

#include <errno.h>

#include "journal/loss.h"
#include "journal/rule.h"

/* An entry that was sent so long ago and was not read back is worth a barrier. */
#define LATE_USEC (200 * USEC_PER_MSEC)

/* A barrier that is missed is sent anew, after a wait that grows; when none has appeared for
 * longer, that is said. */
#define BARRIER_WAIT_USEC USEC_PER_SEC
#define BARRIER_WAIT_MAX_USEC (30 * USEC_PER_SEC)
#define SILENT_USEC (5 * USEC_PER_SEC)

/* An entry and a barrier that were sent within this time met the same journal. */
#define PROMPT_MS 50

/* Between two barriers there is at least so much time, whoever asks for them. */
#define BARRIER_PAUSE_USEC (20 * USEC_PER_MSEC)

/* While journald waits for the disk it takes nothing. So as long as events flow, syncs have one
 * part in so many of the time, but for those that cannot wait. No disk is so slow that they rest
 * for longer than the limit. */
#define SYNC_SHARE 25
#define SYNC_REST_MAX_USEC (5 * USEC_PER_SEC)

/* A lock that another process has, a scan or a sync that failed. */
#define RETRY_USEC (200 * USEC_PER_MSEC)

const char *ledger_state_to_string(const Ledger *l) {
        static const char *const names[] = {
                [LEDGER_LOCKING] = "waiting_for_lock", [LEDGER_FETCHING] = "recovering",
                [LEDGER_WAITING] = "recovering",       [LEDGER_SCANNING] = "recovering",
                [LEDGER_OPENING] = "recovering",       [LEDGER_RUNNING] = "running",
                [LEDGER_SETTLING] = "settling",        [LEDGER_CLOSED] = "settling",
        };

        return l->stopped && l->phase == LEDGER_RUNNING ? "stopped" : names[l->phase];
}

const char *journal_cause_to_string(JournalCause cause) {
        static const char *const names[] = {
                [CAUSE_UNKNOWN] = "unknown",
                [CAUSE_RATE_LIMIT] = "journald's rate limit",
                [CAUSE_DISK_FULL] = "the disk is full, or nearly so",
                [CAUSE_RESTARTED] = "journald was restarted",
        };

        return names[cause];
}

JournalScan *journal_scan_free(JournalScan *s) {
        if (!s)
                return NULL;
        free(s->standing);
        free(s->culprit);
        free(s);
        return NULL;
}

void journal_init(Journal *j, const JournalOps *ops, void *ops_userdata, const char *host,
                  sd_id128_t token) {
        *j = (Journal){
                .ops = ops,
                .ops_userdata = ops_userdata,
                .token = token,
                .in_flight_events = LEDGER_ROWS_MAX,
                .in_flight_bytes = UINT64_MAX,
                .barrier_wait_usec = BARRIER_WAIT_USEC,
        };
        memcpy(j->host, host, MIN(strlen(host), (size_t) MARKER_NAME_MAX));
}

void journal_done(Journal *j) {
        free(j->ledgers);
        j->ledgers = NULL;
}

int journal_add(Journal *j, Ledger *l) {
        Ledger **more = reallocarray(j->ledgers, j->n_ledgers + 1, sizeof(Ledger *));

        if (!more)
                return -ENOMEM;
        j->ledgers = more;
        j->ledgers[j->n_ledgers++] = l;
        l->journal = j;
        l->serial = j->next_serial++;
        return 0;
}

void journal_remove(Journal *j, Ledger *l) {
        for (unsigned i = 0; i < j->n_ledgers; i++)
                if (j->ledgers[i] == l) {
                        memmove(&j->ledgers[i], &j->ledgers[i + 1],
                                (j->n_ledgers - i - 1) * sizeof(Ledger *));
                        j->n_ledgers--;
                        return;
                }
}

void journal_notice(Journal *j, JournalNotice n) {
        j->handlers.notice(j->userdata, &n);
}

/* ---- what was read back ---- */

static Ledger *find_ledger(Journal *j, sd_id128_t epoch, uint64_t subject) {
        for (unsigned i = 0; i < j->n_ledgers; i++) {
                unsigned at = (j->last_found + i) % j->n_ledgers;

                if (sd_id128_equal(j->ledgers[at]->epoch, epoch) &&
                    j->ledgers[at]->subject == subject) {
                        j->last_found = at;
                        return j->ledgers[at];
                }
        }
        return NULL;
}

void journal_read_event(Journal *j, sd_id128_t epoch, uint64_t subject, int64_t offset) {
        Ledger *l = find_ledger(j, epoch, subject);

        if (l)
                ledger_verify(l, offset);
}

void journal_read_barrier(Journal *j, uint32_t number) {
        if (number == 0 || number > j->barriers_sent)
                return;
        if (j->barriers_sent - number < BARRIERS_KEPT)
                j->barriers[number % BARRIERS_KEPT].seen = true;
        if (number <= j->barriers_seen)
                return;
        j->barriers_seen = number;
        j->heard = true;
}

bool journal_was_followed(const Journal *j, uint32_t before, uint32_t sent_ms) {
        for (uint32_t n = before + 1; n <= j->barriers_sent; n++) {
                const Barrier *b = &j->barriers[n % BARRIERS_KEPT];

                if (j->barriers_sent - n >= BARRIERS_KEPT || b->sent_ms - sent_ms > PROMPT_MS)
                        return false;
                if (b->seen)
                        return true;
        }
        return false;
}

/* Of two times to wait. Not MIN(), which would take each step twice. */
static uint64_t sooner(uint64_t a, uint64_t b) {
        return a < b ? a : b;
}

/* ---- locks ---- */

static uint64_t step_lock(Journal *j, Ledger *l, uint64_t now) {
        if (now < l->retry_usec)
                return l->retry_usec - now;
        if (j->ops->lock(j->ops_userdata, l->key) < 0) {
                if (!l->lock_said)
                        journal_notice(j,
                                       (JournalNotice){.record = RECORD_LOCK_WAITING, .ledger = l});
                l->lock_said = true;
                l->retry_usec = now + RETRY_USEC;
                return RETRY_USEC;
        }
        if (l->lock_said)
                journal_notice(j, (JournalNotice){.record = RECORD_LOCK_TAKEN, .ledger = l});
        l->locked = true;
        l->retry_usec = 0;
        l->phase = LEDGER_FETCHING;
        l->woken = true;
        return UINT64_MAX;
}

/* ---- scans: what already stands, and what was lost ---- */

static bool is_running(const Ledger *l) {
        return l->phase == LEDGER_RUNNING || l->phase == LEDGER_SETTLING;
}

/* Has a row been sent before a barrier that is readable, and not been read back? */
static bool has_overtaken(const Journal *j, const Ledger *l) {
        const Row *oldest = is_running(l) && !l->fenced ? ledger_oldest_sent(l) : NULL;

        return oldest && oldest->barrier < j->barriers_seen;
}

/* A place that all stands behind which was sent after so many barriers. */
static Sequence reached_before(const Journal *j, uint32_t barriers) {
        return barriers > 0 && j->barriers_sent - barriers < BARRIERS_KEPT
                       ? j->barriers[RULE(bound) ? barriers % BARRIERS_KEPT
                                                 : j->barriers_sent % BARRIERS_KEPT]
                                 .reached
                       : (Sequence){0};
}

static uint64_t start_scan(Journal *j, Ledger *l, bool look, uint64_t now) {
        JournalScan *s;
        int r = -ENOMEM;

        if (now < l->retry_usec)
                return l->retry_usec - now;
        s = calloc(1, sizeof(*s));
        if (s) {
                *s = (JournalScan){
                        .ledger = l->serial,
                        .look = look,
                        .barrier = j->barriers_seen,
                        .epoch = l->epoch,
                        .subject = l->subject,
                        .floor = l->committed,
                        .last = -1,
                };
                if (look)
                        s->after = reached_before(j, ledger_sent_after(l));
                else {
                        /* A new epoch has no entries yet. */
                        s->after = l->fresh ? j->reached : l->from;
                        s->last = l->last;
                        s->reached = l->reached;
                }
                r = j->ops->scan(j->ops_userdata, s);
        }
        if (r >= 0) {
                l->scanning = true;
                return UINT64_MAX;
        }
        journal_scan_free(s);
        l->retry_usec = now + RETRY_USEC;
        return RETRY_USEC;
}

static uint64_t step_scan(Journal *j, Ledger *l, uint64_t now) {
        if (l->phase == LEDGER_WAITING && (j->barriers_seen > l->barrier || !RULE(barrier)))
                l->phase = LEDGER_SCANNING;
        if (l->scanning)
                return UINT64_MAX;
        if (l->phase == LEDGER_SCANNING)
                return start_scan(j, l, false, now);
        if (!has_overtaken(j, l))
                return UINT64_MAX;
        if (RULE(fresh_look))
                return start_scan(j, l, true, now);
        ledger_judge(l, j->barriers_seen, NULL, 0, CAUSE_UNKNOWN, now);
        return UINT64_MAX;
}

void journal_scanned(Journal *j, JournalScan *scan, uint64_t now) {
        j->handlers.tried(j->userdata, JOURNAL_SEARCH, scan->error, scan->culprit);
        for (unsigned i = 0; i < j->n_ledgers; i++) {
                Ledger *l = j->ledgers[i];

                if (l->serial != scan->ledger)
                        continue;
                l->scanning = false;
                l->retry_usec = 0;
                if (scan->error < 0)
                        l->retry_usec = now + RETRY_USEC;
                else if (!scan->look && l->phase == LEDGER_SCANNING)
                        ledger_scanned(l, scan);
                else if (scan->look && is_running(l) && sd_id128_equal(l->epoch, scan->epoch))
                        ledger_judge(l, scan->barrier, scan->standing, scan->n_standing,
                                     scan->cause, now);
                break;
        }
        journal_scan_free(scan);
}

/* ---- barriers ---- */

/* Who waits for the journal to show something. */
typedef struct Waiting {
        bool any;         /* somebody does */
        bool barrier;     /* a barrier is needed that was not sent yet */
        uint64_t in_usec; /* or will be, if nothing appears before */
} Waiting;

static void row_waits(const Journal *j, const Row *row, uint64_t now, Waiting *w) {
        uint32_t age_ms = (uint32_t) (now / USEC_PER_MSEC) - row->sent_ms;

        w->any = true;
        if (row->barrier < j->barriers_sent)
                return;
        if (age_ms >= LATE_USEC / USEC_PER_MSEC)
                w->barrier = true;
        else
                w->in_usec = MIN(w->in_usec, LATE_USEC - age_ms * USEC_PER_MSEC);
}

static Waiting who_waits(const Journal *j, uint64_t now) {
        Waiting w = {.in_usec = UINT64_MAX};

        for (unsigned i = 0; i < j->n_ledgers; i++) {
                const Ledger *l = j->ledgers[i];
                const Row *oldest = is_running(l) && !l->fenced ? ledger_oldest_sent(l) : NULL;

                if (l->phase == LEDGER_WAITING) {
                        w.any = true;
                        w.barrier = w.barrier || l->barrier >= j->barriers_sent;
                }
                if (oldest)
                        row_waits(j, oldest, now, &w);
        }
        w.barrier = w.barrier || (w.any && j->prompt);
        return w;
}

static int send_barrier(Journal *j, uint64_t now) {
        _cleanup_(entry_done) Entry e = {0};
        _cleanup_buffer_ Buffer text = {0};
        uint32_t number = j->barriers_sent + 1;
        int r;

        buffer_appendf(&text, SD_ID128_FORMAT_STR ".%u", SD_ID128_FORMAT_VAL(j->token), number);
        buffer_append_string(&e.message, "Reading back up to here");
        record_fields(RECORD_BARRIER, &e.fields);
        entry_field_string(&e.fields, "MESSAGE", buffer_string(&e.message));
        entry_field(&e.fields, "CRIER_BARRIER", text.data, text.size);
        r = j->ops->send(j->ops_userdata, &e);
        if (r < 0)
                return r;
        j->barriers_sent = number;
        j->barrier_usec = now;
        j->barriers[number % BARRIERS_KEPT] = (Barrier){
                .reached = j->reached,
                .sent_ms = (uint32_t) (now / USEC_PER_MSEC),
        };
        j->prompt = false;
        return 0;
}

static bool may_send_barrier(const Journal *j, uint64_t now) {
        return j->barriers_sent == 0 || now - j->barrier_usec >= BARRIER_PAUSE_USEC;
}

void journal_first_note(Journal *j, const LedgerSpec *spec, int64_t offset,
                        char to[static MARKER_TEXT_MAX]) {
        Marker m = {
                .epoch = j->ops->draw(j->ops_userdata),
                .anchor = offset,
                .clean = true,
                .last = -1,
                .reached = j->reached,
                .from = j->reached.number,
        };

        marker_address(&m, j->host, spec->cluster, spec->group, spec->topic, spec->partition);
        marker_format(&m, to);
}

int journal_write(Journal *j, Ledger *l, Row *row, const Entry *e, uint64_t now) {
        int r = 0;

        /* In a socket that is nearly full it would not get its place before all rows had theirs. */
        if (j->prompt && may_send_barrier(j, now))
                r = send_barrier(j, now);
        if (r >= 0)
                r = j->ops->send(j->ops_userdata, e);
        if (r >= 0)
                ledger_sent(l, row, now);
        return r;
}

/* Whether barriers appear, said when that changes. */
static uint64_t step_silence(Journal *j, bool waiting, uint64_t now) {
        if (j->heard || !waiting || j->barriers_seen == j->barriers_sent)
                j->heard_usec = now;
        if (j->heard) {
                j->barrier_wait_usec = BARRIER_WAIT_USEC;
                if (j->silent)
                        journal_notice(j, (JournalNotice){.record = RECORD_JOURNAL_HEARD,
                                                          .usec = now - j->silent_usec});
                j->silent = j->heard = false;
        }
        if (!waiting || j->silent)
                return UINT64_MAX;
        if (now - j->heard_usec < SILENT_USEC)
                return SILENT_USEC - (now - j->heard_usec);
        j->silent = true;
        j->silent_usec = j->heard_usec;
        journal_notice(j, (JournalNotice){.record = RECORD_JOURNAL_SILENT});
        return UINT64_MAX;
}

static uint64_t step_barrier(Journal *j, uint64_t now) {
        Waiting w = who_waits(j, now);
        uint64_t since = now - j->barrier_usec, next = w.in_usec;
        bool unseen = w.any && j->barriers_seen < j->barriers_sent;
        bool missed = unseen && since >= j->barrier_wait_usec;

        if (!w.barrier && !missed)
                next = unseen ? sooner(next, j->barrier_wait_usec - since) : next;
        else if (!may_send_barrier(j, now))
                next = sooner(next, BARRIER_PAUSE_USEC - since);
        else if (send_barrier(j, now) < 0)
                next = sooner(next, j->prompt ? BARRIER_PAUSE_USEC : RETRY_USEC);
        else {
                if (missed)
                        j->barrier_wait_usec = MIN(j->barrier_wait_usec * 2, BARRIER_WAIT_MAX_USEC);
                next = sooner(next, j->barrier_wait_usec);
        }
        next = sooner(next, step_silence(j, w.any, now));
        if (w.any != j->following || (w.any && j->followed != j->barriers_sent)) {
                j->following = w.any;
                j->followed = j->barriers_sent;
                j->ops->follow(j->ops_userdata, w.any, j->barriers_sent);
        }
        return next;
}

/* ---- syncs ---- */

/* Nobody waits for the commit behind it, or for a move behind that, and its ledger has room. */
static bool sync_can_wait(const Ledger *l) {
        return l->job.active && !l->job.final && l->move == MOVE_NONE &&
               l->rows.n < LEDGER_ROWS_MANY;
}

static uint64_t step_sync(Journal *j, uint64_t now) {
        bool wanted = false, flows = false, can_wait = true;
        uint64_t begin = j->sync_retry_usec;

        for (unsigned i = 0; i < j->n_ledgers; i++) {
                const Ledger *l = j->ledgers[i];

                flows = flows || l->n_open > 0;
                if (l->sync != SYNC_WANTED)
                        continue;
                wanted = true;
                can_wait = can_wait && sync_can_wait(l);
        }
        if (!wanted || j->syncing)
                return UINT64_MAX;
        if (flows && can_wait)
                begin = MAX(begin, j->sync_rest_usec);
        if (now < begin)
                return begin - now;
        if (j->ops->sync(j->ops_userdata) < 0) {
                j->sync_retry_usec = now + RETRY_USEC;
                return RETRY_USEC;
        }
        j->syncing = true;
        j->sync_usec = now;
        for (unsigned i = 0; i < j->n_ledgers; i++)
                ledger_sync_begins(j->ledgers[i]);
        return UINT64_MAX;
}

void journal_synced(Journal *j, int error, uint64_t now) {
        j->handlers.tried(j->userdata, JOURNAL_SYNC, error, NULL);
        j->syncing = false;
        j->sync_rest_usec = now + sooner((now - j->sync_usec) * SYNC_SHARE, SYNC_REST_MAX_USEC);
        j->sync_retry_usec = error < 0 ? now + RETRY_USEC : 0;
        for (unsigned i = 0; i < j->n_ledgers; i++) {
                Ledger *l = j->ledgers[i];

                if (l->sync != SYNC_UNDER_WAY)
                        continue;
                l->sync = error < 0 ? SYNC_WANTED : SYNC_DONE;
                l->woken = l->woken || error >= 0;
        }
}

bool journal_depends_on(const Journal *j, JournalTask task) {
        for (unsigned i = 0; i < j->n_ledgers; i++)
                if (task == JOURNAL_SEARCH || j->ledgers[i]->with_sync)
                        return true;
        return false;
}

/* ---- all of it ---- */

static void wake_owners(Journal *j) {
        for (unsigned i = 0; i < j->n_ledgers; i++) {
                Ledger *l = j->ledgers[i];
                bool room = l->starved && j->bytes < j->in_flight_bytes;

                if (!l->woken && !room)
                        continue;
                l->woken = l->starved = false;
                j->handlers.wake(j->userdata, l->owner);
        }
}

uint64_t journal_step(Journal *j, uint64_t now) {
        uint64_t next = UINT64_MAX;

        for (unsigned i = 0; i < j->n_ledgers; i++) {
                Ledger *l = j->ledgers[i];

                if (l->phase == LEDGER_LOCKING)
                        next = sooner(next, step_lock(j, l, now));
                next = sooner(next, step_scan(j, l, now));
                next = sooner(next, ledger_write_again(l, now));
                ledger_step(l);
        }
        next = sooner(next, step_barrier(j, now));
        next = sooner(next, step_sync(j, now));
        wake_owners(j);
        return next;
}
