/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What there is, as JSON: see pack.h. io.crier.Control.varlink says what each member means.
 */

#include "control/pack.h"

json_t *pack_offset(int64_t offset) {
        return offset < 0 ? json_null() : json_integer(offset);
}

/* A name from the configuration is valid UTF-8 already; what Kafka or the system said may not be.
 */
json_t *pack_text(const char *text) {
        json_t *j = text ? json_string(text) : json_null();

        return j ? j : json_string("(not UTF-8)");
}

json_t *pack_rate(double rate) {
        return rate < 0 ? json_null() : json_real(rate);
}

static json_t *pack_trouble(const Trouble *t) {
        if (t->code == TROUBLE_NONE)
                return json_null();
        return json_pack("{ss, so, ss, sI}", "code", trouble_code_to_string(t->code), "text",
                         pack_text(t->text), "advice", trouble_advice(t->code), "since_ms",
                         (json_int_t) t->since_ms);
}

json_t *pack_cluster(const Cluster *c) {
        return json_pack("{so, sb, so, ss, so}", "bootstrap", pack_text(c->bootstrap), "embedded",
                         c->embedded, "id", pack_text(c->id), "state",
                         cluster_state_to_string(c->state), "trouble", pack_trouble(&c->trouble));
}

json_t *pack_sink(const Sink *s, const Trouble *trouble) {
        return json_pack("{ss, so, ss, sI, so}", "kind", s->kind->name, "target",
                         pack_text(s->target), "state", sink_state_to_string(s->state), "entries",
                         (json_int_t) s->entries, "trouble", pack_trouble(trouble));
}

json_t *pack_producer(const Producer *p) {
        const ProducerConfig *config = p->config;

        return json_pack("{so, so, so, sI, sI, sI, sI, sI, sI, sf, ss, so}", "name",
                         pack_text(config->name), "topic", pack_text(config->topic), "rate",
                         pack_rate(p->rate), "count", (json_int_t) config->count, "made", (json_int_t) p->made, "acked",
                         (json_int_t) p->acked, "failed", (json_int_t) p->lost, "overflowed",
                         (json_int_t) p->overflowed, "queued", (json_int_t) producer_queued(p),
                         "per_second", meter_per_second(&p->meter, clock_usec(), p->acked),
                         "state", producer_state_to_string(p), "trouble",
                         pack_trouble(&p->trouble));
}

static json_t *pack_partition(const Partition *p, rd_kafka_t *rk) {
        return json_pack(
                "{so, si, so, so, so, si}", "topic", pack_text(p->topic), "partition", p->number,
                "position", pack_offset(p->position), "committed", pack_offset(p->committed), "lag",
                pack_offset(rk ? partition_lag(p, rk) : -1), "held", (int) partition_held(p));
}

json_t *pack_consumer(const Consumer *c) {
        json_t *partitions = json_array();

        for (unsigned i = 0; i < c->n_partitions; i++)
                json_array_append_new(partitions, pack_partition(c->partitions[i], c->rk));
        return json_pack("{si, so, so, ss, sb, sI, sI, sf, so, so}", "consumer", (int) c->number,
                         "group", pack_text(c->group->config->name), "client_id",
                         pack_text(c->client_id), "state", consumer_state_to_string(c), "paused",
                         c->paused, "received", (json_int_t) c->received, "written",
                         (json_int_t) c->written, "per_second",
                         meter_per_second(&c->meter, clock_usec(), c->received), "trouble",
                         pack_trouble(&c->trouble), "partitions", partitions);
}

json_t *pack_group(const Group *g) {
        json_t *topics = json_array(), *consumers = json_array(), *standbys = json_array();
        const GroupConfig *config = g->config;
        uint64_t received, written, now = clock_usec();
        double per_second = 0;

        group_totals(g, &received, &written);
        for (unsigned i = 0; i < config->topics.n; i++)
                json_array_append_new(topics, pack_text(config->topics.items[i]));
        for (unsigned i = 0; i < g->n_consumers; i++) {
                const Consumer *c = g->consumers[i];

                per_second += meter_per_second(&c->meter, now, c->received);
                json_array_append_new(consumers, pack_consumer(c));
                if (c->state == CONSUMER_ASSIGNED && c->n_partitions == 0)
                        json_array_append_new(standbys, json_integer((json_int_t) c->number));
        }
        return json_pack("{so, so, ss, ss, ss, sb, ss, si, sb, si, sI, sI, sf, so, so, so, so}", "name",
                         pack_text(config->name), "topics", topics, "delivery",
                         delivery_to_string(group_delivery(g)), "configured",
                         delivery_to_string(config->delivery), "reason", group_delivery_reason(g),
                         "log", config->log, "start",
                         config->start == GROUP_START_LATEST ? "latest" : "earliest", "wanted",
                         (int) g->wanted, "stable",
                         g->stable, "rebalances", (int) g->rebalances, "received",
                         (json_int_t) received, "written", (json_int_t) written,
                         "per_second", per_second, "lag",
                         pack_offset(group_lag(g)), "standbys", standbys, "trouble",
                         pack_trouble(&g->trouble), "consumers", consumers);
}
