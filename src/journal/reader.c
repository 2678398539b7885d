/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading our own entries back: see reader.h.
 *
 * Where a reader begins matters: one that is placed at the journal's tail misses some of the first
 * entries that follow. So it begins at an entry that is known to be readable, a barrier of ours,
 * which is found by its field; what was sent before that barrier nobody waits for.
 *
 * An entry stands when a match on its epoch finds it. journald links an entry under one field after
 * the other, and when it is killed in between, the last entry of the file is found by some fields
 * only, for ever: by those that we follow, but not by its epoch. So the newest entry read is held
 * back. The next one shows that journald had finished it, but not where a file was put aside in
 * between: then, and where nothing comes next, the entry is looked for by its epoch.
 */

#include "journal/reader.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/parse.h"

/* Entries that are handed over at once, and that may wait for the loop. */
#define BATCH 512
#define WAITING_MAX 65536

/* Entries that are read before anything else is looked at. */
#define ROUND 2048

/* When the journal has nothing new it is looked at again after a wait that grows: long enough for
 * some hundred entries under load, since each look costs as well, and journald tells of new ones
 * only four times a second. */
#define NAP_MIN_MS 4
#define NAP_MAX_MS 32

/* Of a longer field only so much is wanted. */
#define FIELD_MAX 128

/* A barrier that does not come by is looked for by its field so often. */
#define FIND_USEC (250 * USEC_PER_MSEC)

struct Reader {
        const JournalPlace *place;
        sd_id128_t token;
        ReaderHandler handler;
        void *userdata;
        sd_event_source *source;
        int fd;
        pthread_t thread;
        bool running;

        pthread_mutex_t lock; /* the rest, up to the thread's own */
        pthread_cond_t changed;
        bool stop;
        bool follow;
        uint32_t barrier; /* the newest */
        ReaderItem *items;
        size_t n;
        size_t allocated;

        /* The thread's. */
        sd_journal *journal;
        sd_journal *other; /* for looking something up, without losing the place */
        ReaderItem held;   /* the newest event read */
        bool holds;
        bool doubtful; /* files came or went; what is read now may be what a journald left undone */
        char *cursor;  /* of the last entry read; NULL: has not begun */
        uint32_t seen; /* the newest barrier that was handed over */
        uint64_t find_usec; /* when one was last looked for by its field */
        unsigned nap_ms;
        ReaderItem batch[BATCH];
        size_t n_batch;
};

/* ---- on the thread ---- */

static void thread_close(Reader *r) {
        sd_journal_close(r->journal);
        sd_journal_close(r->other);
        r->journal = r->other = NULL;
        r->holds = false;
        r->doubtful = true;
}

/* Hands the batch over; waits where the loop is far behind. */
static void thread_flush(Reader *r) {
        bool done = r->n_batch == 0;

        while (!done) {
                uint64_t one = 1;

                pthread_mutex_lock(&r->lock);
                if (r->n + r->n_batch > r->allocated) {
                        size_t size = MAX(r->allocated * 2, r->n + r->n_batch);
                        ReaderItem *more = size > WAITING_MAX
                                                   ? NULL
                                                   : reallocarray(r->items, size, sizeof(*more));

                        r->items = more ? more : r->items;
                        r->allocated = more ? size : r->allocated;
                }
                if (r->n + r->n_batch <= r->allocated) {
                        memcpy(r->items + r->n, r->batch, r->n_batch * sizeof(*r->items));
                        r->n += r->n_batch;
                        r->n_batch = 0;
                        (void) !write(r->fd, &one, sizeof(one));
                }
                done = r->n_batch == 0 || r->stop;
                pthread_mutex_unlock(&r->lock);
                if (!done)
                        usleep(NAP_MIN_MS * USEC_PER_MSEC);
        }
}

static void thread_add(Reader *r, ReaderItem item) {
        r->batch[r->n_batch++] = item;
        if (r->n_batch == BATCH)
                thread_flush(r);
}

/* What is held is an entry that journald has finished. */
static void thread_let_go(Reader *r) {
        if (r->holds)
                thread_add(r, r->held);
        r->holds = false;
}

