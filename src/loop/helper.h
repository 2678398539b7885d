/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Threads for the few calls that can only block: looking up log ends, creating topics, destroying a
 * client, searching the journal, bringing it to disk. A job owns what it works on, runs on a thread
 * of its own, and is handed back to the loop when it is done; so one slow call delays nothing else,
 * and no thread exists while there is no job.
 */

#include <systemd/sd-event.h>

#include "common/macro.h"

typedef struct Helpers Helpers;

typedef void (*HelperWork)(void *job);

/* Returns 0, or a negative errno. The caller frees with helpers_free(). */
int helpers_new(sd_event *event, Helpers **ret);

/* Jobs that are done get their `done` call; those that still run are left behind with their memory:
 * call it with jobs running only when the process is about to end. */
Helpers *helpers_free(Helpers *h);
DEFINE_CLEANUP(Helpers *, helpers_free);

/* Runs work(job) on a thread, then done(job) on the loop. The job belongs to the thread in between:
 * nobody else may touch it. Returns 0, or a negative errno (nothing was started). */
int helpers_run(Helpers *h, HelperWork work, HelperWork done, void *job);

/* Jobs whose `done` was not called yet. */
unsigned helpers_running(const Helpers *h);
