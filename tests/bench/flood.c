/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the journal can take at most: a bare sd_journal_sendv() flood of entries that look like
 * those that crierd writes exactly once, field by field. With a rate, it sends that many a second,
 * each with the time at which it was sent. The bench (run.py) sets crierd beside it. Not for
 * anything else.
 *
 * cc -O2 -o flood flood.c -lsystemd
 */

#define SD_JOURNAL_SUPPRESS_LOCATION

#include <inttypes.h>
#include <stdbool.h>
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
#define NS_PER_SECOND INT64_C(1000000000)

enum {
        FIELD_MESSAGE_ID,
        FIELD_PRIORITY,
        FIELD_IDENTIFIER,
        FIELD_GROUP,
        FIELD_TOPIC,
        FIELD_PARTITION,
        FIELD_CONSUMER,
        FIELD_EPOCH,
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
        SET(FIELD_GROUP, "KAFKA_GROUP=bench");
        SET(FIELD_TOPIC, "KAFKA_TOPIC=post.office");
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

static int64_t now_ns(clockid_t clock) {
        struct timespec ts;

        clock_gettime(clock, &ts);
        return (int64_t) ts.tv_sec * NS_PER_SECOND + ts.tv_nsec;
}

static double seconds(clockid_t clock) {
        return (double) now_ns(clock) / NS_PER_SECOND;
}

/* `sent`: whether the event says when it was sent. */
static void set_event_fields(uint64_t i, int64_t start_ms, bool sent) {
        uint64_t batch = i / BATCH;
        char name[8], time[48] = "";

        name_from(i, name);
        if (sent)
                snprintf(time, sizeof(time), "\"sent\": %" PRId64 ", ", now_ns(CLOCK_REALTIME));
        SET(FIELD_PARTITION, "KAFKA_PARTITION=%" PRIu64, batch % PARTITIONS);
        /* A partition has an epoch of its own, which stays. */
        SET(FIELD_EPOCH, "CRIER_EPOCH=5f0c7a9d1e2b4c3d8a6f%012" PRIx64,
            (uint64_t) start_ms << 4 | batch % PARTITIONS);
        SET(FIELD_OFFSET, "KAFKA_OFFSET=%" PRIu64, batch / PARTITIONS * BATCH + i % BATCH);
        SET(FIELD_TIMESTAMP, "KAFKA_TIMESTAMP=%" PRId64, start_ms + (int64_t) (i / EVENTS_PER_MS));
        SET(FIELD_MESSAGE,
            "MESSAGE=Consumer 0: {%s\"to\": \"Ada Lovelace\", \"from\": \"%s@gmail.com\", "
            "\"message\": \"We will have affordable prices, right?\"} (key: None)",
            time, name);
}

static void sleep_until(int64_t ns) {
        const struct timespec ts = {ns / NS_PER_SECOND, ns % NS_PER_SECOND};

        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

int main(int argc, char **argv) {
        uint64_t count = argc == 2 || argc == 3 ? strtoull(argv[1], NULL, 10) : 0;
        uint64_t rate = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
        int64_t start_ms = now_ns(CLOCK_REALTIME) / 1000000;
        double took;
        int64_t begin;

        if (count == 0) {
                fprintf(stderr, "usage: flood COUNT [RATE]\n");
                return 2;
        }
        set_constant_fields();
        begin = now_ns(CLOCK_MONOTONIC);
        for (uint64_t i = 0; i < count; i++) {
                int r;

                if (rate > 0)
                        sleep_until(begin + (int64_t) (i * NS_PER_SECOND / rate));
                set_event_fields(i, start_ms, rate > 0);
                r = sd_journal_sendv(iov, FIELD_COUNT_);
                if (r < 0) {
                        fprintf(stderr, "sd_journal_sendv: %s\n", strerror(-r));
                        return 1;
                }
        }
        took = (double) (now_ns(CLOCK_MONOTONIC) - begin) / NS_PER_SECOND;
        printf("{\"entries\": %" PRIu64 ", \"seconds\": %.3f, \"entries_per_second\": %.0f, "
               "\"cpu_seconds\": %.3f}\n",
               count, took, (double) count / took, seconds(CLOCK_PROCESS_CPUTIME_ID));
        return 0;
}
