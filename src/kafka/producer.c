/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A named source of events: see producer.h.
 */

#include "kafka/producer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

#include "common/log.h"
#include "config/schema.h"
#include "journal/record.h"
#include "kafka/client.h"
#include "kafka/cluster.h"
#include "kafka/schedule.h"

/* Delivery reports that are read in one go. */
#define REPORTS_MAX 256

/* An overflow or failed deliveries are over when there was none for so long. */
#define QUIET_USEC (5 * USEC_PER_SEC)

/* How long a stop waits for deliveries. */
#define FLUSH_USEC (1500 * USEC_PER_MSEC)

const char *producer_state_to_string(const Producer *p) {
        static const char *const names[] = {
                [PRODUCER_WAITING] = "waiting",     [PRODUCER_RUNNING] = "running",
                [PRODUCER_DONE] = "done",           [PRODUCER_STOPPING] = "stopping",
                [PRODUCER_DESTROYING] = "stopping", [PRODUCER_RESTARTING] = "restarting",
                [PRODUCER_GONE] = "stopping",
        };

        if (p->paused && p->state == PRODUCER_RUNNING)
                return "paused";
        return p->state == PRODUCER_DESTROYING && !p->stopping ? "restarting" : names[p->state];
}

static void producer_subject(const Producer *p, char *to, size_t size) {
        snprintf(to, size, "producer '%s'", p->config->name);
}

/* What events are made of. */
typedef struct Recipe {
        Template *value;
        Template **keys;
        unsigned n_keys;
        rd_kafka_headers_t *headers;
} Recipe;

static void recipe_done(Recipe *r) {
        template_free(r->value);
        for (unsigned i = 0; i < r->n_keys; i++)
                template_free(r->keys[i]);
        free(r->keys);
        if (r->headers)
                rd_kafka_headers_destroy(r->headers);
        *r = (Recipe){0};
}

static int make_headers(const StringList *list, rd_kafka_headers_t **ret) {
        if (list->n == 0)
                return 0;
        *ret = rd_kafka_headers_new(list->n);
        for (unsigned i = 0; i < list->n; i++) {
                const char *value = strchr(list->items[i], '=');

                if (!value || rd_kafka_header_add(*ret, list->items[i], value - list->items[i],
                                                  value + 1, -1))
                        return -EINVAL;
        }
        return 0;
}

/* The configuration's checks have compiled the templates once already. */
static int recipe_make(const ProducerConfig *config, Recipe *recipe) {
        _cleanup_free_ char *error = NULL;
        int r;

        r = template_compile(config->value, TEMPLATE_VALUE, &recipe->value, &error);
        if (r < 0)
                return r;
        recipe->keys = calloc(config->keys.n + 1, sizeof(*recipe->keys));
        if (!recipe->keys)
                return -ENOMEM;
        for (unsigned i = 0; i < config->keys.n; i++) {
                _cleanup_free_ char *key_error = NULL;

                r = template_compile(config->keys.items[i], TEMPLATE_VALUE, &recipe->keys[i],
                                     &key_error);
                if (r < 0)
                        return r;
                recipe->n_keys++;
        }
        return make_headers(&config->headers, &recipe->headers);
}

/* Has events made by that of `config`. On failure everything is as it was. */
static int producer_set_recipe(Producer *p, const ProducerConfig *config) {
        Recipe former = {p->value, p->keys, p->n_keys, p->headers}, recipe = {0};
        int r = recipe_make(config, &recipe);

        recipe_done(r < 0 ? &recipe : &former);
        if (r < 0)
                return r;
        p->value = recipe.value;
        p->keys = recipe.keys;
        p->n_keys = recipe.n_keys;
        p->headers = recipe.headers;
        /* A constant value is expanded once: schedule.c. */
        buffer_clear(&p->value_text);
        buffer_clear(&p->key_text);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        schedule_run(userdata);
        return 0;
}

static void on_wake(void *userdata);

