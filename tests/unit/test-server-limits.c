/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of the control server's limits: no client can hold it, or the loop, up.
 */

#include "config.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include "server-fixture.h"

static void test_unfinished_call_is_dropped_in_time_though_bytes_drip(void **state) {
        uint64_t start = clock_usec(), now = start, next = start;
        _cleanup_close_ int slow = -1, idle = -1;
        ServerLimits limits = roomy();
        Fixture *f = *state;
        unsigned dripped = 0;

        limits.partial_usec = 200 * USEC_PER_MSEC;
        fixture_start(f, limits);
        slow = connect_to(f->path);
        idle = connect_to(f->path);
        await_connections(f, 2);
        give_bytes(f, slow, "{", 1);
        for (; server_connections(f->server) > 1; now = clock_usec()) {
                assert_true(now < start + PATIENCE_USEC);
                if (now >= next) {
                        (void) !send(slow, " ", 1, MSG_NOSIGNAL);
                        dripped++;
                        next = now + 5 * USEC_PER_MSEC;
                }
                turn(f);
        }
        assert_true(now >= start + limits.partial_usec);
        assert_true(dripped > 2);
        assert_closed(f, slow);
        /* Who says nothing may stay. */
        give(f, idle, echo);
        assert_reply(f, idle, echoed);
}

static void test_deadline_of_a_call_begins_anew_with_each_call(void **state) {
        uint64_t end = clock_usec() + 1200 * USEC_PER_MSEC;
        _cleanup_close_ int fd = -1;
        ServerLimits limits = roomy();
        Fixture *f = *state;

        limits.partial_usec = 500 * USEC_PER_MSEC;
        fixture_start(f, limits);
        fd = connect_to(f->path);
        give_bytes(f, fd, echo, 10);
        /* There is always a piece of a call, but never for long of the same. */
        while (clock_usec() < end) {
                turn(f);
                give_bytes(f, fd, echo + 10, strlen(echo) + 1 - 10);
                give_bytes(f, fd, echo, 10);
                assert_reply(f, fd, echoed);
        }
        assert_int_equal(server_connections(f->server), 1);
}

static void test_client_that_reads_steadily_is_not_dropped(void **state) {
        uint64_t next = 0, end = clock_usec() + PATIENCE_USEC;
        static char piece[64 * 1024];
        size_t left = 6 * (BIG_SIZE + sizeof("{\"parameters\":{\"text\":\"\"}}"));
        _cleanup_close_ int fd = -1;
        ServerLimits limits = roomy();
        Fixture *f = *state;

        limits.stalled_usec = 800 * USEC_PER_MSEC;
        fixture_start(f, limits);
        fd = connect_to(f->path);
        for (int i = 0; i < 6; i++)
                give(f, fd, "{\"method\":\"io.crier.Control.Big\"}");
        /* All of it takes longer than the deadline, a part of it never does. */
        while (left > 0) {
                uint64_t now = clock_usec();
                ssize_t n = now >= next ? recv(fd, piece, sizeof(piece), 0) : 0;

                assert_true(now < end && (n >= 0 || errno == EAGAIN));
                assert_true(n != 0 || now < next);
                if (n > 0) {
                        left -= (size_t) n;
                        next = now + 45 * USEC_PER_MSEC;
                }
                turn(f);
        }
}

static void test_client_that_never_reads_is_dropped_and_holds_nobody_up(void **state) {
        static const char call[] = "{\"method\":\"io.crier.Control.Big\"}";
        uint64_t end = clock_usec() + PATIENCE_USEC;
        _cleanup_close_ int deaf = -1, good = -1;
        ServerLimits limits = roomy();
        Fixture *f = *state;

        limits.stalled_usec = 200 * USEC_PER_MSEC;
        fixture_start(f, limits);
        deaf = connect_to(f->path);
        good = connect_to(f->path);
        await_connections(f, 2);
        for (int i = 0; i < 100; i++)
                give(f, deaf, call);
        while (server_connections(f->server) > 1) {
                assert_true(clock_usec() < end);
                give(f, good, "{\"method\":\"io.crier.Control.Nothing\"}");
                assert_reply(f, good, "{\"parameters\":{}}");
        }
        /* Calls wait while a reply is unread, so nothing piles up here. */
        assert_true(f->calls <= 2);
}

