/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The client's side of the control socket: see client.h.
 */

#include "config.h"

#include "crierctl/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "common/clock.h"
#include "protocol/verbs.h"

#define READ_SIZE 16384

/* One call under way. */
typedef struct Call {
        int fd;
        const char *path;
        uint64_t timeout_usec;
        uint64_t deadline; /* CLOCK_MONOTONIC, usec */
        Failure *failure;
} Call;

static int fail_timeout(Call *c) {
        failure_set(c->failure, FAILURE_TIMEOUT, "crierd did not answer within %g s",
                    (double) c->timeout_usec / (double) USEC_PER_SEC);
        return failure_advise(c->failure, "Try again, or wait longer with --timeout=SECONDS");
}

static int fail_not_running(Call *c) {
        failure_set(c->failure, FAILURE_NOT_RUNNING, "crierd is not running: nothing serves '%s'",
                    c->path);
        if (streq(c->path, PROTOCOL_SOCKET))
                return failure_advise(c->failure, "Start it: systemctl start crierd.service");
        return failure_advise(c->failure,
                              "Start it: crierd --socket=%s; or name another socket "
                              "with -s or $" PROTOCOL_SOCKET_VARIABLE,
                              c->path);
}

static int fail_permission(Call *c) {
        failure_set(c->failure, FAILURE_PERMISSION, "This user may not connect to '%s'", c->path);
        return failure_advise(c->failure,
                              "Run it as root, or once: usermod -aG crier USER, and log in again");
}

static int fail_connect(Call *c, int error) {
        switch (error) {
        case ENOENT:
        case ECONNREFUSED:
                return fail_not_running(c);
        case EACCES:
        case EPERM:
                return fail_permission(c);
        case EAGAIN:
                return fail_timeout(c);
        default:
                failure_set(c->failure, FAILURE_UNREACHABLE, "Cannot connect to '%s': %s", c->path,
                            strerror(error));
                return failure_advise(c->failure,
                                      "Name crierd's socket with -s or $" PROTOCOL_SOCKET_VARIABLE);
        }
}

