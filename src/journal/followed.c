/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One file of the journal, followed: see followed.h.
 *
 * An entry stands when a match on its epoch finds it. journald links an entry under one field after
 * the other, and when it is killed in between, the last entry of the file is found by some fields
 * only, for ever: by those that we follow, but not by its epoch. So the newest entry read is held
 * back. The next one in the same file shows that journald had finished it; where nothing comes
 * next, the entry is looked for by its epoch.
 */

#include "journal/followed.h"

#include <inttypes.h>
#include <stdio.h>

#include "journal/own.h"

/* Entries that are read before anything else is looked at. */
#define ROUND 2048

void followed_done(Followed *f) {
        sd_journal_close(f->journal);
        sd_journal_close(f->other);
        file_done(&f->file);
        *f = (Followed){.file = {.fd = -1}};
}

/* What is read is what crierd has written, as our own user. Two terms: a choice between message ids
 * would take three times as long. */
static int match_crierd(const FollowedFor *who, sd_journal *j) {
        int r = sd_journal_add_match(j, "SYSLOG_IDENTIFIER=crierd", 0);

        return r < 0 ? r : place_match_own(who->place, j);
}

int followed_open(const FollowedFor *who, JournalFile *file, Followed *ret) {
        Followed f = {.file = *file};
        int r;

        *file = (JournalFile){.fd = -1};
        r = file_read(&f.file, &f.journal);
        if (r >= 0)
                r = file_read(&f.file, &f.other);
        if (r >= 0)
                r = match_crierd(who, f.journal);
        /* Numbers are short, and what is long may have to be unpacked: sd_journal_get_data(3). */
        if (r >= 0)
                r = sd_journal_set_data_threshold(f.journal, OWN_FIELD_MAX);
        if (r >= 0)
                r = sd_journal_seek_head(f.journal);
        if (r < 0)
                followed_done(&f);
        else
                *ret = f;
        return r;
}

/* What is held is an entry that journald has finished. */
static void let_go(const FollowedFor *who, Followed *f) {
        if (f->holds)
                who->add(who->userdata, f->held);
        f->holds = false;
}

/* Looks for the last entry of ours with these fields, the second of which may be NULL, with the
 * other handle. Returns 1 where there is one, 0, or a negative errno. */
static int look_up(const FollowedFor *who, Followed *f, const char *one, const char *two) {
        int r;

        sd_journal_flush_matches(f->other);
        r = sd_journal_add_match(f->other, one, 0);
        if (r >= 0 && two)
                r = sd_journal_add_match(f->other, two, 0);
        if (r >= 0)
                r = place_match_own(who->place, f->other);
        if (r >= 0)
                r = sd_journal_seek_tail(f->other);
        return r < 0 ? r : sd_journal_previous(f->other);
}

/* Nothing has come behind the entry that is held: is it found by its epoch? */
static int confirm_held(const FollowedFor *who, Followed *f) {
        char epoch[64], offset[64];
        int r;

        if (!f->holds)
                return 0;
        snprintf(epoch, sizeof(epoch), "CRIER_EPOCH=" SD_ID128_FORMAT_STR,
                 SD_ID128_FORMAT_VAL(f->held.epoch));
        snprintf(offset, sizeof(offset), "KAFKA_OFFSET=%" PRId64, f->held.offset);
        r = look_up(who, f, epoch, offset);
        if (r > 0)
                let_go(who, f);
        return MIN(r, 0);
}

int followed_find(const FollowedFor *who, Followed *f, uint32_t barrier) {
        char match[80];

        snprintf(match, sizeof(match), "CRIER_BARRIER=" SD_ID128_FORMAT_STR ".%" PRIu32,
                 SD_ID128_FORMAT_VAL(who->token), barrier);
        return look_up(who, f, match, NULL);
}

/* The current entry. Returns a negative errno where the journal cannot be read. */
static int take_entry(const FollowedFor *who, Followed *f) {
        OwnEntry e;
        int r = own_read(f->journal, false, &e);

        if (r < 0 || e.kind == OWN_NONE)
                return r;
        if (e.kind == OWN_BARRIER && !sd_id128_equal(e.id, who->token))
                return 0;
        let_go(who, f);
        if (e.kind == OWN_BARRIER)
                who->add(who->userdata, (ReaderItem){.offset = e.number});
        else {
                f->held = (ReaderItem){.epoch = e.id, .offset = e.number, .subject = e.subject};
                f->holds = true;
        }
        return 0;
}

int followed_read(const FollowedFor *who, Followed *f) {
        int n = 0, r = 1;

        while (n < ROUND) {
                r = sd_journal_next(f->journal);
                if (r <= 0)
                        break;
                r = take_entry(who, f);
                if (r < 0)
                        break;
                n++;
        }
        if (r == 0 && n == 0)
                r = file_at_end(&f->file, f->journal);
        if (r >= 0 && n == 0)
                r = confirm_held(who, f);
        f->finished = r >= 0 && n == 0 && f->file.archived;
        return r < 0 ? r : n;
}

int followed_begin(Followed *f) {
        _cleanup_free_ char *cursor = NULL;
        int r = sd_journal_get_cursor(f->other, &cursor);

        return r < 0 ? r : sd_journal_seek_cursor(f->journal, cursor);
}
