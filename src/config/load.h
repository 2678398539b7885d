/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Reads configuration files into a Config: finds them, hands each to read.h in order, and checks
 * what lies between sections. Pure apart from reading the files.
 */

#include "common/buffer.h"
#include "config/config.h"

/* Reads `file`, or where it is NULL the standard place: SYSCONFDIR/crier/crierd.conf and then
 * SYSCONFDIR/crier/crierd.conf.d/ *.conf in name order. On success stores the configuration, with
 * all defaults filled in, which the caller frees with config_free(). Otherwise returns -EINVAL
 * (what the files say is wrong), -ENOENT, -EACCES or another negative errno (a file could not be
 * read), and `errors` holds one line, with a newline, for each thing that is wrong in any of the
 * files: "FILE:LINE: 'SECTION.KEY': what is wrong; allowed: what is right". Nothing is printed. */
int config_load(const char *file, Config **ret, Buffer *errors);

/* The same for a file and a directory of additions, which may be NULL and need not exist. */
int config_load_from(const char *file, const char *directory, Config **ret, Buffer *errors);

/* The same for a text of `size` bytes; `name` stands for the file in messages. */
int config_load_text(const char *name, const char *text, size_t size, Config **ret, Buffer *errors);

Config *config_free(Config *c);
DEFINE_CLEANUP(Config *, config_free);
