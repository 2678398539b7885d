/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of searching the journal: which files it says it has searched.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "journal/file.h"
#include "journal/scan.h"

#define HEADER 208

typedef struct Fixture {
        char directory[64];
        JournalPlace place;
        JournalScan scan;
} Fixture;

static int setup(void **state) {
        static Fixture f;

        f = (Fixture){.directory = "/tmp/test-scan-XXXXXX"};
        assert_non_null(mkdtemp(f.directory));
        f.place = (JournalPlace){.directory = f.directory, .directories = {f.directory}};
        *state = &f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;
        char command[80];

        free(f->scan.standing);
        free(f->scan.culprit);
        snprintf(command, sizeof(command), "rm -r %s", f->directory);
        return system(command);
}

/* A file of `size` bytes: the beginning of a journal file's header, and zeros. */
static void put(const Fixture *f, const char *name, const char *signature, size_t size) {
        uint8_t header[HEADER] = {0};
        char path[128];
        int fd;

        for (size_t i = 0; signature[i]; i++)
                header[i] = (uint8_t) signature[i];
        snprintf(path, sizeof(path), "%s/%s", f->directory, name);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, header, size), size);
        close(fd);
}

static int scan(Fixture *f) {
        free(f->scan.standing);
        free(f->scan.culprit);
        f->scan = (JournalScan){
                .epoch = SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, 0)};
        scan_run(&f->place, &f->scan);
        return f->scan.error;
}

static void test_no_file_is_an_error(void **state) {
        Fixture *f = *state;

        assert_int_equal(scan(f), -ENOENT);
        put(f, "other.journal", "LPKSHHRH", HEADER);
        put(f, "user-1000.journal", "LPKSHHRH", HEADER);
        assert_int_equal(scan(f), -ENOENT);
}

static void test_file_that_cannot_be_read_is_named(void **state) {
        static const char *const names[] = {"system.journal", "system@0.journal",
                                            "system@1-2.journal~"};
        Fixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                char path[128];

                put(f, names[i], "LPKSHHRH", HEADER);
                assert_true(scan(f) < 0);
                assert_string_equal(f->scan.culprit, names[i]);
                snprintf(path, sizeof(path), "%s/%s", f->directory, names[i]);
                assert_int_equal(unlink(path), 0);
        }
}

/* journald has only begun it, or the disk has lost it: nobody can find an entry there. */
static void test_file_without_a_header_has_no_entry(void **state) {
        Fixture *f = *state;
        JournalFile file;

        put(f, "system.journal", "", 0);
        put(f, "system@0.journal", "", HEADER);
        put(f, "system@1.journal", "LPKSHHRH", HEADER - 1);
        assert_int_equal(file_open(f->directory, "system.journal", &file), 0);
        assert_int_equal(file_open(f->directory, "system@0.journal", &file), 0);
        assert_int_equal(file_open(f->directory, "system@1.journal", &file), 0);
        assert_int_equal(file_open(f->directory, "system@2.journal", &file), 0);
}

static void test_no_descriptor_left_is_an_error(void **state) {
        Fixture *f = *state;
        struct rlimit before, none;

        put(f, "system.journal", "LPKSHHRH", HEADER);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        assert_int_equal(scan(f), -EMFILE);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void test_only_a_closed_file_of_the_same_count_is_before_a_place(void **state) {
        Sequence place = {.id = {.qwords = {1, 2}}, .number = 100};
        JournalFile file = {.sequence_id = place.id, .tail = 100, .closed = true, .archived = true};

        assert_true(file_is_before(&file, place));
        file.tail = 101;
        assert_false(file_is_before(&file, place));
        file.tail = 100;
        file.closed = false;
        assert_false(file_is_before(&file, place));
        file.closed = true;
        file.archived = false;
        assert_false(file_is_before(&file, place));
        file.archived = true;
        file.sequence_id.qwords[0] = 3;
        assert_false(file_is_before(&file, place));
        file.sequence_id = SD_ID128_NULL;
        assert_false(file_is_before(&file, (Sequence){.number = 100}));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_no_file_is_an_error, setup, teardown),
                cmocka_unit_test_setup_teardown(test_file_that_cannot_be_read_is_named, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(test_file_without_a_header_has_no_entry, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(test_no_descriptor_left_is_an_error, setup,
                                                teardown),
                cmocka_unit_test(test_only_a_closed_file_of_the_same_count_is_before_a_place),
        };

        return cmocka_run_group_tests_name("scan", tests, NULL, NULL);
}
