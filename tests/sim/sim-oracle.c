/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The record of what happened, and the oracle that judges from it: what the broker holds against
 * what the journals hold, per lineage and event. A lineage is the epochs of a partition that nobody
 * moved the group between. See sim.h.
 */

#include "sim/sim.h"

#include <assert.h>
#include <stdio.h>

/* ---- the record ---- */

unsigned epoch_draw(World *w) {
        assert(w->n_epochs < EPOCHS_MAX);
        w->epochs[w->n_epochs] = (EpochInfo){0};
        return w->n_epochs++;
}

void epoch_tell(World *w, unsigned epoch, unsigned p, int64_t start, LedgerMove move) {
        EpochInfo *e = &w->epochs[epoch];

        e->known = true;
        e->p = p;
        e->era = w->eras[p];
        e->start = start;
        e->move = move;
}

void era_next(World *w, unsigned p) {
        assert(w->eras[p] + 1 < ERAS_MAX);
        w->lineages[p][++w->eras[p]] = (Lineage){0};
}

void epoch_begin(World *w, unsigned epoch) {
        EpochInfo *e = &w->epochs[epoch];

        if (e->begun)
                return;
        e->begun = true;
        if (e->move == MOVE_NONE)
                return;
        for (unsigned i = 1; i < w->n_epochs; i++) {
                EpochInfo *other = &w->epochs[i];

                if (other != e && other->known && other->p == e->p && other->era == w->eras[e->p])
                        other->left = e->move == MOVE_SEEK ? LEFT_SEEK : LEFT_REWRITTEN;
        }
        era_next(w, e->p);
        e->era = w->eras[e->p];
        if (e->move == MOVE_REWRITTEN)
                w->rewritten[e->p] = e->era;
}

void record_landed(World *w, unsigned p, const Commit *c) {
        const EpochInfo *e = &w->epochs[c->epoch];
        const Log *log = &w->logs[p];
        Lineage *lineage;

        if (!c->marked) {
                era_next(w, p);
                return;
        }
        epoch_begin(w, c->epoch);
        w->undone[p] = w->undone[p] || e->era < w->rewritten[p];
        lineage = &w->lineages[e->p][e->era];
        for (unsigned i = 0; i < log->n; i++)
                if (log->events[i].offset >= e->start && log->events[i].offset < c->offset) {
                        stamps_add(&lineage->claimed, log->events[i].stamp);
                        lineage->claims = true;
                }
}

/* Says that events from the offset to the log's end, or two ledgers on, may stand on two hosts. */
void record_notice(World *w, unsigned epoch, int64_t offset) {
        const EpochInfo *e = &w->epochs[epoch];
        int64_t end = w->logs[e->p].end;

        assert(w->n_notices < NOTICES_MAX);
        if (e->known)
                w->notices[w->n_notices++] = (Notice){
                        .p = e->p,
                        .era = e->era,
                        .from = offset,
                        .to = MAX(end, offset + 2 * LEDGER_ROWS_MAX + 1),
                };
}

/* From an offset on means the same events when those at the offset are gone. */
void record_log_start(World *w, unsigned p, int64_t start) {
        for (unsigned i = 0; i < w->n_notices; i++) {
                Notice *n = &w->notices[i];

                if (n->p == p && n->from < start)
                        n->to = MAX(n->to, start + 2 * LEDGER_ROWS_MAX + 1);
        }
}

void record_stop(World *w, unsigned epoch, int64_t offset) {
        bool *stopped = &w->stopped[w->epochs[epoch].p][offset];

        if (!*stopped &&
            !has_plagues(w, BIT(journald) | BIT(drop) | BIT(limit) | BIT(power) | BIT(vacuum)))
                world_wrong(w, "stopped: at offset %d, without need", (int) offset);
        *stopped = true;
}

/* ---- the oracle ---- */

/* One event of one lineage in the journals. */
typedef struct Found {
        uint64_t key; /* partition, era, stamp */
        unsigned ever[HOSTS];
        unsigned standing[HOSTS];
        bool unsynced; /* lost with the power */
} Found;

typedef struct Findings {
        Found items[EVENTS_MAX * 8];
        unsigned n;
} Findings;

static uint64_t make_key(unsigned p, unsigned era, unsigned stamp) {
        return (uint64_t) p << 48 | (uint64_t) era << 24 | stamp;
}

