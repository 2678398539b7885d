/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The method reload: waits until the configuration was read and its effect is there. Reading and
 * applying are crierd/reload.c's. See io.crier.Control.varlink.
 */

#include <errno.h>

#include "control/operation.h"
#include "control/pack.h"
#include "control/refusal.h"

/* What is wrong with a configuration: more lines are counted. */
#define ERRORS_MAX 100

typedef struct ReloadWait {
        Operation operation;
        uint64_t number; /* of the attempt that is waited for */
        bool applied;
        json_t *changes;
        json_t *refusal; /* the parameters of ConfigRefused; NULL: it was taken */
        json_t *groups;  /* the names of those that are to be stable */
} ReloadWait;

static Operation *reload_free(Operation *o) {
        ReloadWait *w = (ReloadWait *) o;

        json_decref(w->changes);
        json_decref(w->refusal);
        json_decref(w->groups);
        free(w);
        return NULL;
}

static bool group_is_there(const Group *g) {
        return g->started && g->n_consumers == group_live(g) && (group_live(g) == 0 || g->stable);
}

static int reload_step(Operation *o, json_t **ret_parameters, const char **ret_error) {
        ReloadWait *w = (ReloadWait *) o;
        const Fleet *f = o->context->fleet;
        const json_t *name;
        size_t i;

        if (w->refusal) {
                *ret_error = PROTOCOL_INTERFACE ".ConfigRefused";
                *ret_parameters = TAKE_PTR(w->refusal);
                return -EINVAL;
        }
        if (!w->applied)
                return 0;
        /* Like a start, a reload does not wait for brokers: what they have to do with it happens
         * when they are back. */
        if (f->context.cluster->state != CLUSTER_UP)
                return 1;
        if (!fleet_is_settled(f))
                return 0;
        json_array_foreach(w->groups, i, name) {
                const Group *g = fleet_find_group(f, json_string_value(name));

                if (g && !group_is_there(g))
                        return 0;
        }
        return 1;
}

static json_t *reload_describe(const Operation *o) {
        return json_pack("{s:O, s:I}", "changes", ((const ReloadWait *) o)->changes, "duration_ms",
                         operation_duration_ms(o));
}

static const OperationKind reload_kind = {
        .step = reload_step,
        .describe = reload_describe,
        .free = reload_free,
        .wish = "everything is as the configuration says, and its groups are stable",
};

const ControlParameter parameters_reload[] = {
        {"timeout_ms", CONTROL_INTEGER, .min = 1, .max = OPERATION_TIMEOUT_MAX_MS},
        {NULL},
};

int method_reload(void *userdata, Request *request, json_t **ret_parameters,
                  const char **ret_error) {
        ControlContext *c = userdata;
        uint64_t number;
        ReloadWait *w;
        int r;

        if (c->stopping)
                return refuse_with(ret_parameters, ret_error, PROTOCOL_INTERFACE ".Failed",
                                   "crierd is stopping",
                                   "It reads its configuration when it is started again");
        control_note(c, request, "has the configuration read again");
        r = c->reload(c->reload_userdata, &number);
        if (r < 0)
                return r;
        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        w->operation.kind = &reload_kind;
        w->number = number;
        w->changes = json_array();
        w->groups = json_array();
        if (!w->changes || !w->groups) {
                reload_free(&w->operation);
                return -ENOMEM;
        }
        return operation_begin(&w->operation, c, request, 60, ret_parameters, ret_error);
}

/* ---- the end of an attempt ---- */

static json_t *pack_changes(const Changes *changes) {
        json_t *list = json_array();

        for (unsigned i = 0; i < changes->n; i++) {
                const Change *x = &changes->items[i];

                json_array_append_new(list, json_pack("{s:s, s:o, s:s?, s:o, s:o, s:s}", "section",
                                                      x->section, "name", pack_text(x->name), "key",
                                                      x->key, "before", pack_text(x->before),
                                                      "after", pack_text(x->after), "effect",
                                                      change_effect_to_string(x->effect)));
        }
        return list;
}

/* Whether a group rebalances because of it. */
static bool moves_group(const Change *x) {
        if (!streq(x->section, "groups") || !x->after)
                return false;
        return !x->key || x->effect == CHANGE_RESTARTED ||
               (streq(x->key, "consumers") && x->effect == CHANGE_APPLIED);
}

static json_t *pack_groups(const Changes *changes) {
        json_t *list = json_array();

        for (unsigned i = 0; i < changes->n; i++)
                if (moves_group(&changes->items[i]))
                        json_array_append_new(list, pack_text(changes->items[i].name));
        return list;
}

static json_t *pack_refusal(const char *errors) {
        json_t *lines = json_array();
        unsigned more = 0;

        for (const char *line = errors; *line;) {
                size_t n = strcspn(line, "\n");
                _cleanup_free_ char *text = strndup(line, n);

                if (text && n > 0 && json_array_size(lines) < ERRORS_MAX)
                        json_array_append_new(lines, pack_text(text));
                else
                        more += n > 0;
                line += n + (line[n] == '\n');
        }
        if (more > 0)
                json_array_append_new(lines, json_sprintf("and %u more", more));
        return json_pack("{s:s, s:s, s:o}", "text",
                         "The configuration was not taken, and nothing was changed", "advice",
                         "Mend what is wrong, and reload again; crierd --check-config says whether "
                         "all is well",
                         "errors", lines);
}

void control_reloaded(ControlContext *c, uint64_t number, const Changes *changes,
                      const char *errors) {
        for (Operation *o = c->operations; o; o = o->next) {
                ReloadWait *w = (ReloadWait *) o;

                if (o->kind != &reload_kind || w->number != number)
                        continue;
                if (!changes) {
                        w->refusal = pack_refusal(errors);
                        continue;
                }
                json_decref(w->changes);
                w->changes = pack_changes(changes);
                json_decref(w->groups);
                w->groups = pack_groups(changes);
                w->applied = true;
        }
}
