/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bringing the journal to disk: see sync.h.
 */

#include "journal/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* Where a journal file has its own id (journal-file format, "Header"). */
#define FILE_ID_OFFSET 24

void sync_memory_done(SyncMemory *m) {
        free(m->done);
        *m = (SyncMemory){0};
}

static bool is_done(const SyncMemory *m, SyncFile file) {
        for (unsigned i = 0; i < m->n; i++)
                if (m->done[i].inode == file.inode && sd_id128_equal(m->done[i].id, file.id))
                        return true;
        return false;
}

static int remember(SyncMemory *m, SyncFile file) {
        SyncFile *more = reallocarray(m->done, m->n + 1, sizeof(*more));

        if (!more)
                return -ENOMEM;
        m->done = more;
        m->done[m->n++] = file;
        return 0;
}

static int identify(int fd, SyncFile *ret) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        *ret = (SyncFile){.inode = st.st_ino};
        /* Without an id it is a file that journald has only begun, or has given up. */
        if (pread(fd, &ret->id, sizeof(ret->id), FILE_ID_OFFSET) != (ssize_t) sizeof(ret->id))
                ret->id = SD_ID128_NULL;
        return 0;
}

/* One file, where that is needed. `seen` has all that this run has dealt with.
 * Returns whether this was one of them, or a negative errno. */
static int sync_file(int directory, const char *name, const SyncMemory *memory, SyncMemory *seen,
                     SyncMemory *archived) {
        _cleanup_close_ int fd = -1;
        SyncFile file;
        int r;

        fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        r = identify(fd, &file);
        if (r < 0)
                return r;
        if (is_done(seen, file))
                return 0;
        if (!is_done(memory, file) && fsync(fd) < 0)
                return -errno;
        r = remember(seen, file);
        /* Only what was put aside before it was brought to disk need not be looked at again. */
        if (r >= 0 && place_is_archived(name) && !sd_id128_is_null(file.id))
                r = remember(archived, file);
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
        for (unsigned i = 0; i < PLACE_ROUNDS_MAX && r > 0; i++)
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
