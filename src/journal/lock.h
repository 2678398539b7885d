/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Locks that keep two instances on one host from writing the same partition: byte ranges of one
 * file that all of them share, which die with their process (F_OFD_SETLK, fcntl(2)). The file is
 * never removed and holds nothing. crier-delivery(7), THE LOCK.
 */

#include "common/macro.h"

#define LOCK_FILE "lock"

typedef struct Locks {
        int fd;
        uint64_t *held; /* by us; the kernel does not tell us from ourselves */
        unsigned n_held;
} Locks;

/* Opens the file in `directory`, which must exist, or makes it. Returns 0 or a negative errno. */
int locks_open(const char *directory, Locks *ret);
/* Gives all of them back. */
void locks_done(Locks *l);

/* Takes the lock of this key (63 bits). Returns 0, or -EAGAIN while somebody has it, we included.
 */
int locks_take(Locks *l, uint64_t key);
void locks_give(Locks *l, uint64_t key);
