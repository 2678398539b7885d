/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line of crierctl: see options.h.
 */

#include "crierctl/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>

#include "common/nearest.h"
#include "common/parse.h"
#include "protocol/verbs.h"

/* --timeout, in seconds. */
#define TIMEOUT_MIN 0.01
#define TIMEOUT_MAX 86400.0

#define WAITING "scale remove kill pause resume produce seek"
#define AT(member) offsetof(Options, member)

const OptionRow option_rows[] = {
        {"socket", 's', OPTION_TEXT, "PATH", NULL,
         "crierd's control socket, instead of $CRIER_SOCKET or the default", AT(socket)},
        {"host", 'H', OPTION_TEXT, "[USER@]HOST", NULL, "Do the same on that host, through ssh",
         AT(host)},
        {"json", 0, OPTION_FLAG, NULL, NULL, "Print JSON, errors included", AT(json)},
        {"no-legend", 0, OPTION_FLAG, NULL, NULL, "Print no headings and hints", AT(no_legend)},
        {"timeout", 0, OPTION_SECONDS, "SECONDS", NULL,
         "Wait so long (default: what suits the verb)", AT(timeout_s)},
        {"help", 'h', OPTION_FLAG, NULL, NULL, "Print this", AT(help)},
        {"version", 0, OPTION_FLAG, NULL, NULL, "Print the version", AT(version)},
        {"complete", 0, OPTION_FLAG, NULL, NULL, NULL, AT(complete)},
        {"no-block", 0, OPTION_FLAG, NULL, WAITING, "Do not wait until the effect is there",
         AT(no_block)},
        {"key", 'k', OPTION_TEXT, "KEY", "produce tail",
         "The events' key; only events with that key", AT(key)},
        {"partition", 'p', OPTION_NUMBER, "NUMBER", "produce tail",
         "The partition to produce to; only events of that one", AT(partition)},
        {"header", 0, OPTION_HEADER, "NAME=VALUE", "produce",
         "A header of the events; may be given several times", 0},
        {"tombstone", 0, OPTION_FLAG, NULL, "produce", "An event without a value", AT(tombstone)},
        {"follow", 'f', OPTION_FLAG, NULL, "tail", "Go on with the events to come, until Ctrl-C",
         AT(follow)},
        {"lines", 'n', OPTION_NUMBER, "NUMBER", "tail", "How many of those that were (default: 10)",
         AT(lines)},
        {"group", 0, OPTION_TEXT, "GROUP", "tail", "Only events that this group consumed",
         AT(group)},
        {"topic", 0, OPTION_TEXT, "TOPIC", "tail", "Only events of this topic", AT(topic)},
        {"consumer", 0, OPTION_NUMBER, "CONSUMER", "tail",
         "Only events that this consumer consumed", AT(consumer)},
        {"since", 0, OPTION_TEXT, "TIME", "verify", "Only events that are not older than that",
         AT(since)},
        {NULL},
};

#define N_ROWS (ELEMENTSOF(option_rows) - 1)

void options_init(Options *o) {
        *o = (Options){
                .socket = PROTOCOL_SOCKET,
                .partition = -1,
                .consumer = -1,
                .lines = -1,
        };
}

void options_done(Options *o) {
        for (size_t i = 0; i < o->n_words; i++)
                free(o->words[i]);
        free(o->words);
        free(o->headers);
        free(o->arguments);
        options_init(o);
}

bool option_takes(const OptionRow *row, const char *verb) {
        size_t n = strlen(verb), word;

        for (const char *p = row->verbs; p && *p; p += word + (p[word] == ' ')) {
                word = strcspn(p, " ");
                if (word == n && memcmp(p, verb, n) == 0)
                        return true;
        }
        return !row->verbs;
}

static int fail_memory(Failure *f) {
        return failure_set(f, FAILURE_OTHER, "Out of memory");
}

/* ---- values ---- */

