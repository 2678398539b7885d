/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tests of journal/machine: what the threads that search find, and nothing else, is what the
 * journal is told.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "journal/machine.h"

/* More than run at a time. */
#define SEARCHES 5

typedef struct Fixture {
        char directory[64];
        sd_event *event;
        Machine *machine;
        Journal *journal;
        unsigned failed;
        unsigned succeeded;
} Fixture;

typedef int (*Create)(pthread_t *, const pthread_attr_t *, void *(*) (void *), void *);

/* In place of the library's: a thread may have ended before its creator goes on. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
                   void *argument) {
        Create create = (Create) dlsym(RTLD_NEXT, "pthread_create");
        int r = create(thread, attr, run, argument);

        usleep(20 * USEC_PER_MSEC);
        return r;
}

static void on_tried(void *userdata, JournalTask task, int error, const char *culprit) {
        Fixture *f = userdata;

        assert_int_equal(task, JOURNAL_SEARCH);
        if (error < 0)
                f->failed++;
        else
                f->succeeded++;
}

/* A journal whose only file cannot be read, not even by root: it is a directory. */
static int set_up(void **state) {
        static Fixture f;
        _cleanup_buffer_ Buffer why = {0};
        char file[80];
        MachineSpec spec = {.directory = f.directory, .state = f.directory};

        f = (Fixture){.directory = "/tmp/test-machine-XXXXXX"};
        assert_non_null(mkdtemp(f.directory));
        snprintf(file, sizeof(file), "%s/system.journal", f.directory);
        assert_int_equal(mkdir(file, 0700), 0);
        assert_true(sd_event_new(&f.event) >= 0);
        assert_int_equal(machine_new(f.event, &spec, &why, &f.machine), 0);
        assert_non_null(f.machine);
        f.journal = machine_journal(f.machine);
        f.journal->handlers.tried = on_tried;
        f.journal->userdata = &f;
        *state = &f;
        return 0;
}

static int tear_down(void **state) {
        Fixture *f = *state;
        char command[80];

        machine_free(f->machine);
        sd_event_unref(f->event);
        snprintf(command, sizeof(command), "rm -r %s", f->directory);
        return system(command);
}

static void test_no_search_that_failed_is_taken_for_one_that_found_nothing(void **state) {
        Fixture *f = *state;

        for (unsigned i = 0; i < SEARCHES; i++) {
                JournalScan *scan = calloc(1, sizeof(*scan));

                scan->epoch = SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, 0);
                assert_int_equal(f->journal->ops->scan(f->machine, scan), 0);
        }
        while (f->failed + f->succeeded < SEARCHES)
                assert_true(sd_event_run(f->event, USEC_PER_SEC) > 0);
        assert_int_equal(f->failed, SEARCHES);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        test_no_search_that_failed_is_taken_for_one_that_found_nothing, set_up,
                        tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
