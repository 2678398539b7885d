/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verb table, made of verbs.def: see verbs.h.
 */

#include "protocol/verbs.h"

#include "common/nearest.h"

const Verb verbs[] = {
#define VERB(id, verb, method, arguments, access, timeout, help) \
        {verb, PROTOCOL_INTERFACE "." method, arguments, help, ACCESS_##access, timeout},
#define CLIENT_VERB(id, verb, arguments, timeout, help) \
        {verb, NULL, arguments, help, ACCESS_ANYBODY, timeout},
#include "protocol/verbs.def"
#undef VERB
        {NULL},
};

const Verb *verb_find(const char *name) {
        for (const Verb *v = verbs; v->name; v++)
                if (streq(v->name, name))
                        return v;
        return NULL;
}

const char *verb_nearest(const char *name) {
        static const char *const names[] = {
#define VERB(id, verb, ...) verb,
#include "protocol/verbs.def"
#undef VERB
                NULL,
        };

        return nearest(name, names);
}
