/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks of partitions: see lock.h.
 */

#include "journal/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "journal/state.h"

/* Opens the file, or makes it. One that is there already may be whatever who owns the directory has
 * put there, so it is not given away, and nothing is locked in what is no file. */
static int open_file(const char *directory, Locks *ret) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -1;
        struct stat st;

        if (asprintf(&path, "%s/" LOCK_FILE, directory) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd >= 0)
                state_give_to_owner(fd, directory);
        else if (errno == EEXIST)
                fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADFD;
        *ret = (Locks){
                .fd = TAKE_FD(fd),
                .path = TAKE_PTR(path),
                .device = st.st_dev,
                .inode = st.st_ino,
        };
        return 0;
}

int locks_open(const char *directory, Locks *ret) {
        Locks l = {0};
        int r = open_file(directory, &l);

        if (r < 0)
                return r;
        l.directory = strdup(directory);
        if (!l.directory) {
                locks_done(&l);
                return -ENOMEM;
        }
        *ret = l;
        return 0;
}

void locks_done(Locks *l) {
        if (l->fd > 0)
                close(l->fd);
        free(l->held);
        free(l->path);
        free(l->directory);
        *l = (Locks){0};
}

bool locks_hold(const Locks *l) {
        struct stat st;

        if (stat(l->path, &st) >= 0)
                return st.st_dev == l->device && st.st_ino == l->inode;
        /* Where one may not look there is no other file either. */
        return errno != ENOENT && errno != ENOTDIR;
}

/* The file that has the name now, in the place of one in which nothing is locked. */
static int open_again(Locks *l) {
        Locks new = {0};
        int r = open_file(l->directory, &new);

        if (r < 0)
                return r;
        new.directory = TAKE_PTR(l->directory);
        locks_done(l);
        *l = new;
        return 0;
}

static int set_lock(const Locks *l, uint64_t key, short type) {
        struct flock range = {
                .l_type = type,
                .l_whence = SEEK_SET,
                .l_start = (off_t) key,
                .l_len = 1,
        };

        return fcntl(l->fd, F_OFD_SETLK, &range) < 0 ? -errno : 0;
}

int locks_take(Locks *l, uint64_t key) {
        uint64_t *more;
        int r = 0;

        for (unsigned i = 0; i < l->n_held; i++)
                if (l->held[i] == key)
                        return -EAGAIN;
        if (!locks_hold(l))
                r = l->n_held > 0 ? -ESTALE : open_again(l);
        if (r < 0)
                return r;
        more = reallocarray(l->held, l->n_held + 1, sizeof(*more));
        if (!more)
                return -ENOMEM;
        l->held = more;
        r = set_lock(l, key, F_WRLCK);
        if (r < 0)
                return r == -EACCES ? -EAGAIN : r;
        l->held[l->n_held++] = key;
        if (locks_hold(l))
                return 0;
        /* It was removed between the two looks. */
        locks_give(l, key);
        return -EAGAIN;
}

void locks_give(Locks *l, uint64_t key) {
        for (unsigned i = 0; i < l->n_held; i++)
                if (l->held[i] == key) {
                        (void) set_lock(l, key, F_UNLCK);
                        l->held[i] = l->held[--l->n_held];
                        return;
                }
}
