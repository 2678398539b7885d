/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated world: the actions that a schedule is made of, and the end of all faults. See
 * sim.h.
 */

#include "sim/sim.h"

#include <assert.h>
#include <stdio.h>

/* Of a second when all is well: how long an action may take. */
#define ACTION_MSEC 40

/* What is shown of the end, where nothing new happens. */
#define TRACED_TURNS 300

void world_say(const World *w, const char *format, ...) {
        va_list ap;

        printf("    %4u %6.3f ", w->tick, (double) w->now / USEC_PER_SEC);
        va_start(ap, format);
        vprintf(format, ap);
        va_end(ap);
        putchar('\n');
}

void world_wrong(World *w, const char *format, ...) {
        va_list ap;

        if (w->wrong[0])
                return;
        va_start(ap, format);
        vsnprintf(w->wrong, sizeof(w->wrong), format, ap);
        va_end(ap);
        say(w, "WRONG: %s", w->wrong);
}

void world_start(World *w, const Setup *setup, bool traced) {
        Item *items[HOSTS];
        unsigned allocated[HOSTS];

        for (unsigned h = 0; h < HOSTS; h++) {
                items[h] = w->journald[h].items;
                allocated[h] = w->journald[h].allocated;
        }
        /* All but the record, whose parts are cleared when they are begun: it is large. */
        memset(w, 0, offsetof(World, lineages));
        w->n_notices = 0;
        w->wrong[0] = '\0';
        w->n_epochs = 1;
        w->setup = setup;
        w->faults = true;
        w->traced = traced;
        w->now = 10 * USEC_PER_SEC;
        w->last_id = SCRIPT_ID;
        for (unsigned h = 0; h < HOSTS; h++)
                w->journald[h] = (Journald){
                        .items = items[h],
                        .allocated = allocated[h],
                        .up = true,
                        .socket = true,
                };
        for (unsigned p = 0; p < PARTITIONS; p++)
                w->lineages[p][0] = (Lineage){0};
        for (unsigned i = 0; i < setup->n_crierds; i++) {
                w->crierds[i].world = w;
                w->crierds[i].index = i;
                crierd_start(&w->crierds[i]);
        }
}

void world_done(World *w) {
        for (unsigned i = 0; i < w->setup->n_crierds; i++)
                crierd_die(&w->crierds[i], "ends");
}

/* ---- actions ---- */

static Crierd *pick_crierd(World *w, Dice *d) {
        return &w->crierds[pick(d, w->setup->n_crierds)];
}

static unsigned pick_host(Dice *d) {
        return pick(d, 3) == 2;
}

static Journald *pick_journald(World *w, Dice *d) {
        return &w->journald[pick_host(d)];
}

static unsigned pick_partition(World *w, Dice *d) {
        return pick(d, w->setup->n_partitions);
}

static void do_work(World *w, Dice *d) {
        crierd_work(pick_crierd(w, d), d);
}

static void do_take(World *w, Dice *d) {
        journald_take(pick_journald(w, d));
}

static void do_produce(World *w, Dice *d) {
        unsigned p = pick_partition(w, d);
        bool gap = pick(d, 4) == 0;

        log_append(w, p, gap, has_plague(w, PLAGUE_poison) && pick(d, w->setup->poison) == 0,
                   has_plague(w, PLAGUE_unfit) && pick(d, w->setup->unfit) == 0);
}

/* Ends of transactions, or whole ones that were aborted: the log grows, and there is no event. */
static void do_control(World *w, Dice *d) {
        log_extend(w, pick_partition(w, d), 1 + pick(d, 3));
}

static void do_script(World *w, Dice *d) {
        script_work(w, d);
}

static void do_script_turn(World *w, Dice *d) {
        script_turn(w, d);
}

static void do_late(World *w, Dice *d) {
        request_arrive_late(w, d, false);
}

/* A session that may time out: the member is dead, stopped, cut off or slow to rejoin. */
static void do_expire(World *w, Dice *d) {
        Group *g = &w->group;
        int over[MEMBERS_MAX];
        unsigned n = 0, which = pick(d, 720);

        for (unsigned i = 0; i < g->n; i++) {
                bool fine = g->members[i] == SCRIPT_ID;

                for (unsigned k = 0; k < w->setup->n_crierds; k++) {
                        const Crierd *c = &w->crierds[k];

                        fine = fine || (c->id == g->members[i] && c->up && !c->stalled && c->net);
                }
                if (!fine || (g->preparing && !g->acked[i] && g->members[i] != SCRIPT_ID))
                        over[n++] = g->members[i];
        }
        if (n == 0)
                return;
        say(w, "coordinator: session of %d timed out", over[which % n]);
        group_remove(w, over[which % n], pick(d, 6));
}

