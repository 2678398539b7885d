/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The control socket: a Varlink server on an AF_UNIX stream socket, driven by an sd_event loop. It
 * accepts, checks who calls, finds the method and sends the reply; what a method does is the
 * handler's (methods.c). org.varlink.service is answered here.
 *
 * Nothing that a client does may slow the daemon down: every limit below is enforced for every
 * client, and all work for all clients together gets at most a twenty-fifth of the time.
 */

#include <systemd/sd-event.h>

#include "common/buffer.h"
#include "control/access.h"
#include "protocol/varlink.h"

typedef struct Server Server;

/* One call, from when it has arrived until its last reply. The first two are for handlers to read.
 */
typedef struct Request {
        VarlinkCall call;
        const Peer *peer;
        void (*gone)(void *userdata); /* server.c's; set while the handler keeps the request */
        void *userdata;
} Request;

/* What a handler returns that replies later. */
#define REQUEST_KEPT 1

/* Answers one call, on the loop's thread, without blocking.
 *
 * Success: sets `*ret_parameters` (a new reference that the server takes; leave it NULL for {}) and
 * returns 0. An error of the protocol: sets `*ret_error` to its full name
 * ("io.crier.Control.NoSuchGroup", a constant), `*ret_parameters` to its parameters, and returns 0.
 * A failure of our own: returns a negative errno, and the client gets io.crier.Control.Failed. An
 * answer that takes time: calls request_keep() and returns REQUEST_KEPT. The handler must not free
 * the server. */
typedef int (*ControlHandler)(void *userdata, Request *request, json_t **ret_parameters,
                              const char **ret_error);

/* The handler keeps the request, until request_reply(). The connection serves nothing else until
 * then. Where the client goes away first, gone(userdata) is called, and the request is no more. */
void request_keep(Request *r, void (*gone)(void *userdata), void *userdata);

/* The last reply to a request that was kept; `error` NULL for success. Takes `parameters` over
 * (NULL: {}). The request is no more afterwards. Not to be called by the handler itself. */
void request_reply(Request *r, const char *error, json_t *parameters);

/* One of several replies, for a call that asked for `more`; nothing is sent for another. Takes
 * `parameters` over. Returns 0; -EAGAIN where the client has not read the earlier ones (nothing is
 * sent); -EMSGSIZE, -ENOMEM. The request may be gone afterwards: gone() was called then. How much
 * time this takes in all is for whoever calls it to bound: it is no part of the clients' share,
 * which others would use up. */
int request_continue(Request *r, json_t *parameters);

/* Whether request_continue() would send something now: spares making parameters in vain. */
bool request_can_continue(const Request *r);

/* What a parameter may be. JSON's null stands for one that is not there. */
typedef enum ControlType {
        CONTROL_STRING,
        CONTROL_INTEGER,
        CONTROL_NUMBER,
        CONTROL_BOOLEAN,
        CONTROL_STRINGS, /* an array of strings */
        CONTROL_OBJECTS, /* an array of objects */
} ControlType;

typedef struct ControlParameter {
        const char *name;
        ControlType type;
        bool required;
        int64_t min, max; /* CONTROL_INTEGER: what is allowed, where they differ */
} ControlParameter;

/* One method. A call with another parameter than those of the list, with one of another type, or
 * without one that is required, or with an integer out of range, is refused before the handler is
 * run. */
typedef struct ControlMethod {
        const char *name; /* with its interface */
        AccessClass access;
        ControlHandler handler;
        const ControlParameter *parameters; /* ended by a row without a name; NULL: it takes none */
} ControlMethod;

typedef struct ServerLimits {
        unsigned connections;
        unsigned connections_per_uid;
        size_t reply_bytes;    /* one reply; a connection holds one at a time, unread calls wait */
        uint64_t partial_usec; /* from the first byte of a call to its last */
        uint64_t stalled_usec; /* a reply of which the client reads next to nothing */
        uint64_t accept_usec;  /* pause when descriptors are short */
        uint64_t burst_usec; /* CPU time used at a stretch before the share is enforced: events wait
                                meanwhile, and librdkafka's queues are full after a few ms */
        size_t backlog_bytes; /* request_continue(): what may wait for the client to read */
} ServerLimits;

extern const ServerLimits server_limits_default;

/* Binds `path` and serves it on `event` (at SD_EVENT_PRIORITY_NORMAL - 10). `methods` ends with a
 * row whose name is NULL and must outlive the server; `limits` NULL is server_limits_default. A
 * socket that nobody serves any more is replaced. Returns 0, or a negative errno that
 * server_explain() puts in words: -EADDRINUSE a live daemon serves it, -ENAMETOOLONG, -EINVAL an
 * empty path, -ENOTSOCK something else is at that path, -ENOENT no such directory, -EACCES, -EROFS
 * … */
int server_new(sd_event *event, const char *path, const ControlMethod *methods, void *userdata,
               const ServerLimits *limits, Server **ret);

/* Drops all connections and removes the socket, if it is still ours. Takes NULL, returns NULL. */
Server *server_free(Server *s);
DEFINE_CLEANUP(Server *, server_free);

/* What an error of server_new() means for that path: what failed, why, and what to do, without a
 * newline. Appends to `text`. */
void server_explain(int error, const char *path, Buffer *text);

/* How many clients are connected at the moment. */
unsigned server_connections(const Server *s);