static void test_client_that_reads_slowly_gets_everything(void **state) {
        _cleanup_buffer_ Buffer b = {0};
        _cleanup_close_ int fd = -1;
        Fixture *f = *state;

        fixture_start(f, roomy());
        fd = connect_to(f->path);
        for (int i = 0; i < 3; i++)
                give(f, fd, "{\"method\":\"io.crier.Control.Big\"}");
        for (int i = 0; i < 3; i++) {
                assert_true(take(f, fd, &b));
                assert_int_equal(b.size, BIG_SIZE + strlen("{\"parameters\":{\"text\":\"\"}}"));
        }
}

static void test_call_that_is_too_long_closes_the_connection(void **state) {
        static char bytes[VARLINK_CALL_MAX + 1];
        _cleanup_close_ int fd = -1;
        Fixture *f = *state;

        memset(bytes, ' ', sizeof(bytes));
        fixture_start(f, roomy());
        fd = connect_to(f->path);
        give_bytes(f, fd, bytes, VARLINK_CALL_MAX - strlen(echo));
        give(f, fd, echo);
        assert_reply(f, fd, echoed);
        give_bytes(f, fd, bytes, VARLINK_CALL_MAX + 1);
        assert_closed(f, fd);
}

static void test_reply_that_is_too_long_becomes_an_error(void **state) {
        _cleanup_close_ int fd = -1;
        ServerLimits limits = roomy();
        Fixture *f = *state;

        limits.reply_bytes = BIG_SIZE;
        fixture_start(f, limits);
        fd = connect_to(f->path);
        give(f, fd, "{\"method\":\"io.crier.Control.Big\"}");
        assert_error(f, fd, "io.crier.Control.Failed", "too long");
        give(f, fd, echo);
        assert_reply(f, fd, echoed);
}

static void check_connection_limit(Fixture *f, ServerLimits limits, unsigned n) {
        int fds[8] = {0};
        int extra;

        fixture_start(f, limits);
        for (unsigned i = 0; i < n; i++)
                fds[i] = connect_to(f->path);
        await_connections(f, n);
        extra = connect_to(f->path);
        assert_error(f, extra, "io.crier.Control.Busy", "Too many control connections");
        assert_closed(f, extra);
        close(extra);
        close(fds[0]);
        await_connections(f, n - 1);
        fds[0] = connect_to(f->path);
        give(f, fds[0], echo);
        assert_reply(f, fds[0], echoed);
        for (unsigned i = 0; i < n; i++)
                close(fds[i]);
        await_connections(f, 0);
        f->server = server_free(f->server);
}

static void test_connections_are_limited_in_all_and_for_each_user(void **state) {
        ServerLimits limits = roomy();

        limits.connections = 3;
        check_connection_limit(*state, limits, 3);
        limits = roomy();
        limits.connections_per_uid = 2;
        check_connection_limit(*state, limits, 2);
}

static void test_defaults_are_the_documented_limits(void **state) {
        const ServerLimits *l = &server_limits_default;

        assert_int_equal(l->connections, 64);
        assert_int_equal(l->connections_per_uid, 16);
        assert_int_equal(l->partial_usec, 5 * USEC_PER_SEC);
        assert_int_equal(VARLINK_CALL_MAX, 65536);
}

