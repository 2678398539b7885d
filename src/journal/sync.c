/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bringing the journal to disk: see sync.h.
 */

#include "journal/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* While we look, journald may put a file aside and begin a new one; so often in a row it does not.
 */
#define ROUNDS_MAX 5

void sync_memory_done(SyncMemory *m) {
        free(m->done);
        *m = (SyncMemory){0};
}

static bool is_done(const SyncMemory *m, ino_t inode) {
        for (unsigned i = 0; i < m->n; i++)
                if (m->done[i] == inode)
                        return true;
        return false;
}

static int remember(SyncMemory *m, ino_t inode) {
        ino_t *more = reallocarray(m->done, m->n + 1, sizeof(*more));

        if (!more)
                return -ENOMEM;
        m->done = more;
        m->done[m->n++] = inode;
        return 0;
}

/* system@….journal, user-1000@….journal, ….journal~: journald writes to them no more. */
static bool is_archived(const char *name) {
        return strchr(name, '@') || name[strlen(name) - 1] == '~';
}

/* One file, where that is needed. `seen` has the inodes of all that this run has dealt with.
 * Returns whether this was one of them, or a negative errno. */
static int sync_file(int directory, const char *name, const SyncMemory *memory, SyncMemory *seen,
                     SyncMemory *archived) {
        _cleanup_close_ int fd = -1;
        struct stat st;
        int r;

        fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (is_done(seen, st.st_ino))
                return 0;
        if (!is_done(memory, st.st_ino) && fsync(fd) < 0)
                return -errno;
        r = remember(seen, st.st_ino);
        /* Only what was put aside before it was brought to disk need not be looked at again. */
        if (r >= 0 && is_archived(name))
                r = remember(archived, st.st_ino);
        return r < 0 ? r : 1;
}

/* One look through a directory. Returns how many files it had that were not seen before, or a
 * negative errno. */
static int sync_round(const char *path, int directory, const SyncMemory *memory, SyncMemory *seen,
                      SyncMemory *archived) {
        struct dirent **names;
        int n = place_list(path, &names), r = MIN(n, 0), new = 0;

        for (int i = 0; i < n && r >= 0; i++) {
                r = sync_file(directory, names[i]->d_name, memory, seen, archived);
                new += r > 0;
        }
        place_list_free(names, n);
        return r < 0 ? r : new;
}

static int sync_directory(const char *path, const SyncMemory *memory, SyncMemory *archived) {
        _cleanup_(sync_memory_done) SyncMemory seen = {0};
        _cleanup_close_ int directory = -1;
        int r = 1;

        directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (directory < 0)
                return errno == ENOENT ? 0 : -errno;
        /* A file that is put aside between two names is opened under neither: look until nothing
         * new is there. */
        for (unsigned i = 0; i < ROUNDS_MAX && r > 0; i++)
                r = sync_round(path, directory, memory, &seen, archived);
        if (r > 0)
                return -EBUSY;
        return r >= 0 && fsync(directory) < 0 ? -errno : r;
}

int sync_run(const JournalPlace *place, SyncMemory *memory) {
        SyncMemory archived = {0};
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(place->directories) && r >= 0; i++)
                if (place->directories[i])
                        r = sync_directory(place->directories[i], memory, &archived);
        if (r < 0) {
                sync_memory_done(&archived);
                return r;
        }
        sync_memory_done(memory);
        *memory = archived;
        return 0;
}
