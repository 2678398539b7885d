/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The keys of `crierctl top`: what each does to the model, and which method it calls.
 */

#include "crierctl/top-model.h"

typedef enum TopEffect {
        TOP_STAY,
        TOP_END,
        TOP_CALL, /* there is a method to call */
} TopEffect;

/* A method of io.crier.Control that was asked for. */
typedef struct TopCommand {
        const char *method; /* with the interface */
        json_t *parameters; /* owned */
} TopCommand;

/* Does what a key asks for; `key` is what getch(3) returns. `page` is how many lines a page has.
 * Fills *ret_command where it returns TOP_CALL. */
TopEffect top_key(TopModel *m, int key, unsigned page, TopCommand *ret_command);

/* The keys and what they do, for the help; ends with NULL. */
typedef struct TopHelp {
        const char *keys, *what;
} TopHelp;
extern const TopHelp top_help[];
