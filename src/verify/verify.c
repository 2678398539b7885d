/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `crierd --verify`: see verify.h.
 */

#include "verify/verify.h"

#include <errno.h>
#include <sysexits.h>

#include "common/clock.h"
#include "common/iso-time.h"
#include "verify/broker.h"
#include "verify/entries.h"
#include "verify/report.h"

/* A broker that has events and sends none for so long is given up. */
#define STALLED_USEC (30 * USEC_PER_SEC)

/* With --since, so many offsets more are read: an entry before shows that the range had begun. */
#define SINCE_MARGIN 1024

/* Where something is missing that is looked for again: with an epoch by that alone; without one
 * what is committed may not have been taken in by journald yet; and the journal's oldest part may
 * have gone while it was read. */
#define TRIES 3
#define TRY_S 1

/* How many entries are read between two looks at the clock. */
#define TICK_ENTRIES 4096

typedef struct Run {
        const Config *config;
        const VerifyOptions *options;
        EntrySource source;
        int64_t since_ms;
        Report report;
        Broker *broker;
        /* Of the journal when it was last asked, entries_horizon(): what seems to be lost is looked
         * for again with a new one. */
        int64_t horizon_ms;
        bool uncut;

        /* Of the partition under way. */
        const GroupConfig *group;
        const char *topic;
        int32_t partition;
        Compare compare;
        EntryQuery query;
        int64_t next; /* the first event that belongs to no window so far; negative: none */
        Buffer problem;
        const char *note;
} Run;

static const char beyond_end[] = "the committed offset lies behind the end of the log: the topic "
                                 "was made anew, or its log was cut";

/* A reader that is gone ends it all; nothing else that may fail does. */
static int tick(Run *run) {
        return report_tick(&run->report);
}

/* ---- one window ---- */

/* The broker does not have that offset. Returns 1 with where to go on, 0 where nothing is left. */
static int read_lost_place(Run *run, int64_t *offset) {
        CompareInput *input = &run->compare.input;
        int64_t start, end;
        int r;

        r = broker_range(run->broker, run->topic, run->partition, &start, &end);
        if (r < 0)
                return r;
        if (*offset >= start) {
                run->note = beyond_end;
                return 0;
        }
        input->log_start = *offset = start;
        if (start >= input->committed)
                return 0;
        r = broker_read(run->broker, run->topic, run->partition, start);
        return r < 0 ? r : 1;
}

/* Tells the events of the window, from its beginning on. */
static int read_events(Run *run) {
        Compare *c = &run->compare;
        int64_t end = MIN(compare_window_end(c), c->input.committed), place = c->begin;
        uint64_t heard_usec = clock_usec();
        BrokerEvent event;
        int r;

        run->next = -1;
        if (place >= end)
                return 0;
        r = broker_read(run->broker, run->topic, run->partition, place);
        while (r >= 0) {
                r = broker_next(run->broker, run->topic, run->partition, &event);
                if (r == -ERANGE)
                        r = read_lost_place(run, &place);
                else if (r > 0 && event.offset >= end) {
                        run->next = event.offset < c->input.committed ? event.offset : -1;
                        return 0;
                } else if (r > 0) {
                        compare_event(c, event.offset, event.timestamp_ms);
                        place = event.offset + 1;
                        run->report.read++;
                        heard_usec = clock_usec();
                        if (place >= c->input.committed)
                                return 0;
                }
                if (r == 0)
                        return 0;
                if (r == -EAGAIN && clock_usec() - heard_usec < STALLED_USEC)
                        r = 1;
                if (r > 0 && tick(run) < 0)
                        return -EPIPE;
        }
        if (r == -EAGAIN && buffer_string(&run->broker->error)[0] == '\0')
                buffer_append_string(&run->broker->error, "The broker sends no events");
        return r;
}

static int on_entry(void *userdata, int64_t offset, int64_t timestamp_ms) {
        Run *run = userdata;

        compare_entry(&run->compare, offset, timestamp_ms);
        return ++run->report.read % TICK_ENTRIES == 0 ? tick(run) : 0;
}

static int read_entries(Run *run) {
        int r = entries_scan(&run->source, &run->query, on_entry, run);

        if (r < 0 && r != -EPIPE)
                buffer_appendf(&run->problem, "Cannot read the journal: %s", strerror(-r));
        return r;
}

/* Whether, and how much of it, is to be done again: 1, with `*ret_events` where the events are to
 * be told anew, because another part of them is older than what the journal has. */
static int look_again(Run *run, bool *ret_events) {
        CompareInput *input = &run->compare.input;
        bool other_way = input->epoch && !run->query.by_epoch;
        int64_t before = input->horizon_ms;
        int r;

        if (!input->epoch)
                (void) sleep(TRY_S);
        r = entries_horizon(&run->source, &run->horizon_ms, &run->uncut);
        if (r < 0)
                return r;
        input->horizon_ms = run->horizon_ms < 0 ? INT64_MAX : run->horizon_ms;
        input->uncut = run->uncut;
        run->query.by_epoch = input->epoch;
        *ret_events = input->horizon_ms != before;
        return *ret_events || !input->epoch || other_way;
}

