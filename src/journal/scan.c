/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Searching the journal afresh: see scan.h. Backwards from the newest entry, file by file (one that
 * may be torn also from its beginning), with handles of its own: a reader that follows may have
 * missed something.
 */

#include "journal/scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "common/clock.h"
#include "common/iso-time.h"
#include "journal/file.h"
#include "journal/own.h"

/* How far back journald's own words may explain a loss. */
#define CAUSE_RECENT_USEC (60 * USEC_PER_SEC)

/* journald stops where less than 15 % or 4 GiB of the file system are free, whichever is less
 * (journald.conf(5), SystemKeepFree=); this little is suspicious in any case. */
#define CAUSE_FREE_BYTES (UINT64_C(16) << 20)

/* systemd's sd-messages(3): what journald says when it drops, and when it starts. */
#define MESSAGE_DROPPED "MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e"
#define MESSAGE_STARTED "MESSAGE_ID=f77379a8490b408bbe5f6940505a777b"

/* Of so many entries below the floor one is asked for its place. */
#define PLACE_EVERY 256

/* ---- what stands ---- */

/* Of those at one offset the one that is whole comes first. */
static int compare_offsets(const void *a, const void *b) {
        const Standing *x = a, *y = b;

        if (x->offset != y->offset)
                return x->offset < y->offset ? -1 : 1;
        return (x->timestamp == NO_TIMESTAMP) - (y->timestamp == NO_TIMESTAMP);
}

static void sort_standing(JournalScan *s) {
        unsigned kept = 0;

        if (s->n_standing == 0)
                return;
        qsort(s->standing, s->n_standing, sizeof(*s->standing), compare_offsets);
        for (unsigned i = 0; i < s->n_standing; i++)
                if (kept == 0 || s->standing[kept - 1].offset != s->standing[i].offset)
                        s->standing[kept++] = s->standing[i];
        s->n_standing = kept;
}

static int add_standing(JournalScan *s, Standing standing) {
        /* Grows when its number is a power of two. */
        if ((s->n_standing & (s->n_standing - 1)) == 0) {
                size_t size = s->n_standing > 0 ? s->n_standing * (size_t) 2 : 1;
                Standing *more = reallocarray(s->standing, size, sizeof(*more));

                if (!more)
                        return -ENOMEM;
                s->standing = more;
        }
        s->standing[s->n_standing++] = standing;
        return 0;
}

/* Where the current entry is in its journal's count, or 0: sd_journal_get_seqnum(3) is new, and
 * until then a cursor has it as "s=ID;i=NUMBER;…". A cursor is meant to be opaque: one that reads
 * otherwise ends no scan. */
static uint64_t entry_number(sd_journal *j, sd_id128_t id) {
        char digits[SD_ID128_STRING_MAX], *cursor;
        unsigned long long number = 0;
        sd_id128_t of = SD_ID128_NULL;
        int n;

        if (sd_journal_get_cursor(j, &cursor) < 0)
                return 0;
        n = sscanf(cursor, "s=%32[0-9a-f];i=%llx;", digits, &number);
        free(cursor);
        if (n != 2 || sd_id128_from_string(digits, &of) < 0 || !sd_id128_equal(of, id))
                return 0;
        return number;
}

/* Whether the search has come to the place behind which it has to look. Only entries below the
 * floor can be there, and now and then one is asked. */
static bool is_passed(const JournalScan *s, sd_journal *j, unsigned below) {
        uint64_t number;

        if (below % PLACE_EVERY != 1 || sd_id128_is_null(s->after.id))
                return false;
        number = entry_number(j, s->after.id);
        return number > 0 && number <= s->after.number;
}

/* Reads the current entry of a match on the epoch. Whose it is is asked of the entry, not of a
 * match on its _UID as well: a journald that is killed may leave its last entry under the one field
 * and not under the other, and an entry stands where its epoch finds it.
 * Returns 1 where it is the partition's and our own, 0 where it is not, or a negative errno. */
static int read_entry(const JournalPlace *place, const JournalScan *s, sd_journal *j,
                      OwnEntry *ret) {
        int r = own_read(j, true, ret);

        return r < 0 ? r
                     : ret->kind == OWN_EVENT && ret->subject == s->subject &&
                               ret->uid == (int64_t) place->uid;
}

