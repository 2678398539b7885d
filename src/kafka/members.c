/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names of our consumers as members of a group: see members.h.
 */

#include "kafka/members.h"

void members_done(Members *m) {
        for (unsigned i = 0; i < m->n; i++)
                free(m->ids[i]);
        free(m->ids);
        *m = (Members){0};
}

bool members_has(const Members *m, const char *id) {
        for (unsigned i = 0; i < m->n; i++)
                if (streq(m->ids[i], id))
                        return true;
        return false;
}

void members_note(Members *m, const char *id) {
        _cleanup_free_ char *copy = NULL;
        char **more;

        if (members_has(m, id))
                return;
        copy = strdup(id);
        if (!copy)
                return;
        if (m->n < MEMBERS_MAX) {
                more = reallocarray(m->ids, m->n + 1, sizeof(*more));
                if (!more)
                        return;
                m->ids = more;
                m->ids[m->n++] = TAKE_PTR(copy);
                return;
        }
        /* The oldest goes. */
        free(m->ids[m->next]);
        m->ids[m->next] = TAKE_PTR(copy);
        m->next = (m->next + 1) % MEMBERS_MAX;
}
