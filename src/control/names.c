/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The names that the daemon knows: see names.h.
 */

#include "control/names.h"

void names_done(Names *n) {
        free(n->items);
        *n = (Names){0};
}

bool names_has(const Names *n, const char *name) {
        for (size_t i = 0; i < n->n; i++)
                if (streq(n->items[i], name))
                        return true;
        return false;
}

static void add(Names *n, const char *name) {
        const char **more;

        if (names_has(n, name))
                return;
        more = reallocarray(n->items, n->n + 2, sizeof(*more));
        if (!more)
                return;
        n->items = more;
        n->items[n->n++] = name;
        n->items[n->n] = NULL;
}

void names_add_groups(Names *n, const Fleet *f) {
        for (unsigned i = 0; i < f->n_groups; i++)
                add(n, f->groups[i]->config->name);
}

void names_add_producers(Names *n, const Fleet *f) {
        for (unsigned i = 0; i < f->n_producers; i++)
                add(n, f->producers[i]->config->name);
}

void names_add_topics(Names *n, const Fleet *f) {
        const Config *config = f->context.config;

        for (unsigned i = 0; i < config->n_topics; i++)
                add(n, config->topics[i].name);
        for (unsigned i = 0; i < f->n_producers; i++)
                add(n, f->producers[i]->config->topic);
        for (unsigned i = 0; i < f->n_groups; i++)
                for (unsigned k = 0; k < f->groups[i]->config->topics.n; k++)
                        add(n, f->groups[i]->config->topics.items[k]);
}
