/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated broker: logs with gaps, the group coordinator with eager rebalances, and commits
 * that are lost, late, refused or fenced, or whose answer is lost. And the lab's script, a member
 * of the group that commits without a note. See sim.h.
 */

#include "sim/sim.h"

#include <assert.h>
#include <stdio.h>

/* ---- logs ---- */

Event *log_at(Log *l, int64_t offset) {
        for (unsigned i = 0; i < l->n; i++)
                if (l->events[i].offset >= offset)
                        return &l->events[i];
        return NULL;
}

int64_t log_start_offset(const World *w, const Log *l) {
        return w->setup->latest ? l->end : l->start;
}

void log_append(World *w, unsigned p, bool gap, bool poison, bool unfit) {
        Log *l = &w->logs[p];
        int32_t offset = l->end + gap;

        if (l->end >= LOG_MAX || w->n_stamps + 1 >= EVENTS_MAX)
                return;
        l->events[l->n++] = (Event){
                .offset = offset,
                .stamp = (uint16_t) ++w->n_stamps,
                .poison = poison,
                .unfit = unfit,
                .dark = offset < l->dark,
        };
        l->end = offset + 1;
        w->stopped[p][offset] = w->stopped[p][offset] || unfit;
}

void log_extend(World *w, unsigned p, unsigned n) {
        Log *l = &w->logs[p];

        if (l->end + (int32_t) n >= LOG_MAX)
                return;
        l->end += (int32_t) n;
        say(w, "broker: p%u: %u offsets without events, up to %d", p, n, l->end);
}

/* ---- the group ---- */

int group_find(const Group *g, int member) {
        for (unsigned i = 0; i < g->n; i++)
                if (g->members[i] == member)
                        return (int) i;
        return -1;
}

static bool all_acked(const Group *g) {
        for (unsigned i = 0; i < g->n; i++)
                if (!g->acked[i])
                        return false;
        return true;
}

void group_change(World *w, unsigned turn, int acked) {
        Group *g = &w->group;
        int i = acked ? group_find(g, acked) : -1;

        if (!g->preparing)
                memset(g->acked, 0, sizeof(g->acked));
        g->preparing = true;
        if (i >= 0)
                g->acked[i] = true;
        if (!all_acked(g))
                return;
        g->preparing = false;
        g->generation++;
        for (unsigned p = 0; p < w->setup->n_partitions; p++)
                g->owners[p] = g->n > 0 ? g->members[(p + turn) % g->n] : 0;
        say(w, "coordinator: generation %d, owners %d %d", g->generation, g->owners[0],
            g->owners[1]);
}

void group_join(World *w, int member, unsigned turn) {
        Group *g = &w->group;

        if (group_find(g, member) < 0) {
                assert(g->n < MEMBERS_MAX);
                g->acked[g->n] = false;
                g->members[g->n++] = member;
        }
        group_change(w, turn, member);
}

void group_remove(World *w, int member, unsigned turn) {
        Group *g = &w->group;
        int i = group_find(g, member);

        if (i >= 0) {
                g->n--;
                memmove(&g->members[i], &g->members[i + 1],
                        (g->n - (unsigned) i) * sizeof(g->members[0]));
                memmove(&g->acked[i], &g->acked[i + 1],
                        (g->n - (unsigned) i) * sizeof(g->acked[0]));
        }
        group_change(w, turn, 0);
}

bool group_land(World *w, int member, int generation, unsigned p, const Commit *c) {
        Group *g = &w->group;

        if (group_find(g, member) < 0 || generation != g->generation)
                return false;
        g->commits[p] = *c;
        record_landed(w, p, c);
        return true;
}

/* ---- commits on their way ---- */

enum {
        FATE_NEVER,       /* does not arrive */
        FATE_LATE,        /* arrives when nobody waits for it any longer */
        FATE_ANSWER_LOST, /* arrives, and the answer does not */
        FATE_REFUSED,     /* the broker cannot take it just now */
        FATE_FINE,
        FATES = 16,
};