static int call_connect(Call *c) {
        struct timeval wait = {
                .tv_sec = (time_t) (c->timeout_usec / USEC_PER_SEC),
                .tv_usec = (suseconds_t) (c->timeout_usec % USEC_PER_SEC),
        };
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        size_t size = strlen(c->path);

        if (size == 0 || size >= sizeof(address.sun_path)) {
                failure_set(c->failure, FAILURE_BAD_VALUE,
                            "'%s' cannot be a socket: a socket's path has 1 to %zu bytes", c->path,
                            sizeof(address.sun_path) - 1);
                return failure_advise(c->failure,
                                      "Name crierd's socket with -s or $" PROTOCOL_SOCKET_VARIABLE);
        }
        memcpy(address.sun_path, c->path, size);
        c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        /* This bounds connect() too, which waits while the daemon's backlog is full: unix(7). */
        if (c->fd < 0 || setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0 ||
            connect(c->fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return fail_connect(c, errno);
        return 0;
}

/* Waits until the socket is ready. Returns 0 or an exit code. */
static int call_wait(Call *c, short events) {
        struct pollfd pfd = {.fd = c->fd, .events = events};

        for (;;) {
                uint64_t now = clock_usec();
                int r;

                if (now >= c->deadline)
                        return fail_timeout(c);
                r = poll(
                        &pfd, 1,
                        (int) MIN((c->deadline - now) / USEC_PER_MSEC + 1, (uint64_t) 1000 * 1000));
                if (r > 0)
                        return 0;
                if (r < 0 && errno != EINTR)
                        return failure_set(c->failure, FAILURE_OTHER, "Cannot wait: %s",
                                           strerror(errno));
        }
}

/* Sends everything. A daemon that has hung up may have said why: that is for call_receive(). */
static int call_send(Call *c, const Buffer *call) {
        size_t sent = 0;

        while (sent < call->size) {
                ssize_t n = send(c->fd, call->data + sent, call->size - sent,
                                 MSG_NOSIGNAL | MSG_DONTWAIT);
                int r;

                if (n >= 0) {
                        sent += (size_t) n;
                        continue;
                }
                if (errno == EPIPE || errno == ECONNRESET)
                        return 0;
                if (errno != EAGAIN && errno != EINTR)
                        return failure_set(c->failure, FAILURE_UNREACHABLE,
                                           "Cannot send to '%s': %s", c->path, strerror(errno));
                r = call_wait(c, POLLOUT);
                if (r != 0)
                        return r;
        }
        return 0;
}

static int fail_closed(Call *c) {
        failure_set(c->failure, FAILURE_PROTOCOL,
                    "crierd closed the connection without a whole reply");
        return failure_advise(c->failure, "See what it says: journalctl -u crierd.service");
}

/* Reads until a frame is whole; it is the decoder's. */
static int call_receive(Call *c, VarlinkDecoder *d, const char **ret_frame, size_t *ret_size) {
        char bytes[READ_SIZE];
        int r;

        for (;;) {
                ssize_t n;

                r = call_wait(c, POLLIN);
                if (r != 0)
                        return r;
                n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        continue;
                if (n <= 0)
                        return fail_closed(c);
                r = varlink_decoder_add(d, bytes, (size_t) n);
                if (r == 0)
                        r = varlink_decoder_next(d, ret_frame, ret_size);
                if (r > 0)
                        return 0;
                if (r < 0)
                        break;
        }
        return failure_set(c->failure, r == -EMSGSIZE ? FAILURE_PROTOCOL : FAILURE_OTHER,
                           "Cannot read the reply of crierd: %s", strerror(-r));
}

/* What the errors of the daemon mean to a script, and what to do where it does not say. */
static const struct {
        const char *name;
        FailureKind kind;
        const char *text, *advice;
} errors[] = {
        {VARLINK_PERMISSION_DENIED, FAILURE_PERMISSION, "crierd denies it to this user",
         "Run it as root, or once: usermod -aG crier USER, and log in again"},
        {VARLINK_INVALID_PARAMETER, FAILURE_BAD_VALUE, "crierd does not take this value", ""},
        {VARLINK_METHOD_NOT_FOUND, FAILURE_PROTOCOL, "The running crierd does not know this verb",
         "It is of another version: systemctl restart crierd.service"},
        {VARLINK_INTERFACE_NOT_FOUND, FAILURE_PROTOCOL, "What runs there is not crierd",
         "Name crierd's socket with -s or $" PROTOCOL_SOCKET_VARIABLE},
        {PROTOCOL_INTERFACE ".Busy", FAILURE_BUSY, "crierd has too many connections",
         "Try again later"},
        {NULL, FAILURE_OTHER, "crierd reports an error", ""},
};

static int fail_reply(Call *c, const VarlinkReply *reply) {
        const char *text = json_string_value(json_object_get(reply->parameters, "text"));
        const char *advice = json_string_value(json_object_get(reply->parameters, "advice"));
        size_t i = 0;

        while (errors[i].name && !streq(errors[i].name, reply->error))
                i++;
        if (text)
                failure_set(c->failure, errors[i].kind, "%s", text);
        else
                failure_set(c->failure, errors[i].kind, "%s (%s)", errors[i].text, reply->error);
        free(c->failure->name);
        c->failure->name = strdup(reply->error);
        return failure_advise(c->failure, "%s", advice ? advice : errors[i].advice);
}

static int call_finish(Call *c, const char *frame, size_t size, json_t **ret_parameters) {
        _cleanup_reply_ VarlinkReply reply = {0};
        int r;

        r = varlink_reply_parse(frame, size, &reply);
        if (r == -ENOMEM)
                return failure_set(c->failure, FAILURE_OTHER, "Out of memory");
        if (r < 0 || reply.continues) {
                failure_set(c->failure, FAILURE_PROTOCOL,
                            "What '%s' replies is not a Varlink reply", c->path);
                return failure_advise(c->failure, "Is it crierd's control socket? Name it with -s "
                                                  "or $" PROTOCOL_SOCKET_VARIABLE);
        }
        if (reply.error)
                return fail_reply(c, &reply);
        *ret_parameters = json_incref(reply.parameters);
        return 0;
}

static int call_run(Call *c, const char *method, json_t *parameters, json_t **ret_parameters) {
        _cleanup_(varlink_decoder_done) VarlinkDecoder decoder;
        _cleanup_buffer_ Buffer call = {0};
        const char *frame = NULL;
        size_t size = 0;
        int r;

        varlink_decoder_init(&decoder, VARLINK_REPLY_MAX);
        r = varlink_call_encode(method, parameters, false, &call);
        if (r < 0)
                return failure_set(c->failure, FAILURE_BAD_VALUE, "Cannot send this call: %s",
                                   strerror(-r));
        r = call_connect(c);
        if (r != 0)
                return r;
        r = call_send(c, &call);
        if (r != 0)
                return r;
        r = call_receive(c, &decoder, &frame, &size);
        if (r != 0)
                return r;
        return call_finish(c, frame, size, ret_parameters);
}

int client_call(const char *path, const char *method, json_t *parameters, uint64_t timeout_usec,
                json_t **ret_parameters, Failure *failure) {
        Call c = {
                .fd = -1,
                .path = path,
                .timeout_usec = timeout_usec,
                .deadline = clock_usec() + timeout_usec,
                .failure = failure,
        };
        int r = call_run(&c, method, parameters, ret_parameters);

        closep(&c.fd);
        return r;
}
