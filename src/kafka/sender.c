/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events that are made by hand: see sender.h.
 *
 * librdkafka takes half a minute, or here five seconds, to say that a topic does not exist, and
 * tells of a partition that does not exist only in a word. So the topic is looked up first, on a
 * helper thread and for one request at a time, which keeps them in order.
 */

#include "kafka/sender.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/log.h"
#include "kafka/client.h"
#include "kafka/cluster.h"
#include "kafka/queue.h"

/* How long a request may wait until its topic could be looked up. */
#define SENDING_USEC (20 * USEC_PER_SEC)
#define LOOKUP_TIMEOUT_MS 2000
/* While crierd stops. */
#define LOOKUP_STOP_MS 1000

/* A client that was not used for so long is given up. */
#define UNUSED_USEC (60 * USEC_PER_SEC)

/* How long a stop waits for deliveries. */
#define FLUSH_USEC (1500 * USEC_PER_MSEC)

/* Delivery reports that are read in one go. */
#define REPORTS_MAX 256

struct Sender {
        KafkaContext *context;
        rd_kafka_t *rk; /* NULL: none at the moment */
        rd_kafka_queue_t *queue;
        QueueWaker *waker;
        Sending *sendings; /* that are not done, oldest first */
        unsigned n;
        size_t bytes;
        bool looking;    /* a helper thread uses the client */
        bool destroying; /* a helper thread frees it */
        bool failed;     /* it is to be made anew */
        bool stopping;
        uint64_t again_usec; /* when the topic is looked up again; 0: at once */
        uint64_t used_usec;
        uint64_t flush_usec;
        char error[400]; /* what the client said last */
};

static char client_properties[][40] = {
        /* The library's five minutes are no time to wait for a reply. */
        "message.timeout.ms=10000",
        "linger.ms=5",
        "allow.auto.create.topics=false",
};

/* ---- what is sent ---- */

Sending *sending_new(const char *topic, unsigned n) {
        Sending *x = calloc(1, sizeof(*x) + n * sizeof(x->events[0]));

        if (!x)
                return NULL;
        x->references = 1;
        x->n = x->left = n;
        for (unsigned i = 0; i < n; i++) {
                x->events[i].sending = x;
                x->events[i].partition = RD_KAFKA_PARTITION_UA;
                x->events[i].at_partition = -1;
                x->events[i].offset = -1;
        }
        x->topic = strdup(topic);
        return x->topic ? x : sending_unref(x);
}

Sending *sending_unref(Sending *x) {
        if (!x || --x->references > 0)
                return NULL;
        for (unsigned i = 0; i < x->n; i++) {
                SentEvent *e = &x->events[i];

                buffer_done(&e->key);
                buffer_done(&e->value);
                if (e->headers)
                        rd_kafka_headers_destroy(e->headers);
                free(e->problem);
        }
        free(x->topic);
        free(x);
        return NULL;
}

/* `problem` NULL: it was delivered. */
static void event_done(SentEvent *e, const char *problem) {
        if (e->done)
                return;
        e->done = true;
        e->problem = problem ? strdup(problem) : NULL;
        e->sending->left--;
}

/* Takes those off the list that are done. */
static void sender_reap(Sender *s) {
        for (Sending **at = &s->sendings; *at;) {
                Sending *x = *at;

                if (x->left > 0) {
                        at = &x->next;
                        continue;
                }
                *at = x->next;
                x->state = SENDING_DONE;
                s->n--;
                s->bytes -= x->bytes;
                s->used_usec = clock_usec();
                sending_unref(x);
        }
}

static void sending_fail(Sending *x, const char *problem) {
        for (unsigned i = 0; i < x->n; i++)
                event_done(&x->events[i], problem);
}

/* All that wait, or all there are. */
static void sender_fail(Sender *s, bool waiting, const char *problem) {
        for (Sending *x = s->sendings; x; x = x->next)
                if (!waiting || x->state == SENDING_WAITING)
                        sending_fail(x, problem);
        sender_reap(s);
}

static Sending *sender_waiting(const Sender *s) {
        Sending *x = s->sendings;

        while (x && x->state != SENDING_WAITING)
                x = x->next;
        return x;
}

/* ---- the client ---- */

static void sender_step(Sender *s);
static void on_wake(void *userdata);

