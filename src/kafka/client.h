/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * How crier sets librdkafka's clients up: the defaults that differ from the library's and why, the
 * properties that crier keeps to itself, and the user's own. Clients are made here and end here;
 * what they do is producer.c's, consumer.c's and cluster.c's.
 */

#include <librdkafka/rdkafka.h>

#include "common/buffer.h"
#include "config/config.h"
#include "loop/helper.h"

typedef enum ClientRole {
        CLIENT_ADMIN,
        CLIENT_PRODUCER,
        CLIENT_CONSUMER,
} ClientRole;

/* One client to be made. Everything is only read. */
typedef struct ClientSpec {
        ClientRole role;
        const char *bootstrap; /* NULL: none; the client is only made to see whether it can be */
        const char *client_id;
        const char *group; /* consumers */
        const StringList *properties;
        bool partition_eof;     /* a consumer that is told where a log ends */
        unsigned fetch_wait_ms; /* how long a broker waits for events to send; 0: as configured */
        const Config *config;
} ClientSpec;

/* Makes a client. Returns 0, or -EINVAL with the reason appended to `error`: a property that
 * librdkafka does not know, does not take, or takes only together with another. */
int client_new(const ClientSpec *spec, rd_kafka_t **ret, Buffer *error);

/* Takes off what librdkafka 2.5 and newer would wait for at the client's end; older ones have no
 * such property. */
void client_sends_no_metrics(rd_kafka_conf_t *conf);

/* The session time-out of a consumer's client, in milliseconds. */
int client_session_ms(rd_kafka_t *rk);

/* Whether a consumer's client hands out only events of transactions that were committed. */
bool client_reads_committed(rd_kafka_t *rk);

/* Appends what a client says in an error event, without what it may quote of secrets of its
 * configuration (sasl.oauthbearer.config, for one). */
void client_says(rd_kafka_t *rk, const char *text, Buffer *out);

/* rd_kafka_assign(): hands a consumer's client its partitions, or gives all back where `list` is
 * NULL. The only place that may call it: one must not follow another too closely. */
rd_kafka_resp_err_t client_assign(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *list);

/* Ends a client on a thread of its own, then calls done(userdata) on the loop, where it is not
 * NULL. All queues, topics and lists of the client must be given up before. `flags` are those of
 * rd_kafka_destroy_flags(). */
void client_destroy(Helpers *helpers, rd_kafka_t *rk, int flags, HelperWork done, void *userdata);

/* Makes and ends every client that the configuration describes, without talking to any broker.
 * Appends a line "FILE:LINE: …" to `errors` for each that cannot be made; returns true where there
 * is none. */
bool client_check_config(const Config *config, Buffer *errors);
