/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading our own entries back: see reader.h.
 *
 * Only files are read that journald may write to, or has written to since we began: whatever it had
 * put aside before cannot get an entry of this process. Each is read by itself, to its end; their
 * order does not matter, since nothing is taken for lost that a search does not miss as well.
 *
 * Where a reader begins matters: one that is placed at the journal's tail misses some of the first
 * entries that follow. So it begins at an entry that is known to be readable, a barrier of ours,
 * which is found by its field; what was sent before that barrier nobody waits for.
 */

#include "journal/reader.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/log.h"

/* Entries that are handed over at once, and that may wait for the loop. */
#define BATCH 512
#define WAITING_MAX 65536

/* When the journal has nothing new it is looked at again after a wait that grows: long enough for
 * some hundred entries under load, since each look costs as well. */
#define NAP_MIN_MS 4
#define NAP_MAX_MS 32

/* A barrier that does not come by is looked for by its field so often. */
#define FIND_USEC (250 * USEC_PER_MSEC)

struct Reader {
        FollowedFor who;
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
        Sequence reached;

        /* The thread's. */
        Followed *followed;
        size_t n_followed;
        char **passed; /* the names of archived files that hold nothing to wait for any more */
        size_t n_passed;
        bool begun;         /* at a barrier */
        uint32_t seen;      /* the newest barrier that was handed over */
        uint64_t find_usec; /* when one was last looked for by its field */
        unsigned nap_ms;
        ReaderItem batch[BATCH];
        size_t n_batch;
        Sequence batch_reached; /* where the journal was when the batch was read */
};

/* ---- what the thread hands over ---- */

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
                        r->reached = r->batch_reached;
                        (void) !write(r->fd, &one, sizeof(one));
                }
                done = r->n_batch == 0 || r->stop;
                pthread_mutex_unlock(&r->lock);
                if (!done)
                        usleep(NAP_MIN_MS * USEC_PER_MSEC);
        }
}

static void thread_add(void *userdata, ReaderItem item) {
        Reader *r = userdata;

        if (sd_id128_is_null(item.epoch))
                r->seen = MAX(r->seen, (uint32_t) item.offset);
        r->batch[r->n_batch++] = item;
        if (r->n_batch == BATCH)
                thread_flush(r);
}

/* ---- which files ---- */

static void thread_close(Reader *r) {
        for (size_t i = 0; i < r->n_followed; i++)
                followed_done(&r->followed[i]);
        r->n_followed = 0;
        r->begun = false;
}

static bool is_passed(const Reader *r, const char *name) {
        for (size_t i = 0; i < r->n_passed; i++)
                if (streq(r->passed[i], name))
                        return true;
        return false;
}

static int pass(Reader *r, const char *name) {
        char **more = reallocarray(r->passed, r->n_passed + 1, sizeof(*more));

        if (!more)
                return -ENOMEM;
        r->passed = more;
        more[r->n_passed] = strdup(name);
        if (!more[r->n_passed])
                return -ENOMEM;
        r->n_passed++;
        return 0;
}

static void forget_passed(Reader *r) {
        for (size_t i = 0; i < r->n_passed; i++)
                free(r->passed[i]);
        r->n_passed = 0;
}

static int pass_archived_of(Reader *r, const char *directory) {
        struct dirent **names;
        int n = place_list(directory, &names), error = MIN(n, 0);

        for (int i = 0; i < n && error >= 0; i++)
                if (place_is_archived(names[i]->d_name))
                        error = pass(r, names[i]->d_name);
        place_list_free(names, n);
        return error;
}

/* All files that are put aside now; those that are followed are so none the less. */
static int pass_archived(Reader *r) {
        int error = 0;

        forget_passed(r);
        for (size_t i = 0; i < ELEMENTSOF(r->who.place->directories) && error >= 0; i++)
                if (r->who.place->directories[i])
                        error = pass_archived_of(r, r->who.place->directories[i]);
        return error;
}