static int check_window(Run *run) {
        Compare *c = &run->compare;
        bool events = true;
        int r;

        for (unsigned i = 1;; i++) {
                r = events ? read_events(run) : 0;
                if (r < 0 && r != -EPIPE)
                        buffer_appendf(&run->problem, "%s", buffer_string(&run->broker->error));
                if (r >= 0)
                        r = read_entries(run);
                if (r < 0)
                        return r;
                compare_window_done(c);
                if (c->result.lost == c->kept.lost || i == TRIES)
                        return 0;
                r = look_again(run, &events);
                if (r <= 0)
                        return r;
                compare_again(c, events);
        }
}

/* ---- one partition ---- */

static int64_t first_window(Run *run) {
        const CompareInput *input = &run->compare.input;
        int64_t begin = MAX(input->log_start, input->anchor);

        if (run->since_ms >= 0)
                begin = MAX(begin, broker_since(run->broker, run->topic, run->partition,
                                                run->since_ms, begin) -
                                           SINCE_MARGIN);
        return MIN(begin, input->committed);
}

static int check_windows(Run *run) {
        Compare *c = &run->compare;
        int r;

        for (int64_t begin = first_window(run); begin >= 0; begin = run->next) {
                r = compare_window(c, begin);
                if (r >= 0)
                        r = check_window(run);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int prepare(Run *run, const Commit *commit, CompareInput *ret) {
        int64_t end;
        int r;

        *ret = (CompareInput){
                .guarantee = commit->ours ? GUARANTEE_EXACTLY_ONCE
                             : run->group->delivery == DELIVERY_AT_MOST_ONCE
                                     ? GUARANTEE_AT_MOST_ONCE
                                     : GUARANTEE_AT_LEAST_ONCE,
                .epoch = commit->ours,
                .anchor = commit->ours ? commit->metadata.anchor : -1,
                .committed = commit->offset,
                .since_ms = run->since_ms,
        };
        run->query = (EntryQuery){
                .epoch = commit->ours ? commit->metadata.epoch : NULL,
                .group = run->group->name,
                .topic = run->topic,
                .partition = run->partition,
                .since_ms = run->since_ms,
        };
        r = broker_range(run->broker, run->topic, run->partition, &ret->log_start, &end);
        if (r < 0) {
                buffer_append_string(&run->problem, buffer_string(&run->broker->error));
                return r;
        }
        if (end < commit->offset)
                run->note = beyond_end;
        r = run->horizon_ms < 0 ? entries_horizon(&run->source, &run->horizon_ms, &run->uncut) : 0;
        ret->horizon_ms = run->horizon_ms;
        ret->uncut = run->uncut;
        if (r < 0)
                buffer_appendf(&run->problem, "Cannot read the journal: %s", strerror(-r));
        else if (ret->horizon_ms < 0 && commit->offset > ret->log_start) {
                buffer_appendf(&run->problem,
                               "The journal has no entry of user %u that can be read here",
                               (unsigned) run->source.uid);
                r = -ENODATA;
        }
        return r;
}

/* What is worth knowing of what was compared. */
static void add_note(Run *run, const Commit *commit) {
        const CompareResult *result = &run->compare.result;

        if (commit->strange)
                run->note = commit->strange;
        else if (!run->note && result->first < 0 && result->before > 0)
                run->note = "no entry stands in the journal from which on it could be checked";
}

static int check_partition(Run *run, const Commit *commit) {
        _cleanup_free_ OffsetRange *rewritten = NULL;
        size_t n_rewritten = 0;
        CompareInput input;
        bool clean;
        int r;

        r = prepare(run, commit, &input);
        if (r < 0)
                return report_partition(&run->report, NULL, false, buffer_string(&run->problem),
                                        NULL);
        r = commit->ours ? entries_rewritten(&run->source, &run->query, &rewritten, &n_rewritten)
                         : 0;
        input.rewritten = rewritten;
        input.n_rewritten = n_rewritten;
        compare_init(&run->compare, &input, COMPARE_WINDOW);
        if (r >= 0)
                r = check_windows(run);
        clean = compare_finish(&run->compare) && r >= 0;
        add_note(run, commit);
        if (r < 0 && r != -EPIPE && run->problem.size == 0)
                buffer_appendf(&run->problem, "It could not be checked: %s", strerror(-r));
        if (r != -EPIPE)
                r = report_partition(&run->report, &run->compare, clean,
                                     r < 0 ? buffer_string(&run->problem) : NULL, run->note);
        compare_done(&run->compare);
        return r;
}

static void begin_partition(Run *run, int32_t partition) {
        run->partition = partition;
        run->note = NULL;
        buffer_clear(&run->problem);
        run->report.group = run->group->name;
        run->report.topic = run->topic;
        run->report.partition = partition;
}

/* ---- groups and topics ---- */

/* The whole topic cannot be checked, or need not be. */
static int skip_topic(Run *run, const char *problem, const char *note) {
        begin_partition(run, -1);
        run->report.total++;
        return report_partition(&run->report, NULL, !problem, problem, note);
}

static int check_topic(Run *run) {
        _cleanup_free_ Commit *commits = NULL;
        int32_t n = 0;
        int r;

        r = broker_width(run->broker, run->topic, &n);
        if (r >= 0) {
                commits = calloc((size_t) n, sizeof(*commits));
                r = commits ? broker_commits(run->broker, run->topic, n, commits) : -ENOMEM;
        }
        if (r == -ENOENT)
                return skip_topic(run, NULL, "there is no such topic");
        if (r < 0)
                return skip_topic(run, buffer_string(&run->broker->error), NULL);
        run->report.total += (unsigned) n;
        for (int32_t i = 0; i < n && r >= 0; i++) {
                begin_partition(run, i);
                r = tick(run);
                if (r < 0)
                        break;
                if (commits[i].offset < 0)
                        r = report_partition(&run->report, NULL, true, NULL,
                                             "nothing is committed");
                else
                        r = check_partition(run, &commits[i]);
        }
        return r;
}

static int check_group(Run *run, const GroupConfig *group, const char *bootstrap) {
        int r = 0;

        run->group = group;
        if (group->log)
                r = broker_open(run->config, bootstrap, group, &run->broker);
        for (unsigned i = 0; i < group->topics.n && r != -EPIPE; i++) {
                run->topic = group->topics.items[i];
                if (!group->log)
                        r = skip_topic(run, NULL, "the group writes no entries: log = false");
                else if (!run->broker || !run->broker->rk)
                        r = skip_topic(run, "Cannot make a client of Kafka", NULL);
                else
                        r = check_topic(run);
        }
        run->broker = broker_free(run->broker);
        return r == -EPIPE ? r : 0;
}

/* ---- the whole ---- */

static int refuse(const char *code, int exit_code, const char *text, const char *advice) {
        return report_failure(code, text, advice) < 0 ? EXIT_FAILURE : exit_code;
}

static const GroupConfig *find_group(const Config *config, const char *name) {
        for (unsigned i = 0; i < config->n_groups; i++)
                if (streq(config->groups[i].name, name))
                        return &config->groups[i];
        return NULL;
}

static int check_journal(Run *run) {
        _cleanup_buffer_ Buffer text = {0};
        int r;

        r = entries_horizon(&run->source, &run->horizon_ms, &run->uncut);
        if (r >= 0)
                return 0;
        buffer_appendf(&text, "Cannot read the journal%s%s: %s",
                       run->source.directory ? " in " : "",
                       run->source.directory ? run->source.directory : "", strerror(-r));
        return refuse("Failed", EX_UNAVAILABLE, buffer_string(&text),
                      "Run it as the user that crierd runs as, in the group systemd-journal");
}

static int run_groups(Run *run, const char *bootstrap) {
        const Config *config = run->config;
        int r = 0;

        for (unsigned i = 0; i < config->n_groups && r >= 0; i++)
                if (!run->options->group || streq(config->groups[i].name, run->options->group))
                        r = check_group(run, &config->groups[i], bootstrap);
        if (r >= 0)
                r = report_end(&run->report);
        return r < 0 || run->report.faulty > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int verify_run(const Config *config, const VerifyOptions *options) {
        const char *name_space = getenv("LOG_NAMESPACE");
        const char *bootstrap = options->bootstrap ? options->bootstrap : config->cluster.bootstrap;
        Run run = {
                .config = config,
                .options = options,
                .source = {.directory = options->journal_directory,
                           .name_space = name_space && *name_space ? name_space : NULL,
                           .uid = geteuid(),
                           .rewritten = options->rewritten},
                .since_ms = -1,
        };
        int r;

        if (options->since && !iso_time_parse(options->since, &run.since_ms))
                return refuse("BadValue", EX_DATAERR, "What --since is given is not a time",
                              "Give one like 2026-01-31T12:00:00Z");
        if (options->group && !find_group(config, options->group))
                return refuse("NoSuchGroup", EX_NOINPUT, "The configuration has no such group",
                              "See crierctl groups");
        if (streq(bootstrap, "embedded"))
                return refuse("Failed", EX_UNAVAILABLE,
                              "The embedded broker is inside the crierd that runs",
                              "Use crierctl verify, or give its address: "
                              "--bootstrap=\"$(cat /run/crier/bootstrap)\"");
        r = check_journal(&run);
        if (r == 0) {
                report_begin(&run.report);
                r = run_groups(&run, bootstrap);
        }
        entries_close(&run.source);
        buffer_done(&run.problem);
        return r;
}
