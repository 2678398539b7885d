/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A control server on a loop of its own: see server-fixture.h.
 */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "server-fixture.h"

static int method_echo(void *userdata, Request *request, json_t **ret_parameters,
                       const char **ret_error) {
        ((Fixture *) userdata)->calls++;
        *ret_parameters = json_incref(request->call.parameters);
        return 0;
}

static int method_nothing(void *userdata, Request *request, json_t **ret_parameters,
                          const char **ret_error) {
        return 0;
}

static int method_fails(void *userdata, Request *request, json_t **ret_parameters,
                        const char **ret_error) {
        return -EIO;
}

static int method_refuses(void *userdata, Request *request, json_t **ret_parameters,
                          const char **ret_error) {
        *ret_error = "io.crier.Control.NoSuchThing";
        *ret_parameters = json_pack("{s:s}", "name", "x");
        return 0;
}

static int method_big(void *userdata, Request *request, json_t **ret_parameters,
                      const char **ret_error) {
        static char text[BIG_SIZE + 1];

        ((Fixture *) userdata)->calls++;
        memset(text, 'x', BIG_SIZE);
        *ret_parameters = json_pack("{s:s}", "text", text);
        return 0;
}

static int method_spin(void *userdata, Request *request, json_t **ret_parameters,
                       const char **ret_error) {
        uint64_t started = clock_usec_of(CLOCK_THREAD_CPUTIME_ID), spent;
        Fixture *f = userdata;

        do
                spent = clock_usec_of(CLOCK_THREAD_CPUTIME_ID) - started;
        while (spent < USEC_PER_MSEC);
        f->spun_usec += spent;
        return 0;
}

static void on_kept_gone(void *userdata) {
        Kept *k = userdata;

        k->request = NULL;
        k->gone++;
        if (k->on_gone)
                k->on_gone(k);
}

static int method_keep(void *userdata, Request *request, json_t **ret_parameters,
                       const char **ret_error) {
        Fixture *f = userdata;
        Kept *k = f->kept + f->n_kept++;

        assert_in_range(f->n_kept, 1, KEPT_MAX);
        k->request = request;
        request_keep(request, on_kept_gone, k);
        return REQUEST_KEPT;
}

static int method_typed(void *userdata, Request *request, json_t **ret_parameters,
                        const char **ret_error) {
        ((Fixture *) userdata)->calls++;
        return 0;
}

static const ControlParameter typed_parameters[] = {
        {"text", CONTROL_STRING, .required = true},
        {"integer", CONTROL_INTEGER, .min = -3, .max = 3},
        {"number", CONTROL_NUMBER},
        {"boolean", CONTROL_BOOLEAN},
        {"strings", CONTROL_STRINGS},
        {"objects", CONTROL_OBJECTS},
        {NULL},
};

static const ControlParameter echo_parameters[] = {
        {"text", CONTROL_STRING},
        {"i", CONTROL_INTEGER},
        {NULL},
};

const ControlMethod methods[] = {
        {"io.crier.Control.Echo", ACCESS_ANYBODY, method_echo, echo_parameters},
        {"io.crier.Control.Nothing", ACCESS_ANYBODY, method_nothing},
        {"io.crier.Control.Fails", ACCESS_ANYBODY, method_fails},
        {"io.crier.Control.Refuses", ACCESS_ANYBODY, method_refuses},
        {"io.crier.Control.Big", ACCESS_ANYBODY, method_big},
        {"io.crier.Control.Spin", ACCESS_ANYBODY, method_spin},
        {"io.crier.Control.Keep", ACCESS_ANYBODY, method_keep},
        {"io.crier.Control.Typed", ACCESS_ANYBODY, method_typed, typed_parameters},
        {"io.crier.Control.Secret", ACCESS_OPERATOR, method_nothing},
        {NULL},
};

/* Limits that do not get in the way of a test that is about another one. */
ServerLimits roomy(void) {
        ServerLimits l = server_limits_default;

        l.burst_usec = 1000 * USEC_PER_SEC;
        return l;
}

