/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crierctl on another host: see remote.h.
 */

#include "crierctl/remote.h"

#include <errno.h>

/* Nothing within single quotes means anything to a shell but a single quote: POSIX, "Shell Command
 * Language", 2.2.2. */
static void append_quoted(Buffer *out, const char *word) {
        buffer_append_string(out, " '");
        for (; *word; word++)
                if (*word == '\'')
                        buffer_append_string(out, "'\\''");
                else
                        buffer_append_byte(out, (uint8_t) *word);
        buffer_append_byte(out, '\'');
}

void remote_command(const Options *o, Buffer *out) {
        buffer_append_string(out, "crierctl");
        for (size_t i = 0; i < o->n_words; i++)
                append_quoted(out, o->words[i]);
        if (o->n_arguments == 0)
                return;
        buffer_append_string(out, " --");
        for (size_t i = 0; i < o->n_arguments; i++)
                append_quoted(out, o->arguments[i]);
}

int remote_run(const Options *o, Failure *f) {
        /* A terminal there where there is one here: for colours, the width, and Ctrl-C. */
        const char *terminal =
                isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO) ? "-t"
                                                                                       : "-T";
        _cleanup_buffer_ Buffer command = {0};

        /* ssh would take it for an option, and some of those run commands. */
        if (*o->host == '-' || !*o->host) {
                failure_set(f, FAILURE_USAGE, "'%s' is not a host", o->host);
                return failure_advise(f, "-H takes HOST or USER@HOST");
        }
        remote_command(o, &command);
        if (command.failed)
                return failure_set(f, FAILURE_OTHER, "Out of memory");
        execlp("ssh", "ssh", terminal, "--", o->host, buffer_string(&command), (char *) NULL);
        failure_set(f, FAILURE_OTHER, "Cannot run ssh: %s", strerror(errno));
        return failure_advise(f, "-H needs ssh: apt-get install openssh-client");
}
