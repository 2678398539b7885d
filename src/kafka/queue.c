/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From librdkafka's queues to the loop: see queue.h.
 */

#include "kafka/queue.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

struct QueueWaker {
        int fd;
        sd_event_source *source;
        QueueHandler handler;
        void *userdata;
};

static const uint64_t one = 1;

static int on_wake(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        QueueWaker *w = userdata;
        uint64_t count;

        /* Before the queues are read: what arrives meanwhile wakes us again. */
        (void) !read(fd, &count, sizeof(count));
        w->handler(w->userdata);
        return 0;
}

int queue_waker_new(sd_event *event, QueueHandler handler, void *userdata, QueueWaker **ret) {
        _cleanup_(queue_waker_freep) QueueWaker *w = NULL;
        int r;

        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        w->handler = handler;
        w->userdata = userdata;
        w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (w->fd < 0)
                return -errno;
        r = sd_event_add_io(event, &w->source, w->fd, EPOLLIN, on_wake, w);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(w);
        return 0;
}

QueueWaker *queue_waker_free(QueueWaker *w) {
        if (!w)
                return NULL;
        sd_event_source_disable_unref(w->source);
        if (w->fd >= 0)
                close(w->fd);
        free(w);
        return NULL;
}

void queue_watch(QueueWaker *w, rd_kafka_queue_t *queue) {
        rd_kafka_queue_io_event_enable(queue, w->fd, &one, sizeof(one));
        /* What was there before was not announced. */
        queue_wake(w);
}

rd_kafka_queue_t *queue_unwatch(rd_kafka_queue_t *queue) {
        if (!queue)
                return NULL;
        rd_kafka_queue_io_event_enable(queue, -1, NULL, 0);
        rd_kafka_queue_destroy(queue);
        return NULL;
}

void queue_wake(QueueWaker *w) {
        (void) !write(w->fd, &one, sizeof(one));
}
