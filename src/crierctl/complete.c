/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Completion: see complete.h. Names come from Status, which everybody may call.
 */

#include "crierctl/complete.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>

#include "common/clock.h"
#include "crierctl/client.h"
#include "crierctl/output.h"
#include "crierctl/parts.h"
#include "crierctl/status.h"
#include "protocol/verbs.h"

/* Somebody waits with a finger on the Tab key. */
#define TIMEOUT_USEC (USEC_PER_SEC / 2)

typedef struct Completion {
        Buffer word;   /* the whole word that is typed */
        Buffer prefix; /* what of it is no part of a candidate: "--group=" */
        size_t cut;    /* so much of it is another word for the shell: candidates go without */
        const Verb *verb;
        const char *socket;
        const char **typed; /* the verb's arguments so far */
        size_t n_typed;
        json_t *status; /* NULL: not asked yet; null: no answer */
        Buffer out;
} Completion;

static void offer(Completion *c, const char *candidate) {
        _cleanup_buffer_ Buffer whole = {0};

        buffer_append(&whole, c->prefix.data, c->prefix.size);
        buffer_append_string(&whole, candidate);
        /* One candidate is one line. */
        if (strncmp(buffer_string(&whole), buffer_string(&c->word), c->word.size) != 0 ||
            strchr(candidate, '\n'))
                return;
        output_text(&c->out, buffer_string(&whole) + c->cut);
        buffer_append_byte(&c->out, '\n');
}

static void offerf(Completion *c, const char *format, ...) _printf_(2, 3);

static void offerf(Completion *c, const char *format, ...) {
        _cleanup_buffer_ Buffer text = {0};
        va_list ap;

        va_start(ap, format);
        buffer_appendv(&text, format, ap);
        va_end(ap);
        offer(c, buffer_string(&text));
}

/* ---- names ---- */

static const json_t *status(Completion *c) {
        const ClientCall call = {
                .path = c->socket,
                .method = PROTOCOL_INTERFACE ".Status",
                .timeout_usec = TIMEOUT_USEC,
        };
        _cleanup_failure_ Failure failure = {0};
        _cleanup_buffer_ Buffer where = {0};
        _cleanup_json_ json_t *reply = NULL;

        if (c->status)
                return c->status;
        if (client_call(&call, &reply, &failure) == 0 && shape_check(status_shape, reply, &where))
                c->status = TAKE_PTR(reply);
        else
                c->status = json_null();
        return c->status;
}

static void offer_names(Completion *c, const char *list, const char *prefix) {
        const json_t *o;
        size_t i;

        json_array_foreach(json_object_get(status(c), list), i, o) {
                offerf(c, "%s%s", prefix, get_string(o, "name"));
        }
}

static void offer_producers(Completion *c) {
        offer_names(c, "producers", "");
}

static void offer_groups(Completion *c) {
        offer_names(c, "groups", "");
}

static void offer_consumers(Completion *c) {
        const json_t *group, *consumer;
        size_t i, k;

        json_array_foreach(json_object_get(status(c), "groups"), i, group) {
                json_array_foreach(json_object_get(group, "consumers"), k, consumer) {
                        offerf(c, "%lld", get_integer(consumer, "consumer"));
                }
        }
}

/* Of producers and groups, each once. */
static void offer_topics(Completion *c) {
        _cleanup_json_ json_t *topics = json_object();
        const json_t *o, *topic;
        const char *name;
        json_t *j;
        size_t i, k;

        json_array_foreach(json_object_get(status(c), "producers"), i, o) {
                json_object_set_new(topics, get_string(o, "topic"), json_true());
        }
        json_array_foreach(json_object_get(status(c), "groups"), i, o) {
                json_array_foreach(json_object_get(o, "topics"), k, topic) {
                        json_object_set_new(topics, json_string_value(topic), json_true());
                }
        }
        json_object_foreach(topics, name, j) {
                offer(c, name);
        }
}

static void offer_targets(Completion *c) {
        offer_producers(c);
        offer_groups(c);
        offer_consumers(c);
        if (strchr(buffer_string(&c->word), '/')) {
                offer_names(c, "producers", "producer/");
                offer_names(c, "groups", "group/");
        }
}

static void offer_levels(Completion *c) {
        static const char *const levels[] = {"error", "warning", "notice", "info", "debug"};

        for (size_t i = 0; i < ELEMENTSOF(levels); i++)
                offer(c, levels[i]);
}

static void offer_methods(Completion *c) {
        for (const Verb *v = verbs; v->name; v++)
                if (v->method)
                        offer(c, v->method + strlen(PROTOCOL_INTERFACE "."));
}

static void offer_paths(Completion *c) {
        _cleanup_buffer_ Buffer pattern = {0};
        glob_t found = {0};

        for (const char *p = buffer_string(&c->word) + c->prefix.size; *p; p++) {
                if (strchr("*?[]\\", *p))
                        buffer_append_byte(&pattern, '\\');
                buffer_append_byte(&pattern, (uint8_t) *p);
        }
        buffer_append_byte(&pattern, '*');
        if (glob(buffer_string(&pattern), GLOB_MARK, NULL, &found) == 0)
                for (size_t i = 0; i < found.gl_pathc; i++)
                        offer(c, found.gl_pathv[i]);
        globfree(&found);
}

/* The words of synopses that stand for what can be offered. */
static const struct {
        const char *word;
        void (*offer)(Completion *c);
} kinds[] = {
        {"PRODUCER", offer_producers}, {"GROUP", offer_groups},   {"CONSUMER", offer_consumers},
        {"TOPIC", offer_topics},       {"TARGET", offer_targets}, {"LEVEL", offer_levels},
        {"METHOD", offer_methods},     {"PATH", offer_paths},
};