static void do_kill(World *w, Dice *d) {
        crierd_die(pick_crierd(w, d), "SIGKILL");
}

static void do_stop(World *w, Dice *d) {
        pick_crierd(w, d)->stopping = true;
}

static void do_start(World *w, Dice *d) {
        Crierd *c = pick_crierd(w, d);

        if (c->up)
                return;
        crierd_start(c);
        say(w, "%d: starts on %c", c->id, "XY"[c->host]);
}

static void do_stall(World *w, Dice *d) {
        Crierd *c = pick_crierd(w, d);

        c->stalled = true;
        say(w, "%d: SIGSTOP%s", c->id, c->armed ? ", about to write" : "");
}

static void do_resume(World *w, Dice *d) {
        Crierd *c = pick_crierd(w, d);

        if (!c->stalled)
                return;
        c->stalled = false;
        say(w, "%d: SIGCONT", c->id);
}

static void do_split(World *w, Dice *d) {
        Crierd *c = pick_crierd(w, d);

        c->net = false;
        say(w, "%d: is cut off from the broker", c->id);
}

static void do_join(World *w, Dice *d) {
        pick_crierd(w, d)->net = true;
}

static void do_journald_kill(World *w, Dice *d) {
        unsigned host = pick_host(d);

        say(w, "journald %c: SIGKILL", "XY"[host]);
        journald_kill(&w->journald[host], pick(d, 3));
}

static void do_journald_start(World *w, Dice *d) {
        pick_journald(w, d)->up = true;
}

static void do_drop(World *w, Dice *d) {
        unsigned host = pick_host(d);

        w->journald[host].dropping = !w->journald[host].dropping;
        say(w, "journald %c: dropping=%d", "XY"[host], w -> journald[host].dropping);
}

static void do_limit(World *w, Dice *d) {
        unsigned host = pick_host(d);

        w->journald[host].limiting = !w->journald[host].limiting;
        say(w, "journald %c: limiting=%d", "XY"[host], w -> journald[host].limiting);
}

static void do_socket(World *w, Dice *d) {
        Journald *j = pick_journald(w, d);

        j->socket = !j->socket;
}

static void do_vacuum(World *w, Dice *d) {
        unsigned host = pick_host(d), n = journald_vacuum(&w->journald[host], d);

        say(w, "journald %c: vacuums %u", "XY"[host], n);
}

static void do_power(World *w, Dice *d) {
        unsigned host = pick_host(d);

        say(w, "host %c: power loss", "XY"[host]);
        for (unsigned i = 0; i < w->setup->n_crierds; i++)
                if (w->crierds[i].host == host)
                        crierd_die(&w->crierds[i], "power loss");
        journald_lose_power(&w->journald[host], d);
}

/* Another local user writes entries that look like ours. */
static void do_forge(World *w, Dice *d) {
        Journald *j = pick_journald(w, d);
        unsigned p = pick_partition(w, d);
        const Commit *c = &w->group.commits[p];
        const Event *e = c->marked ? log_at(&w->logs[p], c->offset + pick(d, 4)) : NULL;
        Item item = {.forged = true};

        if (!e)
                return;
        item.epoch = c->epoch;
        item.p = (uint8_t) p;
        item.offset = e->offset;
        item.stamp = e->stamp;
        journald_send(j, &item);
        say(w, "another user: forges %u/%d", c->epoch, e->offset);
}

static void do_retention(World *w, Dice *d) {
        unsigned p = pick_partition(w, d), gone = 0;
        Log *l = &w->logs[p];

        l->start += (int32_t) pick(d, (unsigned) (l->end - l->start) + 1);
        while (gone < l->n && l->events[gone].offset < l->start)
                gone++;
        l->n -= gone;
        memmove(&l->events[0], &l->events[gone], l->n * sizeof(l->events[0]));
        record_log_start(w, p, l->start);
        say(w, "broker: p%u: the log starts at %d", p, l->start);
}

/* The furthest position that some process or commit holds without having to look back. */
static int32_t passed(const World *w, unsigned p) {
        int64_t furthest = 0;

        for (unsigned i = 0; i < w->setup->n_crierds; i++) {
                const Ledger *l = w->crierds[i].up ? w->crierds[i].parts[p].ledger : NULL;

                if (l)
                        furthest = MAX(furthest, l->reach);
                if (l && w->crierds[i].parts[p].asked)
                        furthest = MAX(furthest, w->crierds[i].parts[p].commit.offset);
        }
        for (unsigned i = 0; i < REQUESTS_MAX; i++)
                if (w->requests[i].used && w->requests[i].p == p)
                        furthest = MAX(furthest, w->requests[i].commit.offset);
        return (int32_t) furthest;
}

