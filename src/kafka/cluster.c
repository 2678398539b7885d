/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Kafka cluster as a whole: see cluster.h.
 *
 * librdkafka tells when a connection breaks but never that the cluster is back, and some of its
 * errors are repeated for ever. So errors of clients only raise a suspicion; a probe (a metadata
 * request on a client made for it) decides, once a second for as long as it fails.
 */

#include "kafka/cluster.h"

#include <errno.h>
#include <inttypes.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>

#include "common/log.h"
#include "journal/record.h"
#include "kafka/client.h"

#define PROBE_TIMEOUT_MS 2000
#define PROBE_EVERY_USEC USEC_PER_SEC
/* A topic that the broker refused to create may be made by hand meanwhile. */
#define REFUSED_EVERY_USEC (30 * USEC_PER_SEC)
/* A cluster that was just found is not looked for again so soon. */
#define FOUND_LASTS_USEC (10 * USEC_PER_SEC)
#define CREATE_TIMEOUT_MS 10000

typedef struct TopicOutcome {
        char *name;
        unsigned wanted;
        unsigned replication;
        bool create;
        unsigned found; /* partitions that are there; 0: none */
        bool created;
        char *error; /* why it could not be created */
} TopicOutcome;

/* One look at the cluster, on a helper thread. */
typedef struct Probe {
        Cluster *cluster;
        rd_kafka_t *rk;
        TopicOutcome *topics;
        unsigned n_topics;
        rd_kafka_resp_err_t err;
        char *id;
        rd_kafka_resp_err_t refused; /* what the broker said before it hung up: wrong password … */
        char *text;
} Probe;

const char *cluster_state_to_string(ClusterState s) {
        static const char *const names[] = {
                [CLUSTER_CONNECTING] = "connecting",
                [CLUSTER_UP] = "up",
                [CLUSTER_LOST] = "lost",
        };

        return names[s];
}

/* Topics without an entry of their own, on the embedded broker: nobody else could make them. */
static void embedded_topic(Cluster *c, const char *name) {
        const Config *config = c->context->config;

        for (unsigned i = 0; i < config->n_topics; i++)
                if (streq(config->topics[i].name, name))
                        return;
        (void) rd_kafka_mock_topic_create(c->mock, name, 1, 1);
}

static void embedded_topics(Cluster *c) {
        const Config *config = c->context->config;

        for (unsigned i = 0; i < config->n_producers; i++)
                embedded_topic(c, config->producers[i].topic);
        for (unsigned i = 0; i < config->n_groups; i++)
                for (unsigned k = 0; k < config->groups[i].topics.n; k++)
                        embedded_topic(c, config->groups[i].topics.items[k]);
}

static int embedded_start(Cluster *c) {
        const Config *config = c->context->config;
        char reason[256];
        rd_kafka_conf_t *conf = rd_kafka_conf_new();

        /* The broker runs on a thread of this client, which never connects to anything. */
        rd_kafka_conf_set(conf, "client.id", "crier-embedded", NULL, 0);
        rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
        client_sends_no_metrics(conf);
        c->mock_parent = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
        if (!c->mock_parent) {
                rd_kafka_conf_destroy(conf);
                return log_error_errno(ENOMEM, "Cannot start the embedded broker: %s", reason);
        }
        c->mock = rd_kafka_mock_cluster_new(c->mock_parent, (int) c->config->embedded_brokers);
        if (!c->mock)
                return log_error_errno(ENOMEM, "Cannot start the embedded broker");
        for (unsigned i = 0; i < config->n_topics; i++) {
                const TopicConfig *t = &config->topics[i];

                if (t->create)
                        (void) rd_kafka_mock_topic_create(c->mock, t->name, (int) t->partitions,
                                                          (int) t->replication);
        }
        embedded_topics(c);
        c->bootstrap = strdup(rd_kafka_mock_cluster_bootstraps(c->mock));
        return c->bootstrap ? 0 : -ENOMEM;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata);

