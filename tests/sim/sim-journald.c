/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simulated journald of a host: a first-in-first-out socket that outlives the daemon, and the
 * entries that it made of what came. It drops, dies with an entry in its hand, and loses what was
 * not synced with the power. See sim.h.
 */

#include "sim/sim.h"

#include <assert.h>
#include <errno.h>

bool journald_send(Journald *j, const Item *item) {
        if (!j->socket || j->n_queue >= SOCKET_MAX)
                return false;
        j->queue[j->n_queue] = *item;
        j->queue[j->n_queue++].linked = true;
        return true;
}

static Item queue_pop(Journald *j) {
        Item item = j->queue[0];

        memmove(&j->queue[0], &j->queue[1], --j->n_queue * sizeof(item));
        return item;
}

void journald_take(Journald *j) {
        Item item;

        if (!j->up || j->n_queue == 0)
                return;
        item = queue_pop(j);
        if (j->dropping || (j->limiting && !item.debug) || (item.poison && !item.cut) || item.unfit)
                return;
        if (j->n == j->allocated) {
                j->allocated = j->allocated > 0 ? j->allocated * 2 : 256;
                j->items = reallocarray(j->items, j->allocated, sizeof(*j->items));
                assert(j->items);
        }
        j->items[j->n++] = item;
}

/* SIGKILL: the entry in progress is lost, whole, or in the file but under no field. */
void journald_kill(Journald *j, unsigned fate) {
        if (j->up && j->n_queue > 0 && fate != 0) {
                j->queue[0].linked = fate != 2;
                journald_take(j);
        } else if (j->up && j->n_queue > 0)
                queue_pop(j);
        j->up = false;
}

void journald_fsync(Journald *j, unsigned n) {
        for (unsigned i = 0; i < n; i++)
                j->items[i].synced = true;
}

void journald_lose_power(Journald *j, Dice *d) {
        uint64_t state = d->number;

        j->n_queue = 0;
        for (unsigned i = 0; i < j->n; i++) {
                Item *item = &j->items[i];

                if (!item->synced && item->gone == GONE_NOT && draw64(&state) % 2 == 0)
                        item->gone = GONE_POWER;
                item->synced = true;
        }
        j->up = j->socket = true;
}

unsigned journald_vacuum(Journald *j, Dice *d) {
        unsigned left = 0, n;

        for (unsigned i = 0; i < j->n; i++)
                left += j->items[i].gone == GONE_NOT;
        n = pick(d, left + 1);
        for (unsigned i = 0, done = 0; i < j->n && done < n; i++)
                if (j->items[i].gone == GONE_NOT) {
                        j->items[i].gone = GONE_VACUUM;
                        done++;
                }
        return n;
}

int journald_find_barrier(const Journald *j, int process, uint32_t number) {
        for (unsigned i = j->n; i > 0; i--) {
                const Item *item = &j->items[i - 1];

                if (item->barrier == number && item->process == process && item->linked &&
                    item->gone == GONE_NOT)
                        return (int) (i - 1);
        }
        return -1;
}

static int compare_standing(const void *a, const void *b) {
        int64_t x = ((const Standing *) a)->offset, y = ((const Standing *) b)->offset;

        return x < y ? -1 : x > y;
}

/* Whether the entry that a note names is in this journal, or was removed to make room. */
static bool has_last(const Journald *j, const JournalScan *scan) {
        unsigned epoch = epoch_number(scan->epoch);

        for (unsigned i = 0; i < j->n; i++) {
                const Item *item = &j->items[i];

                if (item->barrier == 0 && item->epoch == epoch && item->offset == scan->last &&
                    part_subject(item->p) == scan->subject && item->linked && !item->forged &&
                    item->gone != GONE_POWER)
                        return true;
        }
        return false;
}

/* What stands of the scan's epoch, as src/journal/scan.c finds it. */
int journald_match(const Journald *j, JournalScan *scan) {
        unsigned epoch = epoch_number(scan->epoch), below = 0;
        unsigned max = RULE(window) ? SCAN_BELOW_MAX : 1;

        scan->standing = calloc(j->n + 1, sizeof(Standing));
        if (!scan->standing)
                return -ENOMEM;
        scan->elsewhere = scan->last >= 0 && !has_last(j, scan);
        if (scan->elsewhere)
                scan->after = (Sequence){0};
        for (unsigned i = j->n; i > scan->after.number && below < max; i--) {
                const Item *item = &j->items[i - 1];
                bool twice = false;

                if (item->barrier > 0 || item->epoch != epoch || !item->linked ||
                    part_subject(item->p) != scan->subject || item->gone != GONE_NOT ||
                    (item->forged && RULE(trusted)))
                        continue;
                scan->seen = true;
                if (item->offset < scan->floor) {
                        below++;
                        continue;
                }
                below = 0;
                for (unsigned k = 0; k < scan->n_standing; k++)
                        twice = twice || scan->standing[k].offset == item->offset;
                if (!twice)
                        scan->standing[scan->n_standing++] =
                                (Standing){.offset = item->offset, .timestamp = item->stamp};
        }
        qsort(scan->standing, scan->n_standing, sizeof(Standing), compare_standing);
        return 0;
}
