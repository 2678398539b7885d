/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A simulated crierd: one run of a process, its membership, and one step of its loop at a time,
 * whichever the dice pick among those that are possible. See sim.h.
 */

#include "sim/sim.h"

#include <assert.h>
#include <stdio.h>

void crierd_touch(Crierd *c) {
        c->dirty = true;
}

void crierd_start(Crierd *c) {
        World *w = c->world;
        unsigned index = c->index;

        *c = (Crierd){
                .world = w,
                .index = index,
                .host = w->setup->hosts[index],
                .id = ++w->last_id,
                .up = true,
                .net = true,
                .generation = -1,
        };
        journal_init(&c->journal, &crierd_ops, c, c->host == 0 ? "X" : "Y",
                     (sd_id128_t){.qwords = {UINT64_C(0x8877665544332211), (uint64_t) c->id}});
        c->journal.handlers = crierd_handlers;
        c->journal.userdata = c;
        c->journal.in_flight_events = w->setup->in_flight_events;
        c->journal.in_flight_bytes = w->setup->in_flight_bytes;
}

void crierd_die(Crierd *c, const char *why) {
        if (!c->up)
                return;
        say(c->world, "%d: %s", c->id, why);
        request_orphan(c->world, c->id);
        for (unsigned p = 0; p < PARTITIONS; p++)
                if (c->parts[p].ledger)
                        part_close(&c->parts[p]);
        jobs_forget(c);
        journal_done(&c->journal);
        /* The kernel does that. */
        for (unsigned p = 0; p < PARTITIONS; p++)
                if (c->world->locks[c->host][p].process == c->id)
                        c->world->locks[c->host][p].process = 0;
        c->up = false;
        c->armed = NULL;
}

static void keep_ghosts(Crierd *c, const Part *part) {
        const Ledger *l = part->ledger;

        for (unsigned i = 0; i < l->rows.n && c->n_ghosts < ELEMENTSOF(c->ghosts); i++) {
                const Row *row = rows_at(&l->rows, i);
                const Held *held = row->event;

                if (row->state == ROW_QUEUED)
                        c->ghosts[c->n_ghosts++] = (Item){
                                .epoch = part->epoch,
                                .offset = held->event.offset,
                                .stamp = held->event.stamp,
                                .poison = held->event.poison,
                                .unfit = held->event.unfit,
                        };
        }
}

void crierd_lost(Crierd *c, const char *why) {
        say(c->world, "%d: lost its assignment: %s", c->id, why);
        c->member = false;
        for (unsigned p = 0; p < PARTITIONS; p++) {
                Part *part = &c->parts[p];

                if (!part->ledger)
                        continue;
                if (!RULE(quiet))
                        keep_ghosts(c, part);
                ledger_fence(part->ledger);
                part_close(part);
        }
}

static bool has_parts(const Crierd *c) {
        for (unsigned p = 0; p < PARTITIONS; p++)
                if (c->parts[p].ledger)
                        return true;
        return false;
}

static void take_assignment(Crierd *c) {
        const Group *g = &c->world->group;

        c->generation = g->generation;
        for (unsigned p = 0; p < c->world->setup->n_partitions; p++)
                if (g->owners[p] == c->id && part_open(c, p) < 0)
                        assert(!"out of memory");
}

static void heartbeat(Crierd *c, Part *none, Dice *d) {
        World *w = c->world;
        Group *g = &w->group;
        int i = group_find(g, c->id);

        if (!c->net) {
                if (c->member && pick(d, 4) == 0)
                        crierd_lost(c, "its own session timer ran out");
                return;
        }
        if (c->member && i < 0)
                crierd_lost(c, "fenced");
        if (!c->member) {
                if (c->stopping) {
                        crierd_die(c, "stopped");
                        return;
                }
                c->member = true;
                say(w, "%d: joins", c->id);
                group_join(w, c->id, pick(d, 6));
        } else if (c->stopping && !has_parts(c)) {
                group_remove(w, c->id, pick(d, 6));
                crierd_die(c, "left the group and stopped");
        } else if ((g->preparing && !g->acked[i]) || c->stopping) {
                for (unsigned p = 0; p < PARTITIONS; p++)
                        if (c->parts[p].ledger)
                                part_revoke(&c->parts[p]);
                if (!has_parts(c))
                        group_change(w, pick(d, 6), c->id);
        } else if (!g->preparing && c->generation != g->generation)
                take_assignment(c);
}

