/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One partition's ledger: see ledger.h.
 */

#include "journal/ledger.h"

#include <assert.h>
#include <errno.h>

#include "common/hash.h"
#include "common/iso-time.h"
#include "journal/journal.h"
#include "journal/loss.h"
#include "journal/note.h"
#include "journal/own.h"
#include "journal/rule.h"

/* ---- life ---- */

/* Of what makes the partition one: no two of the parts can be mistaken for two others. */
static uint64_t lock_key(const LedgerSpec *spec) {
        uint64_t hash = hash_bytes(HASH_BEGIN, spec->cluster, strlen(spec->cluster) + 1);

        hash = hash_bytes(hash, spec->group, strlen(spec->group) + 1);
        hash = hash_bytes(hash, spec->topic, strlen(spec->topic) + 1);
        return hash_bytes(hash, &spec->partition, sizeof(spec->partition)) & INT64_MAX;
}

int ledger_new(Journal *j, const LedgerSpec *spec, void *owner, Ledger **ret) {
        Ledger *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        l->owner = owner;
        l->partition = spec->partition;
        l->with_sync = spec->sync;
        l->key = lock_key(spec);
        l->subject = own_subject(spec->group, spec->topic, spec->partition);
        l->committed = l->start = l->reach = l->last = -1;
        l->group = strdup(spec->group);
        l->topic = strdup(spec->topic);
        l->cluster = strdup(spec->cluster);
        r = l->group && l->topic && l->cluster ? journal_add(j, l) : -ENOMEM;
        if (r < 0) {
                ledger_free(l);
                return r;
        }
        *ret = l;
        return 0;
}

static void row_release(Ledger *l, Row *row) {
        if (!row->event)
                return;
        l->journal->bytes -= row->size;
        l->journal->handlers.release(l->journal->userdata, TAKE_PTR(row->event));
}

void ledger_row_forget_last(Ledger *l) {
        Row *last = rows_at(&l->rows, l->rows.n - 1);

        l->reach = last->offset;
        l->n_open -= last->state != ROW_VERIFIED;
        l->n_queued -= last->state == ROW_QUEUED;
        l->n_waiting -= last->state == ROW_WAITING;
        row_release(l, last);
        rows_pop_last(&l->rows);
        l->first_open = MIN(l->first_open, l->rows.n);
        l->first_queued = MIN(l->first_queued, l->rows.n);
}

static void rows_forget(Ledger *l) {
        for (unsigned i = l->first_open; i < l->rows.n; i++)
                row_release(l, rows_at(&l->rows, i));
        rows_done(&l->rows);
        l->first_open = l->first_queued = l->n_open = l->n_queued = l->n_waiting = 0;
}

/* All of it are found and written again, once; told when the last of them was passed. */
static void say_recovered(Ledger *l) {
        int64_t last;

        if (l->recovered_said || (!l->unclean && l->n_standing == 0))
                return;
        last = l->n_standing > 0 ? l->standing[l->n_standing - 1].offset : l->start - 1;
        l->recovered_said = true;
        journal_notice(l->journal, (JournalNotice){
                                           .record = RECORD_PARTITION_RECOVERED,
                                           .ledger = l,
                                           .count = l->n_standing,
                                           .written = l->recovered_written,
                                           .first = l->start,
                                           .last = last,
                                   });
}

static void standing_forget(Ledger *l) {
        free(TAKE_PTR(l->standing));
        l->n_standing = 0;
}

Ledger *ledger_free(Ledger *l) {
        if (!l)
                return NULL;
        if (l->journal) {
                if (l->phase >= LEDGER_RUNNING)
                        say_recovered(l);
                rows_forget(l);
                /* After the last send: step 7. */
                if (l->locked)
                        l->journal->ops->unlock(l->journal->ops_userdata, l->key);
                journal_remove(l->journal, l);
        }
        standing_forget(l);
        free(l->group);
        free(l->topic);
        free(l->cluster);
        free(l);
        return NULL;
}

/* ---- step 1: assigned ---- */

