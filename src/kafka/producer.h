/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * A named source of events for one topic: an open-loop schedule, or as many as the broker takes,
 * and what became of each event. Open loop: an event is due when the schedule (schedule.c) says so,
 * whether the broker keeps up or not; what does not fit librdkafka's bounded queue by then is
 * counted as overflowed.
 */

#include "config/template.h"
#include "journal/record.h"
#include "kafka/context.h"
#include "kafka/meter.h"
#include "kafka/queue.h"
#include "kafka/trouble.h"

typedef enum ProducerState {
        PRODUCER_WAITING, /* for the cluster to be reached the first time */
        PRODUCER_RUNNING,
        PRODUCER_DONE,       /* `count` events were made, and each was delivered or given up */
        PRODUCER_STOPPING,   /* makes no more, waits for what is under way */
        PRODUCER_DESTROYING, /* its client is being freed */
        PRODUCER_RESTARTING, /* its client failed; waits until it is made anew */
        PRODUCER_GONE,
} ProducerState;

typedef struct Producer {
        KafkaContext *context;
        const ProducerConfig *config; /* in the fleet's, or `former` */
        ProducerConfig former;        /* where it is no longer in the fleet's configuration */
        char *client_id;
        Template *value;
        Template **keys; /* n_keys */
        unsigned n_keys;
        ProducerState state;
        rd_kafka_t *rk;
        rd_kafka_topic_t *topic;
        rd_kafka_queue_t *queue;
        QueueWaker *waker;
        sd_event_source *timer;
        rd_kafka_headers_t *headers; /* NULL: none */
        KeyTable *key_table;         /* of its topic; NULL: they are not counted */
        uint64_t random;

        uint64_t began_usec; /* the schedule's zero */
        uint64_t due;        /* events that the schedule has asked for */
        double rate;         /* events per second, or RATE_MAX; the configuration's until changed */
        bool paused;
        bool stopping;
        bool failed;
        uint64_t restart_usec;
        uint64_t flush_usec; /* PRODUCER_STOPPING: when deliveries are given up */
        unsigned failures;

        uint64_t made;         /* given to librdkafka */
        uint64_t acked;        /* the broker has them */
        uint64_t lost;         /* given up by librdkafka, or refused */
        uint64_t overflowed;   /* due while the queue was full: never made */
        uint64_t trouble_usec; /* when the last one was lost or overflowed */
        Trouble trouble;
        Refusal refused;
        Meter meter; /* of acked */
        Buffer value_text;
        Buffer key_text;
} Producer;

/* For the status: waiting, running, paused, done, stopping, restarting. */
const char *producer_state_to_string(const Producer *p);

int producer_new(KafkaContext *context, const ProducerConfig *config, Producer **ret);
Producer *producer_free(Producer *p);
DEFINE_CLEANUP(Producer *, producer_free);

/* Begins the schedule. Returns 0 or a negative errno. */
int producer_start(Producer *p);
/* The same, but where that fails it is tried again later. */
void producer_begin(Producer *p);
/* The configuration has changed, but nothing that needs another client: `config`, which is of the
 * same name and must outlive the producer, takes the place of the former one, and the schedule goes
 * on; one that was over goes on where `count` is higher now. The rate is left alone. Returns 0, or
 * a negative errno: value, keys and headers are what they were then. */
int producer_reconfigure(Producer *p, const ProducerConfig *config);
/* It is no longer in the fleet's configuration: takes what `config` holds, and leaves it empty. */
void producer_retire(Producer *p, ProducerConfig *config);
/* Makes no more events; what is under way is delivered if that is possible soon. */
void producer_stop(Producer *p);
/* True where nothing is under way any more and the client is gone. */
bool producer_is_gone(const Producer *p);
/* Events under way: made, and without a report. */
unsigned producer_queued(const Producer *p);

void producer_tick(Producer *p, uint64_t now);
void producer_cluster_up(Producer *p, bool was_up);

/* Makes no events for a while; those under way are delivered. Afterwards the schedule begins anew.
 */
void producer_set_paused(Producer *p, bool paused);
/* From now on, with the next event one interval away. `rate` is above 0, or RATE_MAX. */
void producer_set_rate(Producer *p, double rate);

/* From schedule.c: trouble that has a record of its own, said when it begins. */
void producer_say(Producer *p, RecordId id, TroubleCode code, const char *text);
/* The broker, or librdkafka, did not take an event for a reason other than a full queue. */
void producer_undelivered(Producer *p, rd_kafka_resp_err_t err);
