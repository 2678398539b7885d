/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Searching the journal afresh: see scan.h. Backwards from the newest entry, file by file, with
 * handles of its own: a reader that follows may have missed something.
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

/* ---- what stands ---- */

static int compare_offsets(const void *a, const void *b) {
        int64_t x = ((const Standing *) a)->offset, y = ((const Standing *) b)->offset;

        return x < y ? -1 : x > y;
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

static int take_entry(JournalScan *s, sd_journal *j, unsigned *below) {
        OwnEntry e;
        int r = own_read(j, true, &e);

        if (r < 0 || e.kind != OWN_EVENT || e.subject != s->subject)
                return r;
        if (e.number < s->floor) {
                (*below)++;
                return 0;
        }
        *below = 0;
        return add_standing(s, (Standing){.offset = e.number, .timestamp = e.timestamp});
}

/* `below`: entries in a row that lie below the floor, of the files behind this one as well. */
static int scan_file(const JournalPlace *place, JournalScan *s, const JournalFile *file,
                     unsigned *below) {
        sd_journal *j = NULL;
        char match[64];
        int r = file_read(file, &j);

        if (r < 0)
                return r;
        snprintf(match, sizeof(match), "CRIER_EPOCH=" SD_ID128_FORMAT_STR,
                 SD_ID128_FORMAT_VAL(s->epoch));
        r = sd_journal_set_data_threshold(j, OWN_FIELD_MAX);
        if (r >= 0)
                r = sd_journal_add_match(j, match, 0);
        if (r >= 0)
                r = place_match_own(place, j);
        if (r >= 0)
                r = sd_journal_seek_tail(j);
        while (r >= 0 && *below < SCAN_BELOW_MAX) {
                r = sd_journal_previous(j);
                if (r == 0)
                        r = file_at_end(file, j) < 0 ? -EIO : 0;
                if (r <= 0)
                        break;
                r = take_entry(s, j, below);
        }
        sd_journal_close(j);
        return r;
}

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
                s->error = scan_epoch(place, s, &files);
        if (s->error >= 0)
                sort_standing(s);
        if (s->error >= 0 && s->look)
                s->cause = likely_cause(place, &files);
        files_done(&files);
}