void ledger_fetched(Ledger *l, int64_t committed, const void *metadata, size_t metadata_size,
                    int64_t low, int64_t start) {
        Marker m;
        bool ours = committed >= 0 && metadata &&
                    marker_parse(metadata, metadata_size, committed, &m) >= 0 &&
                    marker_is_for(&m, l->cluster, l->group, l->topic, l->partition);

        assert(l->phase == LEDGER_FETCHING);
        if (ours)
                note_take(l, &m, committed);
        else {
                if (committed >= 0)
                        note_say(l, RECORD_GROUP_RESET, start);
                note_anchor(l, start);
        }
        if (ours && committed < low)
                ledger_out_of_range(l, committed, low, INT64_MAX);
        l->phase = LEDGER_WAITING;
        l->barrier = l->journal->barriers_sent;
}

static void ledger_run(Ledger *l) {
        bool opens = l->fresh ? RULE(anchor) : !l->open && RULE(open);

        l->phase = opens ? LEDGER_OPENING : LEDGER_RUNNING;
        l->woken = true;
}

void ledger_scanned(Ledger *l, JournalScan *scan) {
        assert(l->phase == LEDGER_SCANNING);
        l->n_standing = RULE(skip_set) ? scan->n_standing : 0;
        l->standing = TAKE_PTR(scan->standing);
        /* An old note may be a copy of another group's: only entries show whose it is. */
        if (l->old_note && !scan->seen) {
                note_say(l, RECORD_GROUP_RESET, l->start);
                note_anchor(l, l->start);
                l->has_moved = true;
        }
        if (scan->elsewhere) {
                note_say(l, RECORD_OTHER_JOURNAL, l->committed);
                l->open = l->unclean = false;
                l->last = -1;
                l->from = (Sequence){0};
        }
        note_hold_place(l);
        ledger_run(l);
        if (l->n_standing == 0)
                say_recovered(l);
}

/* ---- step 2: events ---- */

static int compare_standing(const void *key, const void *item) {
        int64_t a = *(const int64_t *) key, b = ((const Standing *) item)->offset;

        return a < b ? -1 : a > b;
}

const Standing *standing_find(const Standing *standing, unsigned n, int64_t offset,
                              int64_t timestamp) {
        const Standing *found = NULL;

        if (n > 0)
                found = bsearch(&offset, standing, n, sizeof(*standing), compare_standing);
        return found && found->timestamp == NO_TIMESTAMP && timestamp != NO_TIMESTAMP ? NULL
                                                                                      : found;
}

static Row *row_find(const Ledger *l, int64_t offset) {
        unsigned i = rows_search(&l->rows, offset);
        Row *row = i < l->rows.n ? rows_at(&l->rows, i) : NULL;

        return row && row->offset == offset ? row : NULL;
}

bool ledger_takes(Ledger *l) {
        const Journal *j = l->journal;

        if (l->phase != LEDGER_RUNNING || l->fenced || l->stopped || l->move != MOVE_NONE)
                return false;
        /* One event may always be in flight, however large it is. */
        l->starved = l->rows.n >= LEDGER_ROWS_MAX || l->n_open >= j->in_flight_events ||
                     (j->bytes >= j->in_flight_bytes && l->n_open > 0);
        return !l->starved;
}

static void move_begin(Ledger *l, LedgerMove why, int64_t target) {
        l->move = why;
        l->target = target;
        ledger_step(l);
}

/* A row for an event that stands already, or is to be written. */
static LedgerVerdict receive_new(Ledger *l, int64_t offset, int64_t timestamp, void *event,
                                 uint32_t size, bool stands) {
        Row *row = rows_push(&l->rows);

        if (!row)
                return LEDGER_NO_MEMORY;
        row->offset = offset;
        row->timestamp = timestamp;
        l->reach = offset + 1;
        l->stats.received++;
        if (stands) {
                row->state = ROW_VERIFIED;
                if (l->first_open == l->rows.n - 1)
                        l->first_open++;
        } else {
                row->event = event;
                row->size = size;
                l->journal->bytes += size;
                l->n_open++;
                l->n_queued++;
                l->recovered_written +=
                        l->n_standing > 0 && offset < l->standing[l->n_standing - 1].offset;
        }
        if (l->n_standing > 0 && offset >= l->standing[l->n_standing - 1].offset)
                say_recovered(l);
        return stands ? LEDGER_STANDS : LEDGER_NEW;
}

