/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How librdkafka's clients are set up: see client.h. crierd.conf(5), CLIENT DEFAULTS, has the same
 * tables.
 */

#include "kafka/client.h"

#include <errno.h>
#include <stdio.h>

#include "common/log.h"
#include "config/check.h"
#include "config/secret.h"

#define ROLE(r) (1u << (r))
#define ROLE_ALL (ROLE(CLIENT_ADMIN) | ROLE(CLIENT_PRODUCER) | ROLE(CLIENT_CONSUMER))

typedef struct ClientDefault {
        const char *name;
        const char *value;
        const char *embedded; /* NULL: the same */
        unsigned roles;
        bool newer; /* not known to every librdkafka that we build with */
} ClientDefault;

static const ClientDefault client_defaults[] = {
        /* A broker that is back is found within a second. */
        {"reconnect.backoff.max.ms", "1000", NULL, ROLE_ALL},
        {"log.connection.close", "false", NULL, ROLE_ALL},
        /* Sending the library's own metrics to the broker: librdkafka 2.5 and newer wait up to a
         * second for it whenever a client ends (rd_kafka_telemetry_await_termination). */
        {"enable.metrics.push", "false", NULL, ROLE_ALL, true},
        /* To look for a topic must not make it: the client that looks is a producer, for which the
         * library has this on, and brokers create topics by themselves unless they are told not to.
         */
        {"allow.auto.create.topics", "false", NULL, ROLE(CLIENT_ADMIN)},
        /* New partitions, and topics made anew, are seen soon. */
        {"topic.metadata.refresh.interval.ms", "10000", NULL, ROLE_ALL},
        /* A topic that does not exist is said after seconds, not after half a minute. */
        {"topic.metadata.propagation.max.ms", "5000", NULL, ROLE(CLIENT_PRODUCER)},
        {"enable.idempotence", "true", NULL, ROLE(CLIENT_PRODUCER)},
        /* The library's gigabyte is not what a small VM has. */
        {"queue.buffering.max.kbytes", "65536", NULL, ROLE(CLIENT_PRODUCER)},
        /* A take-over is worth watching only if it comes soon. The embedded broker uses the session
         * time-out   for its rebalance windows and thrashes with short heartbeats. */
        {"session.timeout.ms", "6000", NULL, ROLE(CLIENT_CONSUMER)},
        {"heartbeat.interval.ms", "1000", "2000", ROLE(CLIENT_CONSUMER)},
        /* While the broker waits for events of some partitions, those whose queues were full are
         * not fetched (prefetch.h). The embedded broker also waits so long before it says that an
         * offset is gone. */
        {"fetch.wait.max.ms", "250", "100", ROLE(CLIENT_CONSUMER)},
        /* Full queues are the rule under back-pressure: look again soon. */
        {"fetch.queue.backoff.ms", "10", NULL, ROLE(CLIENT_CONSUMER), true},
        /* What other clients use by default, so that they can join the same group. */
        {"partition.assignment.strategy", "range,roundrobin", NULL, ROLE(CLIENT_CONSUMER)},
        /* Positions are ours: resolved, committed and reset by consumer.c alone. */
        {"enable.auto.commit", "false", NULL, ROLE(CLIENT_CONSUMER)},
        {"enable.auto.offset.store", "false", NULL, ROLE(CLIENT_CONSUMER)},
        {"auto.offset.reset", "error", NULL, ROLE(CLIENT_CONSUMER)},
};

/* Properties that are refused, and what to use instead. */
static const struct {
        const char *name;
        const char *instead;
} client_owned[] = {
        {"auto.commit.enable", "crier commits by itself: see 'delivery'"},
        {"auto.commit.interval.ms", "crier commits by itself: see 'delivery'"},
        {"auto.offset.reset", "use 'start' of the group"},
        {"bootstrap.servers", "use 'cluster.bootstrap'"},
        {"builtin.features", "it cannot be set"},
        {"client.id", "crier names its clients after their group or producer"},
        {"delivery.report.only.error", "crier counts what was delivered"},
        {"enable.auto.commit", "crier commits by itself: see 'delivery'"},
        {"enable.auto.offset.store", "crier commits by itself: see 'delivery'"},
        {"enable.partition.eof", "crier sets it"},
        {"enabled_events", "crier sets it"},
        {"group.id", "use 'name' of the group"},
        {"group.protocol", "crier's groups use the classic one"},
        {"group.remote.assignor", "crier's groups use range and roundrobin"},
        {"group.instance.id", "crier's consumers are not static members"},
        {"interceptors", "crier takes no code from a configuration"},
        {"log_level", "use crierd --verbose"},
        {"log.queue", "crier sets it"},
        {"metadata.broker.list", "use 'cluster.bootstrap'"},
        {"opaque", "crier sets it"},
        {"partition.assignment.strategy", "crier's groups use range and roundrobin"},
        {"plugin.library.paths", "crier takes no code from a configuration"},
        {"queued.max.messages.kbytes", "use 'limits.in_flight_bytes'"},
        {"queued.min.messages", "use 'limits.in_flight_events'"},
        {"statistics.interval.ms", "crier does not use it"},
        {"test.mock.num.brokers", "use 'cluster.bootstrap' and 'cluster.embedded_brokers'"},
        {"transactional.id", "crier does not use transactions"},
};