static int sender_open(Sender *s) {
        char *items[ELEMENTSOF(client_properties) + 1] = {0};
        const StringList properties = {.items = items, .n = ELEMENTSOF(client_properties)};
        _cleanup_buffer_ Buffer error = {0};
        ClientSpec spec = {
                .role = CLIENT_PRODUCER,
                .bootstrap = s->context->cluster->bootstrap,
                .client_id = "crier-control-producer",
                .properties = &properties,
                .config = s->context->config,
        };
        int r;

        for (size_t i = 0; i < ELEMENTSOF(client_properties); i++)
                items[i] = client_properties[i];
        r = client_new(&spec, &s->rk, &error);
        if (r < 0) {
                snprintf(s->error, sizeof(s->error), "%s", buffer_string(&error));
                return r;
        }
        s->queue = rd_kafka_queue_get_main(s->rk);
        queue_watch(s->waker, s->queue);
        s->failed = false;
        s->error[0] = 0;
        s->again_usec = 0;
        s->used_usec = clock_usec();
        return 0;
}

static void on_destroyed(void *userdata) {
        Sender *s = userdata;

        s->destroying = false;
        sender_step(s);
}

/* Nothing must use it any more. */
static void sender_close(Sender *s) {
        s->queue = queue_unwatch(s->queue);
        s->destroying = true;
        client_destroy(s->context->helpers, TAKE_PTR(s->rk), 0, on_destroyed, s);
}

static void on_report(const rd_kafka_message_t *m) {
        bool perhaps = rd_kafka_message_status(m) == RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED;
        SentEvent *e = m->_private;
        char problem[300];

        if (!m->err) {
                e->at_partition = m->partition;
                e->offset = m->offset;
                key_table_count(e->sending->keys, KEY_PRODUCED, m);
                event_done(e, NULL);
                return;
        }
        snprintf(problem, sizeof(problem), "%s%s", rd_kafka_err2str(m->err),
                 perhaps ? "; it may have arrived all the same" : "");
        event_done(e, problem);
}

static void on_error(Sender *s, rd_kafka_event_t *ev) {
        rd_kafka_resp_err_t err = rd_kafka_event_error(ev);
        _cleanup_buffer_ Buffer said = {0};
        TroubleCode code = trouble_from_error(err);
        const char *text;

        client_says(s->rk, rd_kafka_event_error_string(ev), &said);
        text = buffer_string(&said);
        if (err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
                snprintf(s->error, sizeof(s->error), "%s", text);
        if (rd_kafka_event_error_is_fatal(ev))
                s->failed = true;
        else if (trouble_is_connection(err) || code == TROUBLE_AUTH_FAILED ||
                 code == TROUBLE_TLS_FAILED)
                cluster_suspect(s->context->cluster, err, text);
}

static void sender_serve(Sender *s) {
        const rd_kafka_message_t *m;
        rd_kafka_event_t *ev;

        for (unsigned i = 0; i < REPORTS_MAX && (ev = rd_kafka_queue_poll(s->queue, 0)); i++) {
                if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_DR)
                        while ((m = rd_kafka_event_message_next(ev)))
                                on_report(m);
                else if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_ERROR)
                        on_error(s, ev);
                rd_kafka_event_destroy(ev);
                if (i == REPORTS_MAX - 1)
                        queue_wake(s->waker);
        }
        sender_reap(s);
}

static void on_wake(void *userdata) {
        sender_step(userdata);
}

/* ---- a topic is looked up ---- */

/* Owned by the helper thread while it runs. */
typedef struct Lookup {
        Sender *sender;
        Sending *sending; /* a reference; the loop alone looks into it, but for its name */
        rd_kafka_t *rk;
        const char *name;        /* the sending's */
        rd_kafka_topic_t *topic; /* NULL on the embedded broker, until it is known to be there */
        int timeout_ms;
        rd_kafka_resp_err_t err;
        rd_kafka_resp_err_t topic_err;
        int32_t partitions;
} Lookup;

static void lookup_work(void *job) {
        const struct rd_kafka_metadata *md;
        Lookup *l = job;

        l->err = rd_kafka_metadata(l->rk, !l->topic, l->topic, &md, l->timeout_ms);
        if (l->err)
                return;
        l->topic_err = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        for (int i = 0; i < md->topic_cnt; i++)
                if (streq(md->topics[i].topic, l->name)) {
                        l->topic_err = md->topics[i].err;
                        l->partitions = md->topics[i].partition_cnt;
                }
        rd_kafka_metadata_destroy(md);
}

