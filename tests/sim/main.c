/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulator: plays random schedules of faults against the exactly-once core and judges what the
 * broker and the journals hold at the end. A failing schedule is made shorter and printed. With
 * --without a rule is switched off; --self-test shows of each rule that it is missed. sim --help.
 */

#include "sim/sim.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

bool sim_rule_is_off[SIM_RULES];

static uint64_t arg_seeds = 2000;
static uint64_t arg_first;
static uint64_t arg_steps = 1500;
static const char *arg_focus = "";
static bool arg_self_test;
static bool arg_quiet;

typedef struct RuleInfo {
        const char *name;
        const char *where;
        const char *focus;
        const char *text;
} RuleInfo;

static const RuleInfo rules[] = {
#define SIM_RULE(name, where, focus, text) {#name, where, focus, text},
#include "sim/rules.def"
#undef SIM_RULE
};

typedef struct Run {
        World *world;
        Action *actions;
        unsigned n;
        Setup setup;
        uint64_t excused[EXCUSE_COUNT];
        uint64_t lost;
        uint64_t cut;
} Run;

static double seconds_since(const struct timespec *start) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double) (now.tv_sec - start->tv_sec) +
               (double) (now.tv_nsec - start->tv_nsec) / 1e9;
}

/* A schedule of its seed; what is wrong, or NULL. */
static const char *run_seed(Run *r, uint64_t seed, const char *focus) {
        const char *wrong;

        schedule_make(seed, focus, &r->setup, r->actions, r->n);
        wrong = schedule_play(r->world, &r->setup, r->actions, r->n, false);
        for (unsigned i = 0; i < EXCUSE_COUNT; i++)
                r->excused[i] += r->world->excused[i];
        r->lost += r->world->lost;
        r->cut += r->world->cut;
        memset(r->world->excused, 0, sizeof(r->world->excused));
        r->world->lost = r->world->cut = 0;
        return wrong;
}

static void show_failure(Run *r, uint64_t seed) {
        unsigned n = schedule_shorten(r->world, &r->setup, r->actions, r->n);

        printf("seed %llu, %u actions are enough:\n", (unsigned long long) seed, n);
        setup_print(&r->setup);
        schedule_play(r->world, &r->setup, r->actions, n, true);
        printf("  %s\n", r->world->wrong);
        fflush(stdout);
}

/* One trace of each kind of violation. */
static bool is_new_kind(char seen[8][16], const char *wrong) {
        size_t n = MIN(strcspn(wrong, ":"), (size_t) 15);

        for (unsigned i = 0; i < 8; i++) {
                if (!seen[i][0]) {
                        memcpy(seen[i], wrong, n);
                        return true;
                }
                if (strncmp(seen[i], wrong, n) == 0)
                        return false;
        }
        return false;
}

static int attack(Run *r) {
        static const char *const texts[] = {
#define EXCUSE(id, text) [EXCUSE_##id] = (text),
                EXCUSES(EXCUSE)
#undef EXCUSE
        };
        char seen[8][16] = {0};
        struct timespec start;
        uint64_t failed = 0;

        clock_gettime(CLOCK_MONOTONIC, &start);
        for (uint64_t i = 0; i < arg_seeds; i++) {
                const char *wrong = run_seed(r, arg_first + i, arg_focus);

                if (!wrong)
                        continue;
                failed++;
                printf("seed %" PRIu64 ": %s\n", arg_first + i, wrong);
                if (is_new_kind(seen, wrong))
                        show_failure(r, arg_first + i);
        }
        if (!arg_quiet) {
                for (unsigned i = 0; i < EXCUSE_COUNT; i++)
                        printf("  %8llu %s\n", (unsigned long long) r->excused[i], texts[i]);
                printf("  %8llu written again, %llu of them cut\n", (unsigned long long) r->lost,
                       (unsigned long long) r->cut);
        }
        printf("sim: seeds %llu to %llu, %llu steps each, in %.1f s: %llu failed\n",
               (unsigned long long) arg_first, (unsigned long long) (arg_first + arg_seeds - 1),
               (unsigned long long) arg_steps, seconds_since(&start), (unsigned long long) failed);
        return failed > 0;
}

