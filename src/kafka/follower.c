/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Somebody who follows events: see follower.h.
 */

#include "kafka/follower.h"

#include <errno.h>

bool event_filter_matches(const EventFilter *f, const EventReader *reader, const char *topic,
                          int32_t partition, const void *key, size_t key_size) {
        if (f->partition >= 0 && f->partition != partition)
                return false;
        if (f->consumer >= 0 && f->consumer != reader->consumer)
                return false;
        if (f->group && !streq(f->group, reader->group))
                return false;
        if (f->topic && !streq(f->topic, topic))
                return false;
        if (!f->key)
                return true;
        return key && key_size == f->key_size && memcmp(key, f->key, key_size) == 0;
}

bool event_filter_matches_copy(const EventFilter *f, const EventCopy *c) {
        const EventReader reader = {.group = c->group, .consumer = c->consumer};

        return event_filter_matches(f, &reader, c->topic, c->partition, c->key, c->key_size);
}

static int copy_text(const char **to, const char *from, size_t size) {
        char *copy;

        if (!from)
                return 0;
        copy = malloc(size + 1);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, from, size);
        copy[size] = 0;
        *to = copy;
        return 0;
}

static void free_text(const char *text) {
        free((void *) (uintptr_t) text);
}

int follower_new(Followers *all, const EventFilter *filter, Follower **ret) {
        Follower *f;

        if (all->n == FOLLOWERS_MAX)
                return -EBUSY;
        f = calloc(1, sizeof(*f));
        if (!f)
                return -ENOMEM;
        f->ring.size = FOLLOWER_EVENTS_MAX;
        f->filter = (EventFilter){.partition = filter->partition,
                                  .consumer = filter->consumer,
                                  .key_size = filter->key_size};
        all->items[all->n++] = f;
        if (copy_text(&f->filter.group, filter->group, filter->group ? strlen(filter->group) : 0) <
                    0 ||
            copy_text(&f->filter.topic, filter->topic, filter->topic ? strlen(filter->topic) : 0) <
                    0 ||
            copy_text(&f->filter.key, filter->key, filter->key_size) < 0) {
                follower_free(all, f);
                return -ENOMEM;
        }
        *ret = f;
        return 0;
}

Follower *follower_free(Followers *all, Follower *f) {
        if (!f)
                return NULL;
        for (unsigned i = 0; i < all->n; i++)
                if (all->items[i] == f) {
                        all->items[i] = all->items[--all->n];
                        break;
                }
        copy_ring_done(&f->ring);
        free_text(f->filter.group);
        free_text(f->filter.topic);
        free_text(f->filter.key);
        free(f);
        return NULL;
}

bool follower_wants(Follower *f, const EventReader *reader, const char *topic,
                    const rd_kafka_message_t *m) {
        if (!event_filter_matches(&f->filter, reader, topic, m->partition, m->key, m->key_len))
                return false;
        if (f->ring.n < f->ring.size && f->ring.bytes < FOLLOWER_BYTES_MAX)
                return true;
        f->missed++;
        return false;
}

void follower_take(Followers *all, Follower *f, const EventReader *reader, const char *topic,
                   const rd_kafka_message_t *m, const Buffer *message) {
        EventCopy *c = copy_ring_add(&f->ring, reader, topic, m, message);

        if (!c) {
                f->missed++;
                return;
        }
        c->number = all->copied++;
        c->missed = f->missed;
        f->missed = 0;
}
