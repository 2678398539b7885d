/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which keys events had: see keys.h.
 *
 * Counting is on the way of every event: a hash, a look into a bucket, an increment. The rarest
 * pair is found by a heap that is only put in order when a place is needed: until then ranks grow
 * and the heap has old ones, which are at most too small, so that its root is put right and sifted
 * down until it is.
 */

#include "kafka/keys.h"

#include <errno.h>
#include <sys/random.h>

#include "common/clock.h"

#define BUCKETS 1024 /* a power of two */
#define NONE UINT16_MAX
#define FIRST_ROOM 16

struct KeyTable {
        KeyTables *all;
        char *topic;
        uint64_t seed; /* keys are other people's: they shall not all end up in one bucket */
        uint64_t without_key;
        uint64_t uncounted;
        uint16_t buckets[BUCKETS];
        KeyCount *counts;
        unsigned n;
        unsigned room;
        uint16_t *heap; /* NULL until the table is full; the rarest first */
};

static KeyTable *key_table_free(KeyTable *t) {
        if (!t)
                return NULL;
        free(t->counts);
        free(t->heap);
        free(t->topic);
        free(t);
        return NULL;
}
DEFINE_CLEANUP(KeyTable *, key_table_free);

void key_tables_done(KeyTables *all) {
        for (unsigned i = 0; i < all->n; i++)
                key_table_free(all->tables[i]);
        free(all->tables);
        *all = (KeyTables){0};
}

KeyTable *key_tables_find(const KeyTables *all, const char *topic) {
        for (unsigned i = 0; i < all->n; i++)
                if (streq(all->tables[i]->topic, topic))
                        return all->tables[i];
        return NULL;
}

KeyTable *key_tables_add(KeyTables *all, const char *topic) {
        _cleanup_(key_table_freep) KeyTable *t = NULL;
        KeyTable *known = key_tables_find(all, topic), **more;

        if (known || all->n == KEYS_TOPICS_MAX)
                return known;
        t = calloc(1, sizeof(*t));
        more = reallocarray(all->tables, all->n + 1, sizeof(KeyTable *));
        if (more)
                all->tables = more;
        if (!t || !more)
                return NULL;
        t->all = all;
        t->topic = strdup(topic);
        if (!t->topic)
                return NULL;
        if (getrandom(&t->seed, sizeof(t->seed), 0) != sizeof(t->seed))
                t->seed = clock_usec();
        memset(t->buckets, 0xff, sizeof(t->buckets));
        all->tables[all->n] = TAKE_PTR(t);
        return all->tables[all->n++];
}

/* ---- finding ---- */

static uint64_t mix(uint64_t h) {
        h *= 0x9e3779b97f4a7c15u;
        return h ^ h >> 32;
}

static uint32_t hash_key(const KeyTable *t, const char *key, size_t size, int32_t partition) {
        uint64_t h = mix(t->seed ^ (uint32_t) partition ^ (uint64_t) size << 32);

        for (; size > 0; key += MIN(size, sizeof(h)), size -= MIN(size, sizeof(h))) {
                uint64_t word = 0;

                memcpy(&word, key, MIN(size, sizeof(word)));
                h = mix(h ^ word);
        }
        return (uint32_t) mix(h);
}

static KeyCount *find(const KeyTable *t, uint32_t hash, const void *key, size_t size,
                      int32_t partition) {
        for (uint16_t i = t->buckets[hash % BUCKETS]; i != NONE; i = t->counts[i].next) {
                KeyCount *k = &t->counts[i];

                if (k->hash == hash && k->partition == partition && k->size == size &&
                    memcmp(k->key, key, size) == 0)
                        return k;
        }
        return NULL;
}

static void unlink_from_bucket(KeyTable *t, uint16_t i) {
        uint16_t *link = &t->buckets[t->counts[i].hash % BUCKETS];

        while (*link != i)
                link = &t->counts[*link].next;
        *link = t->counts[i].next;
}

/* ---- the heap ---- */

static void sift_down(KeyTable *t, unsigned at) {
        uint16_t moving = t->heap[at];

        for (;;) {
                unsigned child = 2 * at + 1;

                if (child + 1 < t->n &&
                    t->counts[t->heap[child + 1]].heaped < t->counts[t->heap[child]].heaped)
                        child++;
                if (child >= t->n || t->counts[t->heap[child]].heaped >= t->counts[moving].heaped)
                        break;
                t->heap[at] = t->heap[child];
                at = child;
        }
        t->heap[at] = moving;
}

