/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the journal has of a partition's events: see entries.h.
 */

#include "verify/entries.h"

#include <errno.h>
#include <stdio.h>

#include "common/iso-time.h"
#include "common/parse.h"

/* Clocks of producers may be ahead of ours by so much. */
#define SKEW_MS (60 * 60 * 1000)

/* Whatever matters here is short. */
#define FIELD_MAX 128

#define RANGES_MAX 4096

static int open_journal(EntrySource *source) {
        sd_journal *j;
        int r;

        if (source->directory)
                r = sd_journal_open_directory(&j, source->directory, 0);
        else if (source->name_space)
                r = sd_journal_open_namespace(&j, source->name_space, SD_JOURNAL_LOCAL_ONLY);
        else
                r = sd_journal_open(&j, SD_JOURNAL_LOCAL_ONLY);
        if (r < 0)
                return r;
        source->journal = j;
        (void) sd_journal_set_data_threshold(j, FIELD_MAX);
        r = sd_journal_get_fd(j);
        return MIN(r, 0);
}

void entries_close(EntrySource *source) {
        sd_journal_close(source->journal);
        source->journal = NULL;
}

/* Whether libsystemd has given a file up, as it does at a place that a loss of power has torn: the
 * handle lacks it from then on, for all other entries as well. */
static bool has_given_up(const EntrySource *source) {
        uint64_t bytes;

        return source->journal &&
               (sd_journal_get_usage(source->journal, &bytes) < 0 || bytes < source->bytes);
}

/* The journal as it is now, with no match. Opening all files of a large journal takes long, and
 * most partitions have entries in a few of them. */
static int use_journal(EntrySource *source) {
        int r;

        if (has_given_up(source))
                entries_close(source);
        r = source->journal ? 0 : open_journal(source);
        /* Files come and go; one that is renamed while the directory is listed is found only so. */
        if (r >= 0)
                r = sd_journal_process(source->journal);
        if (r >= 0)
                r = sd_journal_get_usage(source->journal, &source->bytes);
        if (r >= 0)
                sd_journal_flush_matches(source->journal);
        return MIN(r, 0);
}

static int add_match(sd_journal *j, const char *field, const char *value) {
        _cleanup_free_ char *match = NULL;

        if (asprintf(&match, "%s=%s", field, value) < 0) {
                match = NULL;
                return -ENOMEM;
        }
        return sd_journal_add_match(j, match, 0);
}

static int match_uid(const EntrySource *source) {
        char uid[16];

        snprintf(uid, sizeof(uid), "%u", (unsigned) source->uid);
        return add_match(source->journal, "_UID", uid);
}

#define PARTITION_FIELDS 4

/* What an entry of ours has that is for the partition. */
typedef struct PartitionFields {
        char uid[16];
        char partition[16];
        const char *fields[PARTITION_FIELDS][2];
} PartitionFields;

static void partition_fields(const EntrySource *source, const EntryQuery *q, PartitionFields *p) {
        *p = (PartitionFields){.fields = {{"_UID", p->uid},
                                          {"KAFKA_GROUP", q->group},
                                          {"KAFKA_TOPIC", q->topic},
                                          {"KAFKA_PARTITION", p->partition}}};
        snprintf(p->uid, sizeof(p->uid), "%u", (unsigned) source->uid);
        snprintf(p->partition, sizeof(p->partition), "%d", (int) q->partition);
}

static int match_partition(sd_journal *j, const PartitionFields *p) {
        int r = 0;

        for (size_t i = 0; i < PARTITION_FIELDS && r >= 0; i++)
                r = add_match(j, p->fields[i][0], p->fields[i][1]);
        return r;
}

/* The field's number, not below `min`. -ENOENT: the entry has none, or something else in it. */
static int read_number(sd_journal *j, const char *field, int64_t min, int64_t *ret) {
        size_t size, skip = strlen(field) + 1;
        char text[FIELD_MAX];
        const void *data;
        int r;

        r = sd_journal_get_data(j, field, &data, &size);
        if (r < 0)
                return r;
        if (size <= skip || size - skip >= sizeof(text))
                return -ENOENT;
        memcpy(text, (const char *) data + skip, size - skip);
        text[size - skip] = '\0';
        return parse_i64(text, min, INT64_MAX, ret) < 0 ? -ENOENT : 0;
}

/* Returns 1 where the entry has this field, 0 where it has not, or a negative errno. */
static int has_field(sd_journal *j, const char *field, const char *value) {
        size_t size, skip = strlen(field) + 1;
        const void *data;
        int r;

        r = sd_journal_get_data(j, field, &data, &size);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        return size - skip == strlen(value) &&
               memcmp((const char *) data + skip, value, size - skip) == 0;
}

static int is_of_partition(sd_journal *j, const PartitionFields *p) {
        int r = 1;

        for (size_t i = 0; i < PARTITION_FIELDS && r > 0; i++)
                r = has_field(j, p->fields[i][0], p->fields[i][1]);
        return r;
}

/* Returns 1, 0 where the entry is of no event, or a negative errno. Every event's entry has an
 * offset and a message: one without them a loss of power has torn, and it counts for nothing. */
