/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * `crierd --verify`: holds what the broker has against what the journal has, for each partition
 * that a group has committed a position in. Changes nothing. It shares no code with what writes the
 * entries and keeps account of them: two that count differently are worth more than one that counts
 * twice. crierd(8), VERIFY.
 */

#include "config/config.h"

typedef struct VerifyOptions {
        const char *group;             /* NULL: all */
        const char *since;             /* a time; NULL: all that can be checked */
        const char *bootstrap;         /* NULL: the configuration's */
        const char *journal_directory; /* NULL: the machine's journal, or that of $LOG_NAMESPACE */
        const char *rewritten[2]; /* MESSAGE_IDs of the records that tell what was written again */
} VerifyOptions;

/* Runs it, with what it tells on standard output. Returns the exit code of crierd(8). */
int verify_run(const Config *config, const VerifyOptions *options);