/* Has the second handle, which knows of all files that there are now. */
static int thread_open_other(Reader *r) {
        return r->other ? sd_journal_process(r->other) : place_open(r->place, &r->other);
}

/* Nothing has come behind the entry that is held: is it found by its epoch? */
static int thread_confirm(Reader *r) {
        char match[64];
        int error;

        if (!r->holds)
                return 0;
        error = thread_open_other(r);
        if (error < 0)
                return error;
        sd_journal_flush_matches(r->other);
        snprintf(match, sizeof(match), "CRIER_EPOCH=" SD_ID128_FORMAT_STR,
                 SD_ID128_FORMAT_VAL(r->held.epoch));
        error = sd_journal_add_match(r->other, match, 0);
        snprintf(match, sizeof(match), "KAFKA_OFFSET=%" PRId64, r->held.offset);
        if (error >= 0)
                error = sd_journal_add_match(r->other, match, 0);
        if (error >= 0)
                error = place_match_own(r->place, r->other);
        if (error >= 0)
                error = sd_journal_seek_tail(r->other);
        if (error >= 0)
                error = sd_journal_previous(r->other);
        if (error > 0)
                thread_let_go(r);
        return MIN(error, 0);
}

/* What comes behind it may be in another file: it is found now, or not here. Then a barrier will
 * follow, and with it a search. */
static int thread_confirm_now(Reader *r) {
        int error = thread_confirm(r);

        r->holds = false;
        return error;
}

static int thread_add_event(Reader *r, sd_id128_t epoch, int64_t offset) {
        thread_let_go(r);
        r->held = (ReaderItem){.epoch = epoch, .offset = offset};
        r->holds = true;
        return r->doubtful ? thread_confirm_now(r) : 0;
}

static void thread_add_barrier(Reader *r, uint32_t number) {
        thread_let_go(r);
        thread_add(r, (ReaderItem){.offset = number});
        r->seen = MAX(r->seen, number);
}

/* What is looked for in an entry. */
typedef struct Found {
        sd_id128_t id; /* an epoch's, or the process's of a barrier */
        int64_t number;
        bool barrier;
        bool has_id;
        bool has_number;
} Found;

/* "NAME=" and 32 digits, and for a barrier "." and its number. */
static void take_id(const char *value, size_t n, Found *f) {
        char digits[SD_ID128_STRING_MAX], number[24];

        if (n < sizeof(digits) - 1 || n - (sizeof(digits) - 1) >= sizeof(number))
                return;
        memcpy(digits, value, sizeof(digits) - 1);
        digits[sizeof(digits) - 1] = '\0';
        if (sd_id128_from_string(digits, &f->id) < 0)
                return;
        value += sizeof(digits) - 1;
        n -= sizeof(digits) - 1;
        f->has_id = f->barrier ? n > 1 && *value == '.' : n == 0;
        if (!f->barrier || !f->has_id)
                return;
        memcpy(number, value + 1, n - 1);
        number[n - 1] = '\0';
        f->has_number = parse_i64(number, 0, UINT32_MAX, &f->number) >= 0;
}

static void take_offset(const char *value, size_t n, Found *f) {
        char number[24];

        if (n >= sizeof(number))
                return;
        memcpy(number, value, n);
        number[n] = '\0';
        f->has_number = parse_i64(number, 0, INT64_MAX, &f->number) >= 0;
}

static bool take_prefix(const char *name, const char **data, size_t *n) {
        size_t size = strlen(name);

        if (*n < size || memcmp(*data, name, size) != 0)
                return false;
        *data += size;
        *n -= size;
        return true;
}

/* The current entry: an event's, a barrier, or something else. Its fields are gone through once:
 * asking for each by name would do that for each. Returns a negative errno where the journal cannot
 * be read. */