void fixture_start(Fixture *f, ServerLimits limits) {
        assert_int_equal(server_new(f->event, f->path, methods, f, &limits, &f->server), 0);
}

int fixture_setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        snprintf(f->directory, sizeof(f->directory), "/tmp/crier-test-server-XXXXXX");
        assert_non_null(mkdtemp(f->directory));
        snprintf(f->path, sizeof(f->path), "%s/control", f->directory);
        assert_int_equal(sd_event_new(&f->event), 0);
        *state = f;
        return 0;
}

int fixture_teardown(void **state) {
        Fixture *f = *state;

        server_free(f->server);
        sd_event_unref(f->event);
        (void) unlink(f->path);
        assert_int_equal(rmdir(f->directory), 0);
        free(f);
        return 0;
}

int connect_to(const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        assert_true(fd >= 0);
        strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
        assert_int_equal(connect(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        return fd;
}

void turn(Fixture *f) {
        assert_true(sd_event_run(f->event, USEC_PER_MSEC) >= 0);
}

/* Turns the loop until so many clients are connected. */
void await_connections(Fixture *f, unsigned n) {
        uint64_t end = clock_usec() + PATIENCE_USEC;

        while (server_connections(f->server) != n) {
                assert_true(clock_usec() < end);
                turn(f);
        }
}

void await_kept(Fixture *f, unsigned n) {
        uint64_t end = clock_usec() + PATIENCE_USEC;

        while (f->n_kept != n) {
                assert_true(clock_usec() < end);
                turn(f);
        }
}

void give_bytes(Fixture *f, int fd, const char *bytes, size_t size) {
        uint64_t end = clock_usec() + PATIENCE_USEC;

        while (size > 0) {
                ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);

                assert_true(n >= 0 || errno == EAGAIN);
                assert_true(clock_usec() < end);
                if (n < 0)
                        turn(f);
                else {
                        bytes += n;
                        size -= (size_t) n;
                }
        }
}

/* Sends a text with its NUL. */
void give(Fixture *f, int fd, const char *text) {
        give_bytes(f, fd, text, strlen(text) + 1);
}

/* Takes one frame; returns false where the server closed the connection instead. */
bool take(Fixture *f, int fd, Buffer *reply) {
        uint64_t end = clock_usec() + PATIENCE_USEC;
        char byte;

        buffer_clear(reply);
        for (;;) {
                ssize_t n = recv(fd, &byte, 1, 0);

                assert_true(clock_usec() < end);
                if (n == 0 || (n < 0 && errno == ECONNRESET))
                        return false;
                if (n < 0) {
                        assert_int_equal(errno, EAGAIN);
                        turn(f);
                        continue;
                }
                if (byte == 0)
                        return true;
                buffer_append_byte(reply, (uint8_t) byte);
        }
}

void assert_reply(Fixture *f, int fd, const char *expected) {
        _cleanup_buffer_ Buffer b = {0};

        if (!take(f, fd, &b))
                fail_msg("closed; expected %s", expected);
        assert_string_equal(buffer_string(&b), expected);
}

/* The reply's error is that one, and it says something about it. */
void assert_error(Fixture *f, int fd, const char *error, const char *text) {
        _cleanup_buffer_ Buffer b = {0};
        _cleanup_reply_ VarlinkReply r = {0};

        assert_true(take(f, fd, &b));
        assert_int_equal(varlink_reply_parse((const char *) b.data, b.size, &r), 0);
        assert_string_equal(r.error, error);
        assert_non_null(strstr(buffer_string(&b), text));
}

void assert_closed(Fixture *f, int fd) {
        _cleanup_buffer_ Buffer b = {0};

        if (take(f, fd, &b))
                fail_msg("expected the end, got %s", buffer_string(&b));
}

const char echo[] = "{\"method\":\"io.crier.Control.Echo\",\"parameters\":{\"text\":\"hello\"}}";
const char echoed[] = "{\"parameters\":{\"text\":\"hello\"}}";
