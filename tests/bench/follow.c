/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long events take until they can be read: follows a journal from its end, looking once a
 * millisecond, and takes the time of each entry whose MESSAGE says when it was sent, in
 * nanoseconds since the epoch: "sent": 1700000000000000000. The bench (run.py) runs it beside what
 * it measures. Not for anything else.
 *
 * cc -O2 -o follow follow.c -lsystemd
 */

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <time.h>

#define LOOK_NS 1000000
#define NS_PER_SECOND INT64_C(1000000000)

static const char sent_word[] = "\"sent\": ";

static int64_t now_ns(void) {
        struct timespec ts;

        clock_gettime(CLOCK_REALTIME, &ts);
        return (int64_t) ts.tv_sec * NS_PER_SECOND + ts.tv_nsec;
}

/* When the entry that the journal stands at was sent; false where it does not say so. */
static bool entry_sent(sd_journal *j, int64_t *ret) {
        const void *data;
        const char *found;
        size_t size;
        char text[512];

        if (sd_journal_get_data(j, "MESSAGE", &data, &size) < 0)
                return false;
        if (size >= sizeof(text))
                size = sizeof(text) - 1;
        memcpy(text, data, size);
        text[size] = 0;
        found = strstr(text, sent_word);
        if (!found)
                return false;
        *ret = strtoll(found + strlen(sent_word), NULL, 10);
        return true;
}

/* Fills `took` with nanoseconds from sent to readable. Returns 0 or a negative errno. */
static int follow(sd_journal *j, int64_t *took, size_t count) {
        const struct timespec pause = {0, LOOK_NS};
        size_t n = 0;

        while (n < count) {
                int64_t sent;
                int r = sd_journal_next(j);

                if (r < 0)
                        return r;
                if (r > 0) {
                        if (entry_sent(j, &sent))
                                took[n++] = now_ns() - sent;
                        continue;
                }
                clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
                /* Files that are new are found by this. */
                r = sd_journal_process(j);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* At the newest entry; also tells the journal that it is followed. */
static int open_at_end(const char *directory, sd_journal **ret) {
        sd_journal *j;
        int r = sd_journal_open_directory(&j, directory, 0);

        if (r < 0)
                return r;
        r = sd_journal_get_fd(j);
        if (r >= 0)
                r = sd_journal_seek_tail(j);
        if (r >= 0)
                r = sd_journal_previous(j);
        if (r < 0) {
                sd_journal_close(j);
                return r;
        }
        *ret = j;
        return 0;
}

static int measure(const char *directory, size_t count) {
        int64_t *took = calloc(count, sizeof(*took));
        sd_journal *j = NULL;
        int r = took ? open_at_end(directory, &j) : -ENOMEM;

        if (r >= 0) {
                printf("ready\n");
                fflush(stdout);
                r = follow(j, took, count);
        }
        /* Only now: a pipe that is full would hold up what is measured. */
        for (size_t i = 0; r >= 0 && i < count; i++)
                printf("%" PRId64 "\n", took[i]);
        sd_journal_close(j);
        free(took);
        return r;
}

int main(int argc, char **argv) {
        size_t count = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
        int r;

        if (count == 0) {
                fprintf(stderr, "usage: follow DIRECTORY COUNT\n");
                return 2;
        }
        r = measure(argv[1], count);
        if (r < 0)
                fprintf(stderr, "follow: %s: %s\n", argv[1], strerror(-r));
        return r < 0;
}
