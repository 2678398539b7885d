/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What becomes of entries that the journal has lost: see loss.h.
 */

#include "journal/loss.h"

#include <limits.h>

#include "journal/journal.h"
#include "journal/rule.h"

/* What was lost once is written again at once. Then it waits, each time for twice as long: who
 * drops entries now (rate limit, full disk) does so for a while. */
#define WAIT_FIRST_MS 50
#define WAIT_MAX_MS 10000

bool row_is_cut(const Row *row) {
        return row->faults >= LEDGER_FAULTS_CUT && RULE(cut);
}

/* How long a row that was lost so often waits. */
static uint32_t wait_ms(unsigned losses) {
        uint32_t ms = WAIT_FIRST_MS;

        if (losses < 2)
                return 0;
        for (unsigned i = 2; i < losses && ms < WAIT_MAX_MS; i++)
                ms *= 2;
        return MIN(ms, (uint32_t) WAIT_MAX_MS);
}

static void row_requeue(Ledger *l, unsigned i) {
        rows_at(&l->rows, i)->state = ROW_QUEUED;
        l->n_queued++;
        l->first_queued = MIN(l->first_queued, i);
        l->woken = true;
}

static void row_wait(Ledger *l, Row *row, uint32_t ms, uint64_t now) {
        uint64_t due = now + ms * USEC_PER_MSEC;

        row->state = ROW_WAITING;
        row->sent_ms = (uint32_t) (due / USEC_PER_MSEC);
        l->due_usec = l->n_waiting > 0 ? MIN(l->due_usec, due) : due;
        l->n_waiting++;
}

/* Takes a row for lost. Returns whether it is one that the journal will not take. */
static bool row_lose(Ledger *l, unsigned i, uint64_t now) {
        Row *row = rows_at(&l->rows, i);
        /* Was it the entry's own fault? A journal that drops for a while (rate limit, full disk)
         * takes what was sent right behind the entry no more than the entry itself. */
        bool own = journal_was_followed(l->journal, row->barrier, row->sent_ms);
        uint32_t ms;

        if (own && row->faults < LEDGER_FAULTS_STOP && ++row->faults == LEDGER_FAULTS_CUT)
                journal_notice(l->journal, (JournalNotice){.record = RECORD_VALUE_CUT,
                                                           .ledger = l,
                                                           .event = row->event,
                                                           .first = row->offset,
                                                           .last = row->offset});
        row->again = true;
        row->losses += row->losses < UINT8_MAX;
        ms = wait_ms(row->losses);
        if (ms > 0)
                row_wait(l, row, ms, now);
        else
                row_requeue(l, i);
        return own && row->faults >= LEDGER_FAULTS_STOP && RULE(stop);
}

/* Takes back the row and all behind it, whatever became of them: some may be in the journal. Who
 * goes on there, the next owner or another epoch, looks into the journal, or begins a new count. */
static void stop_at(Ledger *l, unsigned i) {
        while (l->rows.n > i)
                ledger_row_forget_last(l);
        l->stopped = l->woken = true;
        journal_notice(l->journal, (JournalNotice){.record = RECORD_PARTITION_STOPPED,
                                                   .ledger = l,
                                                   .first = l->reach,
                                                   .last = l->reach});
}

void ledger_judge(Ledger *l, uint32_t barrier, const Standing *standing, unsigned n,
                  JournalCause cause, uint64_t now) {
        JournalNotice lost = {.record = RECORD_ENTRIES_LOST, .ledger = l, .cause = cause};
        unsigned stop = UINT_MAX;

        for (unsigned i = l->first_open; i < l->rows.n; i++) {
                Row *row = rows_at(&l->rows, i);

                if (row->state != ROW_SENT || (row->barrier >= barrier && RULE(overtaken)))
                        continue;
                if (standing_find(standing, n, row->offset, row->timestamp)) {
                        ledger_row_verify(l, row);
                        continue;
                }
                if (!RULE(loss_detection))
                        continue;
                lost.first = lost.count == 0 ? row->offset : lost.first;
                lost.last = row->offset;
                lost.count++;
                if (row_lose(l, i, now))
                        stop = MIN(stop, i);
        }
        if (lost.count > 0)
                journal_notice(l->journal, lost);
        if (stop < l->rows.n)
                stop_at(l, stop);
}

uint64_t ledger_write_again(Ledger *l, uint64_t now) {
        uint32_t now_ms = (uint32_t) (now / USEC_PER_MSEC), next_ms = UINT32_MAX;

        if (l->n_waiting == 0)
                return UINT64_MAX;
        if (now < l->due_usec)
                return l->due_usec - now;
        for (unsigned i = l->first_open; i < l->rows.n; i++) {
                Row *row = rows_at(&l->rows, i);

                if (row->state != ROW_WAITING)
                        continue;
                /* The clock's low bits: what is in the past is far ahead. */
                if ((int32_t) (row->sent_ms - now_ms) > 0) {
                        next_ms = MIN(next_ms, row->sent_ms - now_ms);
                        continue;
                }
                l->n_waiting--;
                row_requeue(l, i);
        }
        if (l->n_waiting == 0)
                return UINT64_MAX;
        l->due_usec = now + next_ms * USEC_PER_MSEC;
        return next_ms * USEC_PER_MSEC;
}
