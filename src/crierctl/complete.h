/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Completion: `crierctl --complete -- WORD...` prints what the last word may become, one candidate
 * a line. The words are those behind "crierctl", as a shell has them. The shells' own files under
 * packaging/completion/ only ask this.
 */

#include "crierctl/options.h"

/* Always succeeds: where there is nothing to offer, or the daemon does not answer, nothing is
 * printed. */
int complete_run(const Options *o);
