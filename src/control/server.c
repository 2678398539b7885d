/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket's connections: see server.h. Each has one call under way at most, so replies
 * keep their order and what a connection holds is bounded: a piece of a call, or one reply.
 */

#include "config.h"

#include "control/server.h"

#include <assert.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/log.h"
#include "control/dispatch.h"
#include "control/listener.h"

/* Who has been served waits behind those who have not: see server_turn(). */
#define SERVER_PRIORITY (SD_EVENT_PRIORITY_NORMAL - 10)
#define SERVED_PRIORITY (SERVER_PRIORITY + 1)

/* Read at once from one connection; others get their turn in between. */
#define READ_SIZE ((size_t) 16 * 1024)

/* Buffers that grew larger are given back when they are empty. */
#define KEPT_SIZE ((size_t) 64 * 1024)

/* Work for clients may take one part in so many of the time… */
#define TIME_SHARE 25
/* …and a wake-up of the loop costs this much beside what is measured. */
#define WAKEUP_USEC 10

/* Deadlines and pauses may end so much later than asked for. */
#define DEADLINE_ACCURACY_USEC (50 * USEC_PER_MSEC)
#define PAUSE_ACCURACY_USEC USEC_PER_MSEC

const ServerLimits server_limits_default = {
        .connections = 64,
        .connections_per_uid = 16,
        .reply_bytes = (size_t) 4 * 1024 * 1024,
        .partial_usec = 5 * USEC_PER_SEC,
        .stalled_usec = 30 * USEC_PER_SEC,
        .accept_usec = USEC_PER_SEC,
        .burst_usec = 500,
        .backlog_bytes = (size_t) 256 * 1024,
};

/* What the deadline of a connection is for. */
typedef enum Waiting {
        WAITING_NOTHING,
        WAITING_CALL,   /* for the rest of a call */
        WAITING_READER, /* for the client to read */
} Waiting;

typedef struct Connection {
        Server *server;
        struct Connection *next, **link;
        int fd;
        Peer peer;
        Request request; /* the call that is being answered */
        VarlinkDecoder decoder;
        bool unserved; /* bytes are in the decoder that were not looked at */
        Buffer reply;
        size_t sent; /* of it */
        sd_event_source *io;
        sd_event_source *deadline;
        Waiting waiting;
} Connection;

struct Server {
        Listener listener;
        ServerLimits limits;
        Dispatcher dispatcher;
        sd_event *event;
        sd_event_source *accept;
        sd_event_source *accept_timer; /* ends the pause after EMFILE */
        sd_event_source *resume_timer; /* ends the pause after too much work */
        bool paused;
        bool accept_failed;  /* and that was said */
        uint64_t paid_until; /* when the work done so far is a TIME_SHARE of the time */
        Connection *connections;
        unsigned n_connections;
};

static void source_drop(sd_event_source **source) {
        *source = sd_event_source_disable_unref(*source);
}

static bool connection_is_kept(const Connection *c) {
        return c->request.gone;
}

static Connection *connection_of(Request *r) {
        return (Connection *) (void *) ((char *) r - offsetof(Connection, request));
}

/* Nothing of a request is left afterwards. */
static void request_end(Request *r) {
        varlink_call_done(&r->call);
        r->gone = NULL;
        r->userdata = NULL;
}

/* The client is gone: whoever keeps the request is told, once. */
static void request_abandon(Request *r) {
        void (*gone)(void *userdata) = r->gone;
        void *userdata = r->userdata;

        request_end(r);
        if (gone)
                gone(userdata);
}

static Connection *connection_free(Connection *c) {
        if (!c)
                return NULL;
        if (c->link) {
                *c->link = c->next;
                if (c->next)
                        c->next->link = c->link;
                c->server->n_connections--;
        }
        request_abandon(&c->request);
        source_drop(&c->io);
        source_drop(&c->deadline);
        closep(&c->fd);
        peer_done(&c->peer);
        varlink_decoder_done(&c->decoder);
        buffer_done(&c->reply);
        free(c);
        return NULL;
}
DEFINE_CLEANUP(Connection *, connection_free);

/* Starts or stops listening to everybody at once. */
static void server_set_paused(Server *s, bool paused) {
        int on = paused ? SD_EVENT_OFF : SD_EVENT_ON;

        s->paused = paused;
        for (Connection *c = s->connections; c; c = c->next)
                (void) sd_event_source_set_enabled(c->io, on);
        /* The pause after EMFILE goes its own way. */
        if (sd_event_source_get_enabled(s->accept_timer, NULL) <= 0)
                (void) sd_event_source_set_enabled(s->accept, on);
}

/* Counts work that began at `started` (CPU time of this thread), and pauses all clients when it was
 * more than its share. Work at a high priority would starve the events otherwise. */
