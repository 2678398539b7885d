/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fleet gets another configuration while it runs: see fleet_reconfigure(). What did not change is
 * left alone. What changed live is changed where it is. What is to be made anew, or is gone,
 * leaves: it is moved out of the fleet's lists into those of who leaves, where no name finds it,
 * finishes, and is freed by the tick (fleet.c). Whoever is made starts when nobody of its name is
 * leaving any more and the topics that the configuration wants were seen to.
 */

#include <assert.h>
#include <errno.h>

#include "common/log.h"
#include "config/load.h"
#include "kafka/fleet.h"

typedef struct Plan {
        Fleet *fleet;
        Config *config; /* the new one */
        Changes *changes;
        Group **groups; /* of the new configuration, in its order: kept, or new */
        Producer **producers;
} Plan;

static bool is_anew(const Changes *c, const char *section, const char *name) {
        for (unsigned i = 0; i < c->n; i++)
                if (c->items[i].effect == CHANGE_RESTARTED && streq(c->items[i].section, section) &&
                    streq(c->items[i].name, name))
                        return true;
        return false;
}

static bool is_kept_group(const Plan *p, const Group *g) {
        for (unsigned i = 0; i < p->config->n_groups; i++)
                if (p->groups[i] == g)
                        return true;
        return false;
}

static bool is_kept_producer(const Plan *p, const Producer *producer) {
        for (unsigned i = 0; i < p->config->n_producers; i++)
                if (p->producers[i] == producer)
                        return true;
        return false;
}

/* Frees what was made for the plan alone. */
static void plan_done(Plan *p) {
        for (unsigned i = 0; p->groups && i < p->config->n_groups; i++)
                if (p->groups[i] &&
                    fleet_find_group(p->fleet, p->config->groups[i].name) != p->groups[i])
                        group_free(p->groups[i]);
        for (unsigned i = 0; p->producers && i < p->config->n_producers; i++)
                if (p->producers[i] &&
                    fleet_find_producer(p->fleet, p->config->producers[i].name) != p->producers[i])
                        producer_free(p->producers[i]);
        free(p->groups);
        free(p->producers);
        config_free(p->config);
}

/* Whether entries are written decides whether they can be written exactly once, which consumers are
 * made for: then `log` is not changed where it is. */
static void delivery_anew(const Plan *p, const Group *g, const GroupConfig *config) {
        Change *change = changes_find(p->changes, "groups", config->name, "log");

        if (change && delivery_in_effect(&p->fleet->context, config) != group_delivery(g))
                change->effect = CHANGE_RESTARTED;
}

/* Makes what can fail, before anything is touched. */
static int plan_make(Plan *p) {
        Fleet *f = p->fleet;
        int r = 0;

        p->groups = calloc(p->config->n_groups + 1, sizeof(*p->groups));
        p->producers = calloc(p->config->n_producers + 1, sizeof(*p->producers));
        if (!p->groups || !p->producers)
                return -ENOMEM;
        for (unsigned i = 0; i < p->config->n_groups && r >= 0; i++) {
                const GroupConfig *config = &p->config->groups[i];

                p->groups[i] = fleet_find_group(f, config->name);
                if (p->groups[i])
                        delivery_anew(p, p->groups[i], config);
                if (!p->groups[i] || is_anew(p->changes, "groups", config->name)) {
                        p->groups[i] = NULL;
                        r = group_new(&f->context, config, &p->groups[i]);
                }
        }
        for (unsigned i = 0; i < p->config->n_producers && r >= 0; i++) {
                const ProducerConfig *config = &p->config->producers[i];

                p->producers[i] = fleet_find_producer(f, config->name);
                if (!p->producers[i] || is_anew(p->changes, "producers", config->name)) {
                        p->producers[i] = NULL;
                        r = producer_new(&f->context, config, &p->producers[i]);
                }
        }
        return r;
}

/* Whoever leaves has room in the lists of those: asked for before anything is touched. */
static int reserve_leaving(Fleet *f) {
        Group **groups = reallocarray(f->leaving_groups, f->n_leaving_groups + f->n_groups + 1,
                                      sizeof(*groups));
        Producer **producers;

        if (!groups)
                return -ENOMEM;
        f->leaving_groups = groups;
        producers = reallocarray(f->leaving_producers, f->n_leaving_producers + f->n_producers + 1,
                                 sizeof(*producers));
        if (!producers)
                return -ENOMEM;
        f->leaving_producers = producers;
        return 0;
}

/* ---- what commands have changed ---- */

static const SchemaKey *key_of(const char *section, const char *key) {
        return schema_find_key(schema_find_section(section), key);
}

/* A value that a command has set to `now` differs from the former file's: where the new file says
 * what the former one said it is kept, and that is told; otherwise the change is told as one from
 * `now`. */
