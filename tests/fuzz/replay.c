/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gives a fuzz target each file of the folders named on the command line, once: what the fuzzer
 * found stays fixed. libFuzzer brings its own main(); this one is for `make check`.
 */

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/buffer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path) {
        _cleanup_buffer_ Buffer b = {0};
        uint8_t piece[4096];
        size_t n;
        FILE *f = fopen(path, "re");

        if (!f) {
                perror(path);
                return -1;
        }
        while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
                buffer_append(&b, piece, n);
        fclose(f);
        printf("%s: %zu bytes\n", path, b.size);
        return LLVMFuzzerTestOneInput(b.data, b.size);
}

/* Returns how many files there were, or -1. */
static int replay_directory(const char *directory) {
        struct dirent **entries;
        int n = scandir(directory, &entries, NULL, alphasort), files = 0;

        if (n < 0)
                perror(directory);
        for (int i = 0; i < n; i++) {
                _cleanup_buffer_ Buffer path = {0};
                struct stat st;

                buffer_appendf(&path, "%s/%s", directory, entries[i]->d_name);
                free(entries[i]);
                if (stat(buffer_string(&path), &st) < 0 || !S_ISREG(st.st_mode))
                        continue;
                if (replay_file(buffer_string(&path)) == 0)
                        files++;
        }
        if (n >= 0)
                free(entries);
        return files;
}

int main(int argc, char **argv) {
        for (int i = 1; i < argc; i++)
                if (replay_directory(argv[i]) <= 0) {
                        fprintf(stderr, "%s: no input was replayed\n", argv[i]);
                        return 1;
                }
        return argc > 1 ? 0 : 2;
}