int cluster_new(KafkaContext *context, ClusterUpHandler up, void *userdata, Cluster **ret) {
        _cleanup_(cluster_freep) Cluster *c = NULL;
        int r;

        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        c->context = context;
        c->config = &context->config->cluster;
        c->embedded = streq(c->config->bootstrap, "embedded");
        c->up = up;
        c->userdata = userdata;
        r = sd_event_add_time_relative(context->event, &c->timer, CLOCK_MONOTONIC, 0, 0, on_timer,
                                       c);
        if (r < 0)
                return r;
        sd_event_source_set_description(c->timer, "cluster-probe");
        sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
        if (c->embedded) {
                r = embedded_start(c);
                if (r < 0)
                        return r;
        } else {
                c->bootstrap = strdup(c->config->bootstrap);
                if (!c->bootstrap)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(c);
        return 0;
}

Cluster *cluster_free(Cluster *c) {
        if (!c)
                return NULL;
        sd_event_source_disable_unref(c->timer);
        if (c->mock)
                rd_kafka_mock_cluster_destroy(c->mock);
        if (c->mock_parent)
                rd_kafka_destroy(c->mock_parent);
        free(c->bootstrap);
        free(c->id);
        free(c);
        return NULL;
}

/* ---- on the helper thread ---- */

static void outcome_done(TopicOutcome *t) {
        free(t->name);
        free(t->error);
}

static Probe *probe_free(Probe *p) {
        if (!p)
                return NULL;
        for (unsigned i = 0; i < p->n_topics; i++)
                outcome_done(&p->topics[i]);
        free(p->topics);
        free(p->id);
        free(p->text);
        free(p);
        return NULL;
}
DEFINE_CLEANUP(Probe *, probe_free);

static rd_kafka_resp_err_t topic_look(rd_kafka_t *rk, TopicOutcome *t) {
        const struct rd_kafka_metadata *md;
        rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, t->name, NULL);
        rd_kafka_resp_err_t err;

        if (!rkt)
                return rd_kafka_last_error();
        err = rd_kafka_metadata(rk, 0, rkt, &md, PROBE_TIMEOUT_MS);
        rd_kafka_topic_destroy(rkt);
        if (err)
                return err;
        t->found = md->topic_cnt == 1 && !md->topics[0].err ? (unsigned) md->topics[0].partition_cnt
                                                            : 0;
        rd_kafka_metadata_destroy(md);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t topic_created(rd_kafka_event_t *ev, TopicOutcome *t) {
        const rd_kafka_CreateTopics_result_t *result;
        const rd_kafka_topic_result_t **topics;
        size_t n = 0;

        if (rd_kafka_event_error(ev))
                return rd_kafka_event_error(ev);
        result = rd_kafka_event_CreateTopics_result(ev);
        topics = rd_kafka_CreateTopics_result_topics(result, &n);
        if (n != 1)
                return RD_KAFKA_RESP_ERR__BAD_MSG;
        if (rd_kafka_topic_result_error(topics[0])) {
                const char *why = rd_kafka_topic_result_error_string(topics[0]);

                free(t->error);
                t->error = strdup(why ? why
                                      : rd_kafka_err2str(rd_kafka_topic_result_error(topics[0])));
        } else
                t->created = true;
        return rd_kafka_topic_result_error(topics[0]);
}

static rd_kafka_resp_err_t topic_create(rd_kafka_t *rk, TopicOutcome *t) {
        rd_kafka_AdminOptions_t *options =
                rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
        rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
        rd_kafka_NewTopic_t *topic;
        rd_kafka_event_t *ev;
        rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR__TIMED_OUT;
        char reason[256];

        topic = rd_kafka_NewTopic_new(t->name, (int) t->wanted, (int) t->replication, reason,
                                      sizeof(reason));
        if (topic) {
                rd_kafka_AdminOptions_set_request_timeout(options, CREATE_TIMEOUT_MS, NULL, 0);
                rd_kafka_CreateTopics(rk, &topic, 1, options, queue);
                ev = rd_kafka_queue_poll(queue, CREATE_TIMEOUT_MS + 1000);
                if (ev) {
                        err = topic_created(ev, t);
                        rd_kafka_event_destroy(ev);
                }
                rd_kafka_NewTopic_destroy(topic);
        } else {
                t->error = strdup(reason);
                err = RD_KAFKA_RESP_ERR__INVALID_ARG;
        }
        if (err && !t->error && !trouble_is_connection(err))
                t->error = strdup(rd_kafka_err2str(err));
        rd_kafka_queue_destroy(queue);
        rd_kafka_AdminOptions_destroy(options);
        return err;
}

/* Sees to one topic. Returns an error where the cluster has to be asked again later. */
static rd_kafka_resp_err_t topic_ensure(rd_kafka_t *rk, TopicOutcome *t) {
        rd_kafka_resp_err_t err;

        err = topic_look(rk, t);
        if (err || t->found > 0 || !t->create)
                return err;
        err = topic_create(rk, t);
        if (err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
                free(t->error);
                t->error = NULL;
                return topic_look(rk, t);
        }
        return trouble_is_connection(err) ? err : RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* Why the broker hung up is only told through the client's error events. */
static void probe_read_errors(Probe *p) {
        rd_kafka_queue_t *queue = rd_kafka_queue_get_main(p->rk);
        rd_kafka_event_t *ev;

        while ((ev = rd_kafka_queue_poll(queue, 0))) {
                rd_kafka_resp_err_t err = rd_kafka_event_error(ev);
                bool named = trouble_from_error(err) != TROUBLE_NONE;

                if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_ERROR && (named || !p->text) &&
                    err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
                        _cleanup_buffer_ Buffer text = {0};

                        client_says(p->rk, rd_kafka_event_error_string(ev), &text);
                        p->refused = named ? err : p->refused;
                        free(p->text);
                        p->text = strdup(buffer_string(&text));
                }
                rd_kafka_event_destroy(ev);
        }
        rd_kafka_queue_destroy(queue);
}

static void probe_work(void *job) {
        Probe *p = job;
        const struct rd_kafka_metadata *md;
        char *id;

        p->err = rd_kafka_metadata(p->rk, 0, NULL, &md, PROBE_TIMEOUT_MS);
        if (!p->err) {
                rd_kafka_metadata_destroy(md);
                id = rd_kafka_clusterid(p->rk, PROBE_TIMEOUT_MS);
                if (id) {
                        p->id = strdup(id);
                        rd_kafka_mem_free(p->rk, id);
                }
                for (unsigned i = 0; i < p->n_topics && !p->err; i++)
                        p->err = topic_ensure(p->rk, &p->topics[i]);
        }
        probe_read_errors(p);
}

/* ---- on the loop ---- */

static void cluster_again(Cluster *c, uint64_t usec) {
        if (c->stopping)
                return;
        if (sd_event_source_set_time_relative(c->timer, usec) >= 0)
                sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT);
}