typedef struct ConfBuild {
        rd_kafka_conf_t *conf;
        ClientRole role;
        Buffer *error;
} ConfBuild;

/* Appends what librdkafka says on one line, without what it may quote of secrets. */
static void append_unsecret(rd_kafka_conf_t *conf, const char *text, Buffer *out) {
        size_t n = 0;
        const char **all = rd_kafka_conf_dump(conf, &n);
        Buffer shown = {0};

        buffer_append_string(&shown, text);
        /* Names and values in turn. */
        for (size_t i = 0; i + 1 < n; i += 2)
                if (all[i + 1] && strlen(all[i + 1]) >= SECRET_PIECE && secret_property(all[i])) {
                        Buffer next = {0};

                        secret_hide(all[i + 1], buffer_string(&shown), &next);
                        buffer_done(&shown);
                        shown = next;
                }
        check_show(buffer_string(&shown), out);
        buffer_done(&shown);
        rd_kafka_conf_dump_free(all, n);
}

/* librdkafka takes blanks in front of a value away and says nothing of it (rd_kafka_conf_set(), up
 * to 2.8 at least): the group would have another name, the password would be another one. */
static int conf_set(ConfBuild *b, const char *name, const char *value) {
        rd_kafka_conf_res_t outcome;
        char reason[512];

        if (strchr(" \t\n\v\f\r", value[0]) && value[0]) {
                buffer_appendf(b->error,
                               "the value of '%s' begins with a blank, which librdkafka would take "
                               "away",
                               name);
                return -EINVAL;
        }
        outcome = rd_kafka_conf_set(b->conf, name, value, reason, sizeof(reason));
        if (outcome == RD_KAFKA_CONF_OK)
                return 0;
        /* The reason may quote the value. */
        if (outcome == RD_KAFKA_CONF_INVALID && secret_property(name))
                buffer_appendf(b->error, "librdkafka does not take the value of '%s'", name);
        else
                append_unsecret(b->conf, reason, b->error);
        return -EINVAL;
}

static int conf_set_u64(ConfBuild *b, const char *name, uint64_t value) {
        char text[24];

        snprintf(text, sizeof(text), "%llu", (unsigned long long) value);
        return conf_set(b, name, text);
}