/* Takes a file that was opened: it is followed under its new name, or from now on. */
static int thread_take_file(Reader *r, JournalFile *file) {
        Followed *more;
        int error;

        for (size_t i = 0; i < r->n_followed; i++)
                if (file_is_same(&r->followed[i].file, file)) {
                        file_done(&r->followed[i].file);
                        r->followed[i].file = *file;
                        return 0;
                }
        more = reallocarray(r->followed, r->n_followed + 1, sizeof(*more));
        if (!more) {
                file_done(file);
                return -ENOMEM;
        }
        r->followed = more;
        error = followed_open(&r->who, file, &more[r->n_followed]);
        if (error >= 0)
                r->n_followed++;
        return error;
}

/* One file of a directory. What cannot be read of a file that is put aside is a search's to say. */
static int thread_take_name(Reader *r, const char *directory, const char *name) {
        JournalFile file = {.fd = -1};
        int error;

        if (!place_may_hold(r->who.place, name) || is_passed(r, name))
                return 0;
        error = file_open(directory, name, &file);
        if (error > 0)
                error = thread_take_file(r, &file);
        return error < 0 && place_is_archived(name) ? pass(r, name) : error;
}

static int thread_look_through(Reader *r, const char *directory) {
        struct dirent **names;
        int n = place_list(directory, &names), error = MIN(n, 0);

        for (int i = 0; i < n && error >= 0; i++)
                error = thread_take_name(r, directory, names[i]->d_name);
        place_list_free(names, n);
        return error;
}

/* Whether a file is followed that journald writes to, and is the one at this path. */
static bool is_followed(const Reader *r, const struct stat *st) {
        for (size_t i = 0; i < r->n_followed; i++)
                if (!r->followed[i].file.archived && r->followed[i].file.inode == st->st_ino &&
                    r->followed[i].file.device == st->st_dev)
                        return true;
        return false;
}

/* Whether journald writes to other files than those that are followed: one that is put aside gets
 * another name, and then there is a new one. */
static bool thread_is_elsewhere(const Reader *r) {
        size_t there = 0, current = 0;
        struct stat st;

        for (size_t i = 0; i < ELEMENTSOF(r->who.place->current); i++)
                if (r->who.place->current[i] && stat(r->who.place->current[i], &st) >= 0) {
                        if (!is_followed(r, &st))
                                return true;
                        there++;
                }
        for (size_t i = 0; i < r->n_followed; i++)
                current += !r->followed[i].file.archived;
        return there != current;
}

/* What is not found under any name any more is gone, and gets nothing either. */
static int thread_find_files(Reader *r) {
        int error = 0;

        for (size_t i = 0; i < r->n_followed; i++)
                r->followed[i].file.archived = true;
        for (size_t i = 0; i < ELEMENTSOF(r->who.place->directories) && error >= 0; i++)
                if (r->who.place->directories[i])
                        error = thread_look_through(r, r->who.place->directories[i]);
        return error;
}

/* Lets go of the files that are finished. */
static int thread_drop_finished(Reader *r) {
        size_t kept = 0;
        int error = 0;

        for (size_t i = 0; i < r->n_followed; i++) {
                Followed *f = &r->followed[i];

                if (f->finished && error >= 0) {
                        if (place_is_archived(f->file.name))
                                error = pass(r, f->file.name);
                        followed_done(f);
                } else
                        r->followed[kept++] = *f;
        }
        r->n_followed = kept;
        return error;
}

/* ---- rounds ---- */

/* Begins at the newest barrier, in whichever file it is; a file that came later is read from its
 * head. Returns 1 when it has, 0 where the barrier is not there yet, or a negative errno. */