/* An answer comes, or a request goes on its way. */
static void go_on_with_requests(Crierd *c, Part *none, Dice *d) {
        World *w = c->world;
        unsigned first = pick(d, REQUESTS_MAX);

        for (unsigned i = 0; i < REQUESTS_MAX; i++) {
                Request *r = &w->requests[(first + i) % REQUESTS_MAX];

                if (!r->used || r->late || r->member != c->id)
                        continue;
                if (!r->arrived) {
                        request_arrive(w, r);
                        return;
                }
                r->used = false;
                c->n_requests--;
                if (c->parts[r->p].ledger && c->parts[r->p].ledger->serial == r->serial)
                        part_answered(&c->parts[r->p], r->outcome, r->commit.offset);
                return;
        }
}

static void go_on_with_scans(Crierd *c, Part *none, Dice *d) {
        unsigned first = pick(d, SCANS_MAX);

        for (unsigned i = 0; i < SCANS_MAX; i++) {
                ScanJob *job = &c->scans[(first + i) % SCANS_MAX];

                if (job->scan) {
                        scan_go_on(c, job, d);
                        return;
                }
        }
}

static void go_on_with_sync(Crierd *c, Part *none, Dice *d) {
        sync_go_on(c, none, d);
}

static void read_back(Crierd *c, Part *none, Dice *d) {
        reader_read(c, none, d);
}

/* Only what crierd does: when its timer is over, or when something happened. */
static void loop(Crierd *c, Part *none, Dice *d) {
        uint64_t now = c->world->now, next;

        if (!c->dirty && now < c->deadline)
                return;
        c->dirty = false;
        next = journal_step(&c->journal, now);
        c->deadline = next == UINT64_MAX ? UINT64_MAX : now + next;
}

static void haunt(Crierd *c, Part *none, Dice *d) {
        Item item = c->ghosts[--c->n_ghosts];

        item.process = c->id;
        journald_send(&c->world->journald[c->host], &item);
}

static unsigned count_scans(const Crierd *c) {
        unsigned n = 0;

        for (unsigned i = 0; i < SCANS_MAX; i++)
                n += c->scans[i].scan != NULL;
        return n;
}

typedef void (*OwnStep)(Crierd *c, Part *none, Dice *d);

static unsigned own_steps(const Crierd *c, OwnStep *steps) {
        unsigned n = 0;

        steps[n++] = heartbeat;
        if (c->dirty || c->world->now >= c->deadline)
                steps[n++] = loop;
        if (c->following)
                steps[n++] = read_back;
        if (c->n_requests > 0)
                steps[n++] = go_on_with_requests;
        if (count_scans(c) > 0)
                steps[n++] = go_on_with_scans;
        if (c->syncing)
                steps[n++] = go_on_with_sync;
        if (c->n_ghosts > 0)
                steps[n++] = haunt;
        return n;
}

static void take_step(Crierd *c, Dice *d) {
        OwnStep own[8];
        Step steps[PARTITIONS][8];
        unsigned n = own_steps(c, own), counts[PARTITIONS] = {0}, all = n, i;

        for (unsigned p = 0; p < PARTITIONS; p++) {
                if (c->parts[p].ledger)
                        counts[p] = part_steps(&c->parts[p], steps[p]);
                all += counts[p];
        }
        i = pick(d, all);
        if (i < n) {
                own[i](c, NULL, d);
                return;
        }
        i -= n;
        if (i < counts[0])
                steps[0][i](&c->parts[0], d);
        else
                steps[1][i - counts[0]](&c->parts[1], d);
}

void crierd_work(Crierd *c, Dice *d) {
        if (!c->up || c->stalled)
                return;
        if (c->armed)
                part_send(c->armed);
        else
                take_step(c, d);
        if (c->up && !c->armed && pick(d, 4) != 0)
                loop(c, NULL, d);
        for (unsigned p = 0; p < PARTITIONS && c->up; p++)
                if (c->parts[p].ledger)
                        part_observe(&c->parts[p]);
}
