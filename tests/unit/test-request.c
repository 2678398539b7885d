/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of requests that are answered later: each gets its replies in order or is told of as
 * gone, once, whatever its client does, and nobody else waits for it.
 */

#include "config.h"

#include <errno.h>
#include <sys/socket.h>

#include "server-fixture.h"

static const char keep[] = "{\"method\":\"io.crier.Control.Keep\"}";
static const char keep_more[] = "{\"method\":\"io.crier.Control.Keep\",\"more\":true}";
static const char keep_oneway[] = "{\"method\":\"io.crier.Control.Keep\",\"oneway\":true}";

static json_t *number(int i) {
        return json_pack("{s:i}", "i", i);
}

static void reply(Kept *k, int i) {
        request_reply(TAKE_PTR(k->request), NULL, number(i));
}

static void await_gone(Fixture *f, const Kept *k) {
        uint64_t end = clock_usec() + PATIENCE_USEC;

        while (k->gone == 0) {
                assert_true(clock_usec() < end);
                turn(f);
        }
        assert_int_equal(k->gone, 1);
        assert_null(k->request);
}

/* Nothing is to read: neither a reply nor the end. */
static void assert_silent(Fixture *f, int fd) {
        char byte;

        for (int i = 0; i < 20; i++) {
                turn(f);
                assert_int_equal(recv(fd, &byte, 1, 0), -1);
                assert_int_equal(errno, EAGAIN);
        }
}

static void test_kept_request_is_answered_later(void **state) {
        _cleanup_close_ int fd = -1, other = -1;
        Fixture *f = *state;

        fixture_start(f, roomy());
        fd = connect_to(f->path);
        other = connect_to(f->path);
        give(f, fd, keep);
        await_kept(f, 1);
        give(f, other, echo);
        assert_reply(f, other, echoed);
        assert_silent(f, fd);
        reply(f->kept, 7);
        assert_reply(f, fd, "{\"parameters\":{\"i\":7}}");
        give(f, fd, keep);
        await_kept(f, 2);
        request_reply(TAKE_PTR(f->kept[1].request), "io.crier.Control.Late", NULL);
        assert_error(f, fd, "io.crier.Control.Late", "{}");
        give(f, fd, echo);
        assert_reply(f, fd, echoed);
        assert_int_equal(f->kept[0].gone + f->kept[1].gone, 0);
}

static void test_client_that_wants_more_gets_every_reply(void **state) {
        _cleanup_close_ int fd = -1;
        Fixture *f = *state;

        fixture_start(f, roomy());
        fd = connect_to(f->path);
        give(f, fd, keep_more);
        await_kept(f, 1);
        assert_true(request_can_continue(f->kept->request));
        assert_int_equal(request_continue(f->kept->request, number(1)), 0);
        assert_reply(f, fd, "{\"parameters\":{\"i\":1},\"continues\":true}");
        assert_int_equal(request_continue(f->kept->request, NULL), 0);
        assert_int_equal(request_continue(f->kept->request, number(3)), 0);
        reply(f->kept, 4);
        assert_reply(f, fd, "{\"parameters\":{},\"continues\":true}");
        assert_reply(f, fd, "{\"parameters\":{\"i\":3},\"continues\":true}");
        assert_reply(f, fd, "{\"parameters\":{\"i\":4}}");
        give(f, fd, echo);
        assert_reply(f, fd, echoed);
}

static void test_client_that_wants_one_reply_gets_the_last(void **state) {
        _cleanup_close_ int fd = -1;
        Fixture *f = *state;

        fixture_start(f, roomy());
        fd = connect_to(f->path);
        give(f, fd, keep);
        await_kept(f, 1);
        assert_false(request_can_continue(f->kept->request));
        assert_int_equal(request_continue(f->kept->request, number(1)), 0);
        assert_silent(f, fd);
        reply(f->kept, 2);
        assert_reply(f, fd, "{\"parameters\":{\"i\":2}}");
}

static void test_client_that_closes_is_gone_once(void **state) {
        static const char *const calls[] = {keep, keep_more, keep_oneway};
        _cleanup_close_ int other = -1;
        Fixture *f = *state;

        fixture_start(f, roomy());
        other = connect_to(f->path);
        for (unsigned i = 0; i < ELEMENTSOF(calls); i++) {
                int fd = connect_to(f->path);

                give(f, fd, calls[i]);
                /* Bytes that nobody reads change nothing. */
                give(f, fd, echo);
                await_kept(f, i + 1);
                close(fd);
                await_gone(f, f->kept + i);
                await_connections(f, 1);
        }
        give(f, other, echo);
        assert_reply(f, other, echoed);
}

