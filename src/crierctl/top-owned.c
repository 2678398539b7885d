/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The partitions of a consumer on one line: see top-owned.h.
 */

#include "crierctl/top-owned.h"

#include "crierctl/output.h"

typedef struct Owned {
        const char *topic;
        json_int_t number;
} Owned;

static int compare_owned(const void *a, const void *b) {
        const Owned *x = a, *y = b;
        int order = strcmp(x->topic, y->topic);

        return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

static bool follows(const Owned *a, const Owned *b) {
        return a->number < INT64_MAX && a->number + 1 == b->number && streq(a->topic, b->topic);
}

void owned_append(Buffer *out, const json_t *partitions, bool one_topic) {
        size_t n = json_array_size(partitions), begin = out->size;
        _cleanup_free_ Owned *owned = calloc(MAX(n, (size_t) 1), sizeof(Owned));
        const char *before = NULL;

        if (!owned) {
                out->failed = true;
                return;
        }
        for (size_t i = 0; i < n; i++) {
                const json_t *p = json_array_get(partitions, i);

                owned[i].topic = json_string_value(json_object_get(p, "topic"));
                owned[i].number = json_integer_value(json_object_get(p, "partition"));
        }
        qsort(owned, n, sizeof(Owned), compare_owned);
        one_topic = one_topic && (n == 0 || streq(owned[0].topic, owned[n - 1].topic));
        for (size_t i = 0, last; i < n; i = last + 1) {
                bool same = before && streq(owned[i].topic, before);

                for (last = i; last + 1 < n && follows(owned + last, owned + last + 1);)
                        last++;
                if (out->size > begin)
                        buffer_append_string(out, same ? "," : "; ");
                if (!same && !one_topic)
                        output_textf(out, "%s ", owned[i].topic);
                buffer_append_i64(out, owned[i].number);
                if (last > i) {
                        buffer_append_byte(out, '-');
                        buffer_append_i64(out, owned[last].number);
                }
                before = owned[i].topic;
        }
}
