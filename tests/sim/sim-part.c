/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A partition of a simulated crierd: what src/kafka does around a ledger, each step by itself so
 * that anything may fall between two. It sleeps as the real one does, until the core wakes it: a
 * wake that is missing is a group that gets stuck. See sim.h.
 */

#include "journal/loss.h"
#include "sim/sim.h"

#include <assert.h>
#include <stdio.h>

static Log *log_of(const Part *part) {
        return &part->crierd->world->logs[part->p];
}

/* ---- what the core says ---- */

static void on_notice(void *userdata, const JournalNotice *n) {
        Crierd *c = userdata;
        World *w = c->world;

        if (n->record == RECORD_TAKEN_OVER || n->record == RECORD_OTHER_JOURNAL)
                record_notice(w, epoch_number(n->ledger->epoch), n->first);
        if (n->record == RECORD_ENTRIES_LOST)
                w->lost += n->count;
        if (n->record == RECORD_VALUE_CUT)
                w->cut++;
        if (n->record == RECORD_PARTITION_STOPPED)
                record_stop(w, epoch_number(n->ledger->epoch), n->first);
        say(w, "%d: notice %d: count %u, offsets %d to %d", c->id, n->record, (unsigned) n->count,
            (int) n->first, (int) n->last);
}

static void on_release(void *userdata, void *event) {
        Held *held = event;

        if (!held->used)
                world_wrong(((Crierd *) userdata)->world, "core: releases an event twice");
        held->used = false;
}

static void on_wake(void *userdata, void *owner) {
        Part *part = owner;

        part->reading_sleeps = part->writing_sleeps = false;
        part->committing_sleeps = part->settling_sleeps = false;
}

/* Only said. */
static void on_tried(void *userdata, JournalTask task, int error, const char *culprit) {
}

const JournalHandlers crierd_handlers = {
        .notice = on_notice,
        .release = on_release,
        .wake = on_wake,
        .tried = on_tried,
};

/* ---- life ---- */

int part_open(Crierd *c, unsigned p) {
        LedgerSpec spec = {
                .cluster = "cluster",
                .group = "group",
                .topic = "topic",
                .partition = (int32_t) p,
                .sync = c->world->setup->sync,
        };
        Part *part = &c->parts[p];

        *part = (Part){.crierd = c, .p = p, .pos = -1};
        crierd_touch(c);
        return ledger_new(&c->journal, &spec, part, &part->ledger);
}

uint64_t part_subject(unsigned p) {
        return own_subject("group", "topic", (int32_t) p);
}

void part_close(Part *part) {
        World *w = part->crierd->world;

        part->ledger = ledger_free(part->ledger);
        for (unsigned i = 0; i < ELEMENTSOF(part->held); i++)
                if (part->held[i].used)
                        world_wrong(w, "core: keeps an event");
        if (part->crierd->journal.n_ledgers == 0 && part->crierd->journal.bytes > 0)
                world_wrong(w, "core: counts bytes that are not there");
        crierd_touch(part->crierd);
}

/* The counts that the core keeps beside its rows. */
static void check_counts(const Part *part) {
        const Ledger *l = part->ledger;
        unsigned n_open = 0, n_queued = 0, first_open = l->rows.n;

        for (unsigned i = l->rows.n; i > 0; i--) {
                const Row *row = rows_at(&l->rows, i - 1);

                n_open += row->state != ROW_VERIFIED;
                n_queued += row->state == ROW_QUEUED;
                if (row->state != ROW_VERIFIED)
                        first_open = i - 1;
                if (row->state == ROW_QUEUED && i - 1 < l->first_queued)
                        world_wrong(part->crierd->world, "core: queued row before first_queued");
        }
        if (n_open != l->n_open || n_queued != l->n_queued || first_open != l->first_open)
                world_wrong(part->crierd->world,
                            "core: counts: open %u %u, queued %u %u, first %u %u", n_open,
                            l->n_open, n_queued, l->n_queued, first_open, l->first_open);
}

void part_observe(Part *part) {
        Ledger *l = part->ledger;
        World *w = part->crierd->world;
        unsigned epoch = epoch_number(l->epoch);
        int64_t pos;

        check_counts(part);
        if (epoch != 0 && epoch != part->epoch) {
                if (!w->epochs[epoch].known)
                        epoch_tell(w, epoch, part->p, l->committed,
                                   part->epoch ? part->moving : MOVE_NONE);
                if (part->epoch)
                        stamps_join(&w->epochs[part->epoch].received, &part->received);
                say(w, "%d: p%u: epoch %u from %d", part->crierd->id, part->p, epoch,
                    (int) l->start);
                part->received = (Stamps){0};
                part->epoch = epoch;
                part->moving = MOVE_NONE;
                part->confirmed = l->committed;
        }
        if (ledger_has_moved(l, &pos))
                part->pos = pos;
        else if (l->phase == LEDGER_RUNNING && part->pos < 0)
                part->pos = l->start;
        if (l->phase == LEDGER_RUNNING && !RULE(anchor))
                epoch_begin(w, epoch);
}