LedgerVerdict ledger_receive(Ledger *l, int64_t offset, int64_t timestamp, void *event,
                             uint32_t size) {
        const Row *row = row_find(l, offset);
        const Standing *stands = standing_find(l->standing, l->n_standing, offset, timestamp);

        assert(l->phase == LEDGER_RUNNING && l->move == MOVE_NONE);
        /* The same offset with another timestamp is another event. */
        if ((row ? row->timestamp != timestamp : stands && stands->timestamp != timestamp) &&
            RULE(identity)) {
                move_begin(l, MOVE_REWRITTEN, offset);
                return LEDGER_MOVED;
        }
        if ((row || offset < l->committed) && RULE(redelivery))
                return LEDGER_KNOWN;
        /* Nothing was there when we passed. */
        if (offset < l->reach && RULE(redelivery)) {
                move_begin(l, MOVE_REWRITTEN, offset);
                return LEDGER_MOVED;
        }
        return receive_new(l, offset, timestamp, event, size, stands);
}

void ledger_passed(Ledger *l, int64_t next_offset) {
        if (l->phase != LEDGER_RUNNING || l->move != MOVE_NONE || next_offset <= l->reach ||
            !RULE(passed))
                return;
        l->reach = next_offset;
        if (l->n_standing > 0 && next_offset > l->standing[l->n_standing - 1].offset)
                say_recovered(l);
}

Row *ledger_next(Ledger *l) {
        if (l->n_queued == 0 || l->fenced ||
            (l->phase != LEDGER_RUNNING && l->phase != LEDGER_SETTLING))
                return NULL;
        while (rows_at(&l->rows, l->first_queued)->state != ROW_QUEUED)
                l->first_queued++;
        return rows_at(&l->rows, l->first_queued);
}

/* ---- step 3: read back ---- */

void ledger_row_verify(Ledger *l, Row *row) {
        l->n_queued -= row->state == ROW_QUEUED;
        l->n_waiting -= row->state == ROW_WAITING;
        row->state = ROW_VERIFIED;
        row_release(l, row);
        l->n_open--;
        l->stats.verified++;
        while (l->first_open < l->rows.n && rows_at(&l->rows, l->first_open)->state == ROW_VERIFIED)
                l->first_open++;
        l->woken = l->woken || l->starved || (l->n_open == 0 && l->phase == LEDGER_SETTLING);
}

void ledger_sent(Ledger *l, Row *row, uint64_t now) {
        row->state = ROW_SENT;
        row->barrier = l->journal->barriers_sent;
        row->sent_ms = (uint32_t) (now / USEC_PER_MSEC);
        l->n_queued--;
        l->journal->prompt = l->journal->prompt || row->again;
        l->stats.written++;
        l->stats.written_again += row->again;
        l->stats.cut += row_is_cut(row);
        if (!RULE(read_back))
                ledger_row_verify(l, row);
}

void ledger_verify(Ledger *l, int64_t offset) {
        Row *row = row_find(l, offset);

        if (row && row->state != ROW_VERIFIED)
                ledger_row_verify(l, row);
}

const Row *ledger_oldest_sent(const Ledger *l) {
        for (unsigned i = l->first_open; l->n_open > l->n_queued + l->n_waiting && i < l->rows.n;
             i++)
                if (rows_at(&l->rows, i)->state == ROW_SENT)
                        return rows_at(&l->rows, i);
        return NULL;
}

uint32_t ledger_sent_after(const Ledger *l) {
        uint32_t first = UINT32_MAX;

        for (unsigned i = l->first_open; i < l->rows.n; i++)
                if (rows_at(&l->rows, i)->state == ROW_SENT)
                        first = MIN(first, rows_at(&l->rows, i)->barrier);
        return first;
}

