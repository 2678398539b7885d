/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `crierctl top` knows: see top-model.h.
 */

#include "crierctl/top-model.h"

#include "crierctl/parts.h"
#include "crierctl/top-rows.h"
#include "crierctl/top-text.h"

/* A second between two statuses, as a busy machine has it. One that was asked for in between is
 * replaced by the next. */
#define SECOND_MS 900

/* Entries per second are counted over so many values. */
#define ENTRIES_WINDOW 6

void top_model_done(TopModel *m) {
        for (size_t i = 0; i < TOP_PARTS; i++) {
                buffer_done(&m->parts[i].before);
                buffer_done(&m->parts[i].state);
                buffer_done(&m->parts[i].after);
        }
        buffer_done(&m->problem);
        buffer_done(&m->advice);
        buffer_done(&m->troubles);
        buffer_done(&m->message);
        top_rows_free(m->rows, m->n_rows);
        free(m->selected_name);
        *m = (TopModel){0};
}

void top_history_add(TopHistory *h, double value, bool again) {
        if (!again && h->n == TOP_HISTORY)
                memmove(h->values, h->values + 1, (TOP_HISTORY - 1) * sizeof(*h->values));
        else if (!again || h->n == 0)
                h->n++;
        h->values[h->n - 1] = value;
}

/* ---- rows and which one is selected ---- */

static bool row_is(const TopRow *row, TopKind kind, const char *name, int64_t number) {
        return row->kind == kind && row->number == number && streq(row->name, name);
}

/* The row of that key, looked for from `hint` on, or NULL. */
static TopRow *row_find(TopRow *rows, size_t n, size_t hint, TopKind kind, const char *name,
                        int64_t number) {
        for (size_t i = 0; i < n; i++) {
                TopRow *row = rows + (hint + i) % n;

                if (row_is(row, kind, name, number))
                        return row;
        }
        return NULL;
}

/* Gives each new row the history of the one that it was, and its own value behind it. */
static void keep_history(const TopModel *m, TopRows *new, bool again) {
        size_t hint = 0;

        for (size_t i = 0; i < new->n && m->n_rows > 0; i++) {
                TopRow *row = new->rows + i;
                const TopRow *old =
                        row_find(m->rows, m->n_rows, hint, row->kind, row->name, row->number);
                double value = row->history.values[0];

                if (!old)
                        continue;
                hint = (size_t) (old - m->rows) + 1;
                row->history = old->history;
                top_history_add(&row->history, value, again);
        }
}

const TopRow *top_model_selected(const TopModel *m) {
        return m->n_rows > 0 ? m->rows + m->selected : NULL;
}

static void select_row(TopModel *m, size_t i) {
        char *name = strdup(m->rows[i].name);

        m->selected = i;
        if (!name)
                return;
        free(m->selected_name);
        m->selected_name = name;
        m->selected_kind = m->rows[i].kind;
        m->selected_number = m->rows[i].number;
}

/* After the rows have changed: the same row, or the one that is in its place. */
static void select_again(TopModel *m) {
        const TopRow *row = NULL;
        size_t i = m->selected;

        if (m->n_rows == 0)
                return;
        if (m->selected_name)
                row = row_find(m->rows, m->n_rows, i, m->selected_kind, m->selected_name,
                               m->selected_number);
        if (row) {
                m->selected = (size_t) (row - m->rows);
                return;
        }
        i = MIN(i, m->n_rows - 1);
        /* The last consumer of a group has gone: its group is nearer than the next one. */
        if (i > 0 && m->selected_name && m->selected_kind == TOP_CONSUMER &&
            !streq(m->rows[i].name, m->selected_name))
                i--;
        select_row(m, i);
}

void top_model_select(TopModel *m, int64_t by) {
        int64_t last = (int64_t) m->n_rows - 1;

        if (m->n_rows > 0)
                select_row(m, (size_t) MIN(MAX((int64_t) m->selected + MIN(MAX(by, -last), last),
                                               (int64_t) 0),
                                           last));
}

static void drop_rows(TopModel *m) {
        top_rows_free(m->rows, m->n_rows);
        m->rows = NULL;
        m->n_rows = m->n_producers = m->left_out = 0;
        buffer_clear(&m->troubles);
}

/* ---- the head line ---- */

static TopPart *part_begin(TopModel *m, size_t which) {
        TopPart *p = m->parts + which;

        buffer_clear(&p->before);
        buffer_clear(&p->state);
        buffer_clear(&p->after);
        return p;
}

/* Entries per second, over the last seconds. */
static double entries_per_second(const TopModel *m) {
        size_t newest = m->entries.n - 1;
        size_t oldest = newest - MIN(newest, (size_t) ENTRIES_WINDOW - 1);
        double ms = m->uptimes.values[newest] - m->uptimes.values[oldest];

        return ms > 0 ? (m->entries.values[newest] - m->entries.values[oldest]) * 1000 / ms : 0;
}

