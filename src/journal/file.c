/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One file of the journal: see file.h. The layout of the header is from "Journal File Format",
 * which systemd promises to keep.
 */

#include "journal/file.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define SIGNATURE "LPKSHHRH"
#define STATE_ARCHIVED 2

/* So much of a file libsystemd maps at a time. */
#define WINDOW_BYTES ((size_t) 8 << 20)

/* The part that is looked at; every file has it. */
typedef struct __attribute__((packed)) Header {
        char signature[8];
        uint32_t compatible_flags;
        uint32_t incompatible_flags;
        uint8_t state;
        uint8_t reserved[7];
        sd_id128_t file_id;
        sd_id128_t machine_id;
        sd_id128_t tail_entry_boot_id;
        sd_id128_t seqnum_id;
        uint64_t sizes_and_offsets[9];
        uint64_t tail_entry_seqnum;
        uint64_t head_entry_seqnum;
        uint64_t entry_array_offset;
        uint64_t head_entry_realtime;
        uint64_t tail_entry_realtime;
        uint64_t tail_entry_monotonic;
} Header;

_Static_assert(sizeof(Header) == 208, "the header's smallest size");

/* Returns 1, 0 where there is none, or a negative errno. */
static int read_header(int fd, Header *ret) {
        ssize_t n = pread(fd, ret, sizeof(*ret), 0);

        if (n < 0)
                return -errno;
        return n == sizeof(*ret) && memcmp(ret->signature, SIGNATURE, sizeof(ret->signature)) == 0;
}

void file_done(JournalFile *f) {
        if (f->fd >= 0)
                close(f->fd);
        free(f->name);
        *f = (JournalFile){.fd = -1};
}

int file_open(const char *directory, const char *name, JournalFile *ret) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -1;
        struct stat st;
        Header h;
        int r;

        if (asprintf(&path, "%s/%s", directory, name) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        r = read_header(fd, &h);
        if (r <= 0)
                return r;
        *ret = (JournalFile){
                .name = strdup(name),
                .device = st.st_dev,
                .inode = st.st_ino,
                .id = h.file_id,
                .sequence_id = h.seqnum_id,
                .head = le64toh(h.head_entry_seqnum),
                .tail = le64toh(h.tail_entry_seqnum),
                .tail_usec = le64toh(h.tail_entry_realtime),
                .closed = h.state == STATE_ARCHIVED,
                .archived = place_is_archived(name),
        };
        if (!ret->name)
                return -ENOMEM;
        ret->fd = TAKE_FD(fd);
        return 1;
}

bool file_is_same(const JournalFile *a, const JournalFile *b) {
        return a->device == b->device && a->inode == b->inode && sd_id128_equal(a->id, b->id);
}

int file_read(const JournalFile *f, sd_journal **ret) {
        int fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 3), r;

        if (fd < 0)
                return -errno;
        /* Takes the descriptor where it succeeds, and only then. */
        r = sd_journal_open_files_fd(ret, &fd, 1, 0);
        if (r < 0)
                close(fd);
        return r;
}

bool file_may_be_torn(const JournalFile *f) {
        return f->archived && !f->closed;
}

/* For a file that sd-journal(3) has given up: whether that was for what is in it. It gives up what
 * it cannot map as well, where memory is short, and that passes. */
static bool can_be_mapped(const JournalFile *f) {
        void *window = mmap(NULL, WINDOW_BYTES, PROT_READ, MAP_SHARED, f->fd, 0);

        if (window == MAP_FAILED)
                return false;
        munmap(window, WINDOW_BYTES);
        return true;
}

int file_at_end(const JournalFile *f, sd_journal *j) {
        uint64_t bytes = 0;
        struct stat st;
        int r;

        /* A file that it has given up is not counted any more. */
        r = sd_journal_get_usage(j, &bytes);
        if (r >= 0 && bytes > 0)
                return 0;
        if (file_may_be_torn(f) && can_be_mapped(f))
                return 0;
        /* What was removed has no entries. */
        return fstat(f->fd, &st) >= 0 && st.st_nlink == 0 ? 0 : -EIO;
}