static void cluster_lost(Cluster *c, Probe *p) {
        TroubleCode code = trouble_from_error(p->refused);
        const char *why = p->text ? p->text : rd_kafka_err2str(p->err);
        const RecordField fields[] = {{"CRIER_BOOTSTRAP", c->bootstrap}, {NULL}};

        /* librdkafka tells the same error of a broker only every 30 s: silence is no news. */
        if (c->state == CLUSTER_LOST && !p->text)
                return;
        if (code != TROUBLE_NONE)
                /* It was reached and refused us, which is said under its own name. */
                trouble_raise(&c->trouble, c->context->sink, "cluster", code, "%s", why);
        else if (trouble_set(&c->trouble, TROUBLE_BROKER_LOST, "no broker at %s answers: %s",
                             c->bootstrap, why))
                record_write(c->context->sink, RECORD_CLUSTER_LOST, fields,
                             "The Kafka cluster at %s is out of reach (%s); trying again until it "
                             "is back",
                             c->bootstrap, why);
        if (c->state != CLUSTER_LOST)
                c->lost_usec = clock_usec();
        c->state = CLUSTER_LOST;
}

static void topic_report(Cluster *c, const TopicOutcome *t) {
        const RecordField fields[] = {{"KAFKA_TOPIC", t->name}, {NULL}};

        if (t->created)
                record_write(c->context->sink, RECORD_TOPIC_CREATED, fields,
                             "Topic '%s' was created with %u partitions", t->name, t->wanted);
        else if (t->error)
                trouble_raise(&c->trouble, c->context->sink, "cluster", TROUBLE_TOPIC_REFUSED,
                              "topic '%s' could not be created: %s", t->name, t->error);
        else if (!c->topics_said && t->found > 0 && t->found != t->wanted)
                record_write(c->context->sink, RECORD_TOPIC_DIFFERS, fields,
                             "Topic '%s' has %u partitions, the configuration says %u; "
                             "it is used as it is",
                             t->name, t->found, t->wanted);
}

