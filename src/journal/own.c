/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An entry of ours, as it is found in the journal: see own.h.
 */

#include "journal/own.h"

#include <stdio.h>

#include "common/hash.h"
#include "common/iso-time.h"
#include "common/parse.h"

/* What was found in an entry so far. */
typedef struct Found {
        OwnEntry entry;
        unsigned subjects; /* fields that are part of the subject */
        bool has_id;
        bool has_number;
        bool has_message;
} Found;

#define SUBJECTS 3

static bool take_prefix(const char *name, const char **data, size_t *n) {
        size_t size = strlen(name);

        if (*n < size || memcmp(*data, name, size) != 0)
                return false;
        *data += size;
        *n -= size;
        return true;
}

static bool take_number(const char *value, size_t n, int64_t min, int64_t max, int64_t *ret) {
        char text[24];

        if (n >= sizeof(text))
                return false;
        memcpy(text, value, n);
        text[n] = '\0';
        return parse_i64(text, min, max, ret) >= 0;
}

/* 32 digits, and for a barrier "." and its number. */
static void take_id(const char *value, size_t n, Found *f) {
        const size_t size = SD_ID128_STRING_MAX - 1;
        char digits[SD_ID128_STRING_MAX];

        if (n < size)
                return;
        memcpy(digits, value, size);
        digits[size] = '\0';
        if (sd_id128_from_string(digits, &f->entry.id) < 0)
                return;
        if (f->entry.kind == OWN_EVENT)
                f->has_id = n == size;
        else
                f->has_id = f->has_number = n > size + 1 && value[size] == '.' &&
                                            take_number(value + size + 1, n - size - 1, 0,
                                                        UINT32_MAX, &f->entry.number);
}

/* The order of fields in an entry is the journal's; so a sum. */
static uint64_t subject_field(const char *field, size_t n) {
        return hash_bytes(HASH_BEGIN, field, n);
}

static void take_field(const char *field, size_t n, Found *f) {
        const char *value = field;
        size_t size = n;

        if (take_prefix("CRIER_EPOCH=", &value, &size)) {
                f->entry.kind = OWN_EVENT;
                take_id(value, size, f);
        } else if (take_prefix("CRIER_BARRIER=", &value, &size)) {
                f->entry.kind = OWN_BARRIER;
                take_id(value, size, f);
        } else if (take_prefix("_UID=", &value, &size)) {
                if (!take_number(value, size, 0, UINT32_MAX, &f->entry.uid))
                        f->entry.uid = -1;
        } else if (take_prefix("MESSAGE=", &value, &size))
                f->has_message = true;
        else if (!take_prefix("KAFKA_", &value, &size))
                return;
        else if (take_prefix("OFFSET=", &value, &size))
                f->has_number = take_number(value, size, 0, INT64_MAX, &f->entry.number);
        else if (take_prefix("TIMESTAMP=", &value, &size)) {
                if (!take_number(value, size, INT64_MIN, INT64_MAX, &f->entry.timestamp))
                        f->entry.timestamp = NO_TIMESTAMP;
        } else if (take_prefix("GROUP=", &value, &size) || take_prefix("TOPIC=", &value, &size) ||
                   take_prefix("PARTITION=", &value, &size)) {
                f->entry.subject += subject_field(field, n);
                f->subjects++;
        }
}

static bool is_complete(const Found *f) {
        return f->has_id && f->has_number &&
               (f->entry.kind == OWN_BARRIER || f->subjects == SUBJECTS);
}

int own_read(sd_journal *j, bool all, OwnEntry *ret) {
        Found f = {.entry = {.timestamp = NO_TIMESTAMP, .uid = -1}};
        const void *field;
        size_t n;
        int r = 0;

        sd_journal_restart_data(j);
        while (all || !is_complete(&f)) {
                r = sd_journal_enumerate_data(j, &field, &n);
                if (r <= 0)
                        break;
                take_field(field, n, &f);
        }
        if (r < 0)
                return r;
        if (!is_complete(&f) || (all && f.entry.kind == OWN_EVENT && !f.has_message))
                f.entry.kind = OWN_NONE;
        *ret = f.entry;
        return 0;
}

uint64_t own_subject(const char *group, const char *topic, int32_t partition) {
        char field[OWN_FIELD_MAX];
        uint64_t sum;
        int n;

        n = snprintf(field, sizeof(field), "KAFKA_GROUP=%s", group);
        sum = subject_field(field, MIN((size_t) n, sizeof(field) - 1));
        n = snprintf(field, sizeof(field), "KAFKA_TOPIC=%s", topic);
        sum += subject_field(field, MIN((size_t) n, sizeof(field) - 1));
        n = snprintf(field, sizeof(field), "KAFKA_PARTITION=%d", (int) partition);
        return sum + subject_field(field, (size_t) n);
}