static int thread_take(Reader *r) {
        Found f = {0};
        const void *field;
        size_t n;
        int error = 0;

        sd_journal_restart_data(r->journal);
        while (!(f.has_id && f.has_number)) {
                const char *data;

                error = sd_journal_enumerate_data(r->journal, &field, &n);
                if (error <= 0)
                        break;
                data = field;
                if (take_prefix("CRIER_EPOCH=", &data, &n))
                        take_id(data, n, &f);
                else if (take_prefix("KAFKA_OFFSET=", &data, &n))
                        take_offset(data, n, &f);
                else if (take_prefix("CRIER_BARRIER=", &data, &n)) {
                        f.barrier = true;
                        take_id(data, n, &f);
                }
        }
        if (!f.has_id || !f.has_number)
                return error;
        if (!f.barrier)
                return thread_add_event(r, f.id, f.number);
        if (sd_id128_equal(f.id, r->token))
                thread_add_barrier(r, (uint32_t) f.number);
        return 0;
}

/* What the reader follows: what crierd has written, as our own user. Two terms: a choice between
 * message ids would take three times as long. */
static int thread_match(Reader *r) {
        int error;

        sd_journal_flush_matches(r->journal);
        error = sd_journal_add_match(r->journal, "SYSLOG_IDENTIFIER=crierd", 0);
        if (error >= 0)
                error = place_match_own(r->place, r->journal);
        return error;
}

static int thread_save_cursor(Reader *r) {
        char *cursor;
        int error = sd_journal_get_cursor(r->journal, &cursor);

        if (error < 0)
                return error;
        free(r->cursor);
        r->cursor = cursor;
        return 0;
}

/* Looks for a barrier by its field, with the handle `j`. Returns 1 where it is there and current.
 */
static int find_barrier(const Reader *r, sd_journal *j, uint32_t number) {
        char match[80];
        int error;

        snprintf(match, sizeof(match), "CRIER_BARRIER=" SD_ID128_FORMAT_STR ".%" PRIu32,
                 SD_ID128_FORMAT_VAL(r->token), number);
        sd_journal_flush_matches(j);
        error = sd_journal_add_match(j, match, 0);
        if (error >= 0)
                error = place_match_own(r->place, j);
        if (error >= 0)
                error = sd_journal_seek_head(j);
        return error < 0 ? error : sd_journal_next(j);
}

/* Begins at the newest barrier, or goes on behind the last entry read. Returns 1 when it has. */
static int thread_begin(Reader *r, uint32_t barrier) {
        int error;

        error = place_open(r->place, &r->journal);
        if (error < 0)
                return error;
        if (!r->cursor) {
                error = find_barrier(r, r->journal, barrier);
                if (error <= 0)
                        return error;
                error = thread_save_cursor(r);
                if (error < 0)
                        return error;
                thread_add_barrier(r, barrier);
        }
        /* Numbers are short, and what is long may have to be unpacked: sd_journal_get_data(3). */
        error = sd_journal_set_data_threshold(r->journal, FIELD_MAX);
        if (error >= 0)
                error = thread_match(r);
        if (error >= 0)
                error = sd_journal_seek_cursor(r->journal, r->cursor);
        /* Onto the entry at the cursor, which was taken. */
        if (error >= 0)
                error = sd_journal_next(r->journal);
        return error < 0 ? error : 1;
}

/* Reads what is there. Returns how many entries, or a negative errno. */
static int thread_read(Reader *r) {
        int n = 0, error = 1;

        while (n < ROUND) {
                error = sd_journal_next(r->journal);
                if (error <= 0)
                        break;
                error = thread_take(r);
                if (error < 0)
                        break;
                n++;
        }
        /* At the end: what a former journald left is passed. */
        if (error == 0 && n < ROUND)
                r->doubtful = false;
        if (n > 0 && error >= 0)
                error = thread_save_cursor(r);
        return error < 0 ? error : n;
}

/* A barrier that has not come by may have been missed. */
static int thread_find(Reader *r, uint32_t barrier) {
        uint64_t now = clock_usec();
        int error;

        if (r->seen >= barrier || now - r->find_usec < FIND_USEC)
                return 0;
        r->find_usec = now;
        error = thread_open_other(r);
        if (error >= 0)
                error = find_barrier(r, r->other, barrier);
        if (error <= 0)
                return error;
        /* What is held may stand behind it. */
        thread_add(r, (ReaderItem){.offset = barrier});
        r->seen = barrier;
        return 0;
}

static void thread_nap(Reader *r) {
        struct pollfd pfd = {.fd = -1, .events = POLLIN};

        if (r->journal)
                pfd.fd = sd_journal_get_fd(r->journal);
        (void) poll(&pfd, 1, (int) r->nap_ms);
        r->nap_ms = MIN(r->nap_ms * 2, (unsigned) NAP_MAX_MS);
}