static void server_account(Server *s, uint64_t started) {
        uint64_t spent = clock_usec_of(CLOCK_THREAD_CPUTIME_ID) - started + WAKEUP_USEC;
        uint64_t now = clock_usec();

        s->paid_until = MAX(s->paid_until, now) + spent * TIME_SHARE;
        if (s->paused || s->paid_until - now <= s->limits.burst_usec * TIME_SHARE)
                return;
        if (sd_event_source_set_time(s->resume_timer, s->paid_until) < 0 ||
            sd_event_source_set_enabled(s->resume_timer, SD_EVENT_ONESHOT) < 0)
                return;
        server_set_paused(s, true);
}

/* Has everybody served once before anybody is served again: a pause would else begin again with
 * whoever was first before. */
static void server_turn(Server *s, sd_event_source *source) {
        int64_t priority = SERVER_PRIORITY;

        (void) sd_event_source_get_priority(source, &priority);
        if (priority == SERVED_PRIORITY) {
                /* Nobody else waited: a new round. */
                for (Connection *c = s->connections; c; c = c->next)
                        (void) sd_event_source_set_priority(c->io, SERVER_PRIORITY);
                (void) sd_event_source_set_priority(s->accept, SERVER_PRIORITY);
        }
        (void) sd_event_source_set_priority(source, SERVED_PRIORITY);
}

static int on_resume(sd_event_source *source, uint64_t usec, void *userdata) {
        server_set_paused(userdata, false);
        return 0;
}

/* Sets, keeps or clears the deadline. It runs from when the waiting began, so a byte now and then
 * does not prolong it. */
static int connection_wait(Connection *c, Waiting waiting) {
        const ServerLimits *limits = &c->server->limits;
        uint64_t delay = waiting == WAITING_CALL ? limits->partial_usec : limits->stalled_usec;
        int r;

        if (waiting == WAITING_NOTHING) {
                c->waiting = waiting;
                return sd_event_source_set_enabled(c->deadline, SD_EVENT_OFF);
        }
        if (waiting == c->waiting)
                return 0;
        c->waiting = waiting;
        r = sd_event_source_set_time(c->deadline, clock_usec() + delay);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(c->deadline, SD_EVENT_ONESHOT);
}

/* What was waited for has come: the next wait has a deadline of its own. */
static void connection_advance(Connection *c, Waiting waiting) {
        if (c->waiting == waiting)
                c->waiting = WAITING_NOTHING;
}

/* Sends what there is. Returns 1 when all of it is sent, 0 when the client has to read first,
 * negative when the connection is to end. */
static int connection_send(Connection *c) {
        while (c->sent < c->reply.size) {
                ssize_t n = send(c->fd, c->reply.data + c->sent, c->reply.size - c->sent,
                                 MSG_DONTWAIT | MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno != EAGAIN)
                        return -errno;
                if (n < 0)
                        break;
                c->sent += (size_t) n;
                /* Only a client that reads makes the socket take bytes again. */
                connection_advance(c, WAITING_READER);
        }
        if (c->sent < c->reply.size)
                return 0;
        c->sent = 0;
        buffer_clear(&c->reply);
        if (c->reply.allocated > KEPT_SIZE)
                buffer_done(&c->reply);
        return 1;
}

/* Reads a piece. Returns 0, or negative when the connection is to end: all whole calls were served
 * before, so a client that sends no more has its replies. */
static int connection_read(Connection *c) {
        char bytes[READ_SIZE];
        ssize_t n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (n == 0)
                return -ECONNRESET;
        c->unserved = true;
        return varlink_decoder_add(&c->decoder, bytes, (size_t) n);
}

/* Answers the next whole call, if there is one. Returns 1 if there was, 0 if not, negative when the
 * connection is to end: what came is not Varlink, or memory is short. */
static int connection_serve(Connection *c) {
        const char *frame;
        size_t size;
        int r;

        r = varlink_decoder_next(&c->decoder, &frame, &size);
        if (r <= 0) {
                c->unserved = false;
                return r;
        }
        c->unserved = varlink_decoder_partial(&c->decoder);
        connection_advance(c, WAITING_CALL);
        r = varlink_call_parse(frame, size, &c->request.call);
        if (r < 0)
                return r;
        r = dispatch_call(&c->server->dispatcher, &c->request, &c->reply);
        assert(r != REQUEST_KEPT || connection_is_kept(c));
        if (r != REQUEST_KEPT)
                request_end(&c->request);
        return r < 0 ? r : 1;
}

/* One step: send, then read, then serve one call. Returns negative when the connection is to end.
 */