static void cluster_back(Cluster *c) {
        char ms[24];
        const RecordField fields[] = {
                {"CRIER_BOOTSTRAP", c->bootstrap}, {"CRIER_DURATION_MS", ms}, {NULL}};

        snprintf(ms, sizeof(ms), "%" PRIu64, (clock_usec() - c->lost_usec) / USEC_PER_MSEC);
        record_write(c->context->sink, RECORD_CLUSTER_BACK, fields,
                     "The Kafka cluster at %s is back after %s ms", c->bootstrap, ms);
        c->trouble = (Trouble){0};
}

static void cluster_found(Cluster *c, Probe *p) {
        bool was_up = c->state == CLUSTER_UP, refused = false;

        for (unsigned i = 0; i < p->n_topics; i++)
                refused = refused || p->topics[i].error;
        if (c->trouble.code == TROUBLE_BROKER_LOST)
                cluster_back(c);
        else if (!refused)
                trouble_over(&c->trouble, c->context->sink, "cluster");
        if (p->id && !c->id)
                c->id = TAKE_PTR(p->id);
        for (unsigned i = 0; i < p->n_topics; i++)
                topic_report(c, &p->topics[i]);
        c->topics_said = p->n_topics > 0;
        c->topics_done = !refused && !c->topics_stale;
        c->topics_pending = c->topics_stale;
        if (c->topics_stale)
                cluster_again(c, 0);
        else if (refused)
                cluster_again(c, REFUSED_EVERY_USEC);
        c->topics_stale = false;
        c->state = CLUSTER_UP;
        c->found_usec = clock_usec();
        client_destroy(c->context->helpers, TAKE_PTR(c->admin), 0, NULL, NULL);
        c->up(c->userdata, was_up);
}

static void probe_done(void *job) {
        _cleanup_(probe_freep) Probe *p = job;
        Cluster *c = p->cluster;

        c->probing = false;
        if (c->stopping) {
                client_destroy(c->context->helpers, TAKE_PTR(c->admin), 0, NULL, NULL);
                return;
        }
        if (!p->err) {
                cluster_found(c, p);
                return;
        }
        c->topics_stale = false;
        cluster_lost(c, p);
        cluster_again(c, PROBE_EVERY_USEC);
}

static int probe_add_topics(Probe *p) {
        const Config *config = p->cluster->context->config;

        if (p->cluster->topics_done || p->cluster->embedded || config->n_topics == 0)
                return 0;
        p->topics = calloc(config->n_topics, sizeof(*p->topics));
        if (!p->topics)
                return -ENOMEM;
        for (unsigned i = 0; i < config->n_topics; i++) {
                const TopicConfig *t = &config->topics[i];

                p->topics[i] = (TopicOutcome){.name = strdup(t->name),
                                              .wanted = t->partitions,
                                              .replication = t->replication,
                                              .create = t->create};
                if (!p->topics[i].name)
                        return -ENOMEM;
                p->n_topics++;
        }
        return 0;
}

