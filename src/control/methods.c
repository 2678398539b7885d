/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The methods of io.crier.Control: see methods.h. io.crier.Control.varlink says what each member
 * means.
 */

#include "control/methods.h"

#include <errno.h>

#include "config.h"

static json_t *json_offset(int64_t offset) {
        return offset < 0 ? json_null() : json_integer(offset);
}

/* A name from the configuration is valid UTF-8 already; what Kafka or the system said may not be.
 */
static json_t *json_text(const char *text) {
        json_t *j = text ? json_string(text) : json_null();

        return j ? j : json_string("(not UTF-8)");
}

static json_t *pack_trouble(const Trouble *t) {
        if (t->code == TROUBLE_NONE)
                return json_null();
        return json_pack("{ss, so, ss, sI}", "code", trouble_code_to_string(t->code), "text",
                         json_text(t->text), "advice", trouble_advice(t->code), "since_ms",
                         (json_int_t) t->since_ms);
}

static json_t *pack_cluster(const Cluster *c) {
        return json_pack("{so, sb, so, ss, so}", "bootstrap", json_text(c->bootstrap), "embedded",
                         c->embedded, "id", json_text(c->id), "state",
                         cluster_state_to_string(c->state), "trouble", pack_trouble(&c->trouble));
}

static json_t *pack_sink(const Sink *s, const Trouble *trouble) {
        return json_pack("{ss, so, ss, sI, so}", "kind", s->kind->name, "target",
                         json_text(s->target), "state", sink_state_to_string(s->state), "entries",
                         (json_int_t) s->entries, "trouble", pack_trouble(trouble));
}

static json_t *pack_producer(const Producer *p) {
        const ProducerConfig *config = p->config;
        json_t *rate = config->rate < 0 ? json_null() : json_real(config->rate);

        return json_pack("{so, so, so, sI, sI, sI, sI, sI, sI, ss, so}", "name",
                         json_text(config->name), "topic", json_text(config->topic), "rate", rate,
                         "count", (json_int_t) config->count, "made", (json_int_t) p->made, "acked",
                         (json_int_t) p->acked, "failed", (json_int_t) p->lost, "overflowed",
                         (json_int_t) p->overflowed, "queued", (json_int_t) producer_queued(p),
                         "state", producer_state_to_string(p), "trouble",
                         pack_trouble(&p->trouble));
}

static json_t *pack_partition(const Partition *p, rd_kafka_t *rk) {
        return json_pack(
                "{so, si, so, so, so, si}", "topic", json_text(p->topic), "partition", p->number,
                "position", json_offset(p->position), "committed", json_offset(p->committed), "lag",
                json_offset(rk ? partition_lag(p, rk) : -1), "held", (int) partition_held(p));
}

static json_t *pack_consumer(const Consumer *c) {
        json_t *partitions = json_array();

        for (unsigned i = 0; i < c->n_partitions; i++)
                json_array_append_new(partitions, pack_partition(c->partitions[i], c->rk));
        return json_pack("{si, so, ss, sI, sI, so, so}", "consumer", (int) c->number, "client_id",
                         json_text(c->client_id), "state", consumer_state_to_string(c), "received",
                         (json_int_t) c->received, "written", (json_int_t) c->written, "trouble",
                         pack_trouble(&c->trouble), "partitions", partitions);
}

static json_t *pack_group(const Group *g) {
        json_t *topics = json_array(), *consumers = json_array(), *standbys = json_array();
        const GroupConfig *config = g->config;
        uint64_t received = 0, written = 0;

        for (unsigned i = 0; i < config->topics.n; i++)
                json_array_append_new(topics, json_text(config->topics.items[i]));
        for (unsigned i = 0; i < g->n_consumers; i++) {
                const Consumer *c = g->consumers[i];

                received += c->received;
                written += c->written;
                json_array_append_new(consumers, pack_consumer(c));
                if (c->state == CONSUMER_ASSIGNED && c->n_partitions == 0)
                        json_array_append_new(standbys, json_integer((json_int_t) c->number));
        }
        return json_pack("{so, so, ss, ss, ss, sb, ss, sb, si, sI, sI, so, so, so, so}", "name",
                         json_text(config->name), "topics", topics, "delivery",
                         delivery_to_string(group_delivery(g)), "configured",
                         delivery_to_string(config->delivery), "reason", group_delivery_reason(g),
                         "log", config->log, "start",
                         config->start == GROUP_START_LATEST ? "latest" : "earliest", "stable",
                         g->stable, "rebalances", (int) g->rebalances, "received",
                         (json_int_t) received, "written", (json_int_t) written, "lag",
                         json_offset(group_lag(g)), "standbys", standbys, "trouble",
                         pack_trouble(&g->trouble), "consumers", consumers);
}

static int method_status(void *userdata, const VarlinkCall *call, json_t **ret_parameters,
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
                                    pack_sink(f->context.sink, c->sink_trouble), "producers",
                                    producers, "groups", groups);
        return *ret_parameters ? 0 : -ENOMEM;
}

const ControlMethod control_methods[] = {
#define VERB(id, verb, method, arguments, access, timeout, help) \
        {PROTOCOL_INTERFACE "." method, ACCESS_##access, method_##id},
#include "protocol/verbs.def"
#undef VERB
        {NULL},
};
