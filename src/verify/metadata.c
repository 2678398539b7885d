/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a committed offset says beside itself: see metadata.h.
 */

#include "verify/metadata.h"

#include <stdio.h>

#include "common/macro.h"
#include "common/parse.h"

static const char magic[] = "crier/2", old_magic[] = "crier/1";

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

/* A name, in which "%" and two digits stand for a byte. */
static bool read_name(const char *value, char to[static METADATA_NAME_SIZE + 1]) {
        size_t n = 0;

        if (*to)
                return false;
        for (; *value && n < METADATA_NAME_SIZE; n++) {
                unsigned byte;

                if (*value == '%' && sscanf(value, "%%%2x", &byte) != 1)
                        return false;
                to[n] = *value == '%' ? (char) byte : *value;
                value += *value == '%' ? 3 : 1;
        }
        to[n] = '\0';
        return n > 0 && !*value;
}

static bool read_word(const char *word, Metadata *m) {
        const char *value;

        if ((value = value_of(word, "epoch"))) {
                if (*m->epoch || !is_epoch(value))
                        return false;
                memcpy(m->epoch, value, sizeof(m->epoch));
        } else if ((value = value_of(word, "cluster")))
                return read_name(value, m->cluster);
        else if ((value = value_of(word, "group")))
                return read_name(value, m->group);
        else if ((value = value_of(word, "topic")))
                return read_name(value, m->topic);
        else if ((value = value_of(word, "partition")))
                return m->partition < 0 && parse_i64(value, 0, INT32_MAX, &m->partition) == 0;
        else if ((value = value_of(word, "anchor")))
                return m->anchor < 0 && parse_i64(value, 0, INT64_MAX, &m->anchor) == 0;
        return true;
}

bool metadata_parse(const char *text, size_t size, Metadata *ret) {
        _cleanup_free_ char *copy = strndup(text, size);
        Metadata m = {.anchor = -1, .partition = -1};
        char *rest = copy, *word;

        if (!copy || strlen(copy) != size)
                return false;
        word = strsep(&rest, " ");
        m.old = streq(word, old_magic);
        if (!m.old && !streq(word, magic))
                return false;
        while ((word = strsep(&rest, " ")))
                if (!read_word(word, &m))
                        return false;
        if (!*m.epoch || !*m.cluster || (!m.old && (!*m.group || !*m.topic || m.partition < 0)))
                return false;
        *ret = m;
        return true;
}

bool metadata_is_for(const Metadata *m, const char *group, const char *topic, int32_t partition) {
        return m->old ||
               (streq(m->group, group) && streq(m->topic, topic) && m->partition == partition);
}
