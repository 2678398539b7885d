/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One member of a group, from joining to leaving: see consumer.h.
 */

#include "kafka/consumer.h"

#include <errno.h>
#include <stdio.h>

#include "common/log.h"
#include "journal/record.h"
#include "kafka/assignment.h"
#include "kafka/client.h"
#include "kafka/cluster.h"
#include "kafka/committer.h"
#include "kafka/group.h"
#include "kafka/reading.h"

/* Events other than messages that are served in one go. */
#define CONSUMER_EVENTS_MAX 100

const char *consumer_state_to_string(const Consumer *c) {
        switch (c->state) {
        case CONSUMER_ASSIGNED:
                return c->n_partitions > 0 ? "owner" : "standby";
        case CONSUMER_SETTLING:
        case CONSUMER_CLOSING:
        case CONSUMER_DESTROYING:
                return c->failed && !c->stopping ? "restarting"
                       : c->stopping             ? "stopping"
                                                 : "joining";
        case CONSUMER_RESTARTING:
                return "restarting";
        case CONSUMER_GONE:
                return "stopping";
        default:
                return "joining";
        }
}

void consumer_subject(const Consumer *c, char *to, size_t size) {
        snprintf(to, size, "consumer %u of group '%s'", c->number, c->group->config->name);
}

static void on_wake(void *userdata) {
        consumer_serve(userdata);
}

static int consumer_open(Consumer *c) {
        const GroupConfig *config = c->group->config;
        _cleanup_buffer_ Buffer error = {0};
        rd_kafka_topic_partition_list_t *topics;
        ClientSpec spec = {
                .role = CLIENT_CONSUMER,
                .bootstrap = c->context->cluster->bootstrap,
                .client_id = c->client_id,
                .group = config->name,
                .properties = &config->properties,
                .partition_eof = true,
                .config = c->context->config,
        };
        rd_kafka_resp_err_t err;
        int r;

        r = client_new(&spec, &c->rk, &error);
        if (r < 0)
                return log_error_errno(r, "Cannot make consumer %u of group '%s': %s", c->number,
                                       config->name, buffer_string(&error));
        c->session_ms = client_session_ms(c->rk);
        c->reads_committed = client_reads_committed(c->rk);
        c->queue = rd_kafka_queue_get_consumer(c->rk);
        if (!c->queue)
                return log_error_errno(EIO,
                                       "Group '%s' has no queue: librdkafka made no member of it",
                                       config->name);
        queue_watch(c->waker, c->queue);
        topics = rd_kafka_topic_partition_list_new((int) config->topics.n);
        for (unsigned i = 0; i < config->topics.n; i++)
                rd_kafka_topic_partition_list_add(topics, config->topics.items[i],
                                                  RD_KAFKA_PARTITION_UA);
        err = rd_kafka_subscribe(c->rk, topics);
        rd_kafka_topic_partition_list_destroy(topics);
        if (err)
                return log_error_errno(EIO, "Group '%s' cannot subscribe: %s", config->name,
                                       rd_kafka_err2str(err));
        c->failed = false;
        /* Answers that the former client owed us are gone with it. */
        c->commits = 0;
        c->begins = false;
        c->revoked = false;
        c->state = CONSUMER_JOINING;
        beginning_ask(c);
        return 0;
}

void consumer_reconfigure(Consumer *c) {
        c->reader = (EventReader){
                .group = c->group->config->name,
                .consumer = c->number,
                .message = c->group->message,
                .message_holds_value = template_uses(c->group->message, "value"),
        };
}