static int connection_step(Connection *c, uint32_t revents) {
        int r;

        r = connection_send(c);
        if (r <= 0)
                return r;
        /* Nobody can say whether a client that sends no more still reads: only one that has closed
         * altogether is gone. */
        if (connection_is_kept(c))
                return revents & (EPOLLHUP | EPOLLERR) ? -ECONNRESET : 0;
        if (!c->unserved && (revents & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
                r = connection_read(c);
                if (r < 0)
                        return r;
        }
        r = connection_serve(c);
        return r < 0 ? r : connection_send(c);
}

/* After a step: what to wait for, and how long. Calls that are in the decoder already wait for the
 * socket to take bytes, which it does at once or when the client has read. */
static int connection_update(Connection *c) {
        bool kept = connection_is_kept(c);
        bool out = c->sent < c->reply.size || (c->unserved && !kept);
        int r;

        r = sd_event_source_set_io_events(c->io, out ? EPOLLOUT : kept ? 0 : EPOLLIN);
        if (r < 0)
                return r;
        if (out)
                return connection_wait(c, WAITING_READER);
        if (!kept && varlink_decoder_partial(&c->decoder))
                return connection_wait(c, WAITING_CALL);
        return connection_wait(c, WAITING_NOTHING);
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        uint64_t started = clock_usec_of(CLOCK_THREAD_CPUTIME_ID);
        Connection *c = userdata;
        Server *s = c->server;

        server_turn(s, source);
        if (revents & EPOLLOUT)
                connection_advance(c, WAITING_READER);
        if (connection_step(c, revents) < 0 || connection_update(c) < 0)
                connection_free(c);
        server_account(s, started);
        return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        Connection *c = userdata;

        if (c->waiting == WAITING_READER)
                log_info("A control client (uid %u, pid %d) reads nothing of what it is sent: "
                         "dropped",
                         (unsigned) c->peer.uid, (int) c->peer.pid);
        connection_free(c);
        return 0;
}

/* A timer that is off. */
static int timer_new(sd_event *event, uint64_t accuracy, sd_event_time_handler_t handler,
                     void *userdata, sd_event_source **ret) {
        int r;

        r = sd_event_add_time(event, ret, CLOCK_MONOTONIC, 0, accuracy, handler, userdata);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
        if (r < 0)
                return r;
        return sd_event_source_set_priority(*ret, SERVER_PRIORITY);
}

static int io_new(sd_event *event, int fd, sd_event_io_handler_t handler, void *userdata,
                  sd_event_source **ret) {
        int r;

        r = sd_event_add_io(event, ret, fd, EPOLLIN, handler, userdata);
        if (r < 0)
                return r;
        return sd_event_source_set_priority(*ret, SERVER_PRIORITY);
}

/* Takes descriptor and credentials over when it succeeds. */
static int connection_new(Server *s, int fd, Peer *peer, Connection **ret) {
        _cleanup_(connection_freep) Connection *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        c->server = s;
        c->fd = -1;
        varlink_decoder_init(&c->decoder, VARLINK_CALL_MAX);
        r = io_new(s->event, fd, on_connection, c, &c->io);
        if (r < 0)
                return r;
        r = timer_new(s->event, DEADLINE_ACCURACY_USEC, on_deadline, c, &c->deadline);
        if (r < 0)
                return r;
        c->fd = fd;
        c->request.peer = &c->peer;
        c->peer = *peer;
        *peer = (Peer){0};
        *ret = TAKE_PTR(c);
        return 0;
}

static bool server_full(const Server *s, uid_t uid) {
        unsigned same = 0;

        for (const Connection *c = s->connections; c; c = c->next)
                same += c->peer.uid == uid;
        return s->n_connections >= s->limits.connections || same >= s->limits.connections_per_uid;
}

/* Says why, as far as the fresh socket takes it; the caller closes. */
static void refuse(int fd) {
        _cleanup_buffer_ Buffer b = {0};

        if (dispatch_error(PROTOCOL_INTERFACE ".Busy",
                           "Too many control connections are open, in all or from this user",
                           "Close some, or try again later", &b) < 0)
                return;
        (void) !send(fd, b.data, b.size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Takes a fresh connection in, or refuses it. */
static int server_admit(Server *s, int accepted) {
        _cleanup_close_ int fd = accepted;
        _cleanup_(peer_done) Peer peer = {0};
        Connection *c;
        int r;

        r = peer_read(fd, &peer);
        if (r < 0)
                return r;
        if (server_full(s, peer.uid)) {
                refuse(fd);
                return 0;
        }
        r = connection_new(s, fd, &peer, &c);
        if (r < 0)
                return r;
        TAKE_FD(fd);
        c->next = s->connections;
        c->link = &s->connections;
        if (c->next)
                c->next->link = &c->next;
        s->connections = c;
        s->n_connections++;
        return 0;
}

/* Without this the loop would spin: the listening socket stays readable. */
static int server_pause_accept(Server *s, int error) {
        int r;

        if (!s->accept_failed)
                log_warning_errno(error, "Cannot accept a control connection, trying again: %m");
        s->accept_failed = true;
        r = sd_event_source_set_enabled(s->accept, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = sd_event_source_set_time(s->accept_timer, clock_usec() + s->limits.accept_usec);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(s->accept_timer, SD_EVENT_ONESHOT);
}

static int on_accept_again(sd_event_source *source, uint64_t usec, void *userdata) {
        Server *s = userdata;

        return s->paused ? 0 : sd_event_source_set_enabled(s->accept, SD_EVENT_ON);
}

static int on_accept(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        uint64_t started = clock_usec_of(CLOCK_THREAD_CPUTIME_ID);
        Server *s = userdata;
        int r = 0, accepted;

        server_turn(s, source);
        accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (accepted >= 0)
                r = server_admit(s, accepted);
        else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
                r = -errno;
        if (r < 0)
                r = server_pause_accept(s, r);
        else
                s->accept_failed = false;
        server_account(s, started);
        return r;
}

static int server_start(Server *s) {
        int r;

        r = io_new(s->event, s->listener.fd, on_accept, s, &s->accept);
        if (r < 0)
                return r;
        r = timer_new(s->event, DEADLINE_ACCURACY_USEC, on_accept_again, s, &s->accept_timer);
        if (r < 0)
                return r;
        return timer_new(s->event, PAUSE_ACCURACY_USEC, on_resume, s, &s->resume_timer);
}

int server_new(sd_event *event, const char *path, const ControlMethod *methods, void *userdata,
               const ServerLimits *limits, Server **ret) {
        _cleanup_(server_freep) Server *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->listener.fd = -1;
        s->limits = limits ? *limits : server_limits_default;
        s->event = sd_event_ref(event);
        s->dispatcher = (Dispatcher){
                .methods = methods,
                .userdata = userdata,
                .reply_max = s->limits.reply_bytes,
        };
        access_rules_init(&s->dispatcher.rules);
        r = listener_open(path, &s->listener);
        if (r < 0)
                return r;
        r = server_start(s);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

Server *server_free(Server *s) {
        if (!s)
                return NULL;
        /* Whoever is told that one is gone may answer, and so end, another. */
        while (s->connections)
                connection_free(s->connections);
        source_drop(&s->accept);
        source_drop(&s->accept_timer);
        source_drop(&s->resume_timer);
        listener_close(&s->listener);
        sd_event_unref(s->event);
        free(s);
        return NULL;
}

unsigned server_connections(const Server *s) {
        return s->n_connections;
}

/* ---- replies that come later ---- */

void request_keep(Request *r, void (*gone)(void *userdata), void *userdata) {
        r->gone = gone;
        r->userdata = userdata;
}

static void connection_push(Connection *c) {
        if (connection_send(c) < 0 || connection_update(c) < 0)
                connection_free(c);
}

void request_reply(Request *r, const char *error, json_t *parameters) {
        uint64_t started = clock_usec_of(CLOCK_THREAD_CPUTIME_ID);
        _cleanup_json_ json_t *p = parameters;
        Connection *c = connection_of(r);
        Server *s = c->server;
        bool oneway = r->call.oneway;
        int k = 0;

        request_end(r);
        if (!oneway)
                k = dispatch_reply(&s->dispatcher, error, p, &c->reply);
        if (k < 0)
                connection_free(c);
        else
                connection_push(c);
        server_account(s, started);
}

/* Forgets what was sent, once that is as much as what is left: no more bytes are moved than sent.
 */
static void connection_compact(Connection *c) {
        size_t left = c->reply.size - c->sent;

        if (c->sent == 0 || c->sent < left)
                return;
        memmove(c->reply.data, c->reply.data + c->sent, left);
        c->reply.size = left;
        c->sent = 0;
}

/* The Request is the connection's, which is not changed here. */
bool request_can_continue(const Request *r) {
        const Connection *c = connection_of((Request *) (uintptr_t) r);

        return r->call.more && !r->call.oneway &&
               c->reply.size - c->sent <= c->server->limits.backlog_bytes;
}

int request_continue(Request *r, json_t *parameters) {
        _cleanup_json_ json_t *p = parameters;
        Connection *c = connection_of(r);
        int k;

        if (!r->call.more || r->call.oneway)
                return 0;
        if (!request_can_continue(r))
                return -EAGAIN;
        connection_compact(c);
        k = dispatch_continue(&c->server->dispatcher, p, &c->reply);
        if (k == 0)
                connection_push(c);
        return k;
}
