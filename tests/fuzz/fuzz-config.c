/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: a configuration file. Whatever it says, there is a configuration and no error, or at
 * least one error and no configuration, and every error is one line that begins with the file's
 * name.
 */

#include <assert.h>
#include <errno.h>

#include "config/load.h"

#define FILE_NAME "fuzzed.conf"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libconfig loses a string that stands where none may: not ours, and once a file that is wrong. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
        return "leak:libconfig.so\n";
}

static void check_errors(const char *errors) {
        assert(*errors);
        while (*errors) {
                const char *end = strchr(errors, '\n');

                assert(end && strncmp(errors, FILE_NAME ":", strlen(FILE_NAME ":")) == 0);
                errors = end + 1;
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(config_freep) Config *c = NULL;
        _cleanup_buffer_ Buffer errors = {0};
        int r;

        r = config_load_text(FILE_NAME, (const char *) data, size, &c, &errors);
        assert(r == 0 || r == -EINVAL);
        assert(!c == (r < 0));
        if (r < 0)
                check_errors(buffer_string(&errors));
        else
                assert(errors.size == 0);
        for (unsigned i = 0; c && i < c->n_groups; i++)
                assert(c->groups[i].name && c->groups[i].topics.n > 0 && c->groups[i].enabled);
        for (unsigned i = 0; c && i < c->n_producers; i++)
                assert(c->producers[i].name && c->producers[i].topic && c->producers[i].value);
        return 0;
}