static Lookup *lookup_free(Lookup *l) {
        if (l->topic)
                rd_kafka_topic_destroy(l->topic);
        sending_unref(l->sending);
        free(l);
        return NULL;
}
DEFINE_CLEANUP(Lookup *, lookup_free);

/* NULL only for null: what is empty is told from it. */
static void *piece(bool has, Buffer *bytes) {
        return has ? (void *) (uintptr_t) buffer_string(bytes) : NULL;
}

static void send_event(Sender *s, const Lookup *l, SentEvent *e) {
        void *key = piece(e->has_key, &e->key), *value = piece(e->has_value, &e->value);
        rd_kafka_resp_err_t err;
        char problem[400];

        if (e->partition >= l->partitions) {
                snprintf(problem, sizeof(problem),
                         "there is no partition %" PRId32 ": the topic has %" PRId32
                         ", numbered from 0",
                         e->partition, l->partitions);
                event_done(e, problem);
                return;
        }
        err = rd_kafka_producev(
                s->rk, RD_KAFKA_V_RKT(l->topic), RD_KAFKA_V_PARTITION(e->partition),
                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, e->key.size),
                RD_KAFKA_V_VALUE(value, e->value.size), RD_KAFKA_V_HEADERS(e->headers),
                RD_KAFKA_V_OPAQUE(e), RD_KAFKA_V_END);
        if (err)
                event_done(e, rd_kafka_err2str(err));
        else
                e->headers = NULL; /* librdkafka's now */
}

static void sending_send(Sender *s, Lookup *l) {
        Sending *x = l->sending;

        if (!l->topic)
                l->topic = rd_kafka_topic_new(s->rk, x->topic, NULL);
        if (!l->topic) {
                sending_fail(x, rd_kafka_err2str(rd_kafka_last_error()));
                return;
        }

        x->state = SENDING_SENT;
        x->keys = key_tables_add(&s->context->keys, x->topic);
        for (unsigned i = 0; i < x->n; i++)
                send_event(s, l, &x->events[i]);
}

/* Nothing is wrong; or what is. */
static rd_kafka_resp_err_t lookup_error(const Lookup *l) {
        if (l->err || l->topic_err)
                return l->err ? l->err : l->topic_err;
        return l->partitions > 0 ? RD_KAFKA_RESP_ERR_NO_ERROR
                                 : RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
}