static int thread_begin(Reader *r, uint32_t barrier) {
        r->find_usec = clock_usec();
        for (size_t i = 0; i < r->n_followed; i++) {
                int error = followed_find(&r->who, &r->followed[i], barrier);

                if (error > 0) {
                        error = followed_begin(&r->followed[i]);
                        r->begun = error >= 0;
                        return error < 0 ? error : 1;
                }
                if (error < 0)
                        return error;
        }
        return 0;
}

/* Reads what is there. Returns how many entries, or a negative errno. */
static int thread_read(Reader *r) {
        int n = 0, error = 0;

        for (size_t i = 0; i < r->n_followed && error >= 0; i++) {
                Followed *f = &r->followed[i];

                r->batch_reached = file_reached(&f->file);
                error = followed_read(&r->who, f);
                if (error < 0 && f->file.archived) {
                        f->finished = true;
                        error = 0;
                }
                n += MAX(error, 0);
        }
        if (error >= 0)
                error = thread_drop_finished(r);
        return error < 0 ? error : n;
}

/* A barrier that has not come by may have been missed. */
static int thread_find(Reader *r, uint32_t barrier) {
        uint64_t now = clock_usec();
        int error = 0;

        if (r->seen >= barrier || now - r->find_usec < FIND_USEC)
                return 0;
        r->find_usec = now;
        for (size_t i = 0; i < r->n_followed && error == 0; i++)
                error = followed_find(&r->who, &r->followed[i], barrier);
        /* What is held may stand behind it. */
        if (error > 0)
                thread_add(r, (ReaderItem){.offset = barrier});
        return MIN(error, 0);
}

static void thread_round(Reader *r, uint32_t barrier) {
        int n = thread_is_elsewhere(r) ? thread_find_files(r) : 0;

        if (n >= 0)
                n = r->begun ? thread_read(r) : thread_begin(r, barrier);
        if (n >= 0 && r->begun && thread_find(r, barrier) < 0)
                n = -EIO;
        if (n < 0) {
                log_debug("Reading the journal back: %s", strerror(-n));
                thread_close(r);
        }
        thread_flush(r);
        r->nap_ms = n > 0 ? NAP_MIN_MS : r->nap_ms;
        if (n <= 0) {
                usleep(r->nap_ms * USEC_PER_MSEC);
                r->nap_ms = MIN(r->nap_ms * 2, (unsigned) NAP_MAX_MS);
        }
}

/* Nobody has waited for anything: so what was put aside meanwhile need not be read. */
static void thread_wakes(Reader *r) {
        r->nap_ms = NAP_MIN_MS;
        (void) pass_archived(r);
}

static void *thread_main(void *userdata) {
        Reader *r = userdata;
        bool rests = false;

        pthread_mutex_lock(&r->lock);
        while (!r->stop) {
                uint32_t barrier = r->barrier;

                if (!r->follow || barrier == 0) {
                        rests = true;
                        pthread_cond_wait(&r->changed, &r->lock);
                        continue;
                }
                pthread_mutex_unlock(&r->lock);
                if (rests)
                        thread_wakes(r);
                rests = false;
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
        Sequence reached;
        uint64_t count;
        size_t n;

        (void) !read(fd, &count, sizeof(count));
        pthread_mutex_lock(&r->lock);
        items = TAKE_PTR(r->items);
        n = r->n;
        r->n = r->allocated = 0;
        reached = r->reached;
        pthread_mutex_unlock(&r->lock);
        if (n > 0)
                r->handler(r->userdata, items, n, reached);
        return 0;
}

int reader_new(sd_event *event, const JournalPlace *place, sd_id128_t token, ReaderHandler handler,
               void *userdata, Reader **ret) {
        _cleanup_(reader_freep) Reader *r = calloc(1, sizeof(*r));
        sigset_t all, before;
        int error;

        if (!r)
                return -ENOMEM;
        r->who = (FollowedFor){.place = place, .token = token, .add = thread_add, .userdata = r};
        r->handler = handler;
        r->userdata = userdata;
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
        forget_passed(r);
        free(r->passed);
        free(r->followed);
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
