/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crierctl: looks at a running crierd over its control socket. This file is the command line:
 * options, help, and which function is which verb's.
 */

#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/nearest.h"
#include "common/parse.h"
#include "crierctl/client.h"
#include "crierctl/output.h"
#include "crierctl/status.h"
#include "crierctl/top.h"
#include "protocol/verbs.h"

/* --timeout, in seconds. */
#define TIMEOUT_MIN 0.01
#define TIMEOUT_MAX 86400.0

static const char *arg_socket = PROTOCOL_SOCKET;
static bool arg_json = false;
static bool arg_legend = true;
static double arg_timeout_s = 0; /* 0: the verb's */
static bool arg_help = false;
static bool arg_version = false;

static int set_socket(const char *value, Failure *f) {
        arg_socket = value;
        return 0;
}

static int set_json(const char *value, Failure *f) {
        arg_json = true;
        return 0;
}

static int set_no_legend(const char *value, Failure *f) {
        arg_legend = false;
        return 0;
}

static int set_timeout(const char *value, Failure *f) {
        if (parse_double(value, TIMEOUT_MIN, TIMEOUT_MAX, &arg_timeout_s) == 0)
                return 0;
        failure_set(f, FAILURE_USAGE, "'%s' is not a time to wait", value);
        return failure_advise(f, "--timeout takes seconds, from %g to %g", TIMEOUT_MIN,
                              TIMEOUT_MAX);
}

static int set_help(const char *value, Failure *f) {
        arg_help = true;
        return 0;
}

static int set_version(const char *value, Failure *f) {
        arg_version = true;
        return 0;
}

/* The options: what getopt_long() is told, what --help prints, and what each does. */
static const struct {
        const char *name;
        char letter; /* 0: none */
        const char *argument;
        const char *help;
        int (*set)(const char *value, Failure *f);
} options[] = {
        {"socket", 's', "PATH", "crierd's control socket, instead of $CRIER_SOCKET or the default",
         set_socket},
        {"json", 0, NULL, "Print JSON, errors included", set_json},
        {"no-legend", 0, NULL, "Print no headings and hints", set_no_legend},
        {"timeout", 0, "SECONDS", "Wait so long for the daemon (default: what suits the verb)",
         set_timeout},
        {"help", 'h', NULL, "Print this", set_help},
        {"version", 0, NULL, "Print the version", set_version},
};

static int run_help(void) {
        _cleanup_buffer_ Buffer out = {0};

        buffer_append_string(&out, "crierctl [OPTION]... [VERB]\n\n"
                                   "Looks at a running crierd.\n\n"
                                   "Verbs (without one: status):\n");
        for (const Verb *v = verbs; v->name; v++) {
                _cleanup_buffer_ Buffer synopsis = {0};

                buffer_appendf(&synopsis, "%s %s", v->name, v->arguments);
                buffer_appendf(&out, "  %-22s  %s\n", buffer_string(&synopsis), v->help);
        }
        buffer_append_string(&out, "\nOptions:\n");
        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                _cleanup_buffer_ Buffer synopsis = {0};

                if (options[i].letter)
                        buffer_appendf(&synopsis, "-%c, ", options[i].letter);
                buffer_appendf(&synopsis, "--%s", options[i].name);
                if (options[i].argument)
                        buffer_appendf(&synopsis, "=%s", options[i].argument);
                buffer_appendf(&out, "  %-22s  %s\n", buffer_string(&synopsis), options[i].help);
        }
        buffer_append_string(&out, "\nThe default socket is " PROTOCOL_SOCKET
                                   ". Exit codes and more: man crierctl\n");
        return output_write(&out);
}

static int run_version(void) {
        printf("crierctl %s\n", PACKAGE_VERSION);
        return fflush(stdout) == 0 ? 0 : 1;
}

/* Whether it is "--NAME=…" of an option that there is. */
static bool is_known(const char *word) {
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if (streq(options[i].name, word))
                        return true;
        return false;
}