static void test_client_that_closes_before_it_is_read_is_gone_once(void **state) {
        Fixture *f = *state;
        int fd;

        fixture_start(f, roomy());
        fd = connect_to(f->path);
        give(f, fd, keep);
        close(fd);
        await_kept(f, 1);
        await_gone(f, f->kept);
        await_connections(f, 0);
}

static void test_replies_to_a_client_that_has_closed_end_its_request(void **state) {
        Fixture *f = *state;
        int fd;

        fixture_start(f, roomy());
        fd = connect_to(f->path);
        give(f, fd, keep_more);
        await_kept(f, 1);
        /* The loop does not turn in between: the reply is the first to find out. */
        close(fd);
        assert_int_equal(request_continue(f->kept->request, number(1)), 0);
        assert_int_equal(f->kept->gone, 1);
        assert_int_equal(server_connections(f->server), 0);
        fd = connect_to(f->path);
        give(f, fd, keep);
        await_kept(f, 2);
        close(fd);
        reply(f->kept + 1, 2);
        assert_int_equal(f->kept[1].gone, 0);
        assert_int_equal(server_connections(f->server), 0);
}

static void test_client_that_ends_its_side_still_gets_its_reply(void **state) {
        _cleanup_close_ int fd = -1;
        Fixture *f = *state;

        fixture_start(f, roomy());
        fd = connect_to(f->path);
        give(f, fd, keep_more);
        give(f, fd, echo);
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        await_kept(f, 1);
        assert_silent(f, fd);
        assert_int_equal(request_continue(f->kept->request, number(1)), 0);
        assert_reply(f, fd, "{\"parameters\":{\"i\":1},\"continues\":true}");
        assert_silent(f, fd);
        reply(f->kept, 2);
        assert_reply(f, fd, "{\"parameters\":{\"i\":2}}");
        assert_reply(f, fd, echoed);
        assert_closed(f, fd);
        assert_int_equal(f->kept->gone, 0);
}

static void test_client_that_ends_its_side_and_then_closes_is_gone(void **state) {
        Fixture *f = *state;
        int fd;

        fixture_start(f, roomy());
        fd = connect_to(f->path);
        give(f, fd, keep);
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        await_kept(f, 1);
        assert_silent(f, fd);
        close(fd);
        await_gone(f, f->kept);
}

static void test_oneway_call_that_is_kept_has_no_reply(void **state) {
        _cleanup_close_ int fd = -1;
        Fixture *f = *state;

        fixture_start(f, roomy());
        fd = connect_to(f->path);
        give(f, fd, keep_oneway);
        give(f, fd, echo);
        await_kept(f, 1);
        assert_int_equal(request_continue(f->kept->request, number(1)), 0);
        assert_silent(f, fd);
        reply(f->kept, 2);
        assert_reply(f, fd, echoed);
        give(f, fd, keep_oneway);
        give(f, fd, echo);
        await_kept(f, 2);
        request_reply(TAKE_PTR(f->kept[1].request), "io.crier.Control.Late", number(3));
        assert_reply(f, fd, echoed);
}

static void test_calls_behind_a_kept_one_are_answered_in_order(void **state) {
        _cleanup_close_ int fd = -1;
        Fixture *f = *state;

        fixture_start(f, roomy());
        fd = connect_to(f->path);
        give(f, fd, keep);
        give(f, fd, echo);
        give(f, fd, keep_more);
        give(f, fd, echo);
        await_kept(f, 1);
        assert_silent(f, fd);
        assert_int_equal(f->calls, 0);
        assert_int_equal(f->n_kept, 1);
        reply(f->kept, 1);
        await_kept(f, 2);
        assert_int_equal(f->calls, 1);
        assert_int_equal(request_continue(f->kept[1].request, number(2)), 0);
        reply(f->kept + 1, 3);
        assert_reply(f, fd, "{\"parameters\":{\"i\":1}}");
        assert_reply(f, fd, echoed);
        assert_reply(f, fd, "{\"parameters\":{\"i\":2},\"continues\":true}");
        assert_reply(f, fd, "{\"parameters\":{\"i\":3}}");
        assert_reply(f, fd, echoed);
}

/* Sends replies until the backlog is full; returns how many. */
static int fill(Kept *k) {
        static char text[16 * 1024];
        int n = 0, r;

        memset(text, 'x', sizeof(text) - 1);
        while ((r = request_continue(k->request, json_pack("{s:s}", "text", text))) == 0)
                assert_in_range(++n, 1, 1000);
        assert_int_equal(r, -EAGAIN);
        assert_false(request_can_continue(k->request));
        return n;
}

