/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A call to the daemon that nobody waits for: see top-call.h.
 */

#include "crierctl/top-call.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>

/* Belongs to the thread and to who began it; the later one frees it. Until `fd` says that the call
 * is over, only the thread touches what it works on. */
struct TopCall {
        atomic_uint owners;
        int fd;
        char *socket, *method;
        json_t *parameters;
        uint64_t timeout_usec;
        int result;
        json_t *reply;
        Failure failure;
};

TopCall *top_call_free(TopCall *c) {
        if (!c || atomic_fetch_sub(&c->owners, 1) > 1)
                return NULL;
        closep(&c->fd);
        free(c->socket);
        free(c->method);
        json_decref(c->parameters);
        json_decref(c->reply);
        failure_done(&c->failure);
        free(c);
        return NULL;
}
DEFINE_CLEANUP(TopCall *, top_call_free);

static void *call_thread(void *userdata) {
        TopCall *c = userdata;
        const ClientCall what = {
                .path = c->socket,
                .method = c->method,
                .parameters = c->parameters,
                .timeout_usec = c->timeout_usec,
        };
        uint64_t one = 1;

        c->result = client_call(&what, &c->reply, &c->failure);
        (void) !write(c->fd, &one, sizeof(one));
        top_call_free(c);
        return NULL;
}

static int call_spawn(TopCall *c) {
        sigset_t all, before;
        pthread_attr_t attr;
        pthread_t thread;
        int r;

        pthread_attr_init(&attr);
        pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        atomic_fetch_add(&c->owners, 1);
        r = pthread_create(&thread, &attr, call_thread, c);
        if (r != 0)
                atomic_fetch_sub(&c->owners, 1);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pthread_attr_destroy(&attr);
        return -r;
}

int top_call_begin(const char *socket, const char *method, json_t *parameters,
                   uint64_t timeout_usec, TopCall **ret) {
        _cleanup_(top_call_freep) TopCall *c = calloc(1, sizeof(*c));
        int r;

        if (!c) {
                json_decref(parameters);
                return -ENOMEM;
        }
        c->owners = 1;
        c->parameters = parameters;
        c->timeout_usec = timeout_usec;
        c->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (c->fd < 0)
                return -errno;
        c->socket = strdup(socket);
        c->method = strdup(method);
        if (!c->socket || !c->method)
                return -ENOMEM;
        r = call_spawn(c);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

int top_call_fd(const TopCall *c) {
        return c->fd;
}

int top_call_result(TopCall *c, json_t **ret_reply, Failure *ret_failure) {
        uint64_t count;

        (void) !read(c->fd, &count, sizeof(count));
        *ret_reply = TAKE_PTR(c->reply);
        *ret_failure = c->failure;
        c->failure = (Failure){0};
        return c->result;
}
