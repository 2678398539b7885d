/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the broker has of a group: see broker.h.
 */

#include "verify/broker.h"

#include <errno.h>

#include "common/iso-time.h"
#include "kafka/client.h"
#include "kafka/offsets.h"
#include "kafka/trouble.h"

#define REQUEST_MS 8000
#define MOMENT_MS 200

/* A broker that has no more events of one partition is not asked for those of the next one while it
 * waits for some to come: one fetch at a time is on its way (librdkafka,
 * rd_kafka_broker_fetch_toppars). */
#define FETCH_WAIT_MS 5

static int fail(Broker *b, rd_kafka_resp_err_t err, const char *what) {
        buffer_clear(&b->error);
        if (err == RD_KAFKA_RESP_ERR__TIMED_OUT || trouble_is_connection(err))
                buffer_appendf(&b->error, "Cannot %s: no broker at %s answers", what, b->bootstrap);
        else
                buffer_appendf(&b->error, "Cannot %s: %s", what, rd_kafka_err2str(err));
        return -EIO;
}

int broker_open(const Config *config, const char *bootstrap, const GroupConfig *group,
                Broker **ret) {
        const ClientSpec spec = {
                .role = CLIENT_CONSUMER,
                .bootstrap = bootstrap,
                .client_id = "crier-verify",
                .group = group->name,
                .properties = &group->properties,
                .partition_eof = true,
                .fetch_wait_ms = FETCH_WAIT_MS,
                .config = config,
        };
        Broker *b = calloc(1, sizeof(*b));

        if (!b)
                return -ENOMEM;
        *ret = b;
        b->embedded = streq(config->cluster.bootstrap, "embedded");
        b->group = group->name;
        b->bootstrap = strdup(bootstrap);
        if (!b->bootstrap)
                return -ENOMEM;
        return client_new(&spec, &b->rk, &b->error);
}

Broker *broker_free(Broker *b) {
        if (!b)
                return NULL;
        /* It is no member of anything: there is nothing to leave. */
        if (b->rk)
                rd_kafka_destroy_flags(b->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
        if (b->cluster_id)
                rd_kafka_mem_free(NULL, b->cluster_id);
        free(b->bootstrap);
        buffer_done(&b->error);
        free(b);
        return NULL;
}

/* The embedded broker makes a topic that is asked for by its name. */
static int ask_metadata(Broker *b, const char *topic, const struct rd_kafka_metadata **ret) {
        rd_kafka_topic_t *t = b->embedded ? NULL : rd_kafka_topic_new(b->rk, topic, NULL);
        rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR__INVALID_ARG; /* no topic can have this name */

        if (t || b->embedded)
                err = rd_kafka_metadata(b->rk, b->embedded, t, ret, REQUEST_MS);
        if (t)
                rd_kafka_topic_destroy(t);
        return err ? fail(b, err, "ask for the topic") : 0;
}

int broker_width(Broker *b, const char *topic, int32_t *ret) {
        const struct rd_kafka_metadata *md;
        int32_t n = 0;
        int r;

        r = ask_metadata(b, topic, &md);
        if (r < 0)
                return r;
        for (int i = 0; i < md->topic_cnt; i++)
                if (streq(md->topics[i].topic, topic) && !md->topics[i].err)
                        n = md->topics[i].partition_cnt;
        rd_kafka_metadata_destroy(md);
        buffer_clear(&b->error);
        if (n <= 0) {
                buffer_appendf(&b->error, "There is no topic '%s'", topic);
                return -ENOENT;
        }
        *ret = n;
        return 0;
}

/* ---- commits ---- */

static void read_commit(const Broker *b, const rd_kafka_topic_partition_t *p, Commit *ret) {
        static const char prefix[] = "crier/";

        *ret = (Commit){.offset = p->offset < 0 ? -1 : p->offset};
        if (ret->offset < 0 || !p->metadata)
                return;
        ret->ours = metadata_parse(p->metadata, p->metadata_size, &ret->metadata);
        if (!ret->ours && p->metadata_size >= sizeof(prefix) - 1 &&
            memcmp(p->metadata, prefix, sizeof(prefix) - 1) == 0)
                ret->strange = "the metadata of the committed offset is of another version";
        if (!ret->ours)
                return;
        if (!b->cluster_id || !streq(ret->metadata.cluster, b->cluster_id))
                ret->strange = "the offset was committed in another cluster";
        else if (!metadata_is_for(&ret->metadata, b->group, p->topic, p->partition))
                ret->strange = "the metadata of the committed offset is a copy of another one's";
        else if (ret->metadata.anchor > ret->offset)
                ret->strange = "the metadata of the committed offset says what cannot be";
        ret->ours = !ret->strange;
}

int broker_commits(Broker *b, const char *topic, int32_t n, Commit *ret) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(n);
        rd_kafka_resp_err_t err;

        if (!b->cluster_id)
                b->cluster_id = rd_kafka_clusterid(b->rk, REQUEST_MS);
        for (int32_t i = 0; i < n; i++)
                rd_kafka_topic_partition_list_add(list, topic, i);
        err = rd_kafka_committed(b->rk, list, REQUEST_MS);
        for (int i = 0; i < list->cnt && !err; i++)
                err = list->elems[i].err;
        for (int32_t i = 0; i < n && !err; i++)
                read_commit(b, rd_kafka_topic_partition_list_find(list, topic, i), &ret[i]);
        rd_kafka_topic_partition_list_destroy(list);
        return err ? fail(b, err, "ask for the committed offsets") : 0;
}

