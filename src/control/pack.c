/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What there is, as JSON: see pack.h. io.crier.Control.varlink says what each member means.
 */

#include "control/pack.h"

#include "common/base64.h"
#include "common/iso-time.h"
#include "common/utf8.h"
#include "journal/entry.h"

json_t *pack_offset(int64_t offset) {
        return offset < 0 ? json_null() : json_integer(offset);
}

static json_t *pack_timestamp(int64_t ms) {
        return ms == NO_TIMESTAMP ? json_null() : json_integer(ms);
}

/* A name from the configuration is valid UTF-8 already; what Kafka or the system said may not be.
 */
json_t *pack_text(const char *text) {
        json_t *j = text ? json_string(text) : json_null();

        return j ? j : json_string("(not UTF-8)");
}

bool pack_is_text(const void *data, size_t size) {
        const uint8_t *bytes = data;
        uint32_t character;
        size_t n;

        for (size_t i = 0; i < size; i += n) {
                n = utf8_character(bytes + i, size - i, &character);
                if (n == 0 || character == 0)
                        return false;
        }
        return true;
}

json_t *pack_bytes(const void *data, size_t size, bool base64) {
        _cleanup_buffer_ Buffer text = {0};

        if (!data)
                return json_null();
        if (!base64)
                return json_stringn(data, size);
        base64_encode(data, size, &text);
        return json_string(buffer_string(&text));
}

/* Names stay text: what cannot be shown of one is escaped as in the journal. */
static json_t *pack_header_name(const char *name) {
        _cleanup_buffer_ Buffer text = {0};

        if (pack_is_text(name, strlen(name)))
                return json_string(name);
        (void) entry_escape(name, strlen(name), &text);
        return json_string(buffer_string(&text));
}

static json_t *pack_headers(const EventCopy *c, bool base64) {
        json_t *headers = json_array();
        const char *name, *value;
        size_t position = 0, size;

        while (copy_header(c, &position, &name, &value, &size))
                json_array_append_new(headers, json_pack("{so, so}", "name", pack_header_name(name),
                                                         "value", pack_bytes(value, size, base64)));
        return headers;
}

static bool event_is_text(const EventCopy *c) {
        const char *name, *value;
        size_t position = 0, size;

        if (!pack_is_text(c->key, c->key_size) || !pack_is_text(c->value, c->value_size))
                return false;
        while (copy_header(c, &position, &name, &value, &size))
                if (!pack_is_text(value, size))
                        return false;
        return true;
}

json_t *pack_event(const EventCopy *c) {
        bool base64 = !event_is_text(c);

        return json_pack("{so, sI, so, si, sI, so, so, so, so, sb, sb, so}", "group",
                         pack_text(c->group), "consumer", (json_int_t) c->consumer, "topic",
                         pack_text(c->topic), "partition", c->partition, "offset",
                         (json_int_t) c->offset, "timestamp_ms", pack_timestamp(c->timestamp_ms),
                         "key", pack_bytes(c->key, c->key_size, base64), "value",
                         pack_bytes(c->value, c->value_size, base64), "headers",
                         pack_headers(c, base64), "base64", base64, "cut", c->cut, "message",
                         json_stringn(c->message, c->message_size));
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
        return json_pack("{ss, so, ss, sI, sI, so}", "kind", s->kind->name, "target",
                         pack_text(s->target), "state", sink_state_to_string(s->state), "entries",
                         (json_int_t) s->entries, "records_lost", (json_int_t) s->records_lost,
                         "trouble", pack_trouble(trouble));
}

json_t *pack_producer(const Producer *p) {
        const ProducerConfig *config = p->config;

        return json_pack("{so, so, so, sI, sI, sI, sI, sI, sI, sf, ss, so}", "name",
                         pack_text(config->name), "topic", pack_text(config->topic), "rate",
                         pack_rate(p->rate), "count", (json_int_t) config->count, "made",
                         (json_int_t) p->made, "acked", (json_int_t) p->acked, "failed",
                         (json_int_t) p->lost, "overflowed", (json_int_t) p->overflowed, "queued",
                         (json_int_t) producer_queued(p), "per_second",
                         meter_per_second(&p->meter, clock_usec(), p->acked), "state",
                         producer_state_to_string(p), "trouble", pack_trouble(&p->trouble));
}

static json_t *pack_ledger(const Ledger *l) {
        if (!l)
                return json_null();
        return json_pack("{ss, sI, sI, sI, sI, sI, sI}", "state", ledger_state_to_string(l),
                         "received", (json_int_t) l->stats.received, "written",
                         (json_int_t) l->stats.written, "verified", (json_int_t) l->stats.verified,
                         "in_flight", (json_int_t) l->n_open, "written_again",
                         (json_int_t) l->stats.written_again, "cut", (json_int_t) l->stats.cut);
}

static json_t *pack_partition(const Partition *p, rd_kafka_t *rk) {
        return json_pack("{so, si, so, so, so, so, si, so}", "topic", pack_text(p->topic),
                         "partition", p->number, "position", pack_offset(p->position), "committed",
                         pack_offset(p->committed), "lag",
                         pack_offset(rk ? partition_lag(p, rk) : -1), "open_transaction_ms",
                         pack_offset(partition_open_ms(p, clock_usec())), "held",
                         (int) partition_held(p), "ledger", pack_ledger(p->ledger));
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
        return json_pack("{so, so, ss, ss, ss, sb, ss, si, sb, si, sI, sI, sf, so, so, so, so}",
                         "name", pack_text(config->name), "topics", topics, "delivery",
                         delivery_to_string(group_delivery(g)), "configured",
                         delivery_to_string(config->delivery), "reason", group_delivery_reason(g),
                         "log", config->log, "start",
                         config->start == GROUP_START_LATEST ? "latest" : "earliest", "wanted",
                         (int) g->wanted, "stable", g->stable, "rebalances", (int) g->rebalances,
                         "received", (json_int_t) received, "written", (json_int_t) written,
                         "per_second", per_second, "lag", pack_offset(group_lag(g)), "standbys",
                         standbys, "trouble", pack_trouble(&g->trouble), "consumers", consumers);
}
