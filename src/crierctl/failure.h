/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * How crierctl fails: one kind for each thing that a script may want to tell apart, with its exit
 * code, and in words what failed and what to do. Not for showing it (output.h).
 */

#include <jansson.h>

#include "common/buffer.h"

/* FAILURE(id, word, exit code). The words are API (--json) and the codes are too: crierctl(1). */
#define FAILURES                                \
        FAILURE(OTHER, "failed", 1)             \
        FAILURE(USAGE, "usage", 2)              \
        FAILURE(NOT_RUNNING, "not-running", 3)  \
        FAILURE(BAD_VALUE, "bad-value", 65)     \
        FAILURE(NOT_FOUND, "not-found", 66)     \
        FAILURE(UNREACHABLE, "unreachable", 69) \
        FAILURE(PROTOCOL, "protocol", 70)       \
        FAILURE(TIMEOUT, "timeout", 75)         \
        FAILURE(BUSY, "busy", 75)               \
        FAILURE(PERMISSION, "permission", 77)   \
        FAILURE(CONFIG, "configuration", 78)

typedef enum FailureKind {
#define FAILURE(id, word, code) FAILURE_##id,
        FAILURES
#undef FAILURE
} FailureKind;

/* Begin with all zero, end with failure_done(). */
typedef struct Failure {
        FailureKind kind;
        Buffer text;    /* what failed and why; may hold anything, it is escaped when it is shown */
        Buffer advice;  /* what to do */
        Buffer details; /* lines that say more, safe for a terminal; not for JSON */
        char *name;     /* the Varlink error, where the daemon sent one */
        json_t *parameters; /* of that error */
} Failure;

void failure_done(Failure *f);
#define _cleanup_failure_ _cleanup_(failure_done)

/* Sets kind and text, and no advice. Returns the exit code, which is never 0. */
int failure_set(Failure *f, FailureKind kind, const char *format, ...) _printf_(3, 4);

/* Adds to the advice. Returns the exit code. */
int failure_advise(Failure *f, const char *format, ...) _printf_(2, 3);

int failure_exit_code(FailureKind kind);
const char *failure_to_string(FailureKind kind);
