/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the errors of server_new() mean, in words: see server.h.
 */

#include <errno.h>

#include "control/server.h"

#define ELSEWHERE "set control.socket or --socket to another path"

typedef struct Reason {
        int error;
        const char *why, *advice;
} Reason;

static const Reason reasons[] = {
        {EADDRINUSE, "another daemon serves it", "stop that one, or " ELSEWHERE},
        {ENAMETOOLONG, "a socket's path has at most 107 bytes", ELSEWHERE},
        {EINVAL, "the path is empty", ELSEWHERE},
        {ENOTSOCK, "the path is taken by something else", "move that away, or " ELSEWHERE},
        {ENOENT, "its directory does not exist", "create it, or " ELSEWHERE},
        {ENOTDIR, "part of the path is not a directory", ELSEWHERE},
        {EACCES, "this user may not write its directory", "start as another user, or " ELSEWHERE},
        {EPERM, "what is there is another user's", "remove that, or " ELSEWHERE},
        {EROFS, "its file system is read-only", ELSEWHERE},
};

void server_explain(int error, const char *path, Buffer *text) {
        const char *why = NULL, *advice = ELSEWHERE;

        for (size_t i = 0; i < ELEMENTSOF(reasons); i++)
                if (reasons[i].error == abs(error)) {
                        why = reasons[i].why;
                        advice = reasons[i].advice;
                }
        buffer_appendf(text, "Cannot serve the control socket '%s': %s; %s", path,
                       why ? why : strerror(abs(error)), advice);
}
