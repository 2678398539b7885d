/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One of our consumer groups: see group.h.
 */

#include "kafka/group.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "config/schema.h"
#include "journal/record.h"
#include "kafka/cluster.h"
#include "kafka/seek.h"

/* librdkafka repeats an error that lasts every 30 s. */
#define TROUBLE_QUIET_USEC (60 * USEC_PER_SEC)

/* When members leave, the others are told with their next heartbeat, which is far sooner. */
#define UNNOTICED_USEC (10 * USEC_PER_SEC)

Delivery group_delivery(const Group *g) {
        return g->delivery;
}

/* Why nothing can be written exactly once; NULL: it can. */
static const char *why_not_exact(const KafkaContext *context, const GroupConfig *config) {
        if (!config->log)
                return "nothing is written: log = false";
        return context->machine ? NULL : context->no_machine;
}

Delivery delivery_in_effect(const KafkaContext *context, const GroupConfig *config) {
        if (config->delivery != DELIVERY_AUTO)
                return config->delivery;
        return why_not_exact(context, config) ? DELIVERY_AT_LEAST_ONCE : DELIVERY_EXACTLY_ONCE;
}

const char *group_delivery_reason(const Group *g) {
        const char *why_not = why_not_exact(g->context, g->config);

        if (g->config->delivery != DELIVERY_AUTO)
                return "as configured";
        return why_not ? why_not : "the journal can be read back";
}

bool delivery_is_possible(const KafkaContext *context, const GroupConfig *config, Buffer *errors) {
        const char *why_not = why_not_exact(context, config);

        if (config->delivery != DELIVERY_EXACTLY_ONCE || !why_not)
                return true;
        buffer_appendf(errors, "%s:%u: group '%s' cannot be written exactly-once: %s\n",
                       config->origin.file, config->origin.line, config->name, why_not);
        return false;
}

int group_new(KafkaContext *context, const GroupConfig *config, Group **ret) {
        _cleanup_(group_freep) Group *g = NULL;
        _cleanup_free_ char *error = NULL;
        int r;

        g = calloc(1, sizeof(*g));
        if (!g)
                return -ENOMEM;
        g->context = context;
        g->config = config;
        g->delivery = delivery_in_effect(context, config);
        g->recent.size = GROUP_RECENT_MAX;
        g->unstable_usec = clock_usec();
        /* The configuration's checks have compiled it once already. */
        r = template_compile(config->message, TEMPLATE_MESSAGE, &g->message, &error);
        if (r < 0)
                return r;
        g->wanted = config->consumers;
        for (unsigned i = 0; i < config->topics.n; i++)
                (void) key_tables_add(&context->keys, config->topics.items[i]);
        *ret = TAKE_PTR(g);
        return 0;
}

Group *group_free(Group *g) {
        if (!g)
                return NULL;
        for (unsigned i = 0; i < g->n_consumers; i++)
                consumer_free(g->consumers[i]);
        free(g->consumers);
        handover_done(&g->handover);
        beginning_done(&g->beginning);
        members_done(&g->members);
        seek_free(g->seek);
        copy_ring_done(&g->recent);
        template_free(g->message);
        free(g->trouble_topic);
        schema_done(schema_find_section("groups"), &g->former);
        free(g);
        return NULL;
}

static int group_add_consumer(Group *g) {
        Consumer **more = reallocarray(g->consumers, g->n_consumers + 1, sizeof(*more));
        int r;

        if (!more)
                return -ENOMEM;
        g->consumers = more;
        r = consumer_new(g, g->context, &g->consumers[g->n_consumers]);
        if (r < 0)
                return r;
        g->n_consumers++;
        return 0;
}

bool group_reads(const Group *g, const char *topic) {
        for (unsigned i = 0; i < g->config->topics.n; i++)
                if (streq(g->config->topics.items[i], topic))
                        return true;
        return false;
}

unsigned group_live(const Group *g) {
        unsigned n = 0;

        for (unsigned i = 0; i < g->n_consumers; i++)
                n += !g->consumers[i]->stopping;
        return n;
}

/* What follows is a rebalance, which begins when the group has noticed. */
static void group_unsettled(Group *g) {
        if (g->stable)
                g->unstable_usec = clock_usec();
        g->stable = group_live(g) == 0;
}

int group_scale(Group *g, unsigned n) {
        unsigned live = group_live(g);

        g->wanted = n;
        if (!g->started || g->stopping || n == live)
                return 0;
        for (unsigned i = g->n_consumers; live > n && i-- > 0;)
                if (!g->consumers[i]->stopping) {
                        consumer_stop(g->consumers[i]);
                        live--;
                }
        /* Without members it may have been made to begin another time: its commits may be gone. */
        if (live == 0)
                beginning_done(&g->beginning);
        while (live < n) {
                int r = group_add_consumer(g);

                if (r < 0)
                        return r;
                live++;
        }
        group_unsettled(g);
        return 0;
}

