/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of the locks of partitions: who excludes whom, and what a file is worth that lost its
 * name.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/lock.h"

#define KEY 4711

/* Two of them, as of two processes: the kernel tells descriptors apart. */
typedef struct Fixture {
        char directory[64];
        char path[80];
        Locks one;
        Locks two;
} Fixture;

static int setup(void **state) {
        static Fixture f;

        f = (Fixture){.directory = "/tmp/test-lock-XXXXXX"};
        assert_non_null(mkdtemp(f.directory));
        snprintf(f.path, sizeof(f.path), "%s/" LOCK_FILE, f.directory);
        assert_int_equal(locks_open(f.directory, &f.one), 0);
        assert_int_equal(locks_open(f.directory, &f.two), 0);
        *state = &f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;
        char command[80];

        locks_done(&f->one);
        locks_done(&f->two);
        snprintf(command, sizeof(command), "rm -rf %s", f->directory);
        return system(command);
}

static void test_lock_excludes_others_and_ourselves(void **state) {
        Fixture *f = *state;

        assert_int_equal(locks_take(&f->one, KEY), 0);
        assert_int_equal(locks_take(&f->one, KEY), -EAGAIN);
        assert_int_equal(locks_take(&f->two, KEY), -EAGAIN);
        assert_int_equal(locks_take(&f->two, KEY + 1), 0);
        locks_give(&f->one, KEY);
        assert_int_equal(locks_take(&f->two, KEY), 0);
}

static void test_lock_ends_with_its_file(void **state) {
        Fixture *f = *state;

        assert_int_equal(locks_take(&f->one, KEY), 0);
        assert_true(locks_hold(&f->one));
        assert_int_equal(unlink(f->path), 0);
        assert_false(locks_hold(&f->one));
        assert_int_equal(locks_take(&f->one, KEY + 1), -ESTALE);

        /* Another one may have the same lock now. */
        assert_int_equal(locks_take(&f->two, KEY), 0);
        assert_true(locks_hold(&f->two));
        assert_false(locks_hold(&f->one));
}

static void test_file_that_was_replaced_is_opened_again_where_nothing_is_locked(void **state) {
        Fixture *f = *state;
        char aside[96];

        snprintf(aside, sizeof(aside), "%s.old", f->path);
        assert_int_equal(rename(f->path, aside), 0);
        assert_int_equal(locks_take(&f->one, KEY), 0);
        assert_int_equal(locks_take(&f->two, KEY), -EAGAIN);
        assert_true(locks_hold(&f->one) && locks_hold(&f->two));
}

static void test_directory_that_is_gone_has_no_locks(void **state) {
        Fixture *f = *state;

        assert_int_equal(unlink(f->path), 0);
        assert_int_equal(rmdir(f->directory), 0);
        assert_int_equal(locks_take(&f->one, KEY), -ENOENT);
        assert_false(locks_hold(&f->one));
}

static int open_once(const Fixture *f) {
        Locks l = {0};
        int r = locks_open(f->directory, &l);

        locks_done(&l);
        return r;
}

/* Whoever owns the directory may have put anything under the name. */
static void test_what_is_no_file_is_not_opened(void **state) {
        Fixture *f = *state;
        char other[80];

        snprintf(other, sizeof(other), "%s/other", f->directory);
        assert_int_equal(rename(f->path, other), 0);
        assert_int_equal(symlink(other, f->path), 0);
        assert_int_equal(open_once(f), -ELOOP);
        assert_int_equal(unlink(f->path), 0);
        assert_int_equal(mkfifo(f->path, 0600), 0);
        assert_int_equal(open_once(f), -EBADFD);
}

/* Only root can try: a file of root's in a directory of another user stays root's, one that is made
 * there is that user's. */
static void test_only_what_was_made_is_given_to_the_owner_of_the_directory(void **state) {
        const uid_t user = 4711;
        Fixture *f = *state;
        struct stat st;

        if (geteuid() != 0)
                skip();
        assert_int_equal(chown(f->directory, user, user), 0);
        assert_int_equal(open_once(f), 0);
        assert_int_equal(stat(f->path, &st), 0);
        assert_int_equal(st.st_uid, 0);
        assert_int_equal(unlink(f->path), 0);
        assert_int_equal(open_once(f), 0);
        assert_int_equal(stat(f->path, &st), 0);
        assert_int_equal(st.st_uid, user);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_lock_excludes_others_and_ourselves, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(test_lock_ends_with_its_file, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        test_file_that_was_replaced_is_opened_again_where_nothing_is_locked, setup,
                        teardown),
                cmocka_unit_test_setup_teardown(test_what_is_no_file_is_not_opened, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(
                        test_only_what_was_made_is_given_to_the_owner_of_the_directory, setup,
                        teardown),
                cmocka_unit_test_setup_teardown(test_directory_that_is_gone_has_no_locks, setup,
                                                teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