static int cluster_probe(Cluster *c) {
        _cleanup_(probe_freep) Probe *p = NULL;
        _cleanup_buffer_ Buffer error = {0};
        ClientSpec spec = {
                .role = CLIENT_ADMIN,
                .bootstrap = c->bootstrap,
                .client_id = "crier-admin",
                .config = c->context->config,
        };
        int r;

        if (!c->admin) {
                r = client_new(&spec, &c->admin, &error);
                if (r < 0)
                        return log_error_errno(r, "Cannot make a client: %s",
                                               buffer_string(&error));
        }
        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        p->cluster = c;
        p->rk = c->admin;
        r = probe_add_topics(p);
        if (r < 0)
                return r;
        r = helpers_run(c->context->helpers, probe_work, probe_done, p);
        if (r < 0)
                return r;
        TAKE_PTR(p);
        c->probing = true;
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Cluster *c = userdata;

        if (!c->probing && cluster_probe(c) < 0)
                cluster_again(c, PROBE_EVERY_USEC);
        return 0;
}

void cluster_start(Cluster *c) {
        if (!c->embedded) {
                cluster_again(c, 0);
                return;
        }
        /* It lives in this process and its topics were made with it. */
        c->state = CLUSTER_UP;
        c->up(c->userdata, false);
}

/* ---- another configuration ---- */

/* Its thread answers at once, without asking anybody. Returns whether the topic is new. */
static bool embedded_create(Cluster *c, const TopicConfig *t) {
        return rd_kafka_mock_topic_create(c->mock, t->name, (int) t->partitions,
                                          (int) t->replication) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void embedded_reconfigure(Cluster *c, Changes *changes) {
        const Config *config = c->context->config;

        for (unsigned i = 0; i < config->n_topics; i++) {
                const TopicConfig *t = &config->topics[i];
                bool changed = false;

                for (unsigned k = 0; k < changes->n && t->create && !changed; k++)
                        changed = streq(changes->items[k].section, "topics") &&
                                  streq(changes->items[k].name, t->name);
                if (!changed || embedded_create(c, t))
                        continue;
                for (unsigned k = 0; k < changes->n; k++)
                        if (streq(changes->items[k].section, "topics") &&
                            streq(changes->items[k].name, t->name))
                                changes->items[k].effect = CHANGE_NEEDS_RESTART;
        }
        embedded_topics(c);
}

void cluster_reconfigure(Cluster *c, Changes *changes) {
        bool changed = false;

        if (c->embedded) {
                if (changes->n > 0)
                        embedded_reconfigure(c, changes);
                return;
        }
        for (unsigned i = 0; i < changes->n; i++)
                changed = changed ||
                          (streq(changes->items[i].section, "topics") && changes->items[i].after);
        if (!changed)
                return;
        c->topics_done = c->topics_said = false;
        c->topics_pending = true;
        c->topics_stale = c->probing;
        if (!c->probing)
                cluster_again(c, 0);
}

void cluster_stop(Cluster *c) {
        c->stopping = true;
        sd_event_source_set_enabled(c->timer, SD_EVENT_OFF);
        if (c->admin && !c->probing)
                client_destroy(c->context->helpers, TAKE_PTR(c->admin), 0, NULL, NULL);
}

void cluster_suspect(Cluster *c, rd_kafka_resp_err_t err, const char *text) {
        uint64_t due, when = clock_usec() + PROBE_EVERY_USEC;
        int enabled;

        if (c->stopping || c->probing || (c->embedded && !c->context->config->control.faults))
                return;
        /* One broker of several that is down goes on being reported. */
        if (err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
                when = MAX(when, c->found_usec + FOUND_LASTS_USEC);
        if (sd_event_source_get_enabled(c->timer, &enabled) >= 0 && enabled != SD_EVENT_OFF &&
            sd_event_source_get_time(c->timer, &due) >= 0 && due <= when)
                return;
        log_debug("A client says '%s' (%s); looking whether the cluster is there", text,
                  rd_kafka_err2name(err));
        if (sd_event_source_set_time(c->timer, when) >= 0)
                sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT);
}
