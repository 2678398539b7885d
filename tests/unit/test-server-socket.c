/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of the control socket as a file: who may use it, when it is replaced and removed, and
 * what is said where it cannot be made.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "server-fixture.h"

static void test_socket_is_for_everybody_whatever_the_umask(void **state) {
        Fixture *f = *state;
        mode_t before = umask(077);
        struct stat st;

        fixture_start(f, roomy());
        umask(before);
        assert_int_equal(stat(f->path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0666);
}

static void test_live_socket_is_left_alone_and_stale_one_replaced(void **state) {
        ServerLimits limits = roomy();
        _cleanup_close_ int fd = -1;
        Fixture *f = *state;
        Server *second = NULL;
        char moved[128];

        fixture_start(f, limits);
        assert_int_equal(server_new(f->event, f->path, methods, f, &limits, &second), -EADDRINUSE);
        assert_null(second);
        fd = connect_to(f->path);
        give(f, fd, echo);
        assert_reply(f, fd, echoed);

        /* A server that cannot find its socket at its end leaves it behind, as a crash does. */
        snprintf(moved, sizeof(moved), "%s.moved", f->path);
        assert_int_equal(rename(f->path, moved), 0);
        f->server = server_free(f->server);
        assert_int_equal(rename(moved, f->path), 0);
        fixture_start(f, limits);
        closep(&fd);
        fd = connect_to(f->path);
        give(f, fd, echo);
        assert_reply(f, fd, echoed);
}

static void test_socket_is_removed_at_the_end_only_if_it_is_its_own(void **state) {
        _cleanup_(server_freep) Server *second = NULL;
        ServerLimits limits = roomy();
        Fixture *f = *state;

        fixture_start(f, limits);
        f->server = server_free(f->server);
        assert_int_equal(access(f->path, F_OK), -1);
        fixture_start(f, limits);
        assert_int_equal(unlink(f->path), 0);
        assert_int_equal(server_new(f->event, f->path, methods, f, &limits, &second), 0);
        f->server = server_free(f->server);
        assert_int_equal(access(f->path, F_OK), 0);
}

static void assert_new_fails(Fixture *f, const char *path, int error, const char *words) {
        _cleanup_buffer_ Buffer b = {0};
        Server *s = NULL;
        int r = server_new(f->event, path, methods, f, NULL, &s);

        if (r != error)
                fail_msg("%s: %d", path, r);
        server_explain(r, path, &b);
        assert_non_null(strstr(buffer_string(&b), words));
        assert_non_null(strstr(buffer_string(&b), path));
        assert_non_null(strstr(buffer_string(&b), "--socket"));
}

static void test_path_that_cannot_be_served_is_explained(void **state) {
        char longer[200], file[128];
        Fixture *f = *state;
        int fd;

        memset(longer, 'x', sizeof(longer));
        longer[0] = '/';
        longer[108] = 0;
        assert_new_fails(f, longer, -ENAMETOOLONG, "at most 107 bytes");
        assert_new_fails(f, "", -EINVAL, "empty");
        snprintf(file, sizeof(file), "%s/no/control", f->directory);
        assert_new_fails(f, file, -ENOENT, "does not exist");
        assert_new_fails(f, f->directory, -ENOTSOCK, "taken by something else");
        fd = open(f->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        close(fd);
        assert_new_fails(f, f->path, -ENOTSOCK, "taken by something else");
        snprintf(file, sizeof(file), "%s/control", f->path);
        assert_new_fails(f, file, -ENOTDIR, "not a directory");
        assert_int_equal(access(f->path, F_OK), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                SERVER_TEST(test_socket_is_for_everybody_whatever_the_umask),
                SERVER_TEST(test_live_socket_is_left_alone_and_stale_one_replaced),
                SERVER_TEST(test_socket_is_removed_at_the_end_only_if_it_is_its_own),
                SERVER_TEST(test_path_that_cannot_be_served_is_explained),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
