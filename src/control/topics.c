/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The method that shows topics: see io.crier.Control.varlink.
 */

#include <errno.h>

#include "control/asking.h"
#include "control/names.h"
#include "control/pack.h"
#include "control/refusal.h"

static bool is_configured(const Config *config, const char *name) {
        for (unsigned i = 0; i < config->n_topics; i++)
                if (streq(config->topics[i].name, name))
                        return true;
        return false;
}

static json_t *pack_topic(const Config *config, const SurveyTopic *t) {
        json_t *partitions = json_array();

        for (unsigned i = 0; i < t->n_partitions; i++) {
                const SurveyPartition *p = &t->partitions[i];

                json_array_append_new(partitions,
                                      json_pack("{s:i, s:o, s:o}", "partition", (int) p->number,
                                                "first", pack_offset(p->first), "end",
                                                pack_offset(p->end)));
        }
        return json_pack("{s:o, s:b, s:o, s:o}", "name", pack_text(t->name), "configured",
                         is_configured(config, t->name), "problem", pack_text(t->problem),
                         "partitions", partitions);
}

static json_t *topics_describe(const Operation *o) {
        const Survey *s = ((const Asking *) o)->survey;
        json_t *topics;

        if (!asking_is_done(o))
                return NULL;
        topics = json_array();
        for (unsigned i = 0; i < s->n_topics; i++)
                json_array_append_new(topics,
                                      pack_topic(o->context->fleet->context.config, &s->topics[i]));
        return json_pack("{s:o}", "topics", topics);
}

/* The cluster does not have it: what the daemon knows of may be meant, but not where it is this. */
static int refuse_missing(const Fleet *f, const char *name, json_t **ret_parameters,
                          const char **ret_error) {
        _cleanup_names_ Names names = {0};
        int r;

        r = refuse_topic(f, name, ret_parameters, ret_error);
        names_add_topics(&names, f);
        if (r == 0 && names_has(&names, name))
                json_object_set_new(
                        *ret_parameters, "advice",
                        json_string("The configuration names it, but the cluster does not have it: "
                                    "make it, or let crierd, with create = true in its entry"));
        return r;
}

static int topics_step(Operation *o, json_t **ret_parameters, const char **ret_error) {
        const Asking *a = (const Asking *) o;
        int r = asking_step(o, ret_parameters, ret_error);

        if (r <= 0 || !a->name || !a->survey->topics[0].missing)
                return r;
        r = refuse_missing(o->context->fleet, a->name, ret_parameters, ret_error);
        return r < 0 ? r : -ENOENT;
}

static const OperationKind topics_kind = {
        .step = topics_step,
        .describe = topics_describe,
        .free = asking_free,
        .wish = "the cluster has answered",
};

const ControlParameter parameters_topics[] = {{"topic", CONTROL_STRING}, {NULL}};

int method_topics(void *userdata, Request *request, json_t **ret_parameters,
                  const char **ret_error) {
        ControlContext *c = userdata;
        const char *name = request_string(request, "topic");
        _cleanup_names_ Names names = {0};
        Asking *a;
        int r;

        r = asking_new(c, &topics_kind, name, &a);
        if (r < 0)
                return r;
        a->survey->offsets = true;
        if (name)
                r = survey_add_topic(a->survey, name);
        else
                names_add_topics(&names, c->fleet);
        for (size_t i = 0; i < names.n && r >= 0; i++)
                r = survey_add_topic(a->survey, names.items[i]);
        return asking_begin(a, r, c, request, ret_parameters, ret_error);
}
