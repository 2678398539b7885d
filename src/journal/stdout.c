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

static int stdout_flush(Sink *s) {
        struct pollfd pfd = {.fd = s->fd, .events = POLLOUT};
        size_t done = 0;
        int r = 0;

        while (done < s->pending.size) {
                ssize_t n;

                if (poll(&pfd, 1, 0) <= 0 || !(pfd.revents & (POLLOUT | POLLERR | POLLHUP))) {
                        r = -EAGAIN;
                        break;
                }
                n = write(s->fd, s->pending.data + done,
                          MIN(s->pending.size - done, (size_t) PIPE_BUF));
                if (n < 0 && errno != EINTR) {
                        r = -errno;
                        break;
                }
                done += n > 0 ? (size_t) n : 0;
        }
        if (done > 0) {
                memmove(s->pending.data, s->pending.data + done, s->pending.size - done);
                s->pending.size -= done;
        }
        return r;
}

static int stdout_write(Sink *s, const Entry *e) {
        int r;

        if (e->message.failed)
                return -ENOMEM;
        /* What waits goes first, and the entry is taken only when nothing waits any more: "taken"
         * then means that all before it left the process. */
        r = stdout_flush(s);
        if (r < 0)
                return r;
        buffer_append(&s->pending, e->message.data, e->message.size);
        buffer_append_byte(&s->pending, '\n');
        if (s->pending.failed) {
                buffer_clear(&s->pending);
                return -ENOMEM;
        }
        r = stdout_flush(s);
        if (r < 0 && s->pending.size == e->message.size + 1) {
                /* Nothing of it went out: it is still the caller's. */
                buffer_clear(&s->pending);
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
}

int stdout_new(sd_event *event, Sink **ret) {
        static const SinkKind kind = {
                .name = "stdout",
                .write = stdout_write,
                .probe = stdout_probe,
                .watch = stdout_watch,
                .close = stdout_close,
        };

        return sink_new(event, &kind, STDOUT_FILENO, strdup("standard output"), ret);
}