/* Returns 1, 0 where the search is over, or a negative errno. */
static int take_entry(const JournalPlace *place, JournalScan *s, sd_journal *j, unsigned *below) {
        OwnEntry e;
        int r = read_entry(place, s, j, &e);

        if (r <= 0)
                return r < 0 ? r : 1;
        s->seen = true;
        if (e.number < s->floor) {
                (*below)++;
                return !is_passed(s, j, *below);
        }
        *below = 0;
        r = add_standing(s, (Standing){.offset = e.number, .timestamp = e.timestamp});
        return r < 0 ? r : 1;
}

/* Opens a file for the entries of the epoch, before its first; `offset` NULL: whatever offset. */
static int open_epoch(const JournalScan *s, const JournalFile *file, const char *offset,
                      sd_journal **ret) {
        sd_journal *j = NULL;
        char epoch[64];
        int r = file_read(file, &j);

        if (r < 0)
                return r;
        snprintf(epoch, sizeof(epoch), "CRIER_EPOCH=" SD_ID128_FORMAT_STR,
                 SD_ID128_FORMAT_VAL(s->epoch));
        r = sd_journal_set_data_threshold(j, OWN_FIELD_MAX);
        if (r >= 0)
                r = sd_journal_add_match(j, epoch, 0);
        if (r >= 0 && offset)
                r = sd_journal_add_match(j, offset, 0);
        if (r < 0)
                sd_journal_close(j);
        else
                *ret = j;
        return r;
}

/* `r` is what sd_journal_next(3) or its opposite said. Returns 1 where it is at an entry, 0 at the
 * end, or a negative errno. */
static int moved(const JournalFile *file, sd_journal *j, int r) {
        return r == 0 ? file_at_end(file, j) : r;
}

/* A file that may be torn, for what a search from its end passes over. It goes on below the floor,
 * and behind the place where a search from the end is over. */
static int scan_forwards(const JournalPlace *place, JournalScan *s, const JournalFile *file) {
        unsigned below = 0;
        sd_journal *j;
        int r = open_epoch(s, file, NULL, &j), n;

        if (r < 0)
                return r;
        do {
                n = moved(file, j, sd_journal_next(j));
                r = n > 0 ? take_entry(place, s, j, &below) : n;
        } while (n > 0 && r >= 0);
        sd_journal_close(j);
        return MIN(r, 0);
}

/* `below`: entries in a row that lie below the floor, of the files behind this one as well. */
static int scan_file(const JournalPlace *place, JournalScan *s, const JournalFile *file,
                     unsigned *below) {
        sd_journal *j;
        int r = open_epoch(s, file, NULL, &j);

        if (r < 0)
                return r;
        r = sd_journal_seek_tail(j);
        if (r >= 0)
                r = moved(file, j, sd_journal_previous(j));
        while (r > 0 && *below < SCAN_BELOW_MAX) {
                r = take_entry(place, s, j, below);
                if (r > 0)
                        r = moved(file, j, sd_journal_previous(j));
        }
        sd_journal_close(j);
        if (r >= 0 && file_may_be_torn(file))
                r = scan_forwards(place, s, file);
        return MIN(r, 0);
}

/* ---- whether it is the journal that the note is about ---- */

/* Returns 1 where the file has an entry of the epoch at this offset, 0 where not, or a negative
 * errno. Forwards: with `sync` all up to the last commit is on disk; only what follows may be torn.
 */
static int has_offset(const JournalPlace *place, const JournalScan *s, const JournalFile *file,
                      int64_t offset) {
        sd_journal *j;
        OwnEntry e;
        char match[64];
        int r, ours = 0;

        snprintf(match, sizeof(match), "KAFKA_OFFSET=%" PRId64, offset);
        r = open_epoch(s, file, match, &j);
        if (r < 0)
                return r;
        do {
                r = moved(file, j, sd_journal_next(j));
                ours = r > 0 ? read_entry(place, s, j, &e) : r;
        } while (r > 0 && ours == 0);
        sd_journal_close(j);
        return ours;
}

