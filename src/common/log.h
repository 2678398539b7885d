/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Diagnostics: what the programs have to say about themselves, for a person at a terminal or, under
 * systemd, for the journal through standard error. Consumed events and records do not come this
 * way: they are the journal room's.
 *
 * Every line is one write(2), so that lines of several threads never mix. Nothing here fails:
 * a line that cannot be written is gone.
 */

#include <stdbool.h>
#include <syslog.h>

#include "common/macro.h"

/* Sets the name before each line, and the least urgent level (LOG_ERR … LOG_DEBUG) that is shown.
 * `name` must outlive the program. Where standard error leads to the journal ($JOURNAL_STREAM,
 * systemd.exec(5)) lines begin with sd-daemon(3) level prefixes instead of the name. A line
 * that standard error cannot take at once is dropped, so that a stopped journald or a full pipe
 * never blocks us. */
void log_open(const char *name, int max_level);
int log_max_level(void);
void log_set_max_level(int level);
/* True where standard error leads to the journal. */
bool log_to_journal(void);

/* Logs one line (without a newline at its end) at a syslog level. */
void log_line(int level, const char *format, ...) _printf_(2, 3);

/* The same, and returns -|error|, so that a caller can log and return in one go. `%m` works. */
int log_line_errno(int level, int error, const char *format, ...) _printf_(3, 4);

#define log_error(...) log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_line(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)
#define log_error_errno(e, ...) log_line_errno(LOG_ERR, (e), __VA_ARGS__)
#define log_warning_errno(e, ...) log_line_errno(LOG_WARNING, (e), __VA_ARGS__)