int consumer_new(Group *group, KafkaContext *context, Consumer **ret) {
        _cleanup_(consumer_freep) Consumer *c = NULL;
        int r;

        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        c->group = group;
        c->context = context;
        c->state = CONSUMER_GONE;
        c->paused = group->paused;
        c->number = context->next_consumer++;
        consumer_reconfigure(c);
        if (asprintf(&c->client_id, "crier-%s-consumer-%u", group->config->name, c->number) < 0) {
                c->client_id = NULL;
                return -ENOMEM;
        }
        r = queue_waker_new(context->event, on_wake, c, &c->waker);
        if (r < 0)
                return r;
        r = consumer_open(c);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

Consumer *consumer_free(Consumer *c) {
        if (!c)
                return NULL;
        assignment_clear(c);
        c->queue = queue_unwatch(c->queue);
        /* Only where consumer_open() failed halfway: ordinarily a thread freed it. */
        if (c->rk)
                rd_kafka_destroy(c->rk);
        prefetch_done(&c->prefetch);
        queue_waker_free(c->waker);
        entry_done(&c->entry);
        buffer_done(&c->scratch);
        free(c->client_id);
        free(c);
        return NULL;
}

static void consumer_restart_later(Consumer *c) {
        c->restart_usec = clock_usec() + restart_wait_usec(c->failures++);
        c->state = CONSUMER_RESTARTING;
}

static void on_destroyed(void *userdata) {
        Consumer *c = userdata;

        if (c->failed && !c->stopping) {
                consumer_restart_later(c);
                return;
        }
        c->state = CONSUMER_GONE;
}

/* The client has left, or never will: frees it, but not while a job uses it. */
static void consumer_destroy(Consumer *c) {
        if (c->lookups > 0 || c->prefetch.asking || c->state == CONSUMER_DESTROYING)
                return;
        assignment_clear(c);
        c->queue = queue_unwatch(c->queue);
        c->state = CONSUMER_DESTROYING;
        client_destroy(c->context->helpers, TAKE_PTR(c->rk),
                       c->unclosable ? RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE : 0, on_destroyed, c);
}

/* Its client is not to tell the group, or cannot. */
static void consumer_abandon(Consumer *c) {
        c->state = CONSUMER_CLOSING;
        c->unclosable = true;
        /* As long as it has an assignment it cannot even be destroyed. */
        (void) client_assign(c->rk, NULL);
}

static void consumer_close(Consumer *c) {
        rd_kafka_error_t *error;

        c->state = CONSUMER_CLOSING;
        c->unclosable = false;
        error = rd_kafka_consumer_close_queue(c->rk, c->queue);
        if (error) {
                /* After a fatal error a client does not close, it can only be destroyed. */
                log_debug("%s: closing: %s", c->client_id, rd_kafka_error_string(error));
                rd_kafka_error_destroy(error);
                consumer_abandon(c);
        }
        queue_wake(c->waker);
}

void consumer_stop(Consumer *c) {
        if (c->stopping)
                return;
        c->stopping = true;
        if (c->state == CONSUMER_RESTARTING)
                c->state = CONSUMER_GONE;
        else if (c->state != CONSUMER_CLOSING && c->state != CONSUMER_DESTROYING)
                assignment_settle(c);
}

void consumer_kill(Consumer *c) {
        c->stopping = c->killed = true;
        if (c->state == CONSUMER_RESTARTING)
                c->state = CONSUMER_GONE;
        if (!c->rk)
                return;
        assignment_clear(c);
        consumer_abandon(c);
        consumer_destroy(c);
}

bool consumer_is_exact(const Consumer *c) {
        return group_delivery(c->group) == DELIVERY_EXACTLY_ONCE;
}

void consumer_set_paused(Consumer *c, bool paused) {
        c->paused = paused;
        queue_wake(c->waker);
}

static void consumer_fail(Consumer *c, const char *text) {
        char number[16];
        const RecordField fields[] = {
                {"KAFKA_GROUP", c->group->config->name},
                {"CRIER_CONSUMER", number},
                {NULL},
        };

        if (c->failed || c->stopping)
                return;
        snprintf(number, sizeof(number), "%u", c->number);
        record_write(c->context->sink, RECORD_CONSUMER_FAILED, fields,
                     "Consumer %u of group '%s' failed and is made anew: %s", c->number,
                     c->group->config->name, text);
        trouble_set(&c->trouble, TROUBLE_CLIENT_FAILED, "%s", text);
        c->failed = true;
        assignment_clear(c);
        group_consumer_revoked(c->group, c);
        consumer_close(c);
}

void consumer_error(Consumer *c, rd_kafka_resp_err_t err, const char *topic, const char *text) {
        TroubleCode code = trouble_from_error(err);

        if (trouble_is_connection(err))
                cluster_suspect(c->context->cluster, err, text);
        else if (code == TROUBLE_AUTH_FAILED || code == TROUBLE_TLS_FAILED)
                group_refused(c->group, err, text);
        else if (code != TROUBLE_NONE)
                group_trouble(c->group, code, topic, text);
        else
                log_debug("%s: %s: %s", c->client_id, rd_kafka_err2name(err), text);
}

static void on_error_event(Consumer *c, rd_kafka_event_t *ev) {
        _cleanup_buffer_ Buffer text = {0};
        rd_kafka_topic_partition_t *where;

        client_says(c->rk, rd_kafka_event_error_string(ev), &text);
        if (rd_kafka_event_error_is_fatal(ev)) {
                consumer_fail(c, buffer_string(&text));
                return;
        }
        where = rd_kafka_event_topic_partition(ev);
        consumer_error(c, rd_kafka_event_error(ev), where ? where->topic : NULL,
                       buffer_string(&text));
        if (where)
                rd_kafka_topic_partition_destroy(where);
}

static void on_rebalance_event(Consumer *c, rd_kafka_event_t *ev) {
        if (rd_kafka_event_error(ev) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
                assignment_offered(c, rd_kafka_event_topic_partition_list(ev));
        else
                assignment_revoked(c);
}

/* Messages come through the partitions' own queues; here arrive only those about no partition of
 * ours. */
static void on_fetch_event(Consumer *c, rd_kafka_event_t *ev) {
        const rd_kafka_message_t *m;

        while ((m = rd_kafka_event_message_next(ev)))
                if (m->err)
                        consumer_error(c, m->err, m->rkt ? rd_kafka_topic_name(m->rkt) : NULL,
                                       rd_kafka_message_errstr(m));
}

static void consumer_serve_queue(Consumer *c) {
        for (unsigned i = 0; i < CONSUMER_EVENTS_MAX && c->queue; i++) {
                rd_kafka_event_t *ev = rd_kafka_queue_poll(c->queue, 0);

                if (!ev)
                        return;
                switch (rd_kafka_event_type(ev)) {
                case RD_KAFKA_EVENT_REBALANCE:
                        on_rebalance_event(c, ev);
                        break;
                case RD_KAFKA_EVENT_OFFSET_COMMIT:
                        committer_answered(c, ev);
                        break;
                case RD_KAFKA_EVENT_ERROR:
                        on_error_event(c, ev);
                        break;
                case RD_KAFKA_EVENT_FETCH:
                        on_fetch_event(c, ev);
                        break;
                default:
                        break;
                }
                rd_kafka_event_destroy(ev);
        }
        queue_wake(c->waker);
}

void consumer_serve(Consumer *c) {
        if (!c->rk)
                return;
        consumer_serve_queue(c);
        if (consumer_is_exact(c))
                assignment_step(c, clock_usec());
        if (c->state == CONSUMER_ASSIGNED && !c->paused)
                reading_run(c);
        else if (c->state == CONSUMER_ASSIGNED && consumer_is_exact(c))
                (void) reading_finish(c); /* what the journal lost is not new */
        if (c->state == CONSUMER_ASSIGNED && consumer_is_exact(c))
                committer_send_ready(c);
        if (c->state == CONSUMER_SETTLING || c->lookup_usec > 0)
                assignment_step(c, clock_usec());
        /* Settled (assignment.c leaves it here). The first to leave makes the group rebalance, and
         * not every broker lets the others commit then: so all settle before one leaves. */
        if (c->state == CONSUMER_JOINING && c->stopping && group_is_settled(c->group))
                consumer_close(c);
        if (c->state == CONSUMER_CLOSING && (c->unclosable || rd_kafka_consumer_closed(c->rk)))
                consumer_destroy(c);
}

void consumer_tick(Consumer *c, uint64_t now) {
        if (c->state == CONSUMER_RESTARTING && now >= c->restart_usec && consumer_open(c) < 0) {
                c->queue = queue_unwatch(c->queue);
                if (c->rk)
                        client_destroy(c->context->helpers, TAKE_PTR(c->rk), 0, NULL, NULL);
                consumer_restart_later(c);
        }
        if (!c->rk)
                return;
        beginning_ask(c);
        if (c->state == CONSUMER_ASSIGNED) {
                committer_commit(c);
                committer_reclaim(c);
                for (unsigned i = 0; i < c->n_partitions && c->reads_committed; i++)
                        partition_watch_end(c->partitions[i], c->rk, now);
        }
        /* Also where nothing woke us: being asked is what keeps max.poll.interval.ms. */
        consumer_serve(c);
}

bool consumer_in_transition(const Consumer *c) {
        return c->state == CONSUMER_SETTLING || c->state == CONSUMER_CLOSING ||
               c->state == CONSUMER_DESTROYING || c->lookup_usec > 0;
}
