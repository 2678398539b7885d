/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crierctl: looks at a running crierd over its control socket, and changes it. This file is the
 * script: options, help, completion, and the verb.
 */

#include "config.h"

#include <locale.h>
#include <stdio.h>

#include "crierctl/command.h"
#include "crierctl/complete.h"
#include "crierctl/remote.h"

/* A synopsis that is longer has its help on a line of its own. */
#define SYNOPSIS_WIDTH 26

static int run_help(void) {
        _cleanup_buffer_ Buffer out = {0};

        buffer_append_string(&out, "crierctl [OPTION]... [VERB [ARGUMENT]...]\n\n"
                                   "Looks at a running crierd, and changes it.\n\n"
                                   "Verbs (without one: status):\n");
        for (const Verb *v = verbs; v->name; v++) {
                _cleanup_buffer_ Buffer synopsis = {0};

                buffer_append_string(&synopsis, v->name);
                if (*v->arguments)
                        buffer_appendf(&synopsis, " %s", v->arguments);
                if (synopsis.size > SYNOPSIS_WIDTH)
                        buffer_appendf(&synopsis, "\n  %*s", SYNOPSIS_WIDTH, "");
                buffer_appendf(&out, "  %-*s  %s\n", SYNOPSIS_WIDTH, buffer_string(&synopsis),
                               v->help);
        }
        options_help(&out);
        buffer_append_string(&out, "\nThe default socket is " PROTOCOL_SOCKET
                                   ". Exit codes and more: man crierctl\n");
        return output_write(&out);
}

static int run_version(void) {
        printf("crierctl %s\n", PACKAGE_VERSION);
        return fflush(stdout) == 0 ? 0 : 1;
}

/* Errors in the options before --json are to be JSON as well. */
static bool wants_json(char **argv) {
        for (; *argv && !streq(*argv, "--"); argv++)
                if (streq(*argv, "--json"))
                        return true;
        return false;
}

static int run(Options *o, int argc, char **argv, Failure *f) {
        const char *variable = getenv(PROTOCOL_SOCKET_VARIABLE);
        int r;

        if (variable && *variable)
                o->socket = variable;
        r = options_parse(o, argc, argv, f);
        if (r != 0)
                return r;
        if (o->complete)
                return complete_run(o);
        if (o->help)
                return run_help();
        if (o->version)
                return run_version();
        if (o->host)
                return remote_run(o, f);
        return command_run(o, f);
}

int main(int argc, char **argv) {
        _cleanup_failure_ Failure failure = {0};
        _cleanup_options_ Options options = {0};
        OutputStyle style;
        int r;

        /* Not LC_NUMERIC: numbers are the same everywhere. */
        setlocale(LC_CTYPE, "");
        options_init(&options);
        r = run(&options, argc, argv, &failure);
        if (failure.text.size == 0)
                return r;
        style = output_style(options.json || wants_json(argv), !options.no_legend);
        return output_failure(&style, &failure);
}