void request_send(Crierd *c, const Part *part, int64_t offset, const char *marker, Dice *d) {
        World *w = c->world;
        Request *r = NULL;
        Marker m;
        int n;

        for (unsigned i = 0; i < REQUESTS_MAX && !r; i++)
                if (!w->requests[i].used)
                        r = &w->requests[i];
        /* Full of late ones: one of them never arrives. */
        for (unsigned i = 0; i < REQUESTS_MAX && !r; i++)
                if (w->requests[i].late)
                        r = &w->requests[i];
        assert(r);
        c->n_requests++;
        n = marker_parse(marker, strlen(marker), offset, &m);
        assert(n >= 0 && strlen(marker) < sizeof(r->commit.marker));
        *r = (Request){
                .used = true,
                .fate = w->faults
                                ? (uint8_t) pick(d, has_plague(w, PLAGUE_late) ? FATES / 2 : FATES)
                                : FATE_FINE,
                .member = c->id,
                .generation = c->generation,
                .p = part->p,
                .serial = part->ledger->serial,
                .commit = {.exists = true,
                           .marked = true,
                           .offset = offset,
                           .epoch = epoch_number(m.epoch)},
        };
        snprintf(r->commit.marker, sizeof(r->commit.marker), "%s", marker);
        if (!w->epochs[r->commit.epoch].known)
                world_wrong(w, "core: commits an epoch that was never seen");
        if (!c->net)
                r->fate = pick(d, 2) == 0 ? FATE_NEVER : FATE_LATE;
        say(w, "%d: p%u: commits %d, epoch %u clean=%d", c->id, part->p, (int) offset,
            r->commit.epoch, m.clean);
}

void request_arrive(World *w, Request *r) {
        bool landed = false;

        r->arrived = true;
        r->outcome = LEDGER_UNKNOWN;
        if (r->fate == FATE_REFUSED)
                r->outcome = LEDGER_REFUSED;
        else if (r->fate == FATE_LATE) {
                /* It is on its way still, and the time for the answer is over. */
                for (unsigned i = 0; i < REQUESTS_MAX; i++)
                        if (!w->requests[i].used) {
                                w->requests[i] = *r;
                                w->requests[i].late = true;
                                break;
                        }
        } else if (r->fate != FATE_NEVER) {
                landed = group_land(w, r->member, r->generation, r->p, &r->commit);
                if (!landed)
                        r->outcome = LEDGER_FENCED;
                else if (r->fate != FATE_ANSWER_LOST)
                        r->outcome = LEDGER_DONE;
        }
        say(w, "broker: p%u: commit %d of %d: %s, outcome %d", r->p, (int) r->commit.offset,
            r->member, landed ? "landed" : "did not land", r->outcome);
}

void request_arrive_late(World *w, Dice *d, bool dropped) {
        unsigned first = pick(d, REQUESTS_MAX);

        for (unsigned i = 0; i < REQUESTS_MAX; i++) {
                Request *r = &w->requests[(first + i) % REQUESTS_MAX];
                bool landed;

                if (!r->used || !r->late)
                        continue;
                r->used = false;
                landed = !dropped && group_land(w, r->member, r->generation, r->p, &r->commit);
                say(w, "broker: p%u: late commit %d of %d: %s", r->p, (int) r->commit.offset,
                    r->member, landed ? "landed" : "did not land");
                if (!dropped)
                        break;
        }
}

void request_orphan(World *w, int member) {
        for (unsigned i = 0; i < REQUESTS_MAX; i++) {
                Request *r = &w->requests[i];

                if (!r->used || r->member != member || r->late)
                        continue;
                r->late = true;
                r->used = !r->arrived && r->fate != FATE_NEVER && r->fate != FATE_REFUSED;
        }
}

/* ---- the script ---- */

void script_work(World *w, Dice *d) {
        Group *g = &w->group;
        Commit taken = {.exists = true};
        unsigned turn = pick(d, 6);

        if (!w->script_member || group_find(g, SCRIPT_ID) < 0)
                return;
        if (g->preparing)
                group_change(w, turn, SCRIPT_ID);
        w->script_generation = g->generation;
        for (unsigned p = 0; p < w->setup->n_partitions; p++) {
                const Commit *c = &g->commits[p];
                const Event *e = log_at(&w->logs[p],
                                        c->exists ? c->offset : log_start_offset(w, &w->logs[p]));

                if (g->owners[p] != SCRIPT_ID || !e || pick(d, 3) != 0)
                        continue;
                taken.offset = e->offset + 1;
                say(w, "script: p%u: consumes and commits %d", p, (int) taken.offset);
                group_land(w, SCRIPT_ID, w->script_generation, p, &taken);
        }
}

void script_turn(World *w, Dice *d) {
        unsigned turn = pick(d, 6);

        w->script_member = !w->script_member;
        say(w, "script: %s", w->script_member ? "joins" : "leaves");
        if (w->script_member)
                group_join(w, SCRIPT_ID, turn);
        else
                group_remove(w, SCRIPT_ID, turn);
}
