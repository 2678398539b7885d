/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a verification tells: see report.h.
 */

#include "verify/report.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include "common/clock.h"

void report_begin(Report *r) {
        *r = (Report){.started_usec = clock_usec()};
}

/* Takes `j` over. */
static int print(json_t *j) {
        int r = j ? json_dumpf(j, stdout, JSON_COMPACT) : -1;

        json_decref(j);
        if (r == 0 && fputc('\n', stdout) != EOF && fflush(stdout) == 0)
                return 0;
        return -EPIPE;
}

/* What the broker and the configuration have need not be UTF-8. */
static json_t *text(const char *s) {
        json_t *j = s ? json_string(s) : json_null();

        return j ? j : json_string("?");
}

static json_t *offset(int64_t value) {
        return value < 0 ? json_null() : json_integer(value);
}

int report_tick(Report *r) {
        uint64_t now = clock_usec();

        if (r->told_usec > 0 && now - r->told_usec < REPORT_USEC)
                return 0;
        r->told_usec = now;
        return print(json_pack("{s:s, s:i, s:i, s:I}", "kind", "progress", "done", (int) r->done,
                               "total", (int) r->total, "read", (json_int_t) r->read));
}

static json_t *findings(const Compare *c) {
        json_t *list = json_array();

        for (size_t i = 0; c && i < c->n_findings; i++) {
                const Finding *f = &c->findings[i];

                json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "kind",
                                                      finding_kind_to_string(f->kind), "first",
                                                      (json_int_t) f->where.first, "last",
                                                      (json_int_t) f->where.last));
        }
        return list;
}

static void add_counts(json_t *j, const CompareResult *result) {
        const struct {
                const char *name;
                uint64_t count;
        } counts[] = {
                {"events", result->events},       {"entries", result->entries},
                {"lost", result->lost},           {"duplicated", result->duplicated},
                {"reordered", result->reordered}, {"rewritten", result->rewritten},
                {"different", result->different}, {"in_flight", result->in_flight},
                {"vacuumed", result->vacuumed},   {"retention", result->retention},
                {"compacted", result->compacted}, {"before", result->before},
        };

        for (size_t i = 0; i < ELEMENTSOF(counts); i++)
                json_object_set_new(j, counts[i].name, json_integer((json_int_t) counts[i].count));
}

int report_partition(Report *r, const Compare *c, bool clean, const char *problem,
                     const char *note) {
        static const CompareResult nothing = {.first = -1};
        const CompareResult *result = c ? &c->result : &nothing;
        json_t *j;

        r->done++;
        r->faulty += !clean;
        j = json_pack(
                "{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o}", "kind", "partition",
                "group", text(r->group), "topic", text(r->topic), "partition", offset(r->partition),
                "guarantee", text(c ? guarantee_to_string(c->input.guarantee) : NULL), "first",
                offset(result->first), "committed", offset(c ? c->input.committed : -1), "clean",
                clean, "problem", text(problem), "note", text(note), "findings", findings(c));
        if (!j)
                return -ENOMEM;
        add_counts(j, result);
        return print(j);
}

int report_end(Report *r) {
        return print(json_pack("{s:s, s:b, s:i, s:i, s:I, s:I}", "kind", "end", "clean",
                               r->faulty == 0, "done", (int) r->done, "faulty", (int) r->faulty,
                               "read", (json_int_t) r->read, "duration_ms",
                               (json_int_t) ((clock_usec() - r->started_usec) / USEC_PER_MSEC)));
}

int report_failure(const char *code, const char *why, const char *advice) {
        return print(json_pack("{s:s, s:s, s:o, s:o}", "kind", "failure", "code", code, "text",
                               text(why), "advice", text(advice)));
}