void group_remove(Group *g, Consumer *c) {
        if (c->stopping)
                return;
        consumer_stop(c);
        g->wanted = group_live(g);
        group_unsettled(g);
}

void group_kill(Group *g, Consumer *c) {
        if (c->killed)
                return;
        consumer_kill(c);
        g->wanted = group_live(g);
        g->stable = g->stable || g->wanted == 0;
}

int group_start(Group *g) {
        const RecordField fields[] = {
                {"KAFKA_GROUP", g->config->name},
                {"CRIER_DELIVERY", delivery_to_string(g->delivery)},
                {NULL},
        };

        if (g->config->delivery == DELIVERY_AUTO)
                record_write(g->context->sink, RECORD_GROUP_DELIVERY, fields,
                             "Group '%s' is written %s: %s", g->config->name,
                             delivery_to_string(g->delivery), group_delivery_reason(g));
        g->unstable_usec = clock_usec();
        g->started = true;
        g->stable = g->wanted == 0;
        return group_scale(g, g->wanted);
}

int group_reconfigure(Group *g, const GroupConfig *config) {
        _cleanup_free_ char *error = NULL;
        Template *message = NULL, *former = g->message;
        int r;

        r = template_compile(config->message, TEMPLATE_MESSAGE, &message, &error);
        if (r >= 0)
                g->message = message;
        g->config = config;
        for (unsigned i = 0; i < g->n_consumers; i++)
                consumer_reconfigure(g->consumers[i]);
        if (r >= 0)
                template_free(former);
        return r;
}

void group_retire(Group *g, GroupConfig *config) {
        g->former = *config;
        *config = (GroupConfig){0};
        g->config = &g->former;
        for (unsigned i = 0; i < g->n_consumers; i++)
                consumer_reconfigure(g->consumers[i]);
}

void group_set_paused(Group *g, bool paused) {
        g->paused = paused;
        for (unsigned i = 0; i < g->n_consumers; i++)
                consumer_set_paused(g->consumers[i], paused);
}

int group_session_ms(const Group *g) {
        int ms = 0;

        for (unsigned i = 0; i < g->n_consumers; i++)
                ms = MAX(ms, g->consumers[i]->session_ms);
        return ms;
}

void group_totals(const Group *g, uint64_t *ret_received, uint64_t *ret_written) {
        *ret_received = g->past_received;
        *ret_written = g->past_written;
        for (unsigned i = 0; i < g->n_consumers; i++) {
                *ret_received += g->consumers[i]->received;
                *ret_written += g->consumers[i]->written;
        }
}

static void group_reap(Group *g) {
        unsigned kept = 0;

        for (unsigned i = 0; i < g->n_consumers; i++) {
                Consumer *c = g->consumers[i];

                if (c->state != CONSUMER_GONE) {
                        g->consumers[kept++] = c;
                        continue;
                }
                g->past_received += c->received;
                g->past_written += c->written;
                consumer_free(c);
        }
        g->n_consumers = kept;
}

void group_stop(Group *g) {
        g->stopping = true;
        for (unsigned i = 0; i < g->n_consumers; i++)
                consumer_stop(g->consumers[i]);
}

bool group_is_gone(const Group *g) {
        for (unsigned i = 0; i < g->n_consumers; i++)
                if (g->consumers[i]->state != CONSUMER_GONE)
                        return false;
        return true;
}

bool group_is_settled(const Group *g) {
        for (unsigned i = 0; i < g->n_consumers; i++)
                if (g->consumers[i]->state == CONSUMER_SETTLING)
                        return false;
        return true;
}

int64_t group_lag(const Group *g) {
        int64_t sum = 0;
        bool any = false;

        for (unsigned i = 0; i < g->n_consumers; i++) {
                const Consumer *c = g->consumers[i];

                for (unsigned k = 0; k < c->n_partitions && c->rk; k++) {
                        int64_t lag = partition_lag(c->partitions[k], c->rk);

                        if (lag < 0)
                                return -1;
                        sum += lag;
                        any = true;
                }
        }
        return any ? sum : -1;
}

/* "consumer 0: post.office/0,1; consumer 1: stands by" */
static void group_describe(const Group *g, Buffer *out) {
        for (unsigned i = 0; i < g->n_consumers; i++) {
                const Consumer *c = g->consumers[i];
                const char *topic = "";

                if (c->state != CONSUMER_ASSIGNED)
                        continue;
                buffer_appendf(out, "%sconsumer %u", out->size > 0 ? "; " : "", c->number);
                if (c->n_partitions == 0)
                        buffer_append_string(out, " stands by");
                for (unsigned k = 0; k < c->n_partitions; k++) {
                        const Partition *p = c->partitions[k];

                        if (streq(topic, p->topic))
                                buffer_appendf(out, ",%" PRId32, p->number);
                        else
                                buffer_appendf(out, "%s %s/%" PRId32, k == 0 ? " owns" : "",
                                               p->topic, p->number);
                        topic = p->topic;
                }
        }
}