static int set_seconds(double *ret, const char *value, Failure *f) {
        if (parse_double(value, TIMEOUT_MIN, TIMEOUT_MAX, ret) == 0)
                return 0;
        failure_set(f, FAILURE_USAGE, "'%s' is not a time to wait", value);
        return failure_advise(f, "--timeout takes seconds, from %g to %g", TIMEOUT_MIN,
                              TIMEOUT_MAX);
}

static int set_number(int64_t *ret, const OptionRow *row, const char *value, Failure *f) {
        if (parse_i64(value, 0, INT32_MAX, ret) == 0)
                return 0;
        failure_set(f, FAILURE_USAGE, "'%s' is not a number for --%s", value, row->name);
        return failure_advise(f, "--%s takes a number from 0 to %d", row->name, INT32_MAX);
}

static int add_header(Options *o, const char *value, Failure *f) {
        const char **more;

        if (*value == '=' || !strchr(value, '=')) {
                failure_set(f, FAILURE_USAGE, "'%s' is not a header", value);
                return failure_advise(f, "--header takes NAME=VALUE");
        }
        more = reallocarray(o->headers, o->n_headers + 1, sizeof(*more));
        if (!more)
                return fail_memory(f);
        o->headers = more;
        more[o->n_headers++] = value;
        return 0;
}

/* Keeps the option as a word for the host that runs the command instead. */
static int keep_word(Options *o, const OptionRow *row, const char *value, Failure *f) {
        char **more = reallocarray(o->words, o->n_words + 1, sizeof(*more));
        int n;

        if (!more)
                return fail_memory(f);
        o->words = more;
        if (value)
                n = asprintf(more + o->n_words, "--%s=%s", row->name, value);
        else
                n = asprintf(more + o->n_words, "--%s", row->name);
        if (n < 0)
                return fail_memory(f);
        o->n_words++;
        return 0;
}

static int set_option(Options *o, size_t index, const char *value, Failure *f) {
        const OptionRow *row = option_rows + index;
        void *member = (char *) o + row->offset;
        int r = 0;

        o->given |= (uint64_t) 1 << index;
        switch (row->kind) {
        case OPTION_FLAG:
                *(bool *) member = true;
                break;
        case OPTION_TEXT:
                *(const char **) member = value;
                break;
        case OPTION_NUMBER:
                r = set_number(member, row, value, f);
                break;
        case OPTION_SECONDS:
                r = set_seconds(member, value, f);
                break;
        case OPTION_HEADER:
                r = add_header(o, value, f);
                break;
        }
        if (r == 0 && row->offset != AT(host))
                r = keep_word(o, row, value, f);
        return r;
}

/* ---- the parser ---- */

static bool is_known(const char *word) {
        for (size_t i = 0; i < N_ROWS; i++)
                if (streq(option_rows[i].name, word))
                        return true;
        return false;
}

/* What getopt_long() did not take: an option with a letter that it names, or the whole argument. */
static int fail_option(int kind, const char *argument, Failure *f) {
        const char *names[N_ROWS + 1] = {NULL}, *near;
        const char letter[] = {'-', (char) optopt, 0};
        const char *shown = optopt > 0 ? letter : argument;
        _cleanup_free_ char *word = strndup(shown, strcspn(shown, "="));
        size_t n = 0;

        if (!word)
                return fail_memory(f);
        for (size_t i = 0; i < N_ROWS; i++)
                if (option_rows[i].help)
                        names[n++] = option_rows[i].name;
        near = optopt > 0 ? NULL : nearest(word + 2, names);
        if (kind == ':')
                failure_set(f, FAILURE_USAGE, "Option '%s' needs a value", word);
        else if (optopt <= 0 && is_known(word + 2))
                failure_set(f, FAILURE_USAGE, "Option '%s' takes no value", word);
        else {
                failure_set(f, FAILURE_USAGE, "There is no option '%s'", word);
                if (near)
                        failure_advise(f, "Did you mean '--%s'? ", near);
        }
        return failure_advise(f, "See crierctl --help");
}

