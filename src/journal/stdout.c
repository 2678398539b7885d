/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Standard output as a sink: see stdout.h. O_NONBLOCK is not set, for it would be shared with the
 * shell and every program beside us; instead at most PIPE_BUF bytes are written when poll(2) says
 * there is room, which does not block (pipe(7)).
 */

#include "journal/stdout.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>

typedef struct Output {
        Sink sink;
        Buffer pending; /* what is not written yet */
} Output;

static int stdout_flush(Sink *s) {
        Buffer *pending = &((Output *) s)->pending;
        struct pollfd pfd = {.fd = s->fd, .events = POLLOUT};
        size_t done = 0;
        int r = 0;

        while (done < pending->size) {
                ssize_t n;

                if (poll(&pfd, 1, 0) <= 0 || !(pfd.revents & (POLLOUT | POLLERR | POLLHUP))) {
                        r = -EAGAIN;
                        break;
                }
                n = write(s->fd, pending->data + done,
                          MIN(pending->size - done, (size_t) PIPE_BUF));
                if (n < 0 && errno != EINTR) {
                        r = -errno;
                        break;
                }
                done += n > 0 ? (size_t) n : 0;
        }
        if (done > 0) {
                memmove(pending->data, pending->data + done, pending->size - done);
                pending->size -= done;
        }
        return r;
}

static int stdout_write(Sink *s, const Entry *e) {
        Buffer *pending = &((Output *) s)->pending;
        int r;

        if (e->message.failed)
                return -ENOMEM;
        /* What waits goes first, and the entry is taken only when nothing waits any more: "taken"
         * then means that all before it left the process. */
        r = stdout_flush(s);
        if (r < 0)
                return r;
        buffer_append(pending, e->message.data, e->message.size);
        buffer_append_byte(pending, '\n');
        if (pending->failed) {
                buffer_clear(pending);
                return -ENOMEM;
        }
        r = stdout_flush(s);
        if (r < 0 && pending->size == e->message.size + 1) {
                /* Nothing of it went out: it is still the caller's. */
                buffer_clear(pending);
                return r;
        }
        return r == -EAGAIN ? 0 : r;
}

static int stdout_probe(Sink *s) {
        return stdout_flush(s);
}

static int on_writable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        sink_retry(userdata);
        return 0;
}

static uint64_t stdout_watch(Sink *s, bool enable) {
        if (!s->source && enable)
                /* Fails with -EPERM for a regular file, which is never full: then the timer asks.
                 */
                (void) sd_event_add_io(s->event, &s->source, s->fd, EPOLLOUT, on_writable, s);
        if (s->source)
                sd_event_source_set_enabled(s->source, enable && s->state == SINK_FULL
                                                               ? SD_EVENT_ONESHOT
                                                               : SD_EVENT_OFF);
        return 0;
}

static void stdout_close(Sink *s) {
        (void) stdout_flush(s);
        buffer_done(&((Output *) s)->pending);
}

int stdout_new(sd_event *event, Sink **ret) {
        static const SinkKind kind = {
                .name = "stdout",
                .size = sizeof(Output),
                .write = stdout_write,
                .probe = stdout_probe,
                .watch = stdout_watch,
                .close = stdout_close,
        };

        return sink_new(event, &kind, STDOUT_FILENO, strdup("standard output"), ret);
}
