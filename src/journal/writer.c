/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The journal as a sink: see writer.h. Datagrams, and sealed memory files for what does not fit
 * one, as systemd's "Native Journal Protocol" describes. sd_journal_sendv(3) is not used: it blocks
 * while journald is stopped, and says 0 where the socket does not exist.
 */

#include "journal/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

/* What is asked for as the socket's send buffer; the kernel gives what net.core.wmem_max allows. */
#define WRITER_SEND_BUFFER (8 * 1024 * 1024)

/* Memory files that journald has not read yet are ours to pay for, and the queue may hold hundreds.
 */
#define WRITER_FILES_MAX (16 * 1024 * 1024)

/* How long a full queue is left alone: see writer_watch(). Below the shortest, waking up costs more
 * than it spares. */
#define WRITER_NAP_FIRST_USEC 250
#define WRITER_NAP_MIN_USEC 30
#define WRITER_NAP_MAX_USEC (4 * USEC_PER_MSEC)

typedef struct Writer {
        Sink sink;
        uint64_t in_files; /* bytes sent as files that journald may not have read yet */
        bool files_full;   /* it is these that are full, not the socket's queue */
        uint64_t nap_usec; /* how long a full queue is left alone */
        int full_bytes;    /* what was queued when it was last full */
} Writer;

static int writer_connect(const char *path) {
        struct sockaddr_un sa = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = -1;
        int size = WRITER_SEND_BUFFER;

        if (strlen(path) >= sizeof(sa.sun_path))
                return -ENAMETOOLONG;
        memcpy(sa.sun_path, path, strlen(path) + 1);
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        (void) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        if (connect(fd, (struct sockaddr *) &sa, sizeof(sa)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* Bytes in memory files are counted until the socket's queue was seen empty: unix(7), SIOCOUTQ. */
static bool files_have_room(Writer *w, size_t n) {
        int queued = 0;

        if (w->in_files == 0 || w->in_files + n <= WRITER_FILES_MAX)
                return true;
        if (ioctl(w->sink.fd, SIOCOUTQ, &queued) < 0 || queued > 0) {
                w->files_full = true;
                return false;
        }
        w->in_files = 0;
        return true;
}

static int writer_send_file(Writer *w, const Buffer *fields) {
        union {
                struct cmsghdr align;
                uint8_t bytes[CMSG_SPACE(sizeof(int))];
        } control = {0};
        struct msghdr mh = {.msg_control = &control, .msg_controllen = sizeof(control)};
        _cleanup_close_ int fd = -1;
        struct cmsghdr *cmsg;
        size_t done = 0;

        if (!files_have_room(w, fields->size))
                return -EAGAIN;
        fd = memfd_create("crier-entry", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        while (done < fields->size) {
                ssize_t n = write(fd, fields->data + done, fields->size - done);

                if (n < 0 && errno != EINTR)
                        return -errno;
                done += n > 0 ? (size_t) n : 0;
        }
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
                return -errno;
        cmsg = CMSG_FIRSTHDR(&mh);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
        if (sendmsg(w->sink.fd, &mh, MSG_NOSIGNAL) < 0) {
                /* The kernel counts descriptors in flight per user: that, too, is a full queue. */
                if (errno != ETOOMANYREFS)
                        return -errno;
                w->files_full = true;
                return -EAGAIN;
        }
        w->in_files += fields->size;
        return 0;
}

static int writer_write(Sink *s, const Entry *e) {
        if (e->fields.failed)
                return -ENOMEM;
        if (send(s->fd, e->fields.data, e->fields.size, MSG_NOSIGNAL) >= 0)
                return 0;
        if (errno == EMSGSIZE || errno == ENOBUFS)
                return writer_send_file((Writer *) s, &e->fields);
        return -errno;
}

static int on_writable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        sink_retry(userdata);
        return 0;
}

static int queued_bytes(const Sink *s) {
        int n = 0;

        return ioctl(s->fd, SIOCOUTQ, &n) < 0 ? 0 : n;
}

/* A full queue is left alone for a moment: the socket tells of every single place that becomes
 * free, and to wake us for each costs journald, the one that has to hurry. How long the moment may
 * be depends on the queue (net.unix.max_dgram_qlen is 512 where systemd is PID 1, and else 10) and
 * on the machine: writer_learn() finds out. Where the queue would run empty within any nap, each
 * place counts, and the socket is watched.
 *
 * The descriptor changes when the socket was made anew, so its source is made when it is needed. */
static uint64_t writer_watch(Sink *s, bool enable) {
        Writer *w = (Writer *) s;

        s->source = sd_event_source_disable_unref(s->source);
        /* A refusal is asked about by the timer alone: a broken socket is always "writable", and so
         * is one that has room while what it carries has none. */
        if (!enable || s->state != SINK_FULL || w->files_full)
                return 0;
        w->full_bytes = queued_bytes(s);
        if (w->nap_usec >= WRITER_NAP_MIN_USEC)
                return w->nap_usec;
        (void) sd_event_add_io(s->event, &s->source, s->fd, EPOLLOUT, on_writable, s);
        return 0;
}

/* Was the last nap too long, or too short? Right is one that ends when half of the queue is left.
 */
static void writer_learn(Writer *w) {
        int queued = queued_bytes(&w->sink);

        if (queued == 0)
                w->nap_usec = w->nap_usec / 2;
        else if (queued > w->full_bytes / 2)
                w->nap_usec = MIN(MAX(w->nap_usec, (uint64_t) WRITER_NAP_MIN_USEC) * 5 / 4,
                                  (uint64_t) WRITER_NAP_MAX_USEC);
}

static int writer_probe(Sink *s) {
        Writer *w = (Writer *) s;
        struct pollfd pfd = {.fd = s->fd, .events = POLLOUT};

        /* A queue that is full needs no new socket. */
        if (s->state == SINK_REFUSED && s->error) {
                int fd = writer_connect(s->target);

                if (fd < 0)
                        return fd;
                s->source = sd_event_source_disable_unref(s->source);
                close(s->fd);
                s->fd = pfd.fd = fd;
        }
        if (s->state == SINK_FULL && !w->files_full)
                writer_learn(w);
        if (poll(&pfd, 1, 0) <= 0 || !(pfd.revents & POLLOUT))
                return -EAGAIN;
        if (w->files_full && !files_have_room(w, WRITER_FILES_MAX))
                return -EAGAIN;
        w->files_full = false;
        return 0;
}

int writer_new(sd_event *event, const char *path, Sink **ret) {
        static const SinkKind kind = {
                .name = "journal",
                .size = sizeof(Writer),
                .wants_fields = true,
                .write = writer_write,
                .probe = writer_probe,
                .watch = writer_watch,
        };
        int fd, r;

        fd = writer_connect(path);
        if (fd < 0)
                return fd;
        r = sink_new(event, &kind, fd, strdup(path), ret);
        if (r >= 0)
                ((Writer *) *ret)->nap_usec = WRITER_NAP_FIRST_USEC;
        return r;
}
