/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The daemon as a whole: owns the loop, the sink, the fleet and the control socket, from start to
 * stop. main.c is its script.
 */

#include "config/config.h"

typedef struct Manager Manager;

typedef enum SinkChoice {
        SINK_CHOICE_AUTO,
        SINK_CHOICE_JOURNAL,
        SINK_CHOICE_STDOUT,
        SINK_CHOICE_INVALID = -1,
} SinkChoice;

SinkChoice sink_choice_from_string(const char *s);

typedef struct ManagerOptions {
        SinkChoice sink;
        const char *journal_socket;
        const char *journal_directory; /* NULL: this machine's journal */
        const char *state_directory;
        const char *control_socket;
        const char *config_file; /* for a reload; NULL: the standard place */
} ManagerOptions;

/* Makes the manager and everything that can fail because of how the machine is: the sink, the
 * control socket, the embedded broker. Each failure is logged. On failure `*ret_exit` is the exit
 * code of crierd(8). Takes `config` over, also on failure. SIGINT, SIGTERM and SIGHUP must be
 * blocked. */
int manager_new(Config *config, const ManagerOptions *options, Manager **ret, int *ret_exit);
/* Returns NULL. After an unclean stop threads may still run: the process must then end with
 * _exit(2). */
Manager *manager_free(Manager *m);

/* Starts everything, says READY, runs until the daemon is stopped. Returns the exit code;
 * `*ret_clean` says whether everything was settled. */
int manager_run(Manager *m, bool *ret_clean);