int producer_new(KafkaContext *context, const ProducerConfig *config, Producer **ret) {
        _cleanup_(producer_freep) Producer *p = NULL;
        int r;

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        p->context = context;
        p->config = config;
        p->rate = config->rate;
        p->key_table = key_tables_add(&context->keys, config->topic);
        if (asprintf(&p->client_id, "crier-%s-producer", config->name) < 0) {
                p->client_id = NULL;
                return -ENOMEM;
        }
        if (getrandom(&p->random, sizeof(p->random), 0) != sizeof(p->random) || p->random == 0)
                p->random = clock_usec() | 1;
        r = producer_set_recipe(p, config);
        if (r < 0)
                return r;
        r = queue_waker_new(context->event, on_wake, p, &p->waker);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(context->event, &p->timer, CLOCK_MONOTONIC, 0, 1, on_timer,
                                       p);
        if (r < 0)
                return r;
        sd_event_source_set_enabled(p->timer, SD_EVENT_OFF);
        *ret = TAKE_PTR(p);
        return 0;
}

static void producer_give_up_handles(Producer *p) {
        p->queue = queue_unwatch(p->queue);
        if (p->topic)
                rd_kafka_topic_destroy(TAKE_PTR(p->topic));
        if (p->timer)
                sd_event_source_set_enabled(p->timer, SD_EVENT_OFF);
}

Producer *producer_free(Producer *p) {
        if (!p)
                return NULL;
        producer_give_up_handles(p);
        if (p->rk)
                rd_kafka_destroy(p->rk);
        recipe_done(&(Recipe){p->value, p->keys, p->n_keys, p->headers});
        schema_done(schema_find_section("producers"), &p->former);
        sd_event_source_disable_unref(p->timer);
        queue_waker_free(p->waker);
        buffer_done(&p->value_text);
        buffer_done(&p->key_text);
        free(p->client_id);
        free(p);
        return NULL;
}

int producer_start(Producer *p) {
        _cleanup_buffer_ Buffer error = {0};
        ClientSpec spec = {
                .role = CLIENT_PRODUCER,
                .bootstrap = p->context->cluster->bootstrap,
                .client_id = p->client_id,
                .properties = &p->config->properties,
                .config = p->context->config,
        };
        int r;

        r = client_new(&spec, &p->rk, &error);
        if (r < 0)
                return log_error_errno(r, "Cannot make producer '%s': %s", p->config->name,
                                       buffer_string(&error));
        p->topic = rd_kafka_topic_new(p->rk, p->config->topic, NULL);
        if (!p->topic) {
                rd_kafka_destroy(TAKE_PTR(p->rk));
                return log_error_errno(EIO, "Producer '%s' cannot have topic '%s': %s",
                                       p->config->name, p->config->topic,
                                       rd_kafka_err2str(rd_kafka_last_error()));
        }
        p->queue = rd_kafka_queue_get_main(p->rk);
        queue_watch(p->waker, p->queue);
        p->failed = false;
        p->state = PRODUCER_RUNNING;
        schedule_begin(p, 0);
        schedule_run(p);
        return 0;
}

unsigned producer_queued(const Producer *p) {
        /* rd_kafka_outq_len() counts other things of the client as well. */
        return p->rk ? (unsigned) (p->made - p->acked - p->lost) : 0;
}

static void producer_trouble(Producer *p, TroubleCode code, const char *text) {
        char subject[300];

        producer_subject(p, subject, sizeof(subject));
        trouble_raise(&p->trouble, p->context->sink, subject, code, "%s", text);
}

static void producer_trouble_over(Producer *p) {
        char subject[300];

        if (p->trouble.code == TROUBLE_NONE)
                return;
        producer_subject(p, subject, sizeof(subject));
        trouble_over(&p->trouble, p->context->sink, subject);
}

void producer_say(Producer *p, RecordId id, TroubleCode code, const char *text) {
        const RecordField fields[] = {
                {"CRIER_PRODUCER", p->config->name},
                {"KAFKA_TOPIC", p->config->topic},
                {NULL},
        };

        if (trouble_set(&p->trouble, code, "%s", text))
                record_write(p->context->sink, id, fields, "Producer '%s': %s", p->config->name,
                             text);
}