/* ---- step 5: commits ---- */

int64_t ledger_position(const Ledger *l) {
        return l->first_open < l->rows.n ? rows_at(&l->rows, l->first_open)->offset : l->reach;
}

bool ledger_commit_is_due(const Ledger *l) {
        return !l->job.active && l->rows.n >= LEDGER_ROWS_MANY && ledger_position(l) > l->committed;
}

bool ledger_owes(const Ledger *l) {
        return !l->fenced && (l->phase == LEDGER_OPENING ||
                              (l->phase > LEDGER_OPENING &&
                               (l->n_open > 0 || ledger_position(l) != l->committed)));
}

static void job_begin(Ledger *l, bool final) {
        l->job.active = true;
        l->job.sent = false;
        l->job.final = final;
        l->job.position = ledger_position(l);
        l->job.clean = false;
        /* What is verified, and only that, is brought to disk first. */
        l->sync = l->with_sync && RULE(sync) && l->job.position > l->committed ? SYNC_WANTED
                                                                               : SYNC_NONE;
}

void ledger_sync_begins(Ledger *l) {
        if (l->sync != SYNC_WANTED)
                return;
        l->sync = SYNC_UNDER_WAY;
        /* The last commit has said already whether it is clean up to there. */
        if (l->job.active && !l->job.final)
                l->job.position = ledger_position(l);
}

void ledger_commit_begin(Ledger *l) {
        if (l->phase == LEDGER_RUNNING && !l->fenced && l->move == MOVE_NONE && !l->job.active &&
            ledger_position(l) != l->committed)
                job_begin(l, false);
}

/* The first commit: the anchor of a fresh epoch, or the word that we are at work. */
static void open_begin(Ledger *l) {
        job_begin(l, false);
        l->job.position = l->committed;
        l->sync = SYNC_NONE;
}

bool ledger_commit_take(Ledger *l, int64_t *ret_offset, char to[static MARKER_TEXT_MAX]) {
        if (l->fenced)
                return false;
        if (l->phase == LEDGER_OPENING && !l->job.active) {
                open_begin(l);
        }
        if (!l->job.active || l->job.sent || (l->sync != SYNC_NONE && l->sync != SYNC_DONE))
                return false;
        if (!RULE(position) && l->phase != LEDGER_OPENING)
                l->job.position = ledger_position(l);
        note_write(l, to);
        *ret_offset = l->job.position;
        l->job.sent = true;
        return true;
}

static void commit_confirmed(Ledger *l) {
        l->last = note_last(l);
        l->committed = l->job.position;
        l->open = !l->job.clean;
        l->fresh = false;
        while (l->first_open > 0 && rows_at(&l->rows, 0)->offset < l->committed) {
                rows_pop_first(&l->rows);
                l->first_open--;
                l->first_queued -= l->first_queued > 0;
        }
        if (l->phase == LEDGER_OPENING) {
                ledger_run(l);
                if (l->seek == LEDGER_SEEK_PENDING)
                        l->seek = LEDGER_SEEK_DONE;
        }
        l->woken = l->woken || l->starved;
}

void ledger_commit_answer(Ledger *l, LedgerOutcome outcome) {
        bool final = l->job.final;

        if (!l->job.active || !l->job.sent)
                return;
        l->job.active = false;
        l->sync = SYNC_NONE;
        if (outcome == LEDGER_DONE)
                commit_confirmed(l);
        l->unknown = l->unknown || outcome == LEDGER_UNKNOWN;
        l->settled = l->settled || final;
        if (outcome == LEDGER_FENCED)
                ledger_fence(l);
        ledger_step(l);
}

/* ---- steps 6 and 7: revoked, or lost ---- */