static void thread_round(Reader *r, uint32_t barrier) {
        int n = 0;

        if (!r->journal) {
                n = barrier == 0 ? 0 : thread_begin(r, barrier);
                if (n <= 0)
                        thread_close(r);
                r->find_usec = clock_usec();
        } else {
                n = sd_journal_process(r->journal);
                if (n == SD_JOURNAL_INVALIDATE) {
                        r->doubtful = true;
                        n = thread_confirm_now(r);
                }
                n = n < 0 ? n : thread_read(r);
        }
        if (n == 0 && r->journal && thread_confirm(r) < 0)
                n = -EIO;
        if (n >= 0 && r->journal && thread_find(r, barrier) < 0)
                n = -EIO;
        if (n < 0) {
                log_debug("Reading the journal back: %s", strerror(-n));
                thread_close(r);
        }
        thread_flush(r);
        r->nap_ms = n > 0 ? NAP_MIN_MS : r->nap_ms;
        if (n <= 0)
                thread_nap(r);
}

static void *thread_main(void *userdata) {
        Reader *r = userdata;

        pthread_mutex_lock(&r->lock);
        while (!r->stop) {
                uint32_t barrier = r->barrier;

                if (!r->follow) {
                        pthread_cond_wait(&r->changed, &r->lock);
                        r->nap_ms = NAP_MIN_MS;
                        continue;
                }
                pthread_mutex_unlock(&r->lock);
                thread_round(r, barrier);
                pthread_mutex_lock(&r->lock);
        }
        pthread_mutex_unlock(&r->lock);
        thread_close(r);
        return NULL;
}

/* ---- on the loop ---- */

static int on_items(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Reader *r = userdata;
        _cleanup_free_ ReaderItem *items = NULL;
        uint64_t count;
        size_t n;

        (void) !read(fd, &count, sizeof(count));
        pthread_mutex_lock(&r->lock);
        items = TAKE_PTR(r->items);
        n = r->n;
        r->n = r->allocated = 0;
        pthread_mutex_unlock(&r->lock);
        if (n > 0)
                r->handler(r->userdata, items, n);
        return 0;
}

int reader_new(sd_event *event, const JournalPlace *place, sd_id128_t token, ReaderHandler handler,
               void *userdata, Reader **ret) {
        _cleanup_(reader_freep) Reader *r = calloc(1, sizeof(*r));
        sigset_t all, before;
        int error;

        if (!r)
                return -ENOMEM;
        r->place = place;
        r->token = token;
        r->handler = handler;
        r->userdata = userdata;
        r->nap_ms = NAP_MIN_MS;
        pthread_mutex_init(&r->lock, NULL);
        pthread_cond_init(&r->changed, NULL);
        r->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (r->fd < 0)
                return -errno;
        error = sd_event_add_io(event, &r->source, r->fd, EPOLLIN, on_items, r);
        if (error < 0)
                return error;
        sd_event_source_set_description(r->source, "journal-reader");
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        error = pthread_create(&r->thread, NULL, thread_main, r);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (error != 0)
                return -error;
        r->running = true;
        *ret = TAKE_PTR(r);
        return 0;
}

Reader *reader_free(Reader *r) {
        if (!r)
                return NULL;
        if (r->running) {
                pthread_mutex_lock(&r->lock);
                r->stop = true;
                pthread_cond_signal(&r->changed);
                pthread_mutex_unlock(&r->lock);
                pthread_join(r->thread, NULL);
        }
        sd_event_source_disable_unref(r->source);
        if (r->fd > 0)
                close(r->fd);
        pthread_cond_destroy(&r->changed);
        pthread_mutex_destroy(&r->lock);
        free(r->cursor);
        free(r->items);
        free(r);
        return NULL;
}

void reader_follow(Reader *r, bool enable, uint32_t barrier) {
        pthread_mutex_lock(&r->lock);
        r->follow = enable;
        r->barrier = barrier;
        pthread_cond_signal(&r->changed);
        pthread_mutex_unlock(&r->lock);
}
