/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The listening AF_UNIX socket as a file: see listener.h.
 */

#include "config.h"

#include "control/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#include "common/macro.h"

/* How long two daemons that start at once wait for each other. */
#define LOCK_TRIES 20
#define LOCK_PAUSE_NSEC 5000000

static int socket_new(void) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        return fd < 0 ? -errno : fd;
}

static int address_init(const char *path, struct sockaddr_un *ret) {
        size_t size = strlen(path);

        if (size == 0)
                return -EINVAL;
        if (size >= sizeof(ret->sun_path))
                return -ENAMETOOLONG;
        *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
        memcpy(ret->sun_path, path, size);
        return 0;
}

/* Locks the directory, so that of two daemons that start at once the second sees the first, and
 * does not remove its fresh socket as a stale one. Anybody who can read the directory can hold this
 * lock, so it is only waited for a moment. Returns the descriptor that holds it, or -1. */
static int directory_lock(const struct sockaddr_un *address) {
        const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NSEC};
        char directory[sizeof(address->sun_path)];
        char *slash;
        int fd;

        memcpy(directory, address->sun_path, sizeof(directory));
        slash = strrchr(directory, '/');
        if (slash)
                slash[slash == directory ? 1 : 0] = 0;
        fd = open(slash ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -1;
        for (int i = 0; i < LOCK_TRIES && flock(fd, LOCK_EX | LOCK_NB) < 0; i++)
                nanosleep(&pause, NULL);
        return fd;
}

/* Returns 0 when the path is free, 1 when a socket is there that nobody serves, or a negative
 * errno. */
static int probe(const struct sockaddr_un *address) {
        _cleanup_close_ int fd = -1;
        struct stat st;

        if (lstat(address->sun_path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!S_ISSOCK(st.st_mode))
                return -ENOTSOCK;
        fd = socket_new();
        if (fd < 0)
                return fd;
        if (connect(fd, (const struct sockaddr *) address, sizeof(*address)) == 0)
                return -EADDRINUSE;
        switch (errno) {
        case ECONNREFUSED:
                return 1;
        case ENOENT:
                return 0;
        case EAGAIN:     /* alive, and its backlog is full */
        case EPROTOTYPE: /* alive, and not ours */
                return -EADDRINUSE;
        default:
                return -errno;
        }
}

/* Mode, backlog and identity of a socket that is bound already. Others may own the directory and
 * put something else in its place meanwhile, so the name is looked up once. */
static int bound_open(Listener *l) {
        _cleanup_close_ int fd = open(l->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        char inode[sizeof("/proc/self/fd/") + 10];
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid())
                return -ENOTSOCK;
        snprintf(inode, sizeof(inode), "/proc/self/fd/%d", fd);
        if (chmod(inode, 0666) < 0 || listen(l->fd, SOMAXCONN) < 0)
                return -errno;
        l->device = st.st_dev;
        l->inode = st.st_ino;
        return 0;
}

int listener_open(const char *path, Listener *ret) {
        _cleanup_close_ int fd = -1;
        _cleanup_close_ _unused_ int lock = -1;
        struct sockaddr_un address;
        Listener l = {.fd = -1};
        int r;

        r = address_init(path, &address);
        if (r < 0)
                return r;
        lock = directory_lock(&address);
        r = probe(&address);
        if (r < 0)
                return r;
        if (r > 0 && unlink(path) < 0 && errno != ENOENT)
                return -errno;
        fd = socket_new();
        if (fd < 0)
                return fd;
        if (bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        l.fd = fd;
        memcpy(l.path, address.sun_path, sizeof(l.path));
        r = bound_open(&l);
        if (r < 0) {
                (void) unlink(path);
                return r;
        }
        TAKE_FD(fd);
        *ret = l;
        return 0;
}

void listener_close(Listener *l) {
        struct stat st;

        if (*l->path && lstat(l->path, &st) == 0 && st.st_dev == l->device && st.st_ino == l->inode)
                (void) unlink(l->path);
        closep(&l->fd);
        *l = (Listener){.fd = -1};
}
