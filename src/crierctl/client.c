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
#include "crierctl/output.h"
#include "protocol/verbs.h"

#define READ_SIZE 16384

/* A connection is made within so long, also where the replies may take for ever. */
#define CONNECT_USEC (10 * USEC_PER_SEC)

/* One call under way. */
typedef struct Call {
        const ClientCall *what;
        const char *path;
        int fd;
        uint64_t timeout_usec;
        uint64_t deadline; /* CLOCK_MONOTONIC, usec; UINT64_MAX: none */
        bool interrupted;
        Failure *failure;
} Call;

static void call_set_deadline(Call *c, uint64_t timeout_usec) {
        c->timeout_usec = timeout_usec;
        c->deadline = timeout_usec > 0 ? clock_usec() + timeout_usec : UINT64_MAX;
}

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

/* Waits until the socket is ready or the call is interrupted. Returns 0 or an exit code. */
static int call_wait(Call *c, short events) {
        struct pollfd pfds[] = {
                {.fd = c->fd, .events = events},
                {.fd = c->what->interrupt_fd, .events = POLLIN},
                /* Errors are told without being asked for: poll(2). */
                {.fd = STDOUT_FILENO},
        };

        for (;;) {
                uint64_t now = clock_usec(), left = c->deadline - MIN(now, c->deadline);
                int r;

                if (left == 0)
                        return fail_timeout(c);
                r = poll(pfds, c->what->interruptible ? ELEMENTSOF(pfds) : 1,
                         (int) MIN(left / USEC_PER_MSEC + 1, (uint64_t) 1000 * 1000));
                if (r > 0) {
                        c->interrupted = pfds[1].revents || pfds[2].revents;
                        return 0;
                }
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
                if (r != 0 || c->interrupted)
                        return r;
        }
        return 0;
}

static int fail_closed(Call *c) {
        failure_set(c->failure, FAILURE_PROTOCOL,
                    "crierd closed the connection without a whole reply");
        return failure_advise(c->failure, "See what it says: journalctl -u crierd.service");
}

