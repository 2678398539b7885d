/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Diagnostics on standard error: see log.h. Not for events or records.
 */

#include "common/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>

/* The longest line that is written whole; a longer one is cut. */
#define LOG_LINE_MAX 4096

static const char *log_name = "crier";
/* Clients log on threads of their own. */
static atomic_int log_level = LOG_INFO;
static bool stderr_to_journal = false;

/* $JOURNAL_STREAM holds the device and inode of the stream that systemd set up, systemd.exec(5). */
static bool stderr_is_journal(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long long device, inode;
        struct stat st;

        if (!stream || sscanf(stream, "%llu:%llu", &device, &inode) != 2)
                return false;
        if (fstat(STDERR_FILENO, &st) < 0)
                return false;
        return st.st_dev == device && st.st_ino == inode;
}

void log_open(const char *name, int max_level) {
        log_name = name;
        log_level = max_level;
        stderr_to_journal = stderr_is_journal();
}

bool log_to_journal(void) {
        return stderr_to_journal;
}

void log_set_max_level(int level) {
        log_level = level;
}

int log_max_level(void) {
        return log_level;
}

static void _printf_(3, 0) log_linev(int level, int error, const char *format, va_list ap) {
        char line[LOG_LINE_MAX];
        struct pollfd pfd = {.fd = STDERR_FILENO, .events = POLLOUT};
        size_t n;
        int r;

        if (level > log_level)
                return;
        if (stderr_to_journal)
                r = snprintf(line, sizeof(line), "<%d>", level);
        else
                r = snprintf(line, sizeof(line), "%s: ", log_name);
        n = (size_t) MAX(r, 0);
        errno = error;
        r = vsnprintf(line + n, sizeof(line) - n - 1, format, ap);
        if (r < 0)
                return;
        n = MIN(n + (size_t) r, sizeof(line) - 2);
        line[n++] = '\n';
        if (poll(&pfd, 1, 0) <= 0 || !(pfd.revents & POLLOUT))
                return;
        (void) !write(STDERR_FILENO, line, n);
}

void log_line(int level, const char *format, ...) {
        int saved = errno;
        va_list ap;

        va_start(ap, format);
        log_linev(level, saved, format, ap);
        va_end(ap);
        errno = saved;
}

int log_line_errno(int level, int error, const char *format, ...) {
        va_list ap;

        error = abs(error);
        va_start(ap, format);
        log_linev(level, error, format, ap);
        va_end(ap);
        return -error;
}
