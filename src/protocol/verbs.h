/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The verbs of the control protocol, one table for both sides: crierctl makes its dispatch, help
 * and completion check of it, the daemon its table of methods. Not for what a verb does.
 */

#include <stddef.h>

#include "common/macro.h"

/* The one interface that crierd serves beside org.varlink.service. */
#define PROTOCOL_INTERFACE "io.crier.Control"

/* What the programs are set to when nothing else is said. */
#define PROTOCOL_SOCKET "/run/crier/control"
#define PROTOCOL_SOCKET_VARIABLE "CRIER_SOCKET"

/* Who may call a method. */
typedef enum AccessClass {
        ACCESS_ANYBODY,  /* every local user */
        ACCESS_OPERATOR, /* root, the daemon's own user, members of the group crier */
        ACCESS_ROOT,
} AccessClass;

typedef struct Verb {
        const char *name; /* what is typed */
        const char
                *method; /* with the interface, "io.crier.Control.Status"; NULL: crierctl's own */
        const char *arguments; /* synopsis of the arguments, "" where it takes none */
        const char *help;      /* one line */
        AccessClass access;
        unsigned timeout_s; /* how long crierctl waits for the reply unless --timeout says otherwise
                             */
} Verb;

/* The table, in the order of the help; ends with an entry whose name is NULL. The first is the verb
 * that crierctl takes where none is given. */
extern const Verb verbs[];

/* The verb of that name, or NULL. */
const Verb *verb_find(const char *name);

/* The name of the existing verb that is nearest to what was typed, or NULL if none is near. */
const char *verb_nearest(const char *name);

/* The interface description that the daemon serves: io.crier.Control.varlink, byte for byte. */
extern const char protocol_interface[];
