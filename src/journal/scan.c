/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Searching the journal afresh: see scan.h. Backwards from the newest entry, with a handle of its
 * own: a reader that follows may have missed something.
 */

#include "journal/scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/statvfs.h>

#include "common/clock.h"
#include "common/iso-time.h"
#include "common/parse.h"

/* How far back journald's own words may explain a loss. */
#define CAUSE_RECENT_USEC (60 * USEC_PER_SEC)

/* journald stops where less than 15 % or 4 GiB of the file system are free, whichever is less
 * (journald.conf(5), SystemKeepFree=); this little is suspicious in any case. */
#define CAUSE_FREE_BYTES (UINT64_C(16) << 20)

/* systemd's sd-messages(3): what journald says when it drops, and when it starts. */
#define MESSAGE_DROPPED "MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e"
#define MESSAGE_STARTED "MESSAGE_ID=f77379a8490b408bbe5f6940505a777b"

/* The value of a field of the current entry, cut at `size`; never empty text on success. */
static int field_text(sd_journal *j, const char *field, char *to, size_t size) {
        size_t name = strlen(field) + 1, n;
        const void *data;
        int r = sd_journal_get_data(j, field, &data, &n);

        if (r < 0)
                return r;
        if (n <= name || n - name >= size)
                return -EBADMSG;
        memcpy(to, (const char *) data + name, n - name);
        to[n - name] = '\0';
        return 0;
}

/* The number in a field of the current entry, not below `min`. Returns 0, -ENOENT where it has
 * none, -EBADMSG where that is no number, or what sd_journal_get_data(3) says. */
static int field_number(sd_journal *j, const char *field, int64_t min, int64_t *ret) {
        char text[24];
        int r = field_text(j, field, text, sizeof(text));

        if (r < 0)
                return r;
        return parse_i64(text, min, INT64_MAX, ret) < 0 ? -EBADMSG : 0;
}

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

/* One entry. Where it has no offset it is none of an event. */
static int take_entry(JournalScan *s, sd_journal *j, unsigned *below) {
        Standing standing;
        int r = field_number(j, "KAFKA_OFFSET", 0, &standing.offset);

        if (r == -ENOENT || r == -EBADMSG)
                return 0;
        if (r < 0)
                return r;
        if (standing.offset < s->floor) {
                (*below)++;
                return 0;
        }
        *below = 0;
        r = field_number(j, "KAFKA_TIMESTAMP", INT64_MIN, &standing.timestamp);
        if (r == -ENOENT || r == -EBADMSG)
                standing.timestamp = NO_TIMESTAMP;
        else if (r < 0)
                return r;
        return add_standing(s, standing);
}

static int scan_epoch(const JournalPlace *place, JournalScan *s, sd_journal *j) {
        char match[64];
        unsigned below = 0;
        int r;

        snprintf(match, sizeof(match), "CRIER_EPOCH=" SD_ID128_FORMAT_STR,
                 SD_ID128_FORMAT_VAL(s->epoch));
        r = sd_journal_add_match(j, match, 0);
        if (r >= 0)
                r = place_match_own(place, j);
        if (r >= 0)
                r = sd_journal_seek_tail(j);
        while (r >= 0 && below < SCAN_BELOW_MAX) {
                r = sd_journal_previous(j);
                if (r == 0)
                        break;
                if (r > 0)
                        r = take_entry(s, j, &below);
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

static JournalCause likely_cause(const JournalPlace *place, sd_journal *j) {
        if (is_disk_full(place))
                return CAUSE_DISK_FULL;
        if (was_said(j, MESSAGE_DROPPED))
                return CAUSE_RATE_LIMIT;
        if (was_said(j, MESSAGE_STARTED))
                return CAUSE_RESTARTED;
        return CAUSE_UNKNOWN;
}

void scan_run(const JournalPlace *place, JournalScan *s) {
        sd_journal *j = NULL;

        /* A file that cannot be opened is passed over in silence: what is in it would be written
         * twice. */
        s->error = place_check(place);
        if (s->error >= 0)
                s->error = place_open(place, &j);
        if (s->error >= 0)
                s->error = scan_epoch(place, s, j);
        if (s->error >= 0)
                sort_standing(s);
        if (s->error >= 0 && s->look)
                s->cause = likely_cause(place, j);
        sd_journal_close(j);
}
