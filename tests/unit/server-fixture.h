/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * For the unit tests of the control server: a server on a loop of its own in a directory of its
 * own, with made-up methods and real sockets. Whatever waits turns the loop, and fails after
 * PATIENCE_USEC.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/clock.h"
#include "control/server.h"

/* How long anything may take before a test fails. */
#define PATIENCE_USEC (10 * USEC_PER_SEC)

/* Text in the reply of the method Big. */
#define BIG_SIZE ((size_t) 300 * 1024)

/* A request that the method Keep keeps. */
typedef struct Kept {
        Request *request; /* NULL when its client has gone */
        unsigned gone;    /* how often that was said */
        void (*on_gone)(struct Kept *k);
        void *userdata; /* on_gone's */
} Kept;

#define KEPT_MAX 8

typedef struct Fixture {
        char directory[64];
        char path[96];
        sd_event *event;
        Server *server;
        uint64_t spun_usec; /* CPU time spent in the method Spin, a millisecond a call */
        unsigned calls;     /* of Echo, Big and Typed */
        Kept kept[KEPT_MAX];
        unsigned n_kept;
} Fixture;

/* Echo, Nothing, Fails, Refuses, Big, Spin; Keep, which is answered by the test; Typed, which takes
 * one parameter of each type; and Secret, which is for operators. */
extern const ControlMethod methods[];

/* A call of Echo, and its reply. */
extern const char echo[], echoed[];

#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Limits that do not get in the way of a test that is about another one. */
ServerLimits roomy(void);
void fixture_start(Fixture *f, ServerLimits limits);

/* Turns the loop once, for a millisecond at most. */
void turn(Fixture *f);

/* Turns the loop until so many clients are connected. */
void await_connections(Fixture *f, unsigned n);

/* Turns the loop until so many calls of Keep have come. */
void await_kept(Fixture *f, unsigned n);

/* A client's side of a new connection, non-blocking. */
int connect_to(const char *path);

/* Sends bytes; a text with its NUL. */
void give_bytes(Fixture *f, int fd, const char *bytes, size_t size);
void give(Fixture *f, int fd, const char *text);

/* Takes one frame; returns false where the server closed the connection instead. */
bool take(Fixture *f, int fd, Buffer *reply);

void assert_reply(Fixture *f, int fd, const char *expected);

/* The reply's error is that one, and somewhere it has the text. */
void assert_error(Fixture *f, int fd, const char *error, const char *text);
void assert_closed(Fixture *f, int fd);
