/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Schedules: made from a seed, played, and made shorter while they still fail in the same way. See
 * sim.h.
 */

#include "sim/sim.h"

#include <stdio.h>

typedef struct PlagueInfo {
        const char *name;
        ActionId actions[2];
        unsigned weights[2];
} PlagueInfo;

static const PlagueInfo plagues[] = {
#define SIM_PLAGUE(name, first, first_weight, second, second_weight) \
        {#name, {first, second}, {first_weight, second_weight}},
#include "sim/plagues.def"
#undef SIM_PLAGUE
};

static const unsigned everyday[] = {
#define SIM_ACTION(name, weight) weight,
#include "sim/actions.def"
#undef SIM_ACTION
};

/* splitmix64 */
uint64_t draw64(uint64_t *state) {
        uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return z ^ z >> 31;
}

static unsigned draw(uint64_t *state, unsigned n) {
        return (unsigned) ((draw64(state) >> 32) * n >> 32);
}

/* Is the plague a word of the text? */
static bool is_in_focus(const char *focus, const char *name) {
        size_t n = strlen(name);

        for (const char *at = focus; at; at = strchr(at, ' ')) {
                at += *at == ' ';
                if (strncmp(at, name, n) == 0 && (at[n] == ' ' || at[n] == '\0'))
                        return true;
        }
        return false;
}

static void setup_make(uint64_t *state, bool often, const char *focus, Setup *ret) {
        static const unsigned hosts[][CRIERDS + 1] = {
                {1, 0},
                {2, 0, 0},
                {2, 0, 1},
                {3, 0, 0, 1},
        };
        const unsigned *which;

        *ret = (Setup){0};
        for (unsigned p = 0; p < PLAGUES; p++)
                if (draw(state, 100) < (often ? 15u : 35u) || is_in_focus(focus, plagues[p].name))
                        ret->plagues |= UINT32_C(1) << p;
        ret->sync = draw(state, 2) == 0;
        ret->latest = draw(state, 2) == 0;
        ret->n_partitions = draw(state, 3) == 0 ? 2 : 1;
        which = hosts[draw(state, ELEMENTSOF(hosts))];
        ret->n_crierds = which[0];
        memcpy(ret->hosts, which + 1, sizeof(ret->hosts));
        ret->in_flight_events = draw(state, 2) == 0 ? LEDGER_ROWS_MAX : 1 + draw(state, 4);
        ret->in_flight_bytes = draw(state, 2) == 0 ? 3 * LEDGER_ROWS_MAX : 1 + draw(state, 12);
        ret->poison = draw(state, 4) == 0 ? 2 : 12;
        ret->unfit = draw(state, 4) == 0 ? 3 : 20;
        ret->slow = 1 + draw(state, 4);
}

/* Every other seed has few kinds of faults, but those often. */
void schedule_make(uint64_t seed, const char *focus, Setup *ret, Action *actions, unsigned n) {
        bool often = seed % 2 == 1 || *focus;
        uint64_t state = seed * UINT64_C(0x5851f42d4c957f2d) + 1;
        unsigned weights[ACTIONS], total = 0;
        ActionId table[4096] = {0};

        setup_make(&state, often, focus, ret);
        memcpy(weights, everyday, sizeof(weights));
        for (unsigned p = 0; p < PLAGUES; p++)
                for (unsigned i = 0; i < 2 && ret->plagues >> p & 1; i++)
                        weights[plagues[p].actions[i]] += plagues[p].weights[i] * (often ? 3 : 1);
        for (unsigned a = 0; a < ACTIONS; a++)
                for (unsigned i = 0; i < weights[a] && total < ELEMENTSOF(table); i++)
                        table[total++] = (ActionId) a;
        for (unsigned i = 0; i < n; i++)
                actions[i] = (Action){
                        .id = table[draw(&state, total)],
                        .number = draw64(&state),
                };
}

const char *schedule_play(World *w, const Setup *setup, const Action *actions, unsigned n,
                          bool traced) {
        world_start(w, setup, traced);
        for (unsigned i = 0; i < n && !w->wrong[0]; i++)
                world_do(w, &actions[i]);
        judge(w, w->wrong[0] || world_settle(w));
        world_done(w);
        return w->wrong[0] ? w->wrong : NULL;
}

static bool is_same_kind(const char *a, const char *b) {
        size_t n = strcspn(a, ":");

        return strncmp(a, b, n + 1) == 0;
}

unsigned schedule_shorten(World *w, const Setup *setup, Action *actions, unsigned n) {
        const char *wrong = schedule_play(w, setup, actions, n, false);
        Action *shorter = calloc(n, sizeof(*shorter));
        char kind[sizeof(w->wrong)];

        if (!wrong || !shorter) {
                free(shorter);
                return n;
        }
        snprintf(kind, sizeof(kind), "%s", wrong);
        for (unsigned size = n / 2; size > 0; size /= 2)
                for (unsigned at = 0; at < n;) {
                        unsigned left = n - MIN(size, n - at);

                        memcpy(shorter, actions, at * sizeof(*actions));
                        memcpy(shorter + at, actions + at + (n - left),
                               (left - at) * sizeof(*actions));
                        wrong = schedule_play(w, setup, shorter, left, false);
                        if (wrong && is_same_kind(kind, wrong)) {
                                memcpy(actions, shorter, left * sizeof(*actions));
                                n = left;
                        } else
                                at += size;
                }
        free(shorter);
        return n;
}

void setup_print(const Setup *setup) {
        printf("  %u partition%s, crierds on", setup->n_partitions,
               setup->n_partitions > 1 ? "s" : "");
        for (unsigned i = 0; i < setup->n_crierds; i++)
                printf(" %c", "XY"[setup->hosts[i]]);
        printf(", %s, start %s, in flight %u events %u bytes, slow %u\n ",
               setup->sync ? "sync" : "no sync", setup->latest ? "latest" : "earliest",
               setup->in_flight_events, setup->in_flight_bytes, setup->slow);
        for (unsigned p = 0; p < PLAGUES; p++)
                if (setup->plagues >> p & 1)
                        printf(" %s", plagues[p].name);
        putchar('\n');
}
