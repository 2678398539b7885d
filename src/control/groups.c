/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The method that shows groups with what it takes to draw them: see io.crier.Control.varlink.
 */

#include <errno.h>

#include "control/asking.h"
#include "control/pack.h"
#include "control/refusal.h"

static bool is_wanted(const Group *g, const char *name) {
        return !name || streq(g->config->name, name);
}

/* Whose name is not known yet has joined and waits for its first assignment: there a client id has
 * to do. */
static bool is_joining(const Group *g, const char *client_id) {
        for (unsigned i = 0; i < g->n_consumers; i++) {
                const Consumer *c = g->consumers[i];

                if ((c->state == CONSUMER_JOINING || c->state == CONSUMER_RESOLVING) &&
                    streq(c->client_id, client_id))
                        return true;
        }
        return false;
}

static json_t *pack_member(const SurveyMember *m) {
        json_t *partitions = json_array();

        for (int i = 0; m->partitions && i < m->partitions->cnt; i++)
                json_array_append_new(
                        partitions,
                        json_pack("{s:o, s:i}", "topic", pack_text(m->partitions->elems[i].topic),
                                  "partition", (int) m->partitions->elems[i].partition));
        return json_pack("{s:o, s:o, s:o, s:o}", "group", pack_text(m->group), "client_id",
                         pack_text(m->client_id), "host", pack_text(m->host), "partitions",
                         partitions);
}

static json_t *pack_others(const Fleet *f, const Survey *s) {
        json_t *others = json_array();

        for (unsigned i = 0; s && i < s->n_members; i++) {
                const SurveyMember *m = &s->members[i];
                const Group *g = fleet_find_group(f, m->group);

                if (g && !members_has(&g->members, m->id) && !is_joining(g, m->client_id))
                        json_array_append_new(others, pack_member(m));
        }
        return others;
}

static void add_width(json_t *widths, const KafkaContext *context, const char *topic) {
        unsigned n = survey_width(context, topic, false);
        const json_t *known;
        size_t i;

        json_array_foreach(widths, i, known)
                if (streq(json_string_value(json_object_get(known, "topic")), topic))
                        return;
        json_array_append_new(widths,
                              json_pack("{s:o, s:o}", "topic", pack_text(topic), "partitions",
                                        n > 0 ? json_integer(n) : json_null()));
}

/* `s` NULL: the groups were not asked for. */
static json_t *pack_groups(const Fleet *f, const char *name, const Survey *s) {
        json_t *groups = json_array(), *widths = json_array();

        for (unsigned i = 0; i < f->n_groups; i++) {
                const Group *g = f->groups[i];

                if (!is_wanted(g, name))
                        continue;
                json_array_append_new(groups, pack_group(g));
                for (unsigned k = 0; k < g->config->topics.n; k++)
                        add_width(widths, &f->context, g->config->topics.items[k]);
        }
        return json_pack("{s:o, s:o, s:o, s:b}", "groups", groups, "topics", widths, "others",
                         pack_others(f, s), "others_known", s && s->members_known);
}

static json_t *groups_describe(const Operation *o) {
        const Asking *a = (const Asking *) o;

        return asking_is_done(o) ? pack_groups(o->context->fleet, a->name, a->survey) : NULL;
}

static const OperationKind groups_kind = {
        .step = asking_step,
        .describe = groups_describe,
        .free = asking_free,
        .wish = "the cluster has answered",
};

/* Other members it cannot tell, and its topics stay as they are. */
static bool embedded_is_known(const Fleet *f, const char *name) {
        for (unsigned i = 0; i < f->n_groups; i++) {
                const GroupConfig *config = f->groups[i]->config;

                for (unsigned k = 0; is_wanted(f->groups[i], name) && k < config->topics.n; k++)
                        if (survey_width(&f->context, config->topics.items[k], true) == 0)
                                return false;
        }
        return true;
}

static int ask_about(Survey *s, const Group *g, bool embedded) {
        int r = embedded ? 0 : survey_add_group(s, g->config->name);

        for (unsigned i = 0; i < g->config->topics.n && r >= 0; i++)
                r = survey_add_topic(s, g->config->topics.items[i]);
        return r;
}

const ControlParameter parameters_groups[] = {{"group", CONTROL_STRING}, {NULL}};

int method_groups(void *userdata, Request *request, json_t **ret_parameters,
                  const char **ret_error) {
        ControlContext *c = userdata;
        const Fleet *f = c->fleet;
        bool embedded = f->context.cluster->embedded;
        const char *name = request_string(request, "group");
        Asking *a;
        int r;

        if (name && !fleet_find_group(f, name))
                return refuse_group(f, name, ret_parameters, ret_error);
        if (embedded && embedded_is_known(f, name)) {
                *ret_parameters = pack_groups(f, name, NULL);
                return *ret_parameters ? 0 : -ENOMEM;
        }
        r = asking_new(c, &groups_kind, name, &a);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < f->n_groups && r >= 0; i++)
                if (is_wanted(f->groups[i], name))
                        r = ask_about(a->survey, f->groups[i], embedded);
        return asking_begin(a, r, c, request, ret_parameters, ret_error);
}
