/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Locks that keep two instances on one host from writing the same partition: byte ranges of one
 * file that all of them share, which die with their process (F_OFD_SETLK, fcntl(2)). The file is
 * never removed by crierd and holds nothing. crier-delivery(7), HOW IT WORKS.
 *
 * Where something else removes or replaces it, a lock in it excludes nobody who comes later: so
 * whoever holds one looks, before each thing that the lock is for, whether it still does.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "common/macro.h"

#define LOCK_FILE "lock"

typedef struct Locks {
        int fd;
        uint64_t *held; /* by us; the kernel does not tell us from ourselves */
        unsigned n_held;
        char *directory;
        char *path;
        dev_t device; /* the file's, when it was opened */
        ino_t inode;
} Locks;

/* Opens the file in `directory`, which must exist, or makes it. Returns 0 or a negative errno. */
int locks_open(const char *directory, Locks *ret);
/* Gives all of them back. */
void locks_done(Locks *l);

/* Whether the file is still the one that others find under its name. */
bool locks_hold(const Locks *l);

/* Takes the lock of this key (63 bits); opens the file that has the name now where nothing is held
 * in the one that had it. Returns 0, -EAGAIN while somebody has the lock, we included, -ESTALE
 * where what is held is worth nothing any more (see locks_hold()), or another negative errno. */
int locks_take(Locks *l, uint64_t key);
void locks_give(Locks *l, uint64_t key);
