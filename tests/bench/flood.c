/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the journal can take at most: a bare sd_journal_sendv() flood of entries that look like
 * those of crierd, field by field. The bench (run.py) sets crierd beside it. Not for anything else.
 *
 * cc -O2 -o flood flood.c -lsystemd
 */

#define SD_JOURNAL_SUPPRESS_LOCATION

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <time.h>

#define PARTITIONS 5
/* Kafka's clients fill partitions in batches, and many events share a millisecond. */
#define BATCH 100
#define EVENTS_PER_MS 400
#define FIELD_MAX 256

enum {
        FIELD_MESSAGE_ID,
        FIELD_PRIORITY,
        FIELD_IDENTIFIER,
        FIELD_TOPIC,
        FIELD_GROUP,
        FIELD_CONSUMER,
        FIELD_PARTITION,
        FIELD_OFFSET,
        FIELD_TIMESTAMP,
        FIELD_MESSAGE,
        FIELD_COUNT_,
};

static char fields[FIELD_COUNT_][FIELD_MAX];
static struct iovec iov[FIELD_COUNT_];

#define SET(field, ...)                                                                        \
        do {                                                                                   \
                iov[field].iov_base = fields[field];                                           \
                iov[field].iov_len = (size_t) snprintf(fields[field], FIELD_MAX, __VA_ARGS__); \
        } while (0)

static void set_constant_fields(void) {
        SET(FIELD_MESSAGE_ID, "MESSAGE_ID=e41ae87749b7425d8e0710020101f1e4");
        SET(FIELD_PRIORITY, "PRIORITY=6");
        SET(FIELD_IDENTIFIER, "SYSLOG_IDENTIFIER=crierd");
        SET(FIELD_TOPIC, "KAFKA_TOPIC=post.office");
        SET(FIELD_GROUP, "KAFKA_GROUP=bench");
        SET(FIELD_CONSUMER, "CRIER_CONSUMER=0");
}

/* Seven letters that differ for each number, as the sender's name does in the lab's events. */
static void name_from(uint64_t number, char name[8]) {
        for (int i = 0; i < 7; i++) {
                name[i] = (char) ('a' + number % 26);
                number /= 26;
        }
        name[7] = 0;
}

static void set_event_fields(uint64_t i, int64_t start_ms) {
        uint64_t batch = i / BATCH;
        char name[8];

        name_from(i, name);
        SET(FIELD_PARTITION, "KAFKA_PARTITION=%" PRIu64, batch % PARTITIONS);
        SET(FIELD_OFFSET, "KAFKA_OFFSET=%" PRIu64, batch / PARTITIONS * BATCH + i % BATCH);
        SET(FIELD_TIMESTAMP, "KAFKA_TIMESTAMP=%" PRId64, start_ms + (int64_t) (i / EVENTS_PER_MS));
        SET(FIELD_MESSAGE,
            "MESSAGE=Consumer 0: {\"to\": \"Ada Lovelace\", \"from\": \"%s@gmail.com\", "
            "\"message\": \"We will have affordable prices, right?\"} (key: None)",
            name);
}

static double seconds(clockid_t clock) {
        struct timespec ts;

        clock_gettime(clock, &ts);
        return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
        uint64_t count = argc == 2 ? strtoull(argv[1], NULL, 10) : 0;
        int64_t start_ms = (int64_t) (seconds(CLOCK_REALTIME) * 1000);
        double begin, took;

        if (count == 0) {
                fprintf(stderr, "usage: flood COUNT\n");
                return 2;
        }
        set_constant_fields();
        begin = seconds(CLOCK_MONOTONIC);
        for (uint64_t i = 0; i < count; i++) {
                int r;

                set_event_fields(i, start_ms);
                r = sd_journal_sendv(iov, FIELD_COUNT_);
                if (r < 0) {
                        fprintf(stderr, "sd_journal_sendv: %s\n", strerror(-r));
                        return 1;
                }
        }
        took = seconds(CLOCK_MONOTONIC) - begin;
        printf("{\"entries\": %" PRIu64 ", \"seconds\": %.3f, \"entries_per_second\": %.0f, "
               "\"cpu_seconds\": %.3f}\n",
               count, took, (double) count / took, seconds(CLOCK_PROCESS_CPUTIME_ID));
        return 0;
}
