/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The listening AF_UNIX socket as a file: making it without taking it away from a live daemon, and
 * removing it. Not for what comes in through it (server.h).
 */

#include <sys/types.h>
#include <sys/un.h>

typedef struct Listener {
        int fd;
        char path[sizeof(((struct sockaddr_un *) NULL)->sun_path)]; /* "": nothing is bound */
        dev_t device; /* these two tell our socket from one that was put in its place */
        ino_t inode;
} Listener;

/* Binds a non-blocking stream socket at `path`, mode 0666, and listens. A socket there that nobody
 * serves is removed first. Returns 0 or a negative errno, see server_new(). */
int listener_open(const char *path, Listener *ret);

/* Closes it, and removes the socket if it is still ours. */
void listener_close(Listener *l);