/* What getopt_long() did not take: an option with a letter that it names, or the whole argument. */
static int fail_option(int kind, const char *argument, Failure *f) {
        const char *names[ELEMENTSOF(options) + 1] = {NULL}, *near;
        const char letter[] = {'-', (char) optopt, 0};
        const char *shown = optopt > 0 ? letter : argument;
        _cleanup_free_ char *word = strndup(shown, strcspn(shown, "="));

        if (!word)
                return failure_set(f, FAILURE_OTHER, "Out of memory");
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                names[i] = options[i].name;
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

/* Fills the arg_… variables. Returns 0 or an exit code. */
static int parse_options(int argc, char **argv, Failure *f) {
        struct option longs[ELEMENTSOF(options) + 1] = {{0}};
        _cleanup_buffer_ Buffer shorts = {0};
        int kind, index = -1, r;

        buffer_append_byte(&shorts, ':');
        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                longs[i] = (struct option){
                        .name = options[i].name,
                        .has_arg = options[i].argument ? required_argument : no_argument,
                };
                if (options[i].letter)
                        buffer_appendf(&shorts, "%c%s", options[i].letter,
                                       options[i].argument ? ":" : "");
        }
        while ((kind = getopt_long(argc, argv, buffer_string(&shorts), longs, &index)) >= 0) {
                if (kind == '?' || kind == ':')
                        return fail_option(kind, argv[optind - 1], f);
                for (size_t i = 0; kind > 0 && i < ELEMENTSOF(options); i++)
                        if (options[i].letter == kind)
                                index = (int) i;
                r = options[index].set(optarg, f);
                if (r != 0)
                        return r;
        }
        return 0;
}

static int call(const Verb *verb, json_t **ret_parameters, Failure *f) {
        double timeout_s = arg_timeout_s > 0 ? arg_timeout_s : verb->timeout_s;

        return client_call(arg_socket, verb->method, NULL,
                           (uint64_t) (timeout_s * (double) USEC_PER_SEC), ret_parameters, f);
}

static int verb_status(const Verb *verb, char **arguments, const OutputStyle *style, Failure *f) {
        _cleanup_buffer_ Buffer out = {0}, where = {0};
        _cleanup_json_ json_t *status = NULL;
        int r;

        r = call(verb, &status, f);
        if (r != 0)
                return r;
        if (!shape_check(status_shape, status, &where)) {
                failure_set(f, FAILURE_PROTOCOL, "Cannot make sense of the reply of crierd: %s",
                            buffer_string(&where));
                return failure_advise(f,
                                      "Is it of another version? systemctl restart crierd.service");
        }
        if (arg_json)
                out.failed |= !output_json(&out, style, status);
        else
                status_draw(status, style, clock_realtime_ms(), &out);
        return output_write(&out);
}

static int verb_top(const Verb *verb, char **arguments, const OutputStyle *style, Failure *f) {
        return top_run(arg_socket, style, f);
}

static const struct {
        const char *name;
        int (*run)(const Verb *verb, char **arguments, const OutputStyle *style, Failure *f);
} runs[] = {
        {"status", verb_status},
        {"top", verb_top},
};

/* Runs the verb that is named by the arguments, or the first. */
static int run_verb(char **arguments, const OutputStyle *style, Failure *f) {
        const char *name = arguments[0] ? arguments[0] : verbs[0].name, *near;
        const Verb *verb = verb_find(name);

        if (!verb) {
                failure_set(f, FAILURE_USAGE, "There is no verb '%s'", name);
                near = verb_nearest(name);
                if (near)
                        failure_advise(f, "Did you mean '%s'? ", near);
                return failure_advise(f, "See crierctl --help");
        }
        if (arguments[0] && arguments[1] && !*verb->arguments) {
                failure_set(f, FAILURE_USAGE, "'%s' takes no argument, but there is '%s'", name,
                            arguments[1]);
                return failure_advise(f, "See crierctl --help");
        }
        for (size_t i = 0; i < ELEMENTSOF(runs); i++)
                if (streq(runs[i].name, name))
                        return runs[i].run(verb, arguments, style, f);
        return failure_set(f, FAILURE_USAGE, "There is no verb '%s'", name);
}

/* Errors in the options before --json are to be JSON as well. */
static bool wants_json(char **argv) {
        for (; *argv && !streq(*argv, "--"); argv++)
                if (streq(*argv, "--json"))
                        return true;
        return false;
}

static int run(int argc, char **argv, Failure *f) {
        const char *variable = getenv(PROTOCOL_SOCKET_VARIABLE);
        OutputStyle style;
        int r;

        if (variable && *variable)
                arg_socket = variable;
        r = parse_options(argc, argv, f);
        if (r != 0)
                return r;
        if (arg_help)
                return run_help();
        if (arg_version)
                return run_version();
        style = output_style(arg_json, arg_legend);
        return run_verb(argv + optind, &style, f);
}

int main(int argc, char **argv) {
        _cleanup_failure_ Failure failure = {0};
        OutputStyle style;
        int r;

        /* Not LC_NUMERIC: numbers are the same everywhere. */
        setlocale(LC_CTYPE, "");
        opterr = 0;
        r = run(argc, argv, &failure);
        if (failure.text.size == 0)
                return r;
        style = output_style(arg_json || wants_json(argv), arg_legend);
        return output_failure(&style, &failure);
}
