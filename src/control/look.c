/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The methods that only look at what the daemon has at hand: see io.crier.Control.varlink.
 */

#include <errno.h>

#include "config.h"
#include "control/methods.h"
#include "control/pack.h"
#include "control/refusal.h"

const ControlParameter parameters_status[] = {{NULL}};

const Trouble *control_sink_trouble(const ControlContext *c) {
        const KafkaContext *kafka = &c->fleet->context;
        const Journal *j = kafka->machine ? machine_journal(kafka->machine) : NULL;

        if (c->sink_trouble->code != TROUBLE_NONE || !j)
                return c->sink_trouble;
        /* What nobody needs any more is not tried any more either, and no trouble. */
        for (int i = 0; i < JOURNAL_TASK_COUNT_; i++)
                if (journal_depends_on(j, i) && kafka->journal_troubles[i].code != TROUBLE_NONE)
                        return &kafka->journal_troubles[i];
        return j->n_ledgers > 0 ? &kafka->journal_silent : c->sink_trouble;
}

int method_status(void *userdata, Request *request, json_t **ret_parameters,
                  const char **ret_error) {
        const ControlContext *c = userdata;
        const Fleet *f = c->fleet;
        json_t *producers = json_array(), *groups = json_array();

        for (unsigned i = 0; i < f->n_producers; i++)
                json_array_append_new(producers, pack_producer(f->producers[i]));
        for (unsigned i = 0; i < f->n_groups; i++)
                json_array_append_new(groups, pack_group(f->groups[i]));
        *ret_parameters = json_pack("{ss, si, ss, sI, so, so, so, so}", "version", PACKAGE_VERSION,
                                    "pid", (int) getpid(), "state",
                                    c->stopping ? "stopping" : "running", "uptime_ms",
                                    (json_int_t) ((clock_usec() - c->started_usec) / USEC_PER_MSEC),
                                    "cluster", pack_cluster(f->context.cluster), "sink",
                                    pack_sink(f->context.sink, control_sink_trouble(c)),
                                    "producers", producers, "groups", groups);
        return *ret_parameters ? 0 : -ENOMEM;
}

const ControlParameter parameters_producers[] = {{"producer", CONTROL_STRING}, {NULL}};

int method_producers(void *userdata, Request *request, json_t **ret_parameters,
                     const char **ret_error) {
        const Fleet *f = ((ControlContext *) userdata)->fleet;
        const char *name = request_string(request, "producer");
        json_t *producers;

        if (name && !fleet_find_producer(f, name))
                return refuse_producer(f, name, ret_parameters, ret_error);
        producers = json_array();
        for (unsigned i = 0; i < f->n_producers; i++)
                if (!name || streq(f->producers[i]->config->name, name))
                        json_array_append_new(producers, pack_producer(f->producers[i]));
        *ret_parameters = json_pack("{s:o}", "producers", producers);
        return *ret_parameters ? 0 : -ENOMEM;
}

const ControlParameter parameters_consumers[] = {{"group", CONTROL_STRING}, {NULL}};

int method_consumers(void *userdata, Request *request, json_t **ret_parameters,
                     const char **ret_error) {
        const Fleet *f = ((ControlContext *) userdata)->fleet;
        const char *name = request_string(request, "group");
        json_t *consumers;

        if (name && !fleet_find_group(f, name))
                return refuse_group(f, name, ret_parameters, ret_error);
        consumers = json_array();
        for (unsigned i = 0; i < f->n_groups; i++) {
                const Group *g = f->groups[i];

                for (unsigned k = 0; k < g->n_consumers; k++)
                        if (!name || streq(g->config->name, name))
                                json_array_append_new(consumers, pack_consumer(g->consumers[k]));
        }
        *ret_parameters = json_pack("{s:o}", "consumers", consumers);
        return *ret_parameters ? 0 : -ENOMEM;
}