static int conf_set_defaults(ConfBuild *b, bool embedded) {
        for (size_t i = 0; i < ELEMENTSOF(client_defaults); i++) {
                const ClientDefault *d = &client_defaults[i];
                const char *value = embedded && d->embedded ? d->embedded : d->value;
                int r;

                if (!(d->roles & ROLE(b->role)))
                        continue;
                if (d->newer) {
                        (void) rd_kafka_conf_set(b->conf, d->name, value, NULL, 0);
                        continue;
                }
                r = conf_set(b, d->name, value);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* One "name=value". */
static int conf_set_property(ConfBuild *b, const char *property) {
        const char *equals = strchr(property, '=');
        _cleanup_free_ char *name = NULL;

        if (!equals)
                return -EINVAL;
        name = strndup(property, (size_t) (equals - property));
        if (!name)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTSOF(client_owned); i++)
                if (streq(client_owned[i].name, name)) {
                        buffer_appendf(b->error, "property '%s' is crier's own: %s", name,
                                       client_owned[i].instead);
                        return -EINVAL;
                }
        return conf_set(b, name, equals + 1);
}

static int conf_set_properties(ConfBuild *b, const StringList *list) {
        int r = 0;

        for (unsigned i = 0; list && i < list->n && r >= 0; i++)
                r = conf_set_property(b, list->items[i]);
        return r;
}

/* The partitions whose prefetched events share limits.in_flight_bytes: those of each group's
 * topics. */
static unsigned config_partitions(const Config *config) {
        unsigned n = 0;

        for (unsigned g = 0; g < config->n_groups; g++) {
                const GroupConfig *group = &config->groups[g];

                for (unsigned t = 0; group->enabled && t < group->topics.n; t++) {
                        unsigned partitions = CONFIG_PARTITIONS_GUESS;

                        for (unsigned i = 0; i < config->n_topics; i++)
                                if (streq(config->topics[i].name, group->topics.items[t]))
                                        partitions = config->topics[i].partitions;
                        n += partitions;
                }
        }
        return MAX(n, 1u);
}

/* librdkafka counts both limits for each partition queue that is read on its own; what a partition
 * holds beside its queue (partition.h) came out of that queue and is at most as much again. */
static int conf_set_limits(ConfBuild *b, const Config *config) {
        uint64_t share = config->limits.in_flight_bytes / config_partitions(config) / 2 / 1024;
        int r;

        r = conf_set_u64(b, "queued.min.messages", config->limits.in_flight_events);
        if (r < 0)
                return r;
        return conf_set_u64(b, "queued.max.messages.kbytes", MAX(share, (uint64_t) 1));
}

/* On librdkafka's threads. Its own words are for debugging: what matters arrives as an error event.
 */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text) {
        _cleanup_buffer_ Buffer shown = {0};

        if (log_max_level() < LOG_DEBUG)
                return;
        client_says((rd_kafka_t *) (uintptr_t) rk, text, &shown);
        log_debug("librdkafka: %s: %s", facility, buffer_string(&shown));
}

void client_sends_no_metrics(rd_kafka_conf_t *conf) {
        (void) rd_kafka_conf_set(conf, "enable.metrics.push", "false", NULL, 0);
}

static int conf_fill(ConfBuild *b, const ClientSpec *spec) {
        const Config *config = spec->config;
        int r;

        rd_kafka_conf_set_log_cb(b->conf, on_log);
        r = conf_set_u64(b, "log_level", log_max_level() >= LOG_DEBUG ? LOG_DEBUG : LOG_EMERG);
        if (r >= 0)
                r = conf_set(b, "client.id", spec->client_id);
        if (r >= 0 && spec->bootstrap)
                r = conf_set(b, "bootstrap.servers", spec->bootstrap);
        if (r >= 0 && spec->group)
                r = conf_set(b, "group.id", spec->group);
        if (r >= 0)
                r = conf_set_defaults(b, streq(config->cluster.bootstrap, "embedded"));
        if (r >= 0 && spec->role == CLIENT_CONSUMER)
                r = conf_set_limits(b, config);
        if (r >= 0 && spec->partition_eof)
                r = conf_set(b, "enable.partition.eof", "true");
        if (r >= 0)
                r = conf_set_properties(b, &config->cluster.properties);
        if (r >= 0)
                r = conf_set_properties(b, spec->properties);
        if (r >= 0 && spec->fetch_wait_ms > 0)
                r = conf_set_u64(b, "fetch.wait.max.ms", spec->fetch_wait_ms);
        /* A client that talks to nobody has nothing to wait for at its end. */
        if (r >= 0 && !spec->bootstrap)
                client_sends_no_metrics(b->conf);
        return r;
}

int client_new(const ClientSpec *spec, rd_kafka_t **ret, Buffer *error) {
        static const int events[] = {
                [CLIENT_ADMIN] = RD_KAFKA_EVENT_ERROR,
                [CLIENT_PRODUCER] = RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR,
                [CLIENT_CONSUMER] = RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT |
                                    RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_ERROR,
        };
        ConfBuild b = {.conf = rd_kafka_conf_new(), .role = spec->role, .error = error};
        char reason[512];
        rd_kafka_t *rk;
        int r;

        r = conf_fill(&b, spec);
        if (r < 0) {
                rd_kafka_conf_destroy(b.conf);
                return r;
        }
        rd_kafka_conf_set_events(b.conf, events[spec->role]);
        rk = rd_kafka_new(spec->role == CLIENT_CONSUMER ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER,
                          b.conf, reason, sizeof(reason));
        if (!rk) {
                append_unsecret(b.conf, reason, error);
                rd_kafka_conf_destroy(b.conf);
                return -EINVAL;
        }
        /* From now on errors, rebalances and commits come through the consumer's own queue. */
        if (spec->role == CLIENT_CONSUMER)
                (void) rd_kafka_poll_set_consumer(rk);
        *ret = rk;
        return 0;
}