/* Looks for a seed that fails without the rule, and passes with it. */
static bool is_missed(Run *r, unsigned rule) {
        char wrong[sizeof(r->world->wrong)];

        for (uint64_t seed = arg_first; seed < arg_first + arg_seeds; seed++) {
                const char *w;

                sim_rule_is_off[rule] = true;
                w = run_seed(r, seed, rules[rule].focus);
                sim_rule_is_off[rule] = false;
                if (!w)
                        continue;
                snprintf(wrong, sizeof(wrong), "%s", w);
                if (run_seed(r, seed, rules[rule].focus))
                        continue;
                if (!arg_quiet)
                        printf("ok     without %-15s seed %llu: %s\n", rules[rule].name,
                               (unsigned long long) seed, wrong);
                return true;
        }
        printf("FAILED without %-15s it is not missed\n", rules[rule].name);
        return false;
}

static int self_test(Run *r) {
        unsigned failed = 0;

        for (unsigned i = 0; i < SIM_RULES; i++)
                failed += !is_missed(r, i);
        printf("sim: each of %u rules switched off, seeds from %llu: %u not missed\n",
               (unsigned) SIM_RULES, (unsigned long long) arg_first, failed);
        return failed > 0;
}

static int switch_off(const char *name) {
        for (unsigned i = 0; i < SIM_RULES; i++)
                if (streq(rules[i].name, name)) {
                        sim_rule_is_off[i] = true;
                        return 0;
                }
        fprintf(stderr, "sim: there is no rule '%s'; see --rules\n", name);
        return -EINVAL;
}

static void print_help(void) {
        puts("Usage: sim [--seeds N] [--first SEED] [--steps N] [--focus 'PLAGUE PLAGUE…']\n"
             "           [--without RULE]… [--quiet] [--self-test] | --rules\n"
             "Plays N seeds, from SEED on, and ends with 1 where one failed. --focus: plagues "
             "that\n"
             "each has. --self-test: switches one rule after the other off and looks for a seed\n"
             "that fails for it. --rules: lists the rules.");
}

static void print_rules(void) {
        for (unsigned i = 0; i < SIM_RULES; i++)
                printf("%-15s %-10s %s\n", rules[i].name, rules[i].where, rules[i].text);
}

static int parse_number(const char *text, uint64_t *ret) {
        char *end;

        errno = 0;
        *ret = strtoull(text, &end, 10);
        if (errno == 0 && end > text && !*end)
                return 0;
        fprintf(stderr, "sim: '%s' is no number\n", text);
        return -EINVAL;
}

static int parse_options(int argc, char *argv[]) {
        static const struct option options[] = {
                {"seeds", required_argument, NULL, 'n'},   {"first", required_argument, NULL, 'f'},
                {"steps", required_argument, NULL, 's'},   {"focus", required_argument, NULL, 'F'},
                {"without", required_argument, NULL, 'w'}, {"quiet", no_argument, NULL, 'q'},
                {"self-test", no_argument, NULL, 't'},     {"rules", no_argument, NULL, 'r'},
                {"help", no_argument, NULL, 'h'},          {0},
        };
        int c, r = 1;

        while (r > 0 && (c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                if (c == 'n')
                        r = parse_number(optarg, &arg_seeds) < 0 ? -EINVAL : 1;
                else if (c == 'f')
                        r = parse_number(optarg, &arg_first) < 0 ? -EINVAL : 1;
                else if (c == 's')
                        r = parse_number(optarg, &arg_steps) < 0 ? -EINVAL : 1;
                else if (c == 'w')
                        r = switch_off(optarg) < 0 ? -EINVAL : 1;
                else if (c == 'F')
                        arg_focus = optarg;
                else if (c == 'q')
                        arg_quiet = true;
                else if (c == 't')
                        arg_self_test = true;
                else {
                        if (c == 'r')
                                print_rules();
                        else if (c == 'h')
                                print_help();
                        r = c == '?' ? -EINVAL : 0;
                }
        }
        return r;
}

int main(int argc, char *argv[]) {
        Run run = {0};
        int r = parse_options(argc, argv);

        if (r <= 0)
                return r < 0 ? 2 : 0;
        run.n = (unsigned) arg_steps;
        run.world = calloc(1, sizeof(*run.world));
        run.actions = calloc(run.n, sizeof(*run.actions));
        if (!run.world || !run.actions)
                return 2;
        r = arg_self_test ? self_test(&run) : attack(&run);
        for (unsigned h = 0; h < HOSTS; h++)
                free(run.world->journald[h].items);
        free(run.world);
        free(run.actions);
        return r;
}