/* ---- the log ---- */

static int look_up(Broker *b, const char *topic, int32_t partition, int64_t at, int64_t *ret) {
        rd_kafka_topic_partition_list_t *which = rd_kafka_topic_partition_list_new(1), *found;
        rd_kafka_resp_err_t err;

        rd_kafka_topic_partition_list_add(which, topic, partition);
        err = offsets_lookup(b->rk, which, at, REQUEST_MS, &found, NULL);
        rd_kafka_topic_partition_list_destroy(which);
        if (err)
                return fail(b, err, "ask for the ends of the log");
        *ret = found->elems[0].offset;
        rd_kafka_topic_partition_list_destroy(found);
        return 0;
}

int broker_range(Broker *b, const char *topic, int32_t partition, int64_t *ret_start,
                 int64_t *ret_end) {
        int r;

        r = look_up(b, topic, partition, OFFSETS_BEGIN, ret_start);
        return r < 0 ? r : look_up(b, topic, partition, OFFSETS_END, ret_end);
}

int64_t broker_since(Broker *b, const char *topic, int32_t partition, int64_t since_ms,
                     int64_t fallback) {
        int64_t offset;

        /* The embedded broker does not find events by their time, and does not say so. */
        if (b->embedded || look_up(b, topic, partition, since_ms, &offset) < 0 || offset < 0)
                return fallback;
        return offset;
}

/* ---- events ---- */

int broker_read(Broker *b, const char *topic, int32_t partition, int64_t offset) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_resp_err_t err;

        rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
        err = client_assign(b->rk, list);
        rd_kafka_topic_partition_list_destroy(list);
        return err ? fail(b, err, "read the events") : 0;
}

static int read_error(Broker *b, rd_kafka_resp_err_t err) {
        if (err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
                return 0;
        if (err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
                return -ERANGE;
        /* What heals by itself may do so: whoever reads has a limit of his own. */
        (void) fail(b, err, "read the events");
        return trouble_is_connection(err) ? -EAGAIN : -EIO;
}

int broker_next(Broker *b, const char *topic, int32_t partition, BrokerEvent *ret) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(b->rk, MOMENT_MS);
        rd_kafka_timestamp_type_t type;
        int r = 1;

        if (!m)
                return -EAGAIN;
        if (m->rkt && (m->partition != partition || !streq(rd_kafka_topic_name(m->rkt), topic)))
                r = -EAGAIN;
        else if (m->err)
                r = read_error(b, m->err);
        else {
                ret->offset = m->offset;
                ret->timestamp_ms = rd_kafka_message_timestamp(m, &type);
                if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE)
                        ret->timestamp_ms = NO_TIMESTAMP;
        }
        rd_kafka_message_destroy(m);
        return r;
}