/* The oldest files are removed first: where all that are left begin behind it, so was this one. */
static bool is_vacuumed(const JournalScan *s, const JournalFiles *files) {
        uint64_t head = UINT64_MAX;

        for (size_t i = 0; i < files->n; i++)
                if (sd_id128_equal(files->items[i].sequence_id, s->reached.id) &&
                    files->items[i].head > 0)
                        head = MIN(head, files->items[i].head);
        return head < UINT64_MAX && head > s->reached.number;
}

/* A copy of a machine on which crierd has run, and one that was set back, have the same ids. */
static int find_last(const JournalPlace *place, JournalScan *s, const JournalFiles *files) {
        int r = s->last < 0;

        for (size_t i = 0; i < files->n && r == 0; i++) {
                r = has_offset(place, s, &files->items[i], s->last);
                if (r < 0)
                        s->culprit = strdup(files->items[i].name);
        }
        s->elsewhere = r == 0 && !is_vacuumed(s, files);
        if (s->elsewhere)
                s->after = (Sequence){0};
        return r;
}

/* ---- the search ---- */

static int scan_epoch(const JournalPlace *place, JournalScan *s, const JournalFiles *files) {
        unsigned below = 0;
        int r = 0;

        for (size_t i = 0; i < files->n && r >= 0 && below < SCAN_BELOW_MAX; i++) {
                const JournalFile *file = &files->items[i];

                /* In which order two counts were written is not certain. */
                if (i > 0 && !sd_id128_equal(file->sequence_id, files->items[i - 1].sequence_id))
                        below = 0;
                if (file_is_before(file, s->after))
                        continue;
                r = scan_file(place, s, file, &below);
                if (r < 0)
                        s->culprit = strdup(file->name);
        }
        return r;
}

/* ---- why something may be missing ---- */

static bool is_disk_full(const JournalPlace *place) {
        for (size_t i = 0; i < ELEMENTSOF(place->directories); i++) {
                struct statvfs fs;

                if (place->directories[i] && statvfs(place->directories[i], &fs) >= 0 &&
                    (uint64_t) fs.f_bavail * fs.f_frsize < CAUSE_FREE_BYTES)
                        return true;
        }
        return false;
}

/* Whether journald has said so lately; journald, and not another in its name:
 * systemd.journal-fields(7), _TRANSPORT=. */
static bool was_said(sd_journal *j, const char *match) {
        uint64_t usec;

        sd_journal_flush_matches(j);
        return sd_journal_add_match(j, match, 0) >= 0 &&
               sd_journal_add_match(j, "_TRANSPORT=driver", 0) >= 0 &&
               sd_journal_seek_tail(j) >= 0 && sd_journal_previous(j) > 0 &&
               sd_journal_get_realtime_usec(j, &usec) >= 0 &&
               usec + CAUSE_RECENT_USEC >= clock_usec_of(CLOCK_REALTIME);
}

static JournalCause said_cause(const JournalFile *file) {
        JournalCause cause = CAUSE_UNKNOWN;
        sd_journal *j = NULL;

        if (file_read(file, &j) < 0)
                return CAUSE_UNKNOWN;
        if (was_said(j, MESSAGE_DROPPED))
                cause = CAUSE_RATE_LIMIT;
        else if (was_said(j, MESSAGE_STARTED))
                cause = CAUSE_RESTARTED;
        sd_journal_close(j);
        return cause;
}

/* journald itself writes to the newest file. */
static JournalCause likely_cause(const JournalPlace *place, const JournalFiles *files) {
        JournalCause cause = CAUSE_UNKNOWN;

        if (is_disk_full(place))
                return CAUSE_DISK_FULL;
        for (size_t i = 0; i < files->n && cause == CAUSE_UNKNOWN; i++)
                if (!files->items[i].archived)
                        cause = said_cause(&files->items[i]);
        return cause;
}

void scan_run(const JournalPlace *place, JournalScan *s) {
        JournalFiles files;

        s->error = files_open(place, &files, &s->culprit);
        if (s->error >= 0)
                s->error = find_last(place, s, &files);
        if (s->error >= 0)
                s->error = scan_epoch(place, s, &files);
        if (s->error >= 0)
                sort_standing(s);
        if (s->error >= 0 && s->look)
                s->cause = likely_cause(place, &files);
        files_done(&files);
}
