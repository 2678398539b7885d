/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The id of a state directory: drawn when a crierd first uses it, and kept in it. Two machines that
 * were made from one image have the same machine id, as a rule; each draws its own here.
 */

#include <systemd/sd-id128.h>

/* The name of its file in the state directory. */
#define STATE_ID_FILE "id"

/* Returns 0, or a negative errno; -EBADMSG where the file has something else in it. */
int state_id(const char *directory, sd_id128_t *ret);

/* Whoever starts crierd by hand as root must not lock out the service, whose directory it is: gives
 * the file to the owner of the directory. */
void state_give_to_owner(int fd, const char *directory);
