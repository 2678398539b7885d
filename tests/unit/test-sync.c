/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of bringing the journal to disk: which files are synced, and which need it no more.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/sync.h"

/* Files that were synced since it was last set to 0; the directory is none of them. */
static unsigned synced;

/* In the place of fsync(2). */
int fsync(int fd) {
        struct stat st;

        assert_int_equal(fstat(fd, &st), 0);
        synced += S_ISREG(st.st_mode);
        return 0;
}

typedef struct Fixture {
        char directory[64];
        JournalPlace place;
        SyncMemory memory;
} Fixture;

static int setup(void **state) {
        static Fixture f;

        f = (Fixture){.directory = "/tmp/test-sync-XXXXXX"};
        assert_non_null(mkdtemp(f.directory));
        f.place = (JournalPlace){.directory = f.directory, .directories = {f.directory}};
        *state = &f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;
        char command[80];

        sync_memory_done(&f->memory);
        snprintf(command, sizeof(command), "rm -r %s", f->directory);
        return system(command);
}

static char *path_of(const Fixture *f, const char *name) {
        static char path[128];

        snprintf(path, sizeof(path), "%s/%s", f->directory, name);
        return path;
}

/* A file with the beginning of a journal file's header; `id` 0: it ends before its id. What is
 * there keeps its inode. */
static void put(const Fixture *f, const char *name, uint8_t id) {
        int fd = open(path_of(f, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        uint8_t header[40] = "LPKSHHRH";

        assert_true(fd >= 0);
        memset(header + 24, id, 16);
        assert_int_equal(write(fd, header, id ? sizeof(header) : 20), id ? sizeof(header) : 20);
        close(fd);
}

static unsigned run(Fixture *f) {
        synced = 0;
        assert_int_equal(sync_run(&f->place, &f->memory), 0);
        return synced;
}

static void test_sync_leaves_out_what_was_archived_and_synced(void **state) {
        Fixture *f = *state;

        put(f, "system.journal", 1);
        put(f, "system@2.journal", 2);
        put(f, "broken.journal~", 3);
        assert_int_equal(run(f), 3);
        assert_int_equal(run(f), 1);
}

static void test_sync_of_a_file_that_is_archived_meanwhile(void **state) {
        Fixture *f = *state;
        char to[128];

        put(f, "system.journal", 1);
        assert_int_equal(run(f), 1);
        snprintf(to, sizeof(to), "%s/system@1.journal", f->directory);
        assert_int_equal(rename(path_of(f, "system.journal"), to), 0);
        put(f, "system.journal", 2);
        /* Something may have been written into it after the sync before. */
        assert_int_equal(run(f), 2);
        assert_int_equal(run(f), 1);
}

static void test_sync_of_another_file_with_the_inode_of_one_that_is_gone(void **state) {
        Fixture *f = *state;

        put(f, "system.journal", 1);
        put(f, "system@2.journal", 2);
        put(f, "user-1000@3.journal", 3);
        assert_int_equal(run(f), 3);
        assert_int_equal(run(f), 1);
        put(f, "system@2.journal", 4);
        assert_int_equal(run(f), 2);
        put(f, "system@2.journal", 5);
        put(f, "user-1000@3.journal", 6);
        assert_int_equal(run(f), 3);
        assert_int_equal(run(f), 1);
}

static void test_sync_of_a_file_that_has_no_id(void **state) {
        Fixture *f = *state;

        put(f, "system@2.journal", 0);
        assert_int_equal(run(f), 1);
        assert_int_equal(run(f), 1);
        put(f, "system@2.journal", 7);
        assert_int_equal(run(f), 1);
        assert_int_equal(run(f), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_sync_leaves_out_what_was_archived_and_synced,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(test_sync_of_a_file_that_is_archived_meanwhile,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(
                        test_sync_of_another_file_with_the_inode_of_one_that_is_gone, setup,
                        teardown),
                cmocka_unit_test_setup_teardown(test_sync_of_a_file_that_has_no_id, setup,
                                                teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