static void do_recreate(World *w, Dice *d) {
        unsigned p = pick_partition(w, d);

        w->logs[p] = (Log){.dark = MAX(passed(w, p), w->logs[p].dark)};
        w->group.commits[p] = (Commit){0};
        era_next(w, p);
        say(w, "admin: topic made again, p%u empty", p);
}

/* Unclean leader election: the tail of the log is replaced. */
static void do_truncate(World *w, Dice *d) {
        unsigned p = pick_partition(w, d);
        Log *l = &w->logs[p];
        const Commit *c = &w->group.commits[p];
        int32_t end = l->end - 1 - (int32_t) pick(d, 4);

        l->end = MAX(l->start, end);
        while (l->n > 0 && l->events[l->n - 1].offset >= l->end)
                l->n--;
        l->dark = MAX(MAX(l->dark, passed(w, p)), c->exists ? (int32_t) c->offset : 0);
        say(w, "broker: unclean leader, p%u ends at %d", p, l->end);
}

static void do_reset(World *w, Dice *d) {
        unsigned p = pick_partition(w, d);
        const Log *l = &w->logs[p];
        int32_t target = l->start + (int32_t) pick(d, (unsigned) (l->end - l->start) + 2);

        if (w->group.n > 0)
                return;
        era_next(w, p);
        w->group.commits[p] = (Commit){.exists = target <= l->end, .offset = target};
        say(w, "admin: resets p%u to %d%s", p, target, target > l->end ? ": none" : "");
}

/* Every member dies and every session times out. */
static void do_blackout(World *w, Dice *d) {
        for (unsigned i = 0; i < w->setup->n_crierds; i++)
                crierd_die(&w->crierds[i], "SIGKILL");
        w->script_member = false;
        while (w->group.n > 0)
                group_remove(w, w->group.members[0], 0);
}

static void do_seek(World *w, Dice *d) {
        Crierd *c = pick_crierd(w, d);

        for (unsigned p = 0; p < PARTITIONS && c->up && !c->stalled && !c->armed; p++)
                if (c->parts[p].ledger)
                        part_seek(&c->parts[p], d);
}

static void do_redeliver(World *w, Dice *d) {
        Crierd *c = pick_crierd(w, d);

        for (unsigned p = 0; p < PARTITIONS && c->up; p++)
                if (c->parts[p].ledger)
                        part_redeliver(&c->parts[p], d);
}

typedef void (*Doing)(World *w, Dice *d);

static const Doing doings[] = {
#define SIM_ACTION(name, weight) [ACTION_##name] = do_##name,
#include "sim/actions.def"
#undef SIM_ACTION
};

void world_do(World *w, const Action *a) {
        Dice d = {.number = a->number};

        w->tick++;
        w->now += (1 + pick(&d, ACTION_MSEC)) * USEC_PER_MSEC;
        doings[a->id](w, &d);
}

/* ---- the end of all faults ---- */

static bool is_drained(const World *w) {
        for (unsigned p = 0; p < w->setup->n_partitions; p++) {
                bool drained = false;

                for (unsigned i = 0; i < w->setup->n_crierds; i++) {
                        const Crierd *c = &w->crierds[i];

                        drained = drained ||
                                  (c->up && c->parts[p].ledger && part_is_drained(&c->parts[p]));
                }
                if (!drained)
                        return false;
        }
        return true;
}

static void end_faults(World *w) {
        say(w, "all faults end");
        w->faults = false;
        request_arrive_late(w, &(Dice){0}, true);
        if (w->script_member)
                script_turn(w, &(Dice){0});
        for (unsigned h = 0; h < HOSTS; h++) {
                w->journald[h].up = w->journald[h].socket = true;
                w->journald[h].dropping = w->journald[h].limiting = false;
        }
        for (unsigned i = 0; i < w->setup->n_crierds; i++) {
                w->crierds[i].stalled = false;
                w->crierds[i].net = true;
        }
}

bool world_settle(World *w) {
        uint64_t state = 1;

        end_faults(w);
        for (unsigned turn = 0; turn < 20000; turn++) {
                w->tick++;
                w->traced = w->traced && turn < TRACED_TURNS;
                w->now += (1 + draw64(&state) % ACTION_MSEC) * USEC_PER_MSEC;
                for (unsigned i = 0; i < w->setup->n_crierds; i++) {
                        Dice d = {.number = draw64(&state)};

                        if (!w->crierds[i].up)
                                crierd_start(&w->crierds[i]);
                        crierd_work(&w->crierds[i], &d);
                }
                for (unsigned h = 0; h < HOSTS && turn % w->setup->slow == 0; h++) {
                        journald_take(&w->journald[h]);
                        journald_take(&w->journald[h]);
                }
                do_expire(w, &(Dice){turn});
                if (turn % 20 == 19 && is_drained(w))
                        return true;
        }
        return false;
}