static void set_parts(TopModel *m, const json_t *status) {
        const json_t *cluster = json_object_get(status, "cluster");
        const json_t *sink = json_object_get(status, "sink");
        TopPart *p = part_begin(m, TOP_PART_DAEMON);

        output_textf(&p->before, "crierd %s ", get_string(status, "version"));
        output_text(&p->state, get_string(status, "state"));
        buffer_append_string(&p->after, ", up ");
        output_duration(&p->after, m->uptime_ms);

        p = part_begin(m, TOP_PART_CLUSTER);
        buffer_append_string(&p->before, "cluster ");
        output_text(&p->state, get_string(cluster, "state"));
        buffer_append_string(&p->after, ", ");
        if (json_is_true(json_object_get(cluster, "embedded")))
                buffer_append_string(&p->after, "embedded ");
        output_text(&p->after, get_string(cluster, "bootstrap"));

        p = part_begin(m, TOP_PART_SINK);
        buffer_append_string(&p->before, "sink ");
        output_text(&p->state, get_string(sink, "state"));
        buffer_append_string(&p->after, ", ");
        text_count(&p->after, json_integer_value(json_object_get(sink, "entries")));
        buffer_append_string(&p->after, " entries, ");
        text_number(&p->after, entries_per_second(m));
        buffer_append_string(&p->after, "/s");
}

/* ---- what comes ---- */

static void set_problem(TopModel *m, TopContact contact, const char *text, const char *advice) {
        m->contact = contact;
        buffer_clear(&m->problem);
        buffer_clear(&m->advice);
        output_text(&m->problem, text);
        output_text(&m->advice, advice);
}

void top_model_take(TopModel *m, const json_t *status, int64_t now_ms) {
        _cleanup_buffer_ Buffer where = {0}, text = {0};
        uint64_t uptime_ms;
        TopRows new;
        bool again;
        size_t n;

        if (!shape_check(status_shape, status, &where)) {
                buffer_appendf(&text, "Cannot make sense of the reply of crierd: %s",
                               buffer_string(&where));
                set_problem(m, TOP_SILENT, buffer_string(&text),
                            "Is it of another version? systemctl restart crierd.service");
                return;
        }
        if (!top_rows_new(status, &new)) {
                set_problem(m, TOP_SILENT, "Out of memory", "");
                return;
        }
        uptime_ms = (uint64_t) MAX(json_integer_value(json_object_get(status, "uptime_ms")),
                                   (json_int_t) 0);
        if (uptime_ms < m->uptime_ms) {
                /* Another daemon: nothing of before is its. */
                drop_rows(m);
                m->entries.n = m->uptimes.n = 0;
        }
        n = m->uptimes.n;
        again = n > 1 && m->uptimes.values[n - 1] - m->uptimes.values[n - 2] < SECOND_MS;
        m->uptime_ms = uptime_ms;
        top_history_add(&m->uptimes, (double) uptime_ms, again);
        top_history_add(&m->entries,
                        (double) json_integer_value(
                                json_object_get(json_object_get(status, "sink"), "entries")),
                        again);
        keep_history(m, &new, again);
        drop_rows(m);
        m->rows = new.rows;
        m->n_rows = new.n;
        m->n_producers = new.n_producers;
        m->left_out = new.left_out;
        select_again(m);
        set_parts(m, status);
        top_troubles_append(&m->troubles, status, now_ms);
        m->contact = TOP_LIVE;
}

void top_model_fail(TopModel *m, Failure *f) {
        bool gone = f->kind == FAILURE_NOT_RUNNING;

        set_problem(m, gone ? TOP_GONE : TOP_SILENT, buffer_string(&f->text),
                    buffer_string(&f->advice));
        if (!gone)
                return;
        drop_rows(m);
        for (size_t i = 0; i < TOP_PARTS; i++)
                part_begin(m, i);
        m->entries.n = m->uptimes.n = 0;
        m->uptime_ms = 0;
        m->ask_method = NULL;
}

/* ---- the message line ---- */

void top_model_say(TopModel *m, bool failed, const char *format, ...) {
        _cleanup_buffer_ Buffer text = {0};
        va_list ap;

        va_start(ap, format);
        buffer_appendv(&text, format, ap);
        va_end(ap);
        buffer_clear(&m->message);
        output_text(&m->message, buffer_string(&text));
        m->failed = failed;
}

void top_model_refuse(TopModel *m, Failure *f) {
        top_model_say(m, true, "%s%s%s", buffer_string(&f->text), f->advice.size > 0 ? ". " : "",
                      buffer_string(&f->advice));
}

static void append_value(Buffer *out, const json_t *value) {
        if (json_is_string(value))
                buffer_append_string(out, json_string_value(value));
        else if (json_is_number(value))
                text_number(out, json_number_value(value));
        else
                buffer_append_string(out, "max");
}

void top_model_answer(TopModel *m, const json_t *reply) {
        const json_t *target = json_array_get(json_object_get(reply, "targets"), 0);
        const json_t *names[] = {
                json_object_get(target, "name"),
                json_object_get(reply, "group"),
                json_object_get(reply, "producer"),
        };
        _cleanup_buffer_ Buffer text = {0};

        for (size_t i = 0; i < ELEMENTSOF(names) && text.size == 0; i++)
                if (json_is_string(names[i]))
                        buffer_appendf(&text, "%s: ", json_string_value(names[i]));
        if (text.size == 0)
                return;
        if (json_is_object(target))
                reply = target;
        append_value(&text, json_object_get(reply, "before"));
        buffer_appendf(&text, " %s ", output_arrow());
        append_value(&text, json_object_get(reply, "after"));
        top_model_say(m, false, "%s", buffer_string(&text));
}