void ledger_revoke(Ledger *l) {
        l->move = MOVE_NONE;
        if (l->seek == LEDGER_SEEK_PENDING)
                l->seek = LEDGER_SEEK_REFUSED;
        /* Nothing was received yet, and the broker says already what it has to. */
        if (l->phase != LEDGER_RUNNING) {
                l->phase = LEDGER_CLOSED;
                return;
        }
        l->phase = LEDGER_SETTLING;
        if (!l->job.sent) {
                l->job.active = false;
                l->sync = SYNC_NONE;
        }
        /* What was never sent is left to the next owner. */
        while (l->rows.n > 0) {
                Row *last = rows_at(&l->rows, l->rows.n - 1);

                if (last->state != ROW_QUEUED || last->again)
                        break;
                ledger_row_forget_last(l);
        }
}

/* clean=1 only where no entry of the epoch stands, or may stand, at or behind the position. */
static bool ends_clean(const Ledger *l) {
        return !RULE(clean) ||
               (l->n_open == 0 && !l->stopped &&
                (l->n_standing == 0 || l->standing[l->n_standing - 1].offset < l->job.position));
}

bool ledger_settle(Ledger *l, bool late) {
        if (l->phase != LEDGER_SETTLING || l->fenced || l->settled) {
                l->phase = LEDGER_CLOSED;
                return true;
        }
        if (l->job.active || (l->n_open > 0 && !late))
                return false;
        job_begin(l, true);
        l->job.clean = ends_clean(l);
        if (l->job.clean || l->job.position != l->committed)
                return false;
        l->job.active = false;
        l->phase = LEDGER_CLOSED;
        return true;
}

void ledger_fence(Ledger *l) {
        l->fenced = true;
        l->job.active = false;
        l->sync = SYNC_NONE;
        l->woken = true;
        if (l->seek == LEDGER_SEEK_PENDING)
                l->seek = LEDGER_SEEK_REFUSED;
}

/* ---- step 9: moves ---- */

int ledger_seek(Ledger *l, int64_t target) {
        if (l->phase != LEDGER_RUNNING || l->fenced || l->move != MOVE_NONE ||
            (l->unknown && RULE(settle)))
                return -EAGAIN;
        l->seek = LEDGER_SEEK_PENDING;
        move_begin(l, MOVE_SEEK, target);
        return 0;
}

void ledger_out_of_range(Ledger *l, int64_t position, int64_t low, int64_t high) {
        if (position >= low && position <= high)
                return;
        if (position > high) {
                if (l->move == MOVE_NONE)
                        move_begin(l, MOVE_REWRITTEN, low);
                return;
        }
        journal_notice(l->journal, (JournalNotice){.record = RECORD_RETENTION,
                                                   .ledger = l,
                                                   .first = position,
                                                   .last = low - 1});
        l->reach = MAX(l->reach, low);
        l->start = low;
        l->has_moved = l->phase >= LEDGER_RUNNING;
}

bool ledger_has_moved(Ledger *l, int64_t *ret_offset) {
        bool moved = l->has_moved;

        l->has_moved = false;
        if (moved)
                *ret_offset = l->start;
        return moved;
}

void ledger_step(Ledger *l) {
        LedgerMove why = l->move;

        if (why == MOVE_NONE || l->phase != LEDGER_RUNNING || l->fenced || l->job.active ||
            (l->n_open > 0 && RULE(drain)))
                return;
        /* A commit that is still on its way may land in any order with the anchor. */
        if (why == MOVE_SEEK && l->unknown && RULE(settle)) {
                l->move = MOVE_NONE;
                l->sync = SYNC_NONE;
                l->seek = LEDGER_SEEK_REFUSED;
                l->woken = true;
                return;
        }
        if (l->with_sync && RULE(sync) && l->sync != SYNC_DONE) {
                if (l->sync == SYNC_NONE)
                        l->sync = SYNC_WANTED;
                return;
        }
        l->move = MOVE_NONE;
        l->sync = SYNC_NONE;
        if (why == MOVE_REWRITTEN)
                note_say(l, RECORD_POSITION_RESET, l->target);
        rows_forget(l);
        standing_forget(l);
        l->stopped = false;
        if (why == MOVE_REWRITTEN || RULE(new_epoch)) {
                note_anchor(l, l->target);
                note_hold_place(l);
                ledger_run(l);
        } else
                l->start = l->reach = l->committed = l->target;
        l->has_moved = true;
        l->woken = true;
}