Sequence file_reached(const JournalFile *f) {
        Header h;

        return read_header(f->fd, &h) > 0
                       ? (Sequence){.id = h.seqnum_id, .number = le64toh(h.tail_entry_seqnum)}
                       : (Sequence){0};
}

bool file_is_before(const JournalFile *f, Sequence place) {
        return f->archived && f->closed && !sd_id128_is_null(place.id) &&
               sd_id128_equal(f->sequence_id, place.id) && f->tail <= place.number;
}

/* ---- all of them ---- */

void files_done(JournalFiles *files) {
        for (size_t i = 0; i < files->n; i++)
                file_done(&files->items[i]);
        free(files->items);
        *files = (JournalFiles){0};
}

/* Files of one count stand together, sorted by it; of two counts the one that was used last is
 * first. `tail_usec` is that of the count here. */
static int newest_first(const void *a, const void *b) {
        const JournalFile *x = a, *y = b;
        int ids = memcmp(&x->sequence_id, &y->sequence_id, sizeof(x->sequence_id));

        if (ids != 0)
                return x->tail_usec != y->tail_usec ? (x->tail_usec < y->tail_usec ? 1 : -1) : ids;
        return x->tail != y->tail ? (x->tail < y->tail ? 1 : -1) : x->archived - y->archived;
}

static void sort_files(JournalFiles *files) {
        if (files->n == 0)
                return;
        for (size_t i = 0; i < files->n; i++)
                for (size_t k = 0; k < files->n; k++)
                        if (sd_id128_equal(files->items[i].sequence_id,
                                           files->items[k].sequence_id))
                                files->items[i].tail_usec =
                                        MAX(files->items[i].tail_usec, files->items[k].tail_usec);
        qsort(files->items, files->n, sizeof(*files->items), newest_first);
}

static int files_add(JournalFiles *files, JournalFile *file) {
        JournalFile *more;

        for (size_t i = 0; i < files->n; i++)
                if (file_is_same(&files->items[i], file)) {
                        file_done(file);
                        return 0;
                }
        more = reallocarray(files->items, files->n + 1, sizeof(*more));
        if (!more) {
                file_done(file);
                return -ENOMEM;
        }
        files->items = more;
        files->items[files->n++] = *file;
        return 1;
}

/* One look through a directory. Returns how many files it had that were not there before, or a
 * negative errno. */
static int add_directory(const JournalPlace *p, const char *directory, JournalFiles *files,
                         char **ret_culprit) {
        struct dirent **names;
        int n = place_list(directory, &names), r = MIN(n, 0), new = 0;

        for (int i = 0; i < n && r >= 0; i++) {
                const char *name = names[i]->d_name;
                JournalFile file = {.fd = -1};

                if (!place_may_hold(p, name))
                        continue;
                r = file_open(directory, name, &file);
                if (r < 0)
                        *ret_culprit = strdup(name);
                if (r > 0)
                        r = files_add(files, &file);
                new += r > 0;
        }
        place_list_free(names, n);
        return r < 0 ? r : new;
}

int files_open(const JournalPlace *p, JournalFiles *ret, char **ret_culprit) {
        int r = 1;

        *ret = (JournalFiles){0};
        for (size_t i = 0; i < ELEMENTSOF(p->directories) && r >= 0; i++) {
                r = p->directories[i] ? 1 : 0;
                /* A file that is put aside between two names is met under neither: look until
                 * nothing new is there. */
                for (unsigned k = 0; k < PLACE_ROUNDS_MAX && r > 0; k++)
                        r = add_directory(p, p->directories[i], ret, ret_culprit);
                if (r > 0)
                        r = -EBUSY;
        }
        if (r >= 0 && ret->n == 0)
                r = -ENOENT;
        sort_files(ret);
        return r;
}
