/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A ledger and its notes: see note.h.
 */

#include "journal/note.h"

#include "journal/journal.h"
#include "journal/rule.h"

void note_say(Ledger *l, RecordId record, int64_t first) {
        journal_notice(l->journal,
                       (JournalNotice){.record = record, .ledger = l, .first = first, .last = -1});
}

void note_anchor(Ledger *l, int64_t offset) {
        l->epoch = l->journal->ops->draw(l->journal->ops_userdata);
        l->fresh = true;
        l->open = l->unclean = l->old_note = false;
        l->anchor = l->start = l->reach = l->committed = offset;
        l->last = -1;
        l->from = l->journal->reached;
}

void note_hold_place(Ledger *l) {
        l->next_reach =
                MAX(l->reach, l->n_standing > 0 ? l->standing[l->n_standing - 1].offset + 1 : 0);
        l->next_from = l->journal->reached;
}

void note_take(Ledger *l, const Marker *m, int64_t committed) {
        const Journal *j = l->journal;
        bool here = streq(m->host, m->old ? j->old_host : j->host);

        l->epoch = m->epoch;
        l->anchor = m->anchor;
        l->start = l->reach = l->committed = committed;
        l->old_note = m->old;
        l->open = here && !m->clean && !m->old;
        l->unclean = here && !m->clean;
        /* Another journal's count says nothing about this one. */
        if (here && !m->old) {
                l->last = m->last;
                l->reached = m->reached;
                l->from = (Sequence){.id = m->reached.id, .number = m->from};
        }
        if (!here && !RULE(lineage))
                note_anchor(l, committed);
        if (!here && !m->clean)
                note_say(l, RECORD_TAKEN_OVER, committed);
}

int64_t note_last(const Ledger *l) {
        unsigned n = rows_search(&l->rows, l->job.position);

        return n > 0 ? rows_at(&l->rows, n - 1)->offset : l->last;
}

void note_write(Ledger *l, char to[static MARKER_TEXT_MAX]) {
        const Journal *j = l->journal;
        Marker m = {
                .epoch = l->epoch,
                .anchor = l->anchor,
                .clean = l->job.clean,
                .last = note_last(l),
                .reached = j->reached,
        };

        if (l->job.position >= l->next_reach || !RULE(from)) {
                l->from = l->next_from;
                note_hold_place(l);
        }
        m.from = sd_id128_equal(l->from.id, j->reached.id) ? l->from.number : 0;
        marker_address(&m, j->host, l->cluster, l->group, l->topic, l->partition);
        marker_format(&m, to);
}
