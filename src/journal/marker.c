/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A commit's metadata: see marker.h.
 */

#include "journal/marker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/parse.h"

void marker_format(const Marker *m, char to[static MARKER_TEXT_MAX]) {
        snprintf(to, MARKER_TEXT_MAX,
                 "crier/1 epoch=" SD_ID128_FORMAT_STR " cluster=%s host=%s anchor=%" PRId64
                 " clean=%d",
                 SD_ID128_FORMAT_VAL(m->epoch), m->cluster, m->host, m->anchor, m->clean);
}

/* Takes "word" off the text. */
static bool take_word(const char **text, const char *word) {
        size_t n = strlen(word);

        if (strncmp(*text, word, n) != 0)
                return false;
        *text += n;
        return true;
}

/* Takes what stands before the next space off the text; at least one character. */
static bool take_name(const char **text, char *to, size_t size) {
        size_t n = strcspn(*text, " ");

        if (n == 0 || n >= size)
                return false;
        memcpy(to, *text, n);
        to[n] = '\0';
        *text += n;
        return true;
}

int marker_parse(const void *text, size_t size, Marker *ret) {
        char copy[MARKER_TEXT_MAX], again[MARKER_TEXT_MAX];
        char epoch[SD_ID128_STRING_MAX], anchor[24];
        const char *at = copy;
        Marker m = {0};

        if (size >= sizeof(copy) || memchr(text, '\0', size))
                return -EINVAL;
        memcpy(copy, text, size);
        copy[size] = '\0';
        if (!take_word(&at, "crier/1 epoch=") || !take_name(&at, epoch, sizeof(epoch)) ||
            sd_id128_from_string(epoch, &m.epoch) < 0 || sd_id128_is_null(m.epoch))
                return -EINVAL;
        if (!take_word(&at, " cluster=") || !take_name(&at, m.cluster, sizeof(m.cluster)))
                return -EINVAL;
        if (!take_word(&at, " host=") || !take_name(&at, m.host, sizeof(m.host)))
                return -EINVAL;
        if (!take_word(&at, " anchor=") || !take_name(&at, anchor, sizeof(anchor)) ||
            parse_i64(anchor, 0, INT64_MAX, &m.anchor) < 0)
                return -EINVAL;
        m.clean = streq(at, " clean=1");
        /* One meaning, one text: whatever else there is was not written by us. */
        marker_format(&m, again);
        if (!streq(copy, again))
                return -EINVAL;
        *ret = m;
        return 0;
}