bool part_is_drained(const Part *part) {
        const Ledger *l = part->ledger;
        const Log *log = log_of(part);

        if (l->stopped)
                return l->phase == LEDGER_RUNNING && l->move == MOVE_NONE && !ledger_owes(l);
        /* What holds no events at the end of the log is passed, and committed. */
        return l->phase == LEDGER_RUNNING && l->rows.n == 0 && l->move == MOVE_NONE &&
               !ledger_owes(l) && part->pos == log->end && ledger_position(l) >= log->end;
}

/* ---- steps ---- */

/* The committed offset and the log's range are two answers. */
static void step_fetch(Part *part, Dice *d) {
        World *w = part->crierd->world;
        const Commit *c = &part->commit;
        const Log *log = log_of(part);
        bool kept;

        if (!part->crierd->net || (w->faults && pick(d, 16) == 0))
                return;
        if (!part->asked) {
                part->asked = true;
                part->commit = w->group.commits[part->p];
                return;
        }
        kept = c->exists && c->offset >= log->start && c->offset <= log->end;
        say(w, "%d: p%u: C=%d, epoch %u", part->crierd->id, part->p,
            c->exists ? (int) c->offset : -1, c->marked ? c->epoch : 0);
        ledger_fetched(part->ledger, c->exists ? c->offset : -1, c->marked ? c->marker : NULL,
                       strlen(c->marker), log->start, kept ? c->offset : log_start_offset(w, log));
        crierd_touch(part->crierd);
}

static void receive(Part *part, const Event *e) {
        Held *held = part->held;
        LedgerVerdict verdict;

        while (held->used)
                held++;
        assert(held < part->held + ELEMENTSOF(part->held));
        *held = (Held){.used = true, .event = *e};
        verdict = ledger_receive(part->ledger, e->offset, e->stamp, held, 1 + e->stamp % 3);
        if (verdict != LEDGER_NEW)
                held->used = false;
        if (verdict == LEDGER_MOVED)
                part->moving = MOVE_REWRITTEN;
        else
                part->pos = e->offset + 1;
        if (verdict == LEDGER_NEW || verdict == LEDGER_STANDS)
                stamps_add(&part->received, e->stamp);
        if (verdict == LEDGER_NEW)
                part->writing_sleeps = false;
        say(part->crierd->world, "%d: p%u: receives %d, verdict %d", part->crierd->id, part->p,
            e->offset, verdict);
}

static void step_consume(Part *part, Dice *d) {
        World *w = part->crierd->world;
        Log *log = log_of(part);
        const Event *e;

        if (!part->crierd->net)
                return;
        if (!ledger_takes(part->ledger)) {
                part->reading_sleeps = true;
                return;
        }
        if (part->pos < log->start || part->pos > log->end) {
                say(w, "%d: p%u: position %d is out of range", part->crierd->id, part->p,
                    (int) part->pos);
                if (part->pos > log->end)
                        part->moving = MOVE_REWRITTEN;
                if (RULE(log_range))
                        ledger_out_of_range(part->ledger, part->pos, log->start, log->end);
                else
                        part->pos = log_start_offset(w, log);
                crierd_touch(part->crierd);
                return;
        }
        e = log_at(log, part->pos);
        if (e)
                receive(part, e);
        else if (part->pos < log->end) {
                say(w, "%d: p%u: passes %d to %d", part->crierd->id, part->p, (int) part->pos,
                    log->end);
                part->pos = log->end;
                ledger_passed(part->ledger, log->end);
        } else
                return;
        crierd_touch(part->crierd);
}

/* Looks at everything that may forbid the next write; the write itself is another step. */
static void step_arm(Part *part, Dice *d) {
        Row *row = ledger_next(part->ledger);

        part->writing_sleeps = !row;
        if (!row)
                return;
        part->crierd->armed = part;
        part->crierd->armed_row = row;
}

