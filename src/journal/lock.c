/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks of partitions: see lock.h.
 */

#include "journal/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "journal/state.h"

int locks_open(const char *directory, Locks *ret) {
        _cleanup_free_ char *path = NULL;
        int fd;

        if (asprintf(&path, "%s/" LOCK_FILE, directory) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        state_give_to_owner(fd, directory);
        *ret = (Locks){.fd = fd};
        return 0;
}

void locks_done(Locks *l) {
        if (l->fd > 0)
                close(l->fd);
        free(l->held);
        *l = (Locks){0};
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
        int r;

        for (unsigned i = 0; i < l->n_held; i++)
                if (l->held[i] == key)
                        return -EAGAIN;
        more = reallocarray(l->held, l->n_held + 1, sizeof(*more));
        if (!more)
                return -ENOMEM;
        l->held = more;
        r = set_lock(l, key, F_WRLCK);
        if (r < 0)
                return r == -EACCES ? -EAGAIN : r;
        l->held[l->n_held++] = key;
        return 0;
}

void locks_give(Locks *l, uint64_t key) {
        for (unsigned i = 0; i < l->n_held; i++)
                if (l->held[i] == key) {
                        (void) set_lock(l, key, F_UNLCK);
                        l->held[i] = l->held[--l->n_held];
                        return;
                }
}