static void test_accept_pauses_when_descriptors_are_short(void **state) {
        _cleanup_close_ int fd = -1;
        ServerLimits limits = roomy();
        struct rlimit all, few;
        Fixture *f = *state;
        uint64_t end;
        int turns = 0;

        limits.accept_usec = 50 * USEC_PER_MSEC;
        fixture_start(f, limits);
        fd = connect_to(f->path);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
        few = (struct rlimit){.rlim_cur = (rlim_t) fd + 1, .rlim_max = all.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
        /* It does not spin: the loop sleeps while accept is paused. */
        end = clock_usec() + 300 * USEC_PER_MSEC;
        while (clock_usec() < end) {
                assert_true(sd_event_run(f->event, 300 * USEC_PER_MSEC) >= 0);
                turns++;
        }
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
        assert_int_equal(server_connections(f->server), 0);
        assert_true(turns < 50);
        give(f, fd, echo);
        assert_reply(f, fd, echoed);
}

static void test_flood_leaves_the_loop_most_of_its_time(void **state) {
        static const char call[] = "{\"method\":\"io.crier.Control.Spin\",\"oneway\":true}";
        ServerLimits limits = server_limits_default;
        uint64_t wall = 600 * USEC_PER_MSEC, end;
        _cleanup_close_ int fd = -1, other = -1;
        Fixture *f = *state;

        fixture_start(f, limits);
        fd = connect_to(f->path);
        await_connections(f, 1);
        end = clock_usec() + wall;
        while (clock_usec() < end) {
                while (send(fd, call, sizeof(call), MSG_NOSIGNAL) > 0)
                        ;
                turn(f);
        }
        /* The burst, a twenty-fifth, and as much again for a slow machine. */
        assert_true(f->spun_usec >= 5 * USEC_PER_MSEC);
        assert_true(f->spun_usec <= 2 * (limits.burst_usec + wall / 25));
        /* It is a pause, not an end. */
        other = connect_to(f->path);
        give(f, other, echo);
        assert_reply(f, other, echoed);
}

/* Takes what is to read; returns how many replies that is. */
static unsigned take_replies(int fd) {
        char bytes[4096];
        unsigned replies = 0;
        ssize_t n;

        while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
                for (ssize_t i = 0; i < n; i++)
                        replies += bytes[i] == 0;
        return replies;
}

static void test_flood_leaves_everybody_his_turn(void **state) {
        static const char call[] = "{\"method\":\"io.crier.Control.Spin\"}";
        uint64_t end = clock_usec() + PATIENCE_USEC;
        unsigned replies[8] = {0}, total = 0, n = ELEMENTSOF(replies);
        ServerLimits limits = server_limits_default;
        Fixture *f = *state;
        int fds[8];

        /* There is a pause after each call, so that each resumption chooses anew. */
        limits.burst_usec = 0;
        fixture_start(f, limits);
        for (unsigned i = 0; i < n; i++) {
                fds[i] = connect_to(f->path);
                for (int k = 0; k < 100; k++)
                        give(f, fds[i], call);
        }
        while (total < 10 * n) {
                assert_true(clock_usec() < end);
                turn(f);
                for (unsigned i = 0; i < n; i++) {
                        unsigned more = take_replies(fds[i]);

                        replies[i] += more;
                        total += more;
                }
        }
        for (unsigned i = 0; i < n; i++) {
                assert_in_range(replies[i], 5, 15);
                close(fds[i]);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                SERVER_TEST(test_unfinished_call_is_dropped_in_time_though_bytes_drip),
                SERVER_TEST(test_deadline_of_a_call_begins_anew_with_each_call),
                SERVER_TEST(test_client_that_reads_steadily_is_not_dropped),
                SERVER_TEST(test_client_that_never_reads_is_dropped_and_holds_nobody_up),
                SERVER_TEST(test_client_that_reads_slowly_gets_everything),
                SERVER_TEST(test_call_that_is_too_long_closes_the_connection),
                SERVER_TEST(test_reply_that_is_too_long_becomes_an_error),
                SERVER_TEST(test_connections_are_limited_in_all_and_for_each_user),
                SERVER_TEST(test_defaults_are_the_documented_limits),
                SERVER_TEST(test_accept_pauses_when_descriptors_are_short),
                SERVER_TEST(test_flood_leaves_the_loop_most_of_its_time),
                SERVER_TEST(test_flood_leaves_everybody_his_turn),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