void producer_undelivered(Producer *p, rd_kafka_resp_err_t err) {
        TroubleCode code = trouble_from_error(err);

        p->lost++;
        p->trouble_usec = clock_usec();
        if (code != TROUBLE_NONE)
                producer_trouble(p, code, rd_kafka_err2str(err));
        else
                producer_say(p, RECORD_PRODUCER_UNDELIVERED, TROUBLE_DELIVERY_FAILED,
                             rd_kafka_err2str(err));
}

static void on_reports(Producer *p, rd_kafka_event_t *ev) {
        const rd_kafka_message_t *m;
        uint64_t acked = 0;

        while ((m = rd_kafka_event_message_next(ev))) {
                if (!m->err) {
                        acked++;
                        key_table_count(p->key_table, KEY_PRODUCED, m);
                } else if (m->err != RD_KAFKA_RESP_ERR__PURGE_QUEUE &&
                           m->err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT &&
                           m->err != RD_KAFKA_RESP_ERR__FATAL)
                        producer_undelivered(p, m->err);
                else
                        p->lost++;
        }
        if (acked == 0)
                return;
        p->acked += acked;
        p->failures = 0;
        p->refused = (Refusal){0};
        if (p->trouble.code != TROUBLE_NONE && clock_usec() - p->trouble_usec > QUIET_USEC)
                producer_trouble_over(p);
}

static void producer_fail(Producer *p, const char *text) {
        if (p->failed || p->stopping)
                return;
        producer_say(p, RECORD_PRODUCER_FAILED, TROUBLE_CLIENT_FAILED, text);
        p->trouble_usec = clock_usec();
        p->failed = true;
}

static void on_error(Producer *p, rd_kafka_event_t *ev) {
        rd_kafka_resp_err_t err = rd_kafka_event_error(ev);
        _cleanup_buffer_ Buffer said = {0};
        TroubleCode code = trouble_from_error(err);
        const char *text;

        client_says(p->rk, rd_kafka_event_error_string(ev), &said);
        text = buffer_string(&said);
        if (rd_kafka_event_error_is_fatal(ev))
                producer_fail(p, text);
        else if (trouble_is_connection(err))
                cluster_suspect(p->context->cluster, err, text);
        else if (code == TROUBLE_AUTH_FAILED || code == TROUBLE_TLS_FAILED) {
                if (refusal_note(&p->refused, err, text))
                        cluster_suspect(p->context->cluster, err, text);
        } else if (code != TROUBLE_NONE)
                producer_trouble(p, code, text);
        else
                log_debug("%s: %s: %s", p->client_id, rd_kafka_err2name(err), text);
}

static void on_destroyed(void *userdata) {
        Producer *p = userdata;
        if (p->failed && !p->stopping) {
                p->restart_usec = clock_usec() + restart_wait_usec(p->failures++);
                p->state = PRODUCER_RESTARTING;
        } else
                p->state = PRODUCER_GONE;
}

static void producer_destroy(Producer *p) {
        producer_give_up_handles(p);
        /* Whatever has no report by now gets none any more. */
        if (p->failed)
                p->lost = p->made - p->acked;
        p->state = PRODUCER_DESTROYING;
        client_destroy(p->context->helpers, TAKE_PTR(p->rk), 0, on_destroyed, p);
}

/* All events are made and each has its report. */
static void producer_finished(Producer *p) {
        const RecordField fields[] = {
                {"CRIER_PRODUCER", p->config->name},
                {"KAFKA_TOPIC", p->config->topic},
                {NULL},
        };

        p->state = PRODUCER_DONE;
        record_write(p->context->sink, RECORD_PRODUCER_DONE, fields,
                     "Producer '%s' has made its %" PRIu64 " events: %" PRIu64
                     " delivered, %" PRIu64 " failed, %" PRIu64 " overflowed",
                     p->config->name, p->config->count, p->acked, p->lost, p->overflowed);
}

