/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A commit's metadata: see marker.h.
 */

#include "journal/marker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/parse.h"

void marker_address(Marker *m, const char *host, const char *cluster, const char *group,
                    const char *topic, int32_t partition) {
        snprintf(m->host, sizeof(m->host), "%s", host);
        snprintf(m->cluster, sizeof(m->cluster), "%s", cluster);
        snprintf(m->group, sizeof(m->group), "%s", group);
        snprintf(m->topic, sizeof(m->topic), "%s", topic);
        m->partition = partition;
}

bool marker_is_for(const Marker *m, const char *cluster, const char *group, const char *topic,
                   int32_t partition) {
        return streq(m->cluster, cluster) &&
               (m->old ||
                (streq(m->group, group) && streq(m->topic, topic) && m->partition == partition));
}

/* ---- writing ---- */

/* What a name is made of as it is; any other byte is written as "%" and two digits. */
static bool is_plain(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
}

static size_t put_name(char *to, size_t size, const char *word, const char *name) {
        size_t n = (size_t) snprintf(to, size, " %s=", word);

        for (; *name && n + 3 < size; name++)
                if (is_plain(*name))
                        to[n++] = *name;
                else
                        n += (size_t) snprintf(to + n, size - n, "%%%02X", (uint8_t) *name);
        to[n] = '\0';
        return n;
}

static void format_old(const Marker *m, char to[static MARKER_TEXT_MAX]) {
        snprintf(to, MARKER_TEXT_MAX,
                 "crier/1 epoch=" SD_ID128_FORMAT_STR " cluster=%s host=%s anchor=%" PRId64
                 " clean=%d",
                 SD_ID128_FORMAT_VAL(m->epoch), m->cluster, m->host, m->anchor, m->clean);
}

void marker_format(const Marker *m, char to[static MARKER_TEXT_MAX]) {
        const struct {
                const char *word;
                const char *name;
        } names[] = {
                {"host", m->host},
                {"cluster", m->cluster},
                {"group", m->group},
                {"topic", m->topic},
        };
        size_t n;

        n = (size_t) snprintf(to, MARKER_TEXT_MAX,
                              "crier/2 epoch=" SD_ID128_FORMAT_STR " anchor=%" PRId64
                              " clean=%d last=%" PRId64 " sequence=" SD_ID128_FORMAT_STR ".%" PRIu64
                              ".%" PRIu64,
                              SD_ID128_FORMAT_VAL(m->epoch), m->anchor, m->clean, m->last,
                              SD_ID128_FORMAT_VAL(m->reached.id), m->from, m->reached.number);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                n += put_name(to + n, MARKER_TEXT_MAX - n, names[i].word, names[i].name);
        snprintf(to + n, MARKER_TEXT_MAX - n, " partition=%d", (int) m->partition);
}

/* ---- reading ---- */

/* Takes "word" off the text. */
static bool take_word(const char **text, const char *word) {
        size_t n = strlen(word);

        if (strncmp(*text, word, n) != 0)
                return false;
        *text += n;
        return true;
}

/* Takes what stands before the next one of `ends` off the text; at least one character. */
static bool take_text(const char **text, const char *ends, char *to, size_t size) {
        size_t n = strcspn(*text, ends);

        if (n == 0 || n >= size)
                return false;
        memcpy(to, *text, n);
        to[n] = '\0';
        *text += n;
        return true;
}

static bool take_number(const char **text, int64_t min, int64_t max, int64_t *ret) {
        char number[24];

        return take_text(text, " .", number, sizeof(number)) &&
               parse_i64(number, min, max, ret) >= 0;
}

static bool take_id(const char **text, sd_id128_t *ret) {
        char digits[SD_ID128_STRING_MAX];

        return take_text(text, " .", digits, sizeof(digits)) &&
               sd_id128_from_string(digits, ret) >= 0;
}

/* The other way round than put_name(). */
static bool take_name(const char **text, char to[static MARKER_NAME_MAX + 1]) {
        char name[3 * MARKER_NAME_MAX + 1];
        size_t n = 0;

        if (!take_text(text, " ", name, sizeof(name)))
                return false;
        for (const char *c = name; *c; c++) {
                char hex[3] = {0};

                if (n == MARKER_NAME_MAX)
                        return false;
                if (*c != '%') {
                        to[n++] = *c;
                        continue;
                }
                if (!c[1] || !c[2])
                        return false;
                memcpy(hex, c + 1, 2);
                to[n++] = (char) strtoul(hex, NULL, 16);
                c += 2;
        }
        to[n] = '\0';
        return true;
}

static bool read_old(const char *at, Marker *m) {
        if (!take_word(&at, "crier/1 epoch=") || !take_id(&at, &m->epoch) ||
            !take_word(&at, " cluster=") || !take_text(&at, " ", m->cluster, sizeof(m->cluster)) ||
            !take_word(&at, " host=") || !take_text(&at, " ", m->host, sizeof(m->host)) ||
            !take_word(&at, " anchor=") || !take_number(&at, 0, INT64_MAX, &m->anchor))
                return false;
        m->clean = streq(at, " clean=1");
        m->old = true;
        m->last = -1;
        return true;
}

static bool read_new(const char *at, Marker *m) {
        int64_t clean, from, reached, partition;

        if (!take_word(&at, "crier/2 epoch=") || !take_id(&at, &m->epoch) ||
            !take_word(&at, " anchor=") || !take_number(&at, 0, INT64_MAX, &m->anchor) ||
            !take_word(&at, " clean=") || !take_number(&at, 0, 1, &clean) ||
            !take_word(&at, " last=") || !take_number(&at, -1, INT64_MAX, &m->last))
                return false;
        if (!take_word(&at, " sequence=") || !take_id(&at, &m->reached.id) ||
            !take_word(&at, ".") || !take_number(&at, 0, INT64_MAX, &from) ||
            !take_word(&at, ".") || !take_number(&at, 0, INT64_MAX, &reached))
                return false;
        if (!take_word(&at, " host=") || !take_name(&at, m->host) || !take_word(&at, " cluster=") ||
            !take_name(&at, m->cluster) || !take_word(&at, " group=") ||
            !take_name(&at, m->group) || !take_word(&at, " topic=") || !take_name(&at, m->topic) ||
            !take_word(&at, " partition=") || !take_number(&at, 0, INT32_MAX, &partition))
                return false;
        m->clean = clean == 1;
        m->from = (uint64_t) from;
        m->reached.number = (uint64_t) reached;
        m->partition = (int32_t) partition;
        return true;
}

/* Beside that offset; a null epoch would be a barrier's. */
static bool is_possible(const Marker *m, int64_t committed) {
        return !sd_id128_is_null(m->epoch) && m->anchor <= committed &&
               (m->last < 0 || m->last >= m->anchor) && m->from <= m->reached.number;
}

int marker_parse(const void *text, size_t size, int64_t committed, Marker *ret) {
        char copy[MARKER_TEXT_MAX], again[MARKER_TEXT_MAX];
        Marker m = {0};

        if (size >= sizeof(copy) || memchr(text, '\0', size))
                return -EINVAL;
        memcpy(copy, text, size);
        copy[size] = '\0';
        if (!read_new(copy, &m) && !read_old(copy, &m))
                return -EINVAL;
        /* One meaning, one text: whatever else there is was not written by us. */
        if (m.old)
                format_old(&m, again);
        else
                marker_format(&m, again);
        if (!streq(copy, again) || !is_possible(&m, committed))
                return -EINVAL;
        *ret = m;
        return 0;
}