/* The broker may be back, or the topic's leader elected, a moment later. */
static bool lookup_again(const Lookup *l) {
        return !l->sender->stopping &&
               (l->err || lookup_error(l) == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
}

/* What was found out about the topic of one that still waits. */
static void lookup_apply(Sender *s, Lookup *l) {
        rd_kafka_resp_err_t err = lookup_error(l);

        if (!err)
                sending_send(s, l);
        else if (lookup_again(l))
                s->again_usec = clock_usec() + USEC_PER_SEC;
        else {
                l->sending->no_topic = err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
                sending_fail(l->sending, rd_kafka_err2str(err));
                s->context->unsettled = s->context->unsettled || s->stopping;
        }
        sender_reap(s);
}

static void lookup_done(void *job) {
        _cleanup_(lookup_freep) Lookup *l = job;
        Sender *s = l->sender;

        s->looking = false;
        if (l->err && !s->error[0])
                snprintf(s->error, sizeof(s->error), "%s", rd_kafka_err2str(l->err));
        if (l->err)
                cluster_suspect(s->context->cluster, l->err, rd_kafka_err2str(l->err));
        if (l->sending->state == SENDING_WAITING && !s->failed)
                lookup_apply(s, l);
        sender_step(s);
}

static int lookup_start(Sender *s, Sending *x) {
        Lookup *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        l->sender = s;
        l->rk = s->rk;
        l->name = x->topic;
        l->timeout_ms = s->stopping ? LOOKUP_STOP_MS : LOOKUP_TIMEOUT_MS;
        l->sending = x;
        x->references++;
        /* The embedded broker makes each topic that it is asked about by name. */
        if (!s->context->cluster->embedded) {
                l->topic = rd_kafka_topic_new(s->rk, x->topic, NULL);
                if (!l->topic) {
                        lookup_free(l);
                        return -EINVAL;
                }
        }
        r = helpers_run(s->context->helpers, lookup_work, lookup_done, l);
        if (r < 0) {
                lookup_free(l);
                return r;
        }
        s->looking = true;
        s->again_usec = 0;
        return 0;
}

/* ---- what is to be done next ---- */

static void sender_next(Sender *s, uint64_t now) {
        Sending *x = sender_waiting(s);

        if (!x || s->looking || now < s->again_usec)
                return;
        if (!s->rk && sender_open(s) < 0) {
                log_warning("Cannot make a client for events made by hand: %s", s->error);
                sender_fail(s, true, s->error);
                return;
        }
        if (lookup_start(s, x) < 0)
                s->again_usec = now + USEC_PER_SEC;
}

static void sender_step(Sender *s) {
        bool unused;

        if (s->rk && !s->failed) {
                sender_serve(s);
                /* What a client that failed still reports is not read: its events are gone. */
                if (s->failed)
                        sender_fail(s, false, s->error);
        }
        if (s->destroying)
                return;
        unused = s->stopping && !s->sendings;
        if (s->rk && !s->looking && (s->failed || unused))
                sender_close(s);
        else if (!s->rk || !s->failed)
                sender_next(s, clock_usec());
}

static void sender_give_up_late(Sender *s, uint64_t now) {
        char problem[500];

        for (Sending *x = s->sendings; x; x = x->next)
                if (x->state == SENDING_WAITING && now >= x->deadline_usec) {
                        snprintf(problem, sizeof(problem), "no broker answered in time: %s",
                                 s->error[0] ? s->error : "there is no reason known");
                        sending_fail(x, problem);
                }
        sender_reap(s);
}

/* A stop does not wait any longer. */
static void sender_give_up(Sender *s) {
        s->flush_usec = UINT64_MAX;
        s->context->unsettled = true;
        sender_fail(s, true, "crierd stops");
        if (s->rk)
                (void) rd_kafka_purge(s->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
}

void sender_tick(Sender *s, uint64_t now) {
        sender_give_up_late(s, now);
        if (s->stopping && s->sendings && now >= s->flush_usec)
                sender_give_up(s);
        if (s->rk && !s->sendings && !s->looking && !s->stopping &&
            now >= s->used_usec + UNUSED_USEC)
                sender_close(s);
        else
                sender_step(s);
}

/* ---- for others ---- */

int sender_new(KafkaContext *context, Sender **ret) {
        _cleanup_(sender_freep) Sender *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->context = context;
        r = queue_waker_new(context->event, on_wake, s, &s->waker);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

Sender *sender_free(Sender *s) {
        if (!s)
                return NULL;
        sender_fail(s, false, "crierd has stopped");
        s->queue = queue_unwatch(s->queue);
        if (s->rk)
                rd_kafka_destroy(s->rk);
        queue_waker_free(s->waker);
        free(s);
        return NULL;
}

int sender_send(Sender *s, Sending *x) {
        Sending **end = &s->sendings;

        if (s->stopping)
                return -ESHUTDOWN;
        x->bytes = 0;
        for (unsigned i = 0; i < x->n; i++)
                x->bytes += x->events[i].key.size + x->events[i].value.size;
        if (s->n >= SENDER_SENDINGS_MAX || s->bytes + x->bytes > SENDER_BYTES_MAX)
                return -EBUSY;
        while (*end)
                end = &(*end)->next;
        *end = x;
        x->references++;
        x->deadline_usec = clock_usec() + SENDING_USEC;
        s->n++;
        s->bytes += x->bytes;
        /* In a turn of its own: nothing is told before the reply is waited for. */
        queue_wake(s->waker);
        return 0;
}

void sender_stop(Sender *s) {
        if (s->stopping)
                return;
        s->stopping = true;
        s->flush_usec = clock_usec() + FLUSH_USEC;
        queue_wake(s->waker);
}

bool sender_is_gone(const Sender *s) {
        return !s->sendings && !s->rk && !s->destroying && !s->looking;
}

rd_kafka_t *sender_client(const Sender *s) {
        return s->rk;
}