static bool group_looks_stable(const Group *g) {
        for (unsigned i = 0; i < g->n_consumers; i++) {
                const Consumer *c = g->consumers[i];

                if (c->state != CONSUMER_ASSIGNED && !c->failed && !c->stopping)
                        return false;
        }
        /* While consumers are being made the later ones are not there yet. */
        return group_live(g) == g->wanted;
}

static bool consumer_owns_topic(const Consumer *c, const char *topic) {
        for (unsigned i = 0; i < c->n_partitions; i++)
                if (streq(c->partitions[i]->topic, topic))
                        return true;
        return false;
}

static void group_became_stable(Group *g) {
        _cleanup_buffer_ Buffer who = {0};
        char ms[24];
        RecordField fields[] = {{"KAFKA_GROUP", g->config->name},
                                {"CRIER_ASSIGNMENT", NULL},
                                {"CRIER_DURATION_MS", ms},
                                {NULL}};

        g->stable = true;
        g->rebalances++;
        group_describe(g, &who);
        snprintf(ms, sizeof(ms), "%" PRIu64, (clock_usec() - g->unstable_usec) / USEC_PER_MSEC);
        fields[1].value = buffer_string(&who);
        record_write(g->context->sink, RECORD_GROUP_REBALANCED, fields,
                     "Group '%s' is stable after %s ms: %s", g->config->name, ms,
                     buffer_string(&who));
}

void group_consumer_assigned(Group *g, Consumer *c) {
        /* Having joined disproves what kept the group out, having a partition what kept the topic
         * away. */
        if (!g->trouble_topic || consumer_owns_topic(c, g->trouble_topic))
                group_trouble_over(g);
        if (!g->stable && !g->stopping && group_looks_stable(g))
                group_became_stable(g);
}

void group_consumer_revoked(Group *g, Consumer *c) {
        if (g->stable)
                g->unstable_usec = clock_usec();
        g->stable = false;
}

static void group_subject(const Group *g, char *to, size_t size) {
        snprintf(to, size, "group '%s'", g->config->name);
}

/* Of a topic that it cannot subscribe to librdkafka tells the name only within its text. */
static const char *topic_in_text(const Group *g, TroubleCode code, const char *text) {
        if (code != TROUBLE_TOPIC_FORBIDDEN && code != TROUBLE_TOPIC_MISSING)
                return NULL;
        for (unsigned i = 0; i < g->config->topics.n; i++) {
                char named[300];

                snprintf(named, sizeof(named), ": %s: ", g->config->topics.items[i]);
                if (strstr(text, named))
                        return g->config->topics.items[i];
        }
        return NULL;
}

void group_trouble(Group *g, TroubleCode code, const char *topic, const char *text) {
        char subject[300];

        if (!topic)
                topic = topic_in_text(g, code, text);
        group_subject(g, subject, sizeof(subject));
        free(g->trouble_topic);
        g->trouble_topic = topic ? strdup(topic) : NULL;
        g->trouble_usec = clock_usec();
        trouble_raise(&g->trouble, g->context->sink, subject, code, "%s", text);
}

void group_trouble_over(Group *g) {
        char subject[300];

        group_subject(g, subject, sizeof(subject));
        trouble_over(&g->trouble, g->context->sink, subject);
        free(TAKE_PTR(g->trouble_topic));
        g->refused = (Refusal){0};
}

void group_refused(Group *g, rd_kafka_resp_err_t err, const char *text) {
        if (refusal_note(&g->refused, err, text))
                cluster_suspect(g->context->cluster, err, text);
        else if (g->trouble.code == trouble_from_error(err))
                g->trouble_usec = clock_usec();
}

void group_cluster_up(Group *g, bool was_up) {
        /* Where nobody got in it was everybody's trouble, and is over. Who is still refused says so
         * again. */
        if (was_up && g->refused.err)
                group_trouble(g, trouble_from_error(g->refused.err), NULL, g->refused.text);
        else
                g->refused = (Refusal){0};
}

void group_topic_works(Group *g, const char *topic) {
        if (g->trouble.code != TROUBLE_NONE && g->trouble_topic && streq(g->trouble_topic, topic))
                group_trouble_over(g);
}

void group_tick(Group *g, uint64_t now) {
        if (!g->stopping)
                group_reap(g);
        /* Who left had not joined yet, so that nothing followed. */
        if (g->started && !g->stable && !g->stopping && g->n_consumers == group_live(g) &&
            now - g->unstable_usec > UNNOTICED_USEC && group_looks_stable(g))
                group_became_stable(g);
        if (g->seek)
                seek_step(g->seek, now);
        for (unsigned i = 0; i < g->n_consumers; i++)
                meter_sample(&g->consumers[i]->meter, now, g->consumers[i]->received);
        if (g->trouble.code != TROUBLE_NONE && !g->trouble_topic && g->stable &&
            now - g->trouble_usec > TROUBLE_QUIET_USEC)
                group_trouble_over(g);
}