static void note_by_hand(Changes *changes, const char *section, const char *name, const char *key,
                         const void *now, const void *file) {
        Change *change = changes_find(changes, section, name, key);
        _cleanup_buffer_ Buffer before = {0}, after = {0};
        char *text;

        change_value(key_of(section, key), now, &before);
        if (change) {
                text = strdup(buffer_string(&before));
                if (!text)
                        return;
                free(change->before);
                change->before = text;
                return;
        }
        change_value(key_of(section, key), file, &after);
        (void) changes_add(changes, schema_find_section(section), name, key_of(section, key),
                           buffer_string(&before), buffer_string(&after), CHANGE_KEPT);
}

static bool rates_differ(double a, double b) {
        return a < b || a > b;
}

/* ---- applying it ---- */

/* Sections that are no lists stay what they were: the new configuration gets the old one's. */
static void keep_sections(Config *old, Config *new) {
        const SchemaSection *section;

        for (size_t i = 0; (section = schema_section(i)); i++) {
                uint8_t *a = (uint8_t *) old + section->offset;
                uint8_t *b = (uint8_t *) new + section->offset;

                for (size_t k = 0; !section->list && k < section->size; k++) {
                        uint8_t byte = a[k];

                        a[k] = b[k];
                        b[k] = byte;
                }
        }
}

/* `former`: of the same name, or NULL; it may be the group itself. */
static void apply_group(Plan *p, Group *g, const Group *former, const GroupConfig *config) {
        bool same = former && former->config->consumers == config->consumers;
        bool by_hand = former && former->wanted != former->config->consumers;
        unsigned wanted = same ? former->wanted : config->consumers;

        assert(g);
        if (by_hand)
                note_by_hand(p->changes, "groups", config->name, "consumers", &former->wanted,
                             &config->consumers);
        if (g != former) {
                g->wanted = wanted;
                g->paused = former && former->paused;
                return;
        }
        if (group_reconfigure(g, config) < 0)
                log_error("The message of group '%s' stays as it was: out of memory", config->name);
        if (group_scale(g, wanted) < 0)
                log_error("Group '%s' does not get all its consumers", config->name);
}

static void apply_producer(Plan *p, Producer *producer, const Producer *former,
                           const ProducerConfig *config) {
        bool same = former && !rates_differ(former->config->rate, config->rate);
        bool by_hand = former && rates_differ(former->rate, former->config->rate);
        double rate = same ? former->rate : config->rate;

        assert(producer);
        if (by_hand)
                note_by_hand(p->changes, "producers", config->name, "rate", &former->rate,
                             &config->rate);
        if (producer != former) {
                producer->rate = rate;
                producer->paused = former && former->paused;
                return;
        }
        if (producer_reconfigure(producer, config) < 0)
                log_error("What producer '%s' makes stays as it was: out of memory", config->name);
        if (rates_differ(producer->rate, rate))
                producer_set_rate(producer, rate);
}

static void groups_leave(Plan *p) {
        Fleet *f = p->fleet;

        for (unsigned i = 0; i < f->n_groups; i++) {
                Group *g = f->groups[i];

                if (is_kept_group(p, g))
                        continue;
                /* Nobody else has this entry of the old configuration, which is about to go. */
                group_retire(g, (GroupConfig *) (uintptr_t) g->config);
                group_stop(g);
                f->leaving_groups[f->n_leaving_groups++] = g;
        }
        for (unsigned i = 0; i < f->n_producers; i++) {
                Producer *producer = f->producers[i];

                if (is_kept_producer(p, producer))
                        continue;
                producer_retire(producer, (ProducerConfig *) (uintptr_t) producer->config);
                producer_stop(producer);
                f->leaving_producers[f->n_leaving_producers++] = producer;
        }
}

static void plan_apply(Plan *p) {
        Fleet *f = p->fleet;
        Config *old = f->config;

        keep_sections(old, p->config);
        f->config = p->config;
        f->context.config = p->config;
        f->context.cluster->config = &p->config->cluster;
        for (unsigned i = 0; i < p->config->n_groups; i++) {
                const GroupConfig *config = &p->config->groups[i];

                apply_group(p, p->groups[i], fleet_find_group(f, config->name), config);
        }
        for (unsigned i = 0; i < p->config->n_producers; i++) {
                const ProducerConfig *config = &p->config->producers[i];

                apply_producer(p, p->producers[i], fleet_find_producer(f, config->name), config);
        }
        groups_leave(p);
        free(f->groups);
        free(f->producers);
        f->groups = TAKE_PTR(p->groups);
        f->n_groups = p->config->n_groups;
        f->producers = TAKE_PTR(p->producers);
        f->n_producers = p->config->n_producers;
        p->config = NULL;
        config_free(old);
}

int fleet_reconfigure(Fleet *f, Config *config, Changes *changes) {
        _cleanup_(plan_done) Plan p = {.fleet = f, .config = config, .changes = changes};
        int r;

        r = config_diff(f->config, config, changes);
        if (r >= 0)
                r = plan_make(&p);
        if (r >= 0)
                r = reserve_leaving(f);
        if (r < 0)
                return r;
        plan_apply(&p);
        cluster_reconfigure(f->context.cluster, changes);
        (void) fleet_start_waiting(f);
        fleet_arm(f);
        return 0;
}
