/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keys of `crierctl top`: see top-keys.h.
 */

#include "crierctl/top-keys.h"

#include <curses.h>

#include "protocol/verbs.h"

#define KEY_ESCAPE 27

/* One key's work. */
typedef struct Stroke {
        TopModel *m;
        const TopRow *row; /* the selected one, or NULL */
        unsigned page;
        TopCommand *command;
} Stroke;

/* Takes over the parameters. */
static TopEffect call(Stroke *s, const char *method, json_t *parameters) {
        if (!parameters) {
                top_model_say(s->m, true, "Out of memory");
                return TOP_STAY;
        }
        *s->command = (TopCommand){.method = method, .parameters = parameters};
        return TOP_CALL;
}

static TopEffect key_end(Stroke *s, int argument) {
        return TOP_END;
}

static TopEffect key_move(Stroke *s, int by) {
        top_model_select(s->m, by);
        return TOP_STAY;
}

static TopEffect key_page(Stroke *s, int pages) {
        top_model_select(s->m, pages * (int64_t) s->page);
        return TOP_STAY;
}

static TopEffect key_far(Stroke *s, int direction) {
        top_model_select(s->m, direction * (int64_t) s->m->n_rows);
        return TOP_STAY;
}

static TopEffect key_help(Stroke *s, int argument) {
        s->m->help = true;
        return TOP_STAY;
}

static TopEffect key_freeze(Stroke *s, int argument) {
        s->m->frozen = !s->m->frozen;
        return TOP_STAY;
}

/* A group, or the group of a consumer, gets one consumer more or less; a producer a tenth. */
static TopEffect key_change(Stroke *s, int by) {
        if (!s->row)
                return TOP_STAY;
        if (s->row->kind == TOP_PRODUCER)
                return call(s, PROTOCOL_INTERFACE ".Rate",
                            json_pack("{s:s, s:s}", "producer", s->row->name, "rate",
                                      by > 0 ? "+10%" : "-10%"));
        return call(s, PROTOCOL_INTERFACE ".Scale",
                    json_pack("{s:s, s:i, s:b}", "group", s->row->name, "by", by, "wait", 0));
}

static TopEffect key_pause(Stroke *s, int argument) {
        _cleanup_buffer_ Buffer target = {0};

        if (!s->row)
                return TOP_STAY;
        if (s->row->empty) {
                top_model_say(s->m, true, "Group '%s' has no consumers: + adds one", s->row->name);
                return TOP_STAY;
        }
        if (s->row->kind == TOP_CONSUMER)
                buffer_append_i64(&target, s->row->number);
        else
                buffer_appendf(&target, "%s/%s",
                               s->row->kind == TOP_PRODUCER ? "producer" : "group", s->row->name);
        return call(s, s->row->paused ? PROTOCOL_INTERFACE ".Resume" : PROTOCOL_INTERFACE ".Pause",
                    json_pack("{s:[s], s:b}", "targets", buffer_string(&target), "wait", 0));
}

/* Asks first; key_answer() does it. */
static TopEffect key_ask(Stroke *s, int argument) {
        bool kill = argument;

        if (!s->row || s->row->kind != TOP_CONSUMER) {
                top_model_say(s->m, true, "Select a consumer to %s one", kill ? "kill" : "remove");
                return TOP_STAY;
        }
        s->m->ask_method = kill ? PROTOCOL_INTERFACE ".Kill" : PROTOCOL_INTERFACE ".Remove";
        s->m->ask_number = s->row->number;
        top_model_say(s->m, false, "%s consumer %lld of group '%s'? y/n", kill ? "Kill" : "Remove",
                      (long long) s->row->number, s->row->name);
        return TOP_STAY;
}

/* The numbers of consumers are not used twice: this is the one that was asked about, or none. */
static TopEffect key_answer(Stroke *s, int key) {
        const char *method = TAKE_PTR(s->m->ask_method);

        if (key != 'y' && key != 'Y')
                return TOP_STAY;
        return call(s, method,
                    json_pack("{s:I, s:b}", "consumer", (json_int_t) s->m->ask_number, "wait", 0));
}

static const struct {
        int key, argument;
        TopEffect (*work)(Stroke *s, int argument);
} keys[] = {
        {'q', 0, key_end},         {KEY_ESCAPE, 0, key_end}, {KEY_UP, -1, key_move},
        {'k', -1, key_move},       {KEY_DOWN, 1, key_move},  {'j', 1, key_move},
        {KEY_PPAGE, -1, key_page}, {KEY_NPAGE, 1, key_page}, {KEY_HOME, -1, key_far},
        {KEY_END, 1, key_far},     {'h', 0, key_help},       {'?', 0, key_help},
        {' ', 0, key_freeze},      {'+', 1, key_change},     {'-', -1, key_change},
        {'p', 0, key_pause},       {'K', true, key_ask},     {'r', false, key_ask},
};

TopEffect top_key(TopModel *m, int key, unsigned page, TopCommand *ret_command) {
        Stroke s = {
                .m = m,
                .row = top_model_selected(m),
                .page = MAX(page, 1U),
                .command = ret_command,
        };

        if (key == KEY_RESIZE)
                return TOP_STAY;
        buffer_clear(&m->message);
        if (m->help) {
                m->help = false;
                return TOP_STAY;
        }
        if (m->ask_method)
                return key_answer(&s, key);
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (keys[i].key == key)
                        return keys[i].work(&s, keys[i].argument);
        return TOP_STAY;
}

const TopHelp top_help[] = {
        {"Up Down k j", "select a producer, a group or a consumer"},
        {"PgUp PgDn Home End", "the same, in larger steps"},
        {"+ -", "a consumer more or less; a producer's rate by a tenth"},
        {"p", "pause the selection, or go on with it"},
        {"r", "remove the selected consumer: it commits and leaves"},
        {"K", "kill the selected consumer: its group notices later"},
        {"Space", "freeze the picture, or go on"},
        {"h ?", "this help"},
        {"q Esc Ctrl-C", "end"},
        {NULL},
};