static void producer_serve(Producer *p) {
        rd_kafka_event_t *ev;

        for (unsigned i = 0; i < REPORTS_MAX && (ev = rd_kafka_queue_poll(p->queue, 0)); i++) {
                if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_DR)
                        on_reports(p, ev);
                else if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_ERROR)
                        on_error(p, ev);
                rd_kafka_event_destroy(ev);
                if (i == REPORTS_MAX - 1)
                        queue_wake(p->waker);
        }
}

static void on_wake(void *userdata) {
        Producer *p = userdata;

        if (!p->rk)
                return;
        producer_serve(p);
        if (p->failed) {
                producer_destroy(p);
                return;
        }
        if (p->rate < 0)
                schedule_run(p);
        if (p->state == PRODUCER_RUNNING && schedule_is_over(p) && producer_queued(p) == 0)
                producer_finished(p);
        if (p->state == PRODUCER_STOPPING && producer_queued(p) == 0)
                producer_destroy(p);
}

void producer_stop(Producer *p) {
        if (p->stopping)
                return;
        p->stopping = true;
        sd_event_source_set_enabled(p->timer, SD_EVENT_OFF);
        if (!p->rk) {
                if (p->state != PRODUCER_DESTROYING)
                        p->state = PRODUCER_GONE;
                return;
        }
        p->state = PRODUCER_STOPPING;
        p->flush_usec = clock_usec() + FLUSH_USEC;
        queue_wake(p->waker);
}

/* The broker does not answer in time: what it has not taken is given up, and said. */
static void producer_give_up(Producer *p) {
        const RecordField fields[] = {
                {"CRIER_PRODUCER", p->config->name},
                {"KAFKA_TOPIC", p->config->topic},
                {NULL},
        };

        p->flush_usec = UINT64_MAX;
        p->context->unsettled = true;
        record_write(p->context->sink, RECORD_PRODUCER_UNDELIVERED, fields,
                     "Producer '%s' stops with %u events that the broker has not confirmed",
                     p->config->name, producer_queued(p));
        (void) rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
}

void producer_begin(Producer *p) {
        if (producer_start(p) >= 0)
                return;
        p->failed = true;
        producer_give_up_handles(p);
        on_destroyed(p);
}

int producer_reconfigure(Producer *p, const ProducerConfig *config) {
        bool over = schedule_is_over(p);
        int r = producer_set_recipe(p, config);

        p->config = config;
        if (over && !schedule_is_over(p) &&
            (p->state == PRODUCER_RUNNING || p->state == PRODUCER_DONE)) {
                p->state = PRODUCER_RUNNING;
                schedule_begin(p, 1);
                schedule_run(p);
        }
        return r;
}

void producer_retire(Producer *p, ProducerConfig *config) {
        p->former = *config;
        *config = (ProducerConfig){0};
        p->config = &p->former;
}

bool producer_is_gone(const Producer *p) {
        return p->state == PRODUCER_GONE;
}

void producer_tick(Producer *p, uint64_t now) {
        meter_sample(&p->meter, now, p->acked);
        if (p->state == PRODUCER_RESTARTING && now >= p->restart_usec)
                producer_begin(p);
        if (p->state == PRODUCER_STOPPING && now >= p->flush_usec && producer_queued(p) > 0)
                producer_give_up(p);
        if (p->rk)
                on_wake(p);
}

void producer_cluster_up(Producer *p, bool was_up) {
        /* See group_cluster_up(). */
        if (!was_up) {
                p->refused = (Refusal){0};
        } else if (p->refused.err) {
                producer_trouble(p, trouble_from_error(p->refused.err), p->refused.text);
                p->trouble_usec = clock_usec();
        }
}

void producer_set_paused(Producer *p, bool paused) {
        if (p->paused == paused)
                return;
        p->paused = paused;
        sd_event_source_set_enabled(p->timer, SD_EVENT_OFF);
        if (paused)
                return;
        schedule_begin(p, 1);
        schedule_run(p);
}

void producer_set_rate(Producer *p, double rate) {
        p->rate = rate;
        schedule_begin(p, 1);
        schedule_run(p);
}