/* Reads until a frame is whole, which is the decoder's, or the call is interrupted. */
static int call_receive(Call *c, VarlinkDecoder *d, const char **ret_frame, size_t *ret_size) {
        char bytes[READ_SIZE];
        int r;

        for (;;) {
                ssize_t n;

                r = varlink_decoder_next(d, ret_frame, ret_size);
                if (r > 0)
                        return 0;
                if (r < 0)
                        break;
                r = call_wait(c, POLLIN);
                if (r != 0 || c->interrupted)
                        return r;
                n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        continue;
                if (n <= 0)
                        return fail_closed(c);
                r = varlink_decoder_add(d, bytes, (size_t) n);
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
        {PROTOCOL_INTERFACE ".NoSuchGroup", FAILURE_NOT_FOUND, "There is no such group", ""},
        {PROTOCOL_INTERFACE ".NoSuchConsumer", FAILURE_NOT_FOUND, "There is no such consumer", ""},
        {PROTOCOL_INTERFACE ".NoSuchProducer", FAILURE_NOT_FOUND, "There is no such producer", ""},
        {PROTOCOL_INTERFACE ".NoSuchTopic", FAILURE_NOT_FOUND, "There is no such topic", ""},
        {PROTOCOL_INTERFACE ".NoSuchTarget", FAILURE_NOT_FOUND,
         "There is nothing of that name to pause or resume", ""},
        {PROTOCOL_INTERFACE ".BadValue", FAILURE_BAD_VALUE, "crierd does not take this value", ""},
        {PROTOCOL_INTERFACE ".TimedOut", FAILURE_TIMEOUT, "It took too long",
         "What was asked for goes on"},
        {PROTOCOL_INTERFACE ".ConfigRefused", FAILURE_CONFIG, "The configuration was not taken",
         ""},
        {NULL, FAILURE_OTHER, "crierd reports an error", ""},
};

/* The lines of ConfigRefused. */
static void append_lines(Buffer *out, const json_t *lines) {
        const json_t *j;
        size_t i;

        json_array_foreach(lines, i, j) {
                if (!json_is_string(j))
                        continue;
                output_text(out, json_string_value(j));
                buffer_append_byte(out, '\n');
        }
}

static int fail_reply(Call *c, const VarlinkReply *reply) {
        const char *text = json_string_value(json_object_get(reply->parameters, "text"));
        const char *advice = json_string_value(json_object_get(reply->parameters, "advice"));
        Failure *f = c->failure;
        size_t i = 0;

        while (errors[i].name && !streq(errors[i].name, reply->error))
                i++;
        if (text)
                failure_set(f, errors[i].kind, "%s", text);
        else
                failure_set(f, errors[i].kind, "%s (%s)", errors[i].text, reply->error);
        free(f->name);
        f->name = strdup(reply->error);
        json_decref(f->parameters);
        f->parameters = json_incref(reply->parameters);
        append_lines(&f->details, json_object_get(reply->parameters, "errors"));
        return failure_advise(f, "%s", advice ? advice : errors[i].advice);
}

static int fail_strange(Call *c) {
        failure_set(c->failure, FAILURE_PROTOCOL, "What '%s' replies is not a Varlink reply",
                    c->path);
        return failure_advise(c->failure, "Is it crierd's control socket? Name it with -s "
                                          "or $" PROTOCOL_SOCKET_VARIABLE);
}

/* One reply. Sets `*ret_parameters` where it is the last. */
static int call_reply(Call *c, const char *frame, size_t size, json_t **ret_parameters) {
        _cleanup_reply_ VarlinkReply reply = {0};
        int r;

        r = varlink_reply_parse(frame, size, &reply);
        if (r == -ENOMEM)
                return failure_set(c->failure, FAILURE_OTHER, "Out of memory");
        if (r < 0 || (reply.continues && !c->what->more))
                return fail_strange(c);
        if (reply.error)
                return fail_reply(c, &reply);
        if (reply.continues)
                return c->what->on_reply(c->what->userdata, reply.parameters);
        *ret_parameters = json_incref(reply.parameters);
        return 0;
}

static int call_receive_all(Call *c, json_t **ret_parameters) {
        _cleanup_(varlink_decoder_done) VarlinkDecoder decoder = {0};
        int r;

        varlink_decoder_init(&decoder, VARLINK_REPLY_MAX);
        for (;;) {
                const char *frame = NULL;
                size_t size = 0;

                r = call_receive(c, &decoder, &frame, &size);
                if (r != 0 || c->interrupted)
                        return r;
                r = call_reply(c, frame, size, ret_parameters);
                if (r != 0 || *ret_parameters)
                        return r;
                call_set_deadline(c, c->what->timeout_usec);
        }
}

static int call_run(Call *c, json_t **ret_parameters) {
        _cleanup_buffer_ Buffer call = {0};
        int r;

        r = varlink_call_encode(c->what->method, c->what->parameters, c->what->more, &call);
        if (r < 0)
                return failure_set(c->failure, FAILURE_BAD_VALUE, "Cannot send this call: %s",
                                   r == -EMSGSIZE ? "it is longer than 64 KiB" : strerror(-r));
        call_set_deadline(c, c->what->timeout_usec > 0 ? c->what->timeout_usec : CONNECT_USEC);
        r = call_connect(c);
        if (r == 0)
                r = call_send(c, &call);
        if (r != 0 || c->interrupted)
                return r;
        if (c->what->timeout_usec == 0)
                call_set_deadline(c, 0);
        return call_receive_all(c, ret_parameters);
}

int client_call(const ClientCall *call, json_t **ret_parameters, Failure *failure) {
        Call c = {.what = call, .path = call->path, .fd = -1, .failure = failure};
        json_t *parameters = NULL;
        int r = call_run(&c, &parameters);

        closep(&c.fd);
        if (r == 0)
                *ret_parameters = parameters;
        return r;
}
