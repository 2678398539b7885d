/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the machine does for a simulated crierd (src/journal/machine.c): the JournalOps, the reader
 * that follows the journal and now and then misses an entry, and searches and syncs that end some
 * time after they were asked for. See sim.h.
 */

#include "sim/sim.h"

#include <assert.h>
#include <errno.h>

static Journald *journald_of(const Crierd *c) {
        return &c->world->journald[c->host];
}

/* Works that may fail do so now and then. */
static bool fails(const Crierd *c, Dice *d) {
        return c->world->faults && pick(d, 16) == 0;
}

/* A thread cannot be had. */
static bool starts_badly(const Crierd *c) {
        return c->world->faults && c->world->tick % 16 == 0;
}

/* ---- the ops ---- */

/* An event is described beside its entry, which is empty; a barrier is what journal.c wrote. */
static int op_send(void *userdata, const Entry *e) {
        static const char name[] = "\nCRIER_BARRIER=", debug[] = "\nPRIORITY=7\n";
        Crierd *c = userdata;
        Item item;
        uint8_t *found;

        if (e->fields.size == 0)
                item = *c->sending;
        else {
                found = memmem(e->fields.data, e->fields.size, name, sizeof(name) - 1);
                assert(found && !e->fields.failed);
                found += sizeof(name) - 1 + SD_ID128_STRING_MAX;
                item = (Item){
                        .barrier = (uint32_t) strtoul((const char *) found, NULL, 10),
                        .debug = memmem(e->fields.data, e->fields.size, debug, sizeof(debug) - 1),
                };
        }
        item.process = c->id;
        return journald_send(journald_of(c), &item) ? 0 : -EAGAIN;
}

static Lock *find_lock(const Crierd *c, uint64_t key) {
        Lock *locks = c->world->locks[c->host];

        for (unsigned i = 0; i < PARTITIONS; i++) {
                if (locks[i].key == 0)
                        locks[i].key = key;
                if (locks[i].key == key)
                        return &locks[i];
        }
        assert(!"more locks than partitions");
        return NULL;
}

static int op_lock(void *userdata, uint64_t key) {
        Crierd *c = userdata;
        Lock *lock = find_lock(c, key);

        if (lock->process != 0 && lock->process != c->id && RULE(lock))
                return -EAGAIN;
        lock->process = c->id;
        return 0;
}

static void op_unlock(void *userdata, uint64_t key) {
        Lock *lock = find_lock(userdata, key);

        if (lock->process == ((Crierd *) userdata)->id)
                lock->process = 0;
}

static void op_follow(void *userdata, bool enable, uint32_t barrier) {
        Crierd *c = userdata;

        c->following = enable;
        c->barrier = barrier;
}

static int op_scan(void *userdata, JournalScan *scan) {
        Crierd *c = userdata;

        for (unsigned i = 0; i < SCANS_MAX && !starts_badly(c); i++)
                if (!c->scans[i].scan) {
                        c->scans[i] = (ScanJob){.scan = scan};
                        return 0;
                }
        return -EAGAIN;
}

static int op_sync(void *userdata) {
        Crierd *c = userdata;

        if (c->syncing)
                world_wrong(c->world, "core: two syncs at once");
        if (starts_badly(c))
                return -EAGAIN;
        c->syncing = true;
        c->synced = false;
        c->sync_n = journald_of(c)->n;
        return 0;
}

static sd_id128_t op_draw(void *userdata) {
        Crierd *c = userdata;

        return (sd_id128_t){.qwords = {UINT64_C(0x1122334455667788), epoch_draw(c->world)}};
}

unsigned epoch_number(sd_id128_t epoch) {
        return (unsigned) epoch.qwords[1];
}

const JournalOps crierd_ops = {
        .send = op_send,
        .lock = op_lock,
        .unlock = op_unlock,
        .follow = op_follow,
        .scan = op_scan,
        .sync = op_sync,
        .draw = op_draw,
};

/* ---- the reader ---- */

static void hand_over(Crierd *c, const Item *item) {
        sd_id128_t epoch = {.qwords = {UINT64_C(0x1122334455667788), item->epoch}};

        if (item->barrier == 0)
                journal_read_event(&c->journal, epoch, part_subject(item->p), item->offset);
        else if (item->process == c->id) {
                c->seen = MAX(c->seen, item->barrier);
                journal_read_barrier(&c->journal, item->barrier);
        }
}

/* Looks for the newest barrier by its field: as it begins, and when that does not come by. */
static void find_newest(Crierd *c) {
        int i = journald_find_barrier(journald_of(c), c->id, c->barrier);

        if (i < 0)
                return;
        if (!c->begun)
                c->cursor = (unsigned) i + 1;
        c->begun = true;
        hand_over(c, &journald_of(c)->items[i]);
}

void reader_read(Crierd *c, Part *part, Dice *d) {
        const Journald *j = journald_of(c);
        unsigned n = 1 + pick(d, 4);

        c->journal.reached = (Sequence){.id = {.qwords = {1}}, .number = j->n};
        if (c->barrier > 0 && (!c->begun || (c->seen < c->barrier && pick(d, 8) == 0)))
                find_newest(c);
        for (; c->begun && c->cursor < j->n && n > 0; n--) {
                const Item *item = &j->items[c->cursor++];
                bool missed = c->world->faults && has_plague(c->world, PLAGUE_follower) &&
                              pick(d, 5) == 0;

                if (!missed && item->gone == GONE_NOT && item->linked &&
                    !(item->forged && RULE(trusted)))
                        hand_over(c, item);
        }
        crierd_touch(c);
}

/* ---- jobs ---- */

void scan_go_on(Crierd *c, ScanJob *job, Dice *d) {
        JournalScan *scan = job->scan;

        if (!job->done) {
                scan->error = fails(c, d) ? -EIO : journald_match(journald_of(c), scan);
                job->done = true;
                return;
        }
        say(c->world, "%d: %s epoch %u from %d: %u stand%s", c->id,
            scan->look ? "looks for" : "scans", epoch_number(scan->epoch), (int) scan->floor,
            scan->n_standing, scan->error < 0 ? ", failed" : "");
        job->scan = NULL;
        journal_scanned(&c->journal, scan, c->world->now);
        crierd_touch(c);
}

void sync_go_on(Crierd *c, Part *part, Dice *d) {
        if (!c->synced) {
                c->synced = true;
                if (!fails(c, d))
                        journald_fsync(journald_of(c), c->sync_n);
                else
                        c->sync_n = UINT32_MAX;
                return;
        }
        c->syncing = false;
        journal_synced(&c->journal, c->sync_n == UINT32_MAX ? -EIO : 0, c->world->now);
        crierd_touch(c);
}

void jobs_forget(Crierd *c) {
        for (unsigned i = 0; i < SCANS_MAX; i++)
                c->scans[i].scan = journal_scan_free(c->scans[i].scan);
}
