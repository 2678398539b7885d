/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * One configuration file: its text goes through libconfig and the schema into a Config that may
 * hold what earlier files said. Pure: files are found and read by load.h, what lies between
 * sections is checked there.
 */

#include "common/buffer.h"
#include "config/config.h"

/* Reads the text of the file that is called `file` into `config`, whose defaults stand already: a
 * key replaces the value that is there, an entry of a list replaces the one of its name. Appends a
 * line to `errors` for each thing that is wrong and goes on as far as it can. Returns 0, -EINVAL
 * where something is wrong (`config` is then of no use but for finding more), or -ENOMEM. */
int read_text(const char *file, const char *text, size_t size, Config *config, Buffer *errors);
