/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What keeps a client from its work and does not pass by waiting alone: a wrong password, a
 * forbidden topic, a topic that does not exist. librdkafka retries these for ever and says them
 * once or over and over; here each is said once, with what to do, stands in the status while it
 * lasts, and is said again when it is over.
 */

#include <librdkafka/rdkafka.h>

#include "journal/sink.h"

typedef enum TroubleCode {
        TROUBLE_NONE,
        TROUBLE_AUTH_FAILED,
        TROUBLE_BROKER_LOST,
        TROUBLE_CLIENT_FAILED,
        TROUBLE_CLUSTER_FORBIDDEN,
        TROUBLE_DELIVERY_FAILED,
        TROUBLE_EVENT_TOO_LARGE,
        TROUBLE_GROUP_FORBIDDEN,
        TROUBLE_GROUP_PROTOCOL,
        TROUBLE_JOURNAL_REFUSED,
        TROUBLE_JOURNAL_SILENT,
        TROUBLE_JOURNAL_UNREADABLE,
        TROUBLE_JOURNAL_UNSYNCED,
        TROUBLE_OVERFLOW,
        TROUBLE_PARTITION_STOPPED,
        TROUBLE_POLL_LATE,
        TROUBLE_SESSION_TIMEOUT_REFUSED,
        TROUBLE_TLS_FAILED,
        TROUBLE_TOPIC_FORBIDDEN,
        TROUBLE_TOPIC_MISSING,
        TROUBLE_TOPIC_REFUSED,
        TROUBLE_CODE_COUNT_,
} TroubleCode;

/* All zero: no trouble. */
typedef struct Trouble {
        TroubleCode code;
        uint32_t said;       /* a bit for each code that was said since there is trouble */
        char text[400];      /* what failed and why */
        uint64_t since_ms;   /* CLOCK_REALTIME, to be shown */
        uint64_t since_usec; /* CLOCK_MONOTONIC */
} Trouble;

/* A connection of a client was refused (password, certificate). Whether that is the client's own
 * trouble or the whole cluster's shows when the cluster was asked. All zero: not refused. */
typedef struct Refusal {
        rd_kafka_resp_err_t err;
        char text[400];
} Refusal;

/* Notes it. Returns true where it is news. */
bool refusal_note(Refusal *r, rd_kafka_resp_err_t err, const char *text);

const char *trouble_code_to_string(TroubleCode code);
/* What to do about it, one sentence or two. */
const char *trouble_advice(TroubleCode code);

/* Which trouble an error of librdkafka is; TROUBLE_NONE for one that passes by itself or belongs to
 * the connection as a whole (trouble_is_connection()). */
TroubleCode trouble_from_error(rd_kafka_resp_err_t err);
/* True for errors that say that no broker could be reached (not that one refused us). */
bool trouble_is_connection(rd_kafka_resp_err_t err);

/* Notes a trouble without saying it. Returns true where it is to be said: the first time of its
 * code since there is trouble, so that two that alternate are said twice and not for ever. */
bool trouble_set(Trouble *t, TroubleCode code, const char *format, ...) _printf_(3, 4);

/* Notes it and, where it is to be said, writes a TROUBLE record: "<subject>: <text>".
 */
void trouble_raise(Trouble *t, Sink *sink, const char *subject, TroubleCode code,
                   const char *format, ...) _printf_(5, 6);
/* Where there is a trouble: forgets it and writes a TROUBLE_OVER record. */
void trouble_over(Trouble *t, Sink *sink, const char *subject);
