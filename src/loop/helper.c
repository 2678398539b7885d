/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads for calls that can only block: see helper.h.
 */

#include "loop/helper.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

/* librdkafka's public calls need little stack, its own threads do the work; libsystemd's keep paths
 * on it. */
#define HELPER_STACK (256 * 1024)

typedef struct HelperJob HelperJob;

struct HelperJob {
        Helpers *helpers;
        HelperWork work;
        HelperWork done;
        void *job;
        HelperJob *next;
};

struct Helpers {
        pthread_mutex_t lock; /* finished */
        HelperJob *finished;
        unsigned running; /* the loop's */
        int fd;
        sd_event_source *source;
};

static void *helper_thread(void *userdata) {
        HelperJob *j = userdata;
        Helpers *h = j->helpers;
        uint64_t one = 1;

        j->work(j->job);
        /* Under the lock up to the wake-up: helpers_free() may run as soon as it is released. */
        pthread_mutex_lock(&h->lock);
        j->next = h->finished;
        h->finished = j;
        (void) !write(h->fd, &one, sizeof(one));
        pthread_mutex_unlock(&h->lock);
        return NULL;
}

static void helpers_collect(Helpers *h) {
        HelperJob *list;

        pthread_mutex_lock(&h->lock);
        list = TAKE_PTR(h->finished);
        pthread_mutex_unlock(&h->lock);
        while (list) {
                HelperJob *j = list;

                list = j->next;
                h->running--;
                j->done(j->job);
                free(j);
        }
}

static int on_finished(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        uint64_t count;

        (void) !read(fd, &count, sizeof(count));
        helpers_collect(userdata);
        return 0;
}

int helpers_new(sd_event *event, Helpers **ret) {
        _cleanup_(helpers_freep) Helpers *h = NULL;
        int r;

        h = calloc(1, sizeof(*h));
        if (!h)
                return -ENOMEM;
        pthread_mutex_init(&h->lock, NULL);
        h->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (h->fd < 0)
                return -errno;
        r = sd_event_add_io(event, &h->source, h->fd, EPOLLIN, on_finished, h);
        if (r < 0)
                return r;
        sd_event_source_set_description(h->source, "helpers");
        *ret = TAKE_PTR(h);
        return 0;
}

Helpers *helpers_free(Helpers *h) {
        if (!h)
                return NULL;
        helpers_collect(h);
        sd_event_source_disable_unref(h->source);
        if (h->running > 0)
                return NULL;
        if (h->fd >= 0)
                close(h->fd);
        pthread_mutex_destroy(&h->lock);
        free(h);
        return NULL;
}

int helpers_run(Helpers *h, HelperWork work, HelperWork done, void *job) {
        _cleanup_free_ HelperJob *j = NULL;
        pthread_attr_t attr;
        sigset_t all, before;
        pthread_t thread;
        int r;

        j = malloc(sizeof(*j));
        if (!j)
                return -ENOMEM;
        *j = (HelperJob){.helpers = h, .work = work, .done = done, .job = job};
        pthread_attr_init(&attr);
        pthread_attr_setstacksize(&attr, HELPER_STACK);
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&thread, &attr, helper_thread, j);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pthread_attr_destroy(&attr);
        if (r != 0)
                return -r;
        TAKE_PTR(j);
        h->running++;
        return 0;
}

unsigned helpers_running(const Helpers *h) {
        return h->running;
}