/* A violation of a partition, where there is no excuse for it. */
#define wrong_of(w, p, ...)                            \
        do {                                           \
                if ((w)->undone[p])                    \
                        (w)->excused[EXCUSE_UNDONE]++; \
                else                                   \
                        world_wrong((w), __VA_ARGS__); \
        } while (0)

static Found *find(Findings *f, uint64_t key, bool add) {
        unsigned low = 0, high = f->n;

        while (low < high) {
                unsigned middle = (low + high) / 2;

                if (f->items[middle].key < key)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (low < f->n && f->items[low].key == key)
                return &f->items[low];
        if (!add)
                return NULL;
        assert(f->n < ELEMENTSOF(f->items));
        memmove(&f->items[low + 1], &f->items[low], (f->n - low) * sizeof(f->items[0]));
        f->n++;
        f->items[low] = (Found){.key = key};
        return &f->items[low];
}

/* Where journald loses nothing by itself, only what it never takes is cut. */
static void judge_cut(World *w, const Item *item) {
        if (!item->cut || item->poison)
                return;
        w->excused[EXCUSE_CUT]++;
        if (!has_plagues(w, BIT(journald) | BIT(drop) | BIT(limit) | BIT(power) | BIT(vacuum)))
                world_wrong(w, "cut: offset %d, without need", item->offset);
}

/* Where nothing is lost, an epoch stands in order. */
static void judge_order(World *w) {
        if (has_plagues(w, BIT(journald) | BIT(drop) | BIT(limit) | BIT(power) | BIT(vacuum) |
                                   BIT(poison) | BIT(unfit) | BIT(truncate) | BIT(recreate)))
                return;
        for (unsigned h = 0; h < HOSTS; h++) {
                int32_t highest[EPOCHS_MAX] = {0};

                for (unsigned i = 0; i < w->journald[h].n; i++) {
                        const Item *item = &w->journald[h].items[i];

                        if (item->barrier > 0 || item->forged)
                                continue;
                        if (item->offset < highest[item->epoch])
                                world_wrong(w, "reordered: offset %d of epoch %u stands behind %d",
                                            item->offset, item->epoch, highest[item->epoch]);
                        highest[item->epoch] = item->offset;
                }
        }
}

static void collect(World *w, Findings *f) {
        f->n = 0;
        for (unsigned h = 0; h < HOSTS; h++)
                for (unsigned i = 0; i < w->journald[h].n; i++) {
                        const Item *item = &w->journald[h].items[i];
                        const EpochInfo *e = &w->epochs[item->epoch];
                        Found *found;

                        if (item->barrier > 0 || item->forged)
                                continue;
                        if (item->gone != GONE_POWER && !item->linked) {
                                w->excused[EXCUSE_HALF_LINKED]++;
                                continue;
                        }
                        found = find(f, make_key(e->p, e->era, item->stamp), true);
                        judge_cut(w, item);
                        if (item->gone == GONE_POWER)
                                found->unsynced = true;
                        else {
                                found->ever[h]++;
                                found->standing[h] += item->gone == GONE_NOT;
                        }
                }
}

static const Event *find_event(const World *w, unsigned p, unsigned stamp) {
        const Log *l = &w->logs[p];

        for (unsigned i = 0; i < l->n; i++)
                if (l->events[i].stamp == stamp)
                        return &l->events[i];
        return NULL;
}

static bool is_noticed(const World *w, unsigned p, unsigned era, int64_t offset) {
        for (unsigned i = 0; i < w->n_notices; i++) {
                const Notice *n = &w->notices[i];

                if (n->p == p && n->era == era && offset >= n->from && offset < n->to)
                        return true;
        }
        return false;
}

static void judge_found(World *w, const Found *f) {
        unsigned p = (unsigned) (f->key >> 48), era = (unsigned) (f->key >> 24) & 0xffffff;
        unsigned stamp = (unsigned) f->key & 0xffffff;
        const Event *e = find_event(w, p, stamp);

        for (unsigned h = 0; h < HOSTS; h++) {
                if (f->standing[h] > 1)
                        wrong_of(w, p,
                                 "duplicate: offset %d, stamp %u of p%u era %u stands %u times on "
                                 "%c",
                                 e ? e->offset : -1, stamp, p, era, f->standing[h], "XY"[h]);
                else if (f->ever[h] > 1)
                        w->excused[EXCUSE_VACUUMED]++;
        }
        if (f->ever[0] == 0 || f->ever[1] == 0 || !e)
                return;
        if (is_noticed(w, p, era, e->offset))
                w->excused[EXCUSE_BOTH_HOSTS]++;
        else if (f->standing[0] == 0 || f->standing[1] == 0)
                w->excused[EXCUSE_VACUUMED]++;
        else
                wrong_of(w, p, "silent: offset %d of p%u era %u stands on both hosts", e->offset, p,
                         era);
}

/* Was a partition stopped between both, or should it have been? */
static bool is_behind_a_stop(const World *w, unsigned p, int64_t start, int64_t offset) {
        for (int64_t o = MAX(start, (int64_t) 0); o <= offset; o++)
                if (w->stopped[p][o])
                        return true;
        return false;
}

/* `start`: from where on the lineage owes events although no commit has claimed them; < 0: it does
 * not. */
static void judge_owed(World *w, Findings *f, unsigned p, unsigned era, const Event *e,
                       int64_t start) {
        const Found *found = find(f, make_key(p, era, e->stamp), false);

        if (e->dark || (found && found->ever[0] + found->ever[1] > 0))
                return;
        if (found && found->unsynced && !w->setup->sync)
                w->excused[EXCUSE_UNSYNCED]++;
        else if (start >= 0 && is_behind_a_stop(w, p, start, e->offset))
                w->excused[EXCUSE_STOPPED]++;
        else
                wrong_of(w, p, "lost: offset %d, stamp %u of p%u era %u", e->offset, e->stamp, p,
                         era);
}

/* Does the lineage hold the commit? */
static bool is_last(const World *w, unsigned p, unsigned era) {
        const Commit *c = &w->group.commits[p];

        return era == w->eras[p] ||
               (c->marked && w->epochs[c->epoch].era == era && w->epochs[c->epoch].p == p);
}

/* Events still in the log that a lineage must have: all that a commit claimed, all that was
 * received before a seek, and for the lineage that holds the commit all from its anchor on. */
static void judge_lineages(World *w, Findings *f) {
        for (unsigned p = 0; p < w->setup->n_partitions; p++)
                for (unsigned era = 0; era <= w->eras[p]; era++)
                        for (unsigned i = 0; i < w->logs[p].n && w->lineages[p][era].claims; i++)
                                if (stamps_has(&w->lineages[p][era].claimed,
                                               w->logs[p].events[i].stamp))
                                        judge_owed(w, f, p, era, &w->logs[p].events[i], -1);
        for (unsigned n = 1; n < w->n_epochs; n++) {
                const EpochInfo *e = &w->epochs[n];
                bool last = e->known && is_last(w, e->p, e->era);
                const Log *log = &w->logs[e->p];

                for (unsigned i = 0; i < log->n && e->known && (last || e->left == LEFT_SEEK); i++)
                        if (stamps_has(&e->received, log->events[i].stamp) ||
                            (last && e->begun && log->events[i].offset >= e->start))
                                judge_owed(w, f, e->p, e->era, &log->events[i], e->start);
        }
}

static void count_replayed_and_dark(World *w, const Findings *f) {
        Stamps somewhere = {0};

        for (unsigned i = 0; i < f->n; i++) {
                unsigned stamp = (unsigned) f->items[i].key & 0xffffff;

                if (f->items[i].ever[0] + f->items[i].ever[1] == 0)
                        continue;
                if (stamps_has(&somewhere, stamp))
                        w->excused[EXCUSE_REPLAYED]++;
                stamps_add(&somewhere, stamp);
        }
        for (unsigned p = 0; p < w->setup->n_partitions; p++)
                for (unsigned i = 0; i < w->logs[p].n; i++)
                        w->excused[EXCUSE_DARK] +=
                                w->logs[p].events[i].dark &&
                                !stamps_has(&somewhere, w->logs[p].events[i].stamp);
}

void judge(World *w, bool drained) {
        static Findings f;

        if (!drained)
                world_wrong(w, "stuck: the group does not reach the end of the log");
        collect(w, &f);
        for (unsigned i = 0; i < f.n; i++)
                judge_found(w, &f.items[i]);
        judge_lineages(w, &f);
        judge_order(w);
        count_replayed_and_dark(w, &f);
}