static bool heap_make(KeyTable *t) {
        t->heap = malloc(t->n * sizeof(*t->heap));
        if (!t->heap)
                return false;
        for (unsigned i = 0; i < t->n; i++) {
                t->heap[i] = (uint16_t) i;
                t->counts[i].heaped = t->counts[i].rank;
        }
        for (unsigned i = t->n / 2; i-- > 0;)
                sift_down(t, i);
        return true;
}

/* ---- places ---- */

/* Memory for more pairs. Returns false where there is to be no more. */
static bool grow(KeyTable *t) {
        unsigned room = t->room == 0 ? FIRST_ROOM : MIN(2 * t->room, (unsigned) KEYS_MAX);
        unsigned more = room - t->room;
        KeyCount *counts;

        /* The first few pairs every topic can have. */
        if (t->heap || more == 0 || (t->room > 0 && t->all->room_taken + more > KEYS_TOTAL))
                return false;
        counts = reallocarray(t->counts, room, sizeof(*counts));
        if (!counts)
                return false;
        t->counts = counts;
        t->room = room;
        t->all->room_taken += more;
        return true;
}

/* The place of the rarest pair, with its rank in `*ret_rank`; NONE where memory is short. */
static uint16_t evict(KeyTable *t, uint64_t *ret_rank) {
        KeyCount *k;

        if (t->n == 0 || (!t->heap && !heap_make(t)))
                return NONE;
        while (k = &t->counts[t->heap[0]], k->heaped != k->rank) {
                k->heaped = k->rank;
                sift_down(t, 0);
        }
        t->uncounted += key_count_sum(k);
        unlink_from_bucket(t, t->heap[0]);
        *ret_rank = k->rank;
        return t->heap[0];
}

static KeyCount *insert(KeyTable *t, uint32_t hash, const void *key, size_t size,
                        int32_t partition) {
        uint64_t rank = 0;
        uint16_t i;
        KeyCount *k;

        i = t->n < t->room || grow(t) ? (uint16_t) t->n++ : evict(t, &rank);
        if (i == NONE)
                return NULL;
        k = &t->counts[i];
        k->n[KEY_PRODUCED] = k->n[KEY_CONSUMED] = 0;
        k->rank = k->heaped = rank;
        k->hash = hash;
        k->partition = partition;
        k->size = (uint16_t) size;
        memcpy(k->key, key, size);
        k->next = t->buckets[hash % BUCKETS];
        t->buckets[hash % BUCKETS] = i;
        return k;
}

void key_table_count_key(KeyTable *t, KeyWay way, const void *key, size_t size, int32_t partition) {
        KeyCount *k;
        uint32_t hash;

        if (!key) {
                t->without_key++;
                return;
        }
        if (size > KEYS_SIZE_MAX) {
                t->uncounted++;
                return;
        }
        hash = hash_key(t, key, size, partition);
        k = find(t, hash, key, size, partition);
        if (!k)
                k = insert(t, hash, key, size, partition);
        if (!k) {
                t->uncounted++;
                return;
        }
        k->n[way]++;
        k->rank++;
}

uint64_t key_table_without_key(const KeyTable *t) {
        return t->without_key;
}

uint64_t key_table_uncounted(const KeyTable *t) {
        return t->uncounted;
}

static int busier(const void *a, const void *b) {
        const KeyCount *x = *(const KeyCount *const *) a, *y = *(const KeyCount *const *) b;
        int r;

        if (key_count_sum(x) != key_count_sum(y))
                return key_count_sum(x) < key_count_sum(y) ? 1 : -1;
        r = memcmp(x->key, y->key, MIN(x->size, y->size));
        if (r != 0)
                return r;
        if (x->size != y->size)
                return x->size < y->size ? -1 : 1;
        return x->partition < y->partition ? -1 : 1;
}

int key_table_sort(const KeyTable *t, const KeyCount ***ret) {
        const KeyCount **list = calloc(t->n + 1, sizeof(KeyCount *));

        if (!list)
                return -ENOMEM;
        for (unsigned i = 0; i < t->n; i++)
                list[i] = &t->counts[i];
        qsort(list, t->n, sizeof(KeyCount *), busier);
        *ret = list;
        return (int) t->n;
}