/* One alternative of a synopsis: a word in capitals that is known, or a literal one. */
static void offer_alternative(Completion *c, const char *text, size_t n) {
        size_t capitals = 0;

        while (capitals < n && isupper((unsigned char) text[capitals]))
                capitals++;
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (strlen(kinds[i].word) == capitals && memcmp(kinds[i].word, text, capitals) == 0)
                        kinds[i].offer(c);
        if (n > 0 && islower((unsigned char) *text))
                offerf(c, "%.*s", (int) n, text);
}

static void offer_synopsis(Completion *c, const char *text, size_t n) {
        if (n > 0 && *text == '[') {
                text++;
                n -= 2;
        }
        for (size_t i = 0; i <= n;) {
                size_t end = i;

                while (end < n && text[end] != '|')
                        end++;
                offer_alternative(c, text + i, end - i);
                i = end + 1;
        }
}

/* ---- options and verbs ---- */

static void offer_options(Completion *c) {
        for (const OptionRow *row = option_rows; row->name; row++) {
                if (!row->help ||
                    (c->verb ? !option_takes(row, c->verb->name) : row->verbs != NULL))
                        continue;
                offerf(c, row->argument ? "--%s=" : "--%s", row->name);
                if (row->letter)
                        offerf(c, "-%c", row->letter);
        }
}

static void offer_argument(Completion *c) {
        const char *synopsis = c->verb->arguments;
        size_t n = strcspn(synopsis, " ");

        for (size_t i = 0; i < c->n_typed && *synopsis; i++) {
                /* "TARGET..." goes on. */
                if (memmem(synopsis, n, "...", 3))
                        break;
                synopsis += n;
                synopsis += *synopsis == ' ';
                n = strcspn(synopsis, " ");
        }
        offer_synopsis(c, synopsis, n);
}

/* The row of "--name", "--name=value", "-x" or "-xvalue"; NULL where it is none. */
static const OptionRow *find_option(const char *word) {
        size_t n = strcspn(word, "=");

        if (word[0] != '-' || n < 2)
                return NULL;
        for (const OptionRow *row = option_rows; row->name; row++) {
                if (word[1] != '-' && row->letter && word[1] == row->letter)
                        return row;
                if (word[1] == '-' && strlen(row->name) == n - 2 &&
                    memcmp(row->name, word + 2, n - 2) == 0)
                        return row;
        }
        return NULL;
}

static bool is_cut(const char *word) {
        return streq(word, "=") || streq(word, ":");
}

/* Puts the last word together again. Returns how many of the shell's words it is. */
static size_t read_current(Completion *c, const char **words, size_t n) {
        size_t begin = n - 1;

        while (begin > 0 && (is_cut(words[begin]) || is_cut(words[begin - 1])))
                begin--;
        for (size_t i = begin; i < n; i++) {
                buffer_append_string(&c->word, words[i]);
                if (is_cut(words[i]))
                        c->cut = c->word.size;
        }
        return n - begin;
}

/* The value that stands in the same word as its option, or NULL. */
static const char *inner_value(const char *word) {
        if (word[1] == '-')
                return strchr(word, '=') ? strchr(word, '=') + 1 : NULL;
        return word[2] ? word + 2 : NULL;
}

/* A word that is neither an option nor its value. */
static void read_argument(Completion *c, const char *word) {
        if (c->verb)
                c->typed[c->n_typed++] = word;
        else
                c->verb = verb_find(word);
}

/* What stands before the word: the verb, its arguments, the socket. Returns the option whose value
 * the word is, or NULL; `*ret_plain` says whether it cannot be an option. */
static const OptionRow *read_words(Completion *c, const char **words, size_t n, bool *ret_plain) {
        const OptionRow *pending = NULL;

        for (size_t i = 0; i < n; i++) {
                const OptionRow *row = *ret_plain || pending ? NULL : find_option(words[i]);
                const char *value = NULL;

                if (pending && is_cut(words[i]))
                        continue;
                if (pending) {
                        row = pending;
                        value = words[i];
                } else if (is_cut(words[i])) {
                        i++;
                        continue;
                } else if (row && row->argument)
                        value = inner_value(words[i]);
                else if (!row && !*ret_plain && streq(words[i], "--"))
                        *ret_plain = true;
                else if (!row)
                        read_argument(c, words[i]);
                if (row && value && streq(row->name, "socket"))
                        c->socket = value;
                pending = row && row->argument && !value ? row : NULL;
        }
        return pending;
}

static void complete(Completion *c, const char **words, size_t n) {
        size_t pieces = read_current(c, words, n);
        const char *word = buffer_string(&c->word);
        const OptionRow *row;
        bool plain = false;

        row = read_words(c, words, n - pieces, &plain);
        if (!row && !plain && strncmp(word, "--", 2) == 0 && strchr(word, '=')) {
                row = find_option(word);
                buffer_append(&c->prefix, word, strcspn(word, "=") + 1);
        }
        if (row && row->argument)
                offer_synopsis(c, row->argument, strlen(row->argument));
        else if (!plain && *word == '-')
                offer_options(c);
        else if (c->verb)
                offer_argument(c);
        else
                for (const Verb *v = verbs; v->name; v++)
                        offer(c, v->name);
}

int complete_run(const Options *o) {
        Completion c = {.socket = o->socket};
        _cleanup_free_ const char **typed = calloc(o->n_arguments + 1, sizeof(*typed));

        if (!typed || o->n_arguments == 0)
                return 0;
        c.typed = typed;
        complete(&c, o->arguments, o->n_arguments);
        (void) output_write(&c.out);
        json_decref(c.status);
        buffer_done(&c.word);
        buffer_done(&c.prefix);
        buffer_done(&c.out);
        return 0;
}