static void test_replies_wait_for_a_client_that_reads_late(void **state) {
        _cleanup_buffer_ Buffer b = {0};
        _cleanup_close_ int fd = -1;
        Fixture *f = *state;
        int n;

        fixture_start(f, roomy());
        fd = connect_to(f->path);
        give(f, fd, keep_more);
        await_kept(f, 1);
        n = fill(f->kept);
        /* What waits, and one more. */
        assert_true((size_t) n * 16 * 1024 > server_limits_default.backlog_bytes);
        for (int i = 0; i < n; i++) {
                assert_true(take(f, fd, &b));
                assert_int_equal(b.size, strlen("{\"parameters\":{\"text\":\"\"},"
                                                "\"continues\":true}") +
                                                 16 * 1024 - 1);
        }
        /* Read, so there is room again; and the last reply comes however much waits. */
        n = fill(f->kept);
        reply(f->kept, 2);
        for (int i = 0; i < n; i++)
                assert_true(take(f, fd, &b));
        assert_reply(f, fd, "{\"parameters\":{\"i\":2}}");
        give(f, fd, echo);
        assert_reply(f, fd, echoed);
}

static void test_client_that_never_reads_its_replies_is_dropped(void **state) {
        uint64_t end = clock_usec() + PATIENCE_USEC;
        _cleanup_close_ int deaf = -1, good = -1;
        ServerLimits limits = roomy();
        Fixture *f = *state;

        limits.stalled_usec = 200 * USEC_PER_MSEC;
        fixture_start(f, limits);
        deaf = connect_to(f->path);
        good = connect_to(f->path);
        give(f, deaf, keep_more);
        await_kept(f, 1);
        (void) fill(f->kept);
        while (f->kept->gone == 0) {
                assert_true(clock_usec() < end);
                assert_int_equal(request_continue(f->kept->request, number(1)), -EAGAIN);
                give(f, good, echo);
                assert_reply(f, good, echoed);
        }
        assert_int_equal(f->kept->gone, 1);
        await_connections(f, 1);
}

static void test_client_that_reads_between_replies_is_not_dropped(void **state) {
        uint64_t stop = clock_usec() + 1500 * USEC_PER_MSEC;
        static char piece[32 * 1024];
        _cleanup_close_ int fd = -1;
        ServerLimits limits = roomy();
        Fixture *f = *state;

        limits.stalled_usec = 300 * USEC_PER_MSEC;
        fixture_start(f, limits);
        fd = connect_to(f->path);
        give(f, fd, keep_more);
        await_kept(f, 1);
        /* There is always something that waits, and what is read is filled up at once. */
        while (clock_usec() < stop) {
                assert_non_null(f->kept->request);
                (void) fill(f->kept);
                assert_true(recv(fd, piece, sizeof(piece), 0) > 0);
                turn(f);
        }
        assert_int_equal(f->kept->gone, 0);
}

static void test_reply_that_is_too_long_leaves_the_request(void **state) {
        static char text[BIG_SIZE + 1];
        _cleanup_close_ int fd = -1;
        ServerLimits limits = roomy();
        Fixture *f = *state;

        memset(text, 'x', BIG_SIZE);
        limits.reply_bytes = BIG_SIZE;
        fixture_start(f, limits);
        fd = connect_to(f->path);
        give(f, fd, keep_more);
        await_kept(f, 1);
        assert_int_equal(request_continue(f->kept->request, number(1)), 0);
        assert_int_equal(request_continue(f->kept->request, json_pack("{s:s}", "text", text)),
                         -EMSGSIZE);
        request_reply(TAKE_PTR(f->kept->request), NULL, json_pack("{s:s}", "text", text));
        assert_reply(f, fd, "{\"parameters\":{\"i\":1},\"continues\":true}");
        assert_error(f, fd, "io.crier.Control.Failed", "too long");
}

static void test_waiting_for_an_answer_has_no_deadline(void **state) {
        uint64_t end = clock_usec() + 600 * USEC_PER_MSEC;
        _cleanup_close_ int fd = -1, idle = -1;
        ServerLimits limits = roomy();
        Fixture *f = *state;

        limits.partial_usec = limits.stalled_usec = 100 * USEC_PER_MSEC;
        fixture_start(f, limits);
        fd = connect_to(f->path);
        idle = connect_to(f->path);
        /* In two pieces, so that there was a deadline for the second. */
        give_bytes(f, fd, keep, 5);
        give_bytes(f, idle, echo, 5);
        for (int i = 0; i < 10; i++)
                turn(f);
        give(f, fd, keep + 5);
        give(f, idle, echo + 5);
        assert_reply(f, idle, echoed);
        await_kept(f, 1);
        while (clock_usec() < end)
                turn(f);
        assert_int_equal(server_connections(f->server), 2);
        reply(f->kept, 1);
        assert_reply(f, fd, "{\"parameters\":{\"i\":1}}");
        give(f, idle, echo);
        assert_reply(f, idle, echoed);
}