typedef struct DestroyJob {
        rd_kafka_t *rk;
        int flags;
        HelperWork done;
        void *userdata;
} DestroyJob;

static void destroy_work(void *job) {
        DestroyJob *j = job;

        rd_kafka_destroy_flags(j->rk, j->flags);
}

static void destroy_done(void *job) {
        DestroyJob *j = job;

        if (j->done)
                j->done(j->userdata);
        free(j);
}

int client_session_ms(rd_kafka_t *rk) {
        char text[32];
        size_t size = sizeof(text);

        if (rd_kafka_conf_get(rd_kafka_conf(rk), "session.timeout.ms", text, &size) !=
            RD_KAFKA_CONF_OK)
                return 0;
        return atoi(text);
}

bool client_reads_committed(rd_kafka_t *rk) {
        char text[24];
        size_t size = sizeof(text);

        return rd_kafka_conf_get(rd_kafka_conf(rk), "isolation.level", text, &size) ==
                       RD_KAFKA_CONF_OK &&
               streq(text, "read_committed");
}

void client_says(rd_kafka_t *rk, const char *text, Buffer *out) {
        /* Only read: rd_kafka_conf_dump() lacks a const. */
        append_unsecret((rd_kafka_conf_t *) (uintptr_t) rd_kafka_conf(rk), text, out);
}

rd_kafka_resp_err_t client_assign(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *list) {
        /* The partitions of the assignment before stop in the two turns of the library's main
         * thread that follow it. Where another one comes before that it stops them twice and aborts
         * (rdkafka_assignment.c, up to 2.8 at least). A question is answered in a turn of its own;
         * behind the assignment there may be nobody left who answers: the last one ends a client
         * that closes. */
        for (unsigned turn = 0; turn < 2; turn++) {
                rd_kafka_topic_partition_list_t *assigned = NULL;

                if (!rd_kafka_assignment(rk, &assigned) && assigned)
                        rd_kafka_topic_partition_list_destroy(assigned);
        }
        return rd_kafka_assign(rk, list);
}

void client_destroy(Helpers *helpers, rd_kafka_t *rk, int flags, HelperWork done, void *userdata) {
        DestroyJob *j = malloc(sizeof(*j));

        if (j)
                *j = (DestroyJob){rk, flags, done, userdata};
        if (j && helpers_run(helpers, destroy_work, destroy_done, j) >= 0)
                return;
        /* No thread to be had: then it has to block. */
        free(j);
        rd_kafka_destroy_flags(rk, flags);
        if (done)
                done(userdata);
}

static bool check_client(const ClientSpec *spec, const ConfigOrigin *origin, const char *what,
                         const char *name, Buffer *errors) {
        _cleanup_buffer_ Buffer reason = {0};
        rd_kafka_t *rk;

        if (client_new(spec, &rk, &reason) >= 0) {
                rd_kafka_destroy(rk);
                return true;
        }
        buffer_appendf(errors, "%s:%u: %s '%s': %s\n",
                       origin->file ? origin->file : "configuration", origin->line, what, name,
                       buffer_string(&reason));
        return false;
}

bool client_check_config(const Config *config, Buffer *errors) {
        ClientSpec admin = {.role = CLIENT_ADMIN, .client_id = "crier-check", .config = config};
        bool ok;

        ok = check_client(&admin, &config->cluster.origin, "cluster", config->cluster.bootstrap,
                          errors);
        /* Where the cluster's own properties are wrong, every client would say the same again. */
        if (!ok)
                return false;
        for (unsigned i = 0; i < config->n_producers; i++) {
                const ProducerConfig *p = &config->producers[i];
                ClientSpec spec = {.role = CLIENT_PRODUCER,
                                   .client_id = "crier-check",
                                   .properties = &p->properties,
                                   .config = config};

                ok = check_client(&spec, &p->origin, "producer", p->name, errors) && ok;
        }
        for (unsigned i = 0; i < config->n_groups; i++) {
                const GroupConfig *g = &config->groups[i];
                ClientSpec spec = {.role = CLIENT_CONSUMER,
                                   .client_id = "crier-check",
                                   .group = g->name,
                                   .properties = &g->properties,
                                   .config = config};

                ok = check_client(&spec, &g->origin, "group", g->name, errors) && ok;
        }
        return ok;
}
