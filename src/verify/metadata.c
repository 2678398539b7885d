/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a committed offset says beside itself: see metadata.h.
 */

#include "verify/metadata.h"

#include <stdio.h>

#include "common/macro.h"
#include "common/parse.h"

static const char magic[] = "crier/1";

/* The value of "key=value", where the word is of that key. */
static const char *value_of(const char *word, const char *key) {
        size_t n = strlen(key);

        return strncmp(word, key, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

static bool is_epoch(const char *text) {
        return strlen(text) == METADATA_EPOCH_SIZE &&
               strspn(text, "0123456789abcdef") == METADATA_EPOCH_SIZE &&
               strspn(text, "0") < METADATA_EPOCH_SIZE;
}

static bool read_word(const char *word, Metadata *m) {
        const char *value;

        if ((value = value_of(word, "epoch"))) {
                if (*m->epoch || !is_epoch(value))
                        return false;
                memcpy(m->epoch, value, sizeof(m->epoch));
        } else if ((value = value_of(word, "cluster"))) {
                if (*m->cluster || !*value || strlen(value) >= sizeof(m->cluster))
                        return false;
                snprintf(m->cluster, sizeof(m->cluster), "%s", value);
        } else if ((value = value_of(word, "anchor")))
                return m->anchor < 0 && parse_i64(value, 0, INT64_MAX, &m->anchor) == 0;
        return true;
}

bool metadata_parse(const char *text, size_t size, Metadata *ret) {
        _cleanup_free_ char *copy = strndup(text, size);
        Metadata m = {.anchor = -1};
        char *rest = copy, *word;

        if (!copy || strlen(copy) != size)
                return false;
        word = strsep(&rest, " ");
        if (!streq(word, magic))
                return false;
        while ((word = strsep(&rest, " ")))
                if (!read_word(word, &m))
                        return false;
        if (!*m.epoch || !*m.cluster)
                return false;
        *ret = m;
        return true;
}