static int read_event(sd_journal *j, int64_t *ret_offset, int64_t *ret_timestamp_ms) {
        const void *data;
        size_t size;
        int r;

        *ret_timestamp_ms = NO_TIMESTAMP;
        r = read_number(j, "KAFKA_OFFSET", 0, ret_offset);
        if (r >= 0)
                r = sd_journal_get_data(j, "MESSAGE", &data, &size);
        if (r >= 0) {
                r = read_number(j, "KAFKA_TIMESTAMP", INT64_MIN, ret_timestamp_ms);
                if (r == -ENOENT)
                        r = 0;
        }
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        return 1;
}

/* `wanted`: what an entry has to have; NULL: the match has seen to it. */
static int scan(sd_journal *j, const PartitionFields *wanted, EntrySeen seen, void *userdata) {
        int r;

        while ((r = sd_journal_next(j)) > 0) {
                int64_t offset, timestamp_ms;

                r = wanted ? is_of_partition(j, wanted) : 1;
                if (r > 0)
                        r = read_event(j, &offset, &timestamp_ms);
                /* An entry in a file that is damaged, or was removed just now, is none. */
                if (r == -EBADMSG || r == -EADDRNOTAVAIL)
                        continue;
                if (r > 0)
                        r = seen(userdata, offset, timestamp_ms);
                if (r < 0)
                        return r;
        }
        return r;
}

int entries_scan(EntrySource *source, const EntryQuery *query, EntrySeen seen, void *userdata) {
        int64_t from_ms = query->since_ms - SKEW_MS;
        PartitionFields wanted;
        int r;

        partition_fields(source, query, &wanted);
        r = use_journal(source);
        if (r >= 0 && query->epoch)
                r = add_match(source->journal, "CRIER_EPOCH", query->epoch);
        if (r >= 0 && !query->by_epoch)
                r = match_partition(source->journal, &wanted);
        if (r < 0)
                return r;
        r = from_ms > 0 ? sd_journal_seek_realtime_usec(source->journal,
                                                        (uint64_t) from_ms * USEC_PER_MSEC)
                        : sd_journal_seek_head(source->journal);
        return r < 0 ? r : scan(source->journal, query->by_epoch ? &wanted : NULL, seen, userdata);
}

/* ---- the horizon ---- */

/* An entry's place in its journal's own count, which begins at 1: the cursor has it as
 * "s=ID;i=NUMBER;…". A cursor is meant to be opaque (sd_journal_get_cursor(3)): what reads
 * otherwise proves nothing here. */
typedef struct Sequence {
        char id[33];
        char number[17]; /* hexadecimal */
} Sequence;

static bool read_sequence(sd_journal *j, Sequence *ret) {
        char *cursor;
        int n;

        if (sd_journal_get_cursor(j, &cursor) < 0)
                return false;
        n = sscanf(cursor, "s=%32[0-9a-f];i=%16[0-9a-f];", ret->id, ret->number);
        free(cursor);
        return n == 2;
}

static int read_head(sd_journal *j) {
        int r;

        r = sd_journal_seek_head(j);
        return r < 0 ? r : sd_journal_next(j);
}

int entries_horizon(EntrySource *source, int64_t *ret_ms, bool *ret_uncut) {
        sd_journal *j;
        Sequence ours, first;
        uint64_t usec;
        bool known;
        int r;

        r = use_journal(source);
        if (r >= 0)
                r = match_uid(source);
        if (r < 0)
                return r;
        j = source->journal;
        r = read_head(j);
        if (r < 0)
                return r;
        *ret_ms = -1;
        *ret_uncut = false;
        if (r == 0)
                return 0;
        r = sd_journal_get_realtime_usec(j, &usec);
        if (r < 0)
                return r;
        known = read_sequence(j, &ours);
        sd_journal_flush_matches(j);
        r = read_head(j);
        if (r < 0)
                return r;
        *ret_ms = (int64_t) (usec / USEC_PER_MSEC);
        *ret_uncut = known && r > 0 && read_sequence(j, &first) && streq(first.number, "1") &&
                     streq(ours.id, first.id);
        return 0;
}

/* ---- records of what was written again ---- */

static int find_records(EntrySource *source, const EntryQuery *query) {
        sd_journal *j = source->journal;
        PartitionFields wanted;
        int r;

        partition_fields(source, query, &wanted);
        r = add_match(j, "MESSAGE_ID", source->rewritten[0]);
        if (r >= 0)
                r = add_match(j, "MESSAGE_ID", source->rewritten[1]);
        if (r >= 0)
                r = match_partition(j, &wanted);
        return r < 0 ? r : sd_journal_seek_head(j);
}

int entries_rewritten(EntrySource *source, const EntryQuery *query, OffsetRange **ret,
                      size_t *ret_n) {
        _cleanup_free_ OffsetRange *ranges = calloc(RANGES_MAX, sizeof(*ranges));
        OffsetRange found;
        size_t n = 0;
        int r;

        if (!ranges)
                return -ENOMEM;
        r = use_journal(source);
        if (r >= 0)
                r = find_records(source, query);
        if (r < 0)
                return r;
        while (n < RANGES_MAX && (r = sd_journal_next(source->journal)) > 0)
                if (read_number(source->journal, "CRIER_FIRST", 0, &found.first) >= 0 &&
                    read_number(source->journal, "CRIER_LAST", 0, &found.last) >= 0)
                        ranges[n++] = found;
        if (r < 0)
                return r;
        *ret = TAKE_PTR(ranges);
        *ret_n = n;
        return 0;
}
