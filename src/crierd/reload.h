/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Reading the configuration again while the daemon runs, and having the fleet apply it. One attempt
 * after the other; whoever asks while one is under way gets the next one, since the files may have
 * changed after that one has read them.
 */

#include "crierd/notify.h"

typedef struct Reload Reload;

/* `file` is as with config_load(); all must outlive the reload, and `context` have its fleet.
 * Returns 0 or -ENOMEM; the caller frees with reload_free(), when the fleet has stopped. */
int reload_new(ControlContext *context, Notify *notify, const char *file, Reload **ret);
Reload *reload_free(Reload *r);
DEFINE_CLEANUP(Reload *, reload_free);

/* Reads it again, on a thread: at once, or after the attempt under way. `*ret_number` is that of
 * the attempt, for control_reloaded(), which is called at its end. Returns 0, or a negative errno:
 * nothing was begun. */
int reload_begin(Reload *r, uint64_t *ret_number);
