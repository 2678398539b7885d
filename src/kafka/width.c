/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How many partitions topics have: see width.h.
 */

#include "kafka/width.h"

#include "common/clock.h"

void widths_done(Widths *w) {
        for (unsigned i = 0; i < w->n; i++)
                free(w->items[i].topic);
        free(w->items);
        *w = (Widths){0};
}

static Width *find(const Widths *w, const char *topic) {
        for (unsigned i = 0; i < w->n; i++)
                if (streq(w->items[i].topic, topic))
                        return &w->items[i];
        return NULL;
}

/* The place of the one that was learned longest ago; free to be taken. */
static Width *forget_oldest(Widths *w) {
        Width *oldest = &w->items[0];

        for (unsigned i = 1; i < w->n; i++)
                if (w->items[i].usec < oldest->usec)
                        oldest = &w->items[i];
        free(oldest->topic);
        return oldest;
}

static Width *add(Widths *w, const char *topic) {
        _cleanup_free_ char *name = strdup(topic);
        Width *place;

        if (!name)
                return NULL;
        if (w->n == WIDTHS_MAX)
                place = forget_oldest(w);
        else {
                Width *more = reallocarray(w->items, w->n + 1, sizeof(*more));

                if (!more)
                        return NULL;
                w->items = more;
                place = &w->items[w->n++];
        }
        *place = (Width){.topic = TAKE_PTR(name)};
        return place;
}

void widths_set(Widths *w, const char *topic, unsigned partitions) {
        Width *place = find(w, topic);

        if (!place)
                place = add(w, topic);
        if (!place)
                return;
        place->partitions = partitions;
        place->usec = clock_usec();
}

unsigned widths_get(const Widths *w, const char *topic, uint64_t since_usec) {
        const Width *place = find(w, topic);

        return place && place->usec >= since_usec ? place->partitions : 0;
}