void part_send(Part *part) {
        Crierd *c = part->crierd;
        Row *row = c->armed_row;
        const Held *held = row->event;
        Entry e = {0};
        Item item = {
                .epoch = part->epoch,
                .p = (uint8_t) part->p,
                .offset = held->event.offset,
                .stamp = held->event.stamp,
                .poison = held->event.poison,
                .unfit = held->event.unfit,
                .cut = row_is_cut(row),
        };
        int r;

        c->armed = NULL;
        c->sending = &item;
        r = journal_write(&c->journal, part->ledger, row, &e, c->world->now);
        c->sending = NULL;
        say(c->world, "%d: p%u: sends %u/%d%s%s", c->id, part->p, item.epoch, item.offset,
            item.cut ? ", cut" : "", r < 0 ? ", which is not taken" : "");
        crierd_touch(c);
}

static void step_commit(Part *part, Dice *d) {
        ledger_commit_begin(part->ledger);
        part->committing_sleeps = false;
        crierd_touch(part->crierd);
}

static void step_take(Part *part, Dice *d) {
        World *w = part->crierd->world;
        char marker[MARKER_TEXT_MAX];
        int64_t offset;

        part->committing_sleeps = !ledger_commit_take(part->ledger, &offset, marker);
        if (part->committing_sleeps)
                return;
        if (part->epoch == epoch_number(part->ledger->epoch) && offset < part->confirmed)
                world_wrong(w, "core: commits %d after %d", (int) offset, (int) part->confirmed);
        request_send(part->crierd, part, offset, marker, d);
}

void part_answered(Part *part, LedgerOutcome outcome, int64_t offset) {
        if (outcome == LEDGER_DONE)
                part->confirmed = MAX(part->confirmed, offset);
        ledger_commit_answer(part->ledger, outcome);
        part->committing_sleeps = part->settling_sleeps = false;
        crierd_touch(part->crierd);
        if (outcome == LEDGER_FENCED)
                crierd_lost(part->crierd, "fenced");
}

static void step_settle(Part *part, Dice *d) {
        bool faults = part->crierd->world->faults;
        bool late = pick(d, faults ? 4 : 64) == 0;
        bool over = pick(d, faults ? 16 : 64) == 0;

        if (part->settling_sleeps && !late)
                return;
        if (ledger_settle(part->ledger, late) || (late && over)) {
                say(part->crierd->world, "%d: p%u: is given back", part->crierd->id, part->p);
                part_close(part);
                return;
        }
        part->settling_sleeps = true;
        part->committing_sleeps = false;
        crierd_touch(part->crierd);
}

unsigned part_steps(const Part *part, Step *steps) {
        LedgerPhase phase = part->ledger->phase;
        bool works = phase == LEDGER_RUNNING || phase == LEDGER_SETTLING;
        unsigned n = 0;

        if (phase == LEDGER_FETCHING)
                steps[n++] = step_fetch;
        for (unsigned i = 0; i < 2 && phase == LEDGER_RUNNING && !part->reading_sleeps; i++)
                steps[n++] = step_consume;
        for (unsigned i = 0; i < 2 && works && !part->writing_sleeps; i++)
                steps[n++] = step_arm;
        if (phase == LEDGER_RUNNING)
                steps[n++] = step_commit;
        if (phase >= LEDGER_OPENING && !part->committing_sleeps)
                steps[n++] = step_take;
        if (phase >= LEDGER_SETTLING)
                steps[n++] = step_settle;
        return n;
}

/* ---- from outside ---- */

void part_seek(Part *part, Dice *d) {
        const Log *log = log_of(part);
        int64_t target = log->start + pick(d, (unsigned) (log->end - log->start) + 1);

        if (part->ledger->phase != LEDGER_RUNNING || ledger_seek(part->ledger, target) < 0)
                return;
        part->moving = MOVE_SEEK;
        say(part->crierd->world, "%d: p%u: is asked to seek to %d", part->crierd->id, part->p,
            (int) target);
        part_observe(part);
        crierd_touch(part->crierd);
}

/* The client fetches again what it had. */
void part_redeliver(Part *part, Dice *d) {
        const Log *log = log_of(part);
        int64_t pos = part->pos - 1 - (int64_t) pick(d, 4);

        if (part->ledger->phase != LEDGER_RUNNING || part->pos <= log->start ||
            part->ledger->move != MOVE_NONE)
                return;
        part->pos = MAX((int64_t) log->start, pos);
        say(part->crierd->world, "%d: p%u: fetches again from %d", part->crierd->id, part->p,
            (int) part->pos);
}

void part_revoke(Part *part) {
        if (part->revoked)
                return;
        part->revoked = true;
        say(part->crierd->world, "%d: p%u: is taken away", part->crierd->id, part->p);
        ledger_revoke(part->ledger);
        part->committing_sleeps = part->settling_sleeps = part->writing_sleeps = false;
        crierd_touch(part->crierd);
        if (ledger_settle(part->ledger, false))
                part_close(part);
}