/* "-2" and "-10%": no option's letter is a digit. */
static bool is_negative_number(const char *word) {
        return word[0] == '-' && (isdigit((unsigned char) word[1]) || word[1] == '.');
}

/* '-' has getopt_long() hand out the arguments too, in their place: what is behind the verb may be
 * a negative number, which it would take for an option. */
static void describe_options(struct option *longs, Buffer *shorts) {
        buffer_append_string(shorts, "-:");
        for (size_t i = 0; i < N_ROWS; i++) {
                const OptionRow *row = option_rows + i;

                longs[i] = (struct option){
                        .name = row->name,
                        .has_arg = row->argument ? required_argument : no_argument,
                };
                if (row->letter)
                        buffer_appendf(shorts, "%c%s", row->letter, row->argument ? ":" : "");
        }
}

static size_t find_letter(int letter, size_t otherwise) {
        for (size_t i = 0; letter > 1 && i < N_ROWS; i++)
                if (option_rows[i].letter == letter)
                        return i;
        return otherwise;
}

int options_parse(Options *o, int argc, char **argv, Failure *f) {
        struct option longs[N_ROWS + 1] = {{0}};
        _cleanup_buffer_ Buffer shorts = {0};
        int kind, index = 0, r;

        describe_options(longs, &shorts);
        o->arguments = calloc((size_t) argc + 1, sizeof(*o->arguments));
        if (!o->arguments || shorts.failed)
                return fail_memory(f);
        opterr = 0;
        for (;;) {
                while (optind < argc && is_negative_number(argv[optind]))
                        o->arguments[o->n_arguments++] = argv[optind++];
                kind = getopt_long(argc, argv, buffer_string(&shorts), longs, &index);
                if (kind < 0)
                        break;
                if (kind == '?' || kind == ':')
                        return fail_option(kind, argv[optind - 1], f);
                if (kind == 1) {
                        o->arguments[o->n_arguments++] = optarg;
                        continue;
                }
                r = set_option(o, find_letter(kind, (size_t) index), optarg, f);
                if (r != 0)
                        return r;
        }
        while (optind < argc)
                o->arguments[o->n_arguments++] = argv[optind++];
        return 0;
}

int options_check(const Options *o, const char *verb, Failure *f) {
        for (size_t i = 0; i < N_ROWS; i++) {
                if (!(o->given & (uint64_t) 1 << i) || option_takes(option_rows + i, verb))
                        continue;
                failure_set(f, FAILURE_USAGE, "'%s' does not take the option '--%s'", verb,
                            option_rows[i].name);
                return failure_advise(f, "It is for: %s", option_rows[i].verbs);
        }
        return 0;
}

/* ---- help ---- */

/* "Options of scale, remove and kill:" */
static void append_heading(Buffer *out, const char *takers) {
        const char *p = takers;

        if (!takers) {
                buffer_append_string(out, "\nOptions:\n");
                return;
        }
        buffer_append_string(out, "\nOptions of ");
        while (*p) {
                size_t n = strcspn(p, " ");

                if (p > takers)
                        buffer_append_string(out, p[n] ? ", " : " and ");
                buffer_append(out, p, n);
                p += n + (p[n] == ' ');
        }
        buffer_append_string(out, ":\n");
}

void options_help(Buffer *out) {
        for (const OptionRow *row = option_rows; row->name; row++) {
                _cleanup_buffer_ Buffer synopsis = {0};

                if (row == option_rows || row->verbs != row[-1].verbs)
                        append_heading(out, row->verbs);
                if (!row->help)
                        continue;
                if (row->letter)
                        buffer_appendf(&synopsis, "-%c, ", row->letter);
                buffer_appendf(&synopsis, "--%s", row->name);
                if (row->argument)
                        buffer_appendf(&synopsis, "=%s", row->argument);
                buffer_appendf(out, "  %-26s  %s\n", buffer_string(&synopsis), row->help);
        }
}