static void test_server_that_ends_tells_whoever_keeps_requests(void **state) {
        int fds[3];
        Fixture *f = *state;

        fixture_start(f, roomy());
        for (unsigned i = 0; i < ELEMENTSOF(fds); i++) {
                fds[i] = connect_to(f->path);
                give(f, fds[i], i == 1 ? keep_more : keep);
                await_kept(f, i + 1);
        }
        (void) fill(f->kept + 1);
        f->server = server_free(f->server);
        for (unsigned i = 0; i < ELEMENTSOF(fds); i++) {
                assert_int_equal(f->kept[i].gone, 1);
                close(fds[i]);
        }
}

/* Answers the other requests when one is gone, as whoever waits for the same thing might. */
static void answer_others(Kept *k) {
        Fixture *f = k->userdata;

        for (unsigned i = 0; i < f->n_kept; i++)
                if (f->kept[i].request)
                        reply(f->kept + i, 9);
}

static void test_one_that_is_gone_may_end_others(void **state) {
        int fds[3];
        Fixture *f = *state;

        fixture_start(f, roomy());
        for (unsigned i = 0; i < ELEMENTSOF(fds); i++) {
                fds[i] = connect_to(f->path);
                give(f, fds[i], keep);
                await_kept(f, i + 1);
                f->kept[i].on_gone = answer_others;
                f->kept[i].userdata = f;
        }
        /* All have closed, so that each answer ends a connection. */
        for (unsigned i = 0; i < ELEMENTSOF(fds); i++)
                close(fds[i]);
        f->server = server_free(f->server);
        assert_int_equal(f->kept[0].gone + f->kept[1].gone + f->kept[2].gone, 1);
}

static void test_replies_are_sent_while_clients_have_to_pause(void **state) {
        ServerLimits limits = server_limits_default;
        Fixture *f = *state;
        char bytes[256];
        int fd;

        /* Whatever a client has done, all of them have to wait ten times as long. */
        limits.burst_usec = 0;
        fixture_start(f, limits);
        fd = connect_to(f->path);
        give(f, fd, keep_more);
        await_kept(f, 1);
        /* The loop does not turn in between. */
        assert_int_equal(request_continue(f->kept->request, number(1)), 0);
        assert_true(recv(fd, bytes, sizeof(bytes), 0) > 0);
        reply(f->kept, 2);
        assert_true(recv(fd, bytes, sizeof(bytes), 0) > 0);
        /* What they say, and that they go, is noticed after the pause. */
        give(f, fd, keep);
        await_kept(f, 2);
        close(fd);
        assert_int_equal(f->kept[1].gone, 0);
        await_gone(f, f->kept + 1);
        await_connections(f, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                SERVER_TEST(test_kept_request_is_answered_later),
                SERVER_TEST(test_client_that_wants_more_gets_every_reply),
                SERVER_TEST(test_client_that_wants_one_reply_gets_the_last),
                SERVER_TEST(test_client_that_closes_is_gone_once),
                SERVER_TEST(test_client_that_closes_before_it_is_read_is_gone_once),
                SERVER_TEST(test_replies_to_a_client_that_has_closed_end_its_request),
                SERVER_TEST(test_client_that_ends_its_side_still_gets_its_reply),
                SERVER_TEST(test_client_that_ends_its_side_and_then_closes_is_gone),
                SERVER_TEST(test_oneway_call_that_is_kept_has_no_reply),
                SERVER_TEST(test_calls_behind_a_kept_one_are_answered_in_order),
                SERVER_TEST(test_replies_wait_for_a_client_that_reads_late),
                SERVER_TEST(test_client_that_never_reads_its_replies_is_dropped),
                SERVER_TEST(test_client_that_reads_between_replies_is_not_dropped),
                SERVER_TEST(test_reply_that_is_too_long_leaves_the_request),
                SERVER_TEST(test_waiting_for_an_answer_has_no_deadline),
                SERVER_TEST(test_server_that_ends_tells_whoever_keeps_requests),
                SERVER_TEST(test_one_that_is_gone_may_end_others),
                SERVER_TEST(test_replies_are_sent_while_clients_have_to_pause),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
