/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What keeps a client from its work: see trouble.h.
 */

#include "kafka/trouble.h"

#include <inttypes.h>
#include <stdio.h>

#include "journal/record.h"
#include "kafka/context.h"

typedef struct TroubleKind {
        const char *name;
        const char *advice;
} TroubleKind;

static const TroubleKind trouble_kinds[TROUBLE_CODE_COUNT_] = {
        [TROUBLE_NONE] = {"none", ""},
        [TROUBLE_AUTH_FAILED] =
                {"auth-failed",
                 "Check sasl.mechanisms, sasl.username and sasl.password in the properties. SCRAM "
                 "against Kafka 4 needs librdkafka 2.6.1 or newer: use PLAIN over TLS, or "
                 "client "
                 "certificates."},
        [TROUBLE_BROKER_LOST] =
                {"broker-lost", "crierd goes on trying. Check that a broker runs at "
                                "cluster.bootstrap, that this host "
                                "reaches it, and that security.protocol is what that port speaks."},
        [TROUBLE_CLIENT_FAILED] = {"client-failed", "The client is made anew after a wait. If that "
                                                    "repeats, the text names the reason."},
        [TROUBLE_CLUSTER_FORBIDDEN] =
                {"cluster-forbidden", "Allow this user to write to the topic (that is enough for "
                                      "an idempotent producer), or "
                                      "set enable.idempotence=false in the producer's properties."},
        [TROUBLE_DELIVERY_FAILED] = {"delivery-failed",
                                     "These events are not in Kafka. The text names the broker's "
                                     "reason; the producer goes on."},
        [TROUBLE_EVENT_TOO_LARGE] = {"event-too-large",
                                     "Make the value smaller, or raise message.max.bytes in the "
                                     "producer's properties and "
                                     "max.message.bytes of the topic."},
        [TROUBLE_GROUP_FORBIDDEN] =
                {"group-forbidden",
                 "Allow this user to read the group: operation Read on the group."},
        [TROUBLE_GROUP_PROTOCOL] =
                {"group-protocol",
                 "Another member of the group uses other assignment strategies: give it 'range' or "
                 "'roundrobin', or use another group name."},
        [TROUBLE_JOURNAL_REFUSED] =
                {"journal-refused",
                 "Consumption waits and nothing is lost. In the service, look at: systemctl status "
                 "systemd-journald."},
        [TROUBLE_JOURNAL_SILENT] =
                {"journal-silent",
                 "What was sent to journald cannot be read back, so nothing is committed; nothing "
                 "is "
                 "lost. Look for its rate limit, a full disk, Storage= and MaxLevelStore= in "
                 "journald.conf(5), and at: systemctl status systemd-journald."},
        [TROUBLE_JOURNAL_UNREADABLE] =
                {"journal-unreadable",
                 "What stands in the journal is not known, so partitions that begin wait, and what "
                 "may be lost is not written again; nothing is lost. crierd has to be in group "
                 "systemd-journal, which has to be allowed to read the files. A damaged file is "
                 "moved out of the directory: crier-delivery(7), WHAT AN OPERATOR SEES."},
        [TROUBLE_JOURNAL_UNSYNCED] =
                {"journal-unsynced",
                 "Nothing is committed until the journal is on disk; nothing is lost. Look at the "
                 "disk (journalctl --dmesg), and at who may read the journal's files. With sync = "
                 "false crierd does not wait for it."},
        [TROUBLE_OVERFLOW] = {"overflow", "The broker takes events more slowly than the rate: "
                                          "lower the rate, or use \"max\"."},
        [TROUBLE_PARTITION_STOPPED] =
                {"partition-stopped",
                 "The journal keeps what is sent behind that entry, but not the entry: look at its "
                 "size (SystemMaxUse= and SystemMaxFileSize= in journald.conf(5)) and at: "
                 "journalctl "
                 "--verify. A restart of crierd tries again; 'crierctl seek' to the offset behind "
                 "the event goes on without it. Other partitions go on."},
        [TROUBLE_POLL_LATE] = {"poll-late", "The daemon was stopped or starved for longer than "
                                            "max.poll.interval.ms; the consumer "
                                            "joins again by itself."},
        [TROUBLE_SESSION_TIMEOUT_REFUSED] =
                {"session-timeout-refused",
                 "Set session.timeout.ms in the group's properties within the broker's "
                 "group.min.session.timeout.ms and group.max.session.timeout.ms."},
        [TROUBLE_TLS_FAILED] = {"tls-failed", "Check ssl.ca.location, the broker's certificate and "
                                              "its name, and that security.protocol "
                                              "is what that port speaks."},
        [TROUBLE_TOPIC_FORBIDDEN] =
                {"topic-forbidden",
                 "Allow this user the topic: operation Read to consume, Write to produce."},
        [TROUBLE_TOPIC_MISSING] =
                {"topic-missing",
                 "Create the topic, or give it an entry in 'topics' with create = true."},
        [TROUBLE_TOPIC_REFUSED] =
                {"topic-refused",
                 "The broker did not create the topic for the reason given; create it by hand, or "
                 "correct its entry in 'topics'."},
};

const char *trouble_code_to_string(TroubleCode code) {
        return trouble_kinds[code].name;
}

const char *trouble_advice(TroubleCode code) {
        return trouble_kinds[code].advice;
}

TroubleCode trouble_from_error(rd_kafka_resp_err_t err) {
        static const struct {
                rd_kafka_resp_err_t err;
                TroubleCode code;
        } map[] = {
                {RD_KAFKA_RESP_ERR__AUTHENTICATION, TROUBLE_AUTH_FAILED},
                {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, TROUBLE_AUTH_FAILED},
                {RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, TROUBLE_AUTH_FAILED},
                {RD_KAFKA_RESP_ERR__SSL, TROUBLE_TLS_FAILED},
                {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, TROUBLE_TOPIC_FORBIDDEN},
                {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, TROUBLE_GROUP_FORBIDDEN},
                {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, TROUBLE_CLUSTER_FORBIDDEN},
                {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, TROUBLE_TOPIC_MISSING},
                {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, TROUBLE_TOPIC_MISSING},
                {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, TROUBLE_TOPIC_MISSING},
                {RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT, TROUBLE_SESSION_TIMEOUT_REFUSED},
                {RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL, TROUBLE_GROUP_PROTOCOL},
                {RD_KAFKA_RESP_ERR__INCONSISTENT, TROUBLE_GROUP_PROTOCOL},
                {RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED, TROUBLE_POLL_LATE},
                {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, TROUBLE_EVENT_TOO_LARGE},
        };

        for (size_t i = 0; i < ELEMENTSOF(map); i++)
                if (map[i].err == err)
                        return map[i].code;
        return TROUBLE_NONE;
}

bool trouble_is_connection(rd_kafka_resp_err_t err) {
        return err == RD_KAFKA_RESP_ERR__TRANSPORT || err == RD_KAFKA_RESP_ERR__RESOLVE ||
               err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || err == RD_KAFKA_RESP_ERR__TIMED_OUT;
}

bool refusal_note(Refusal *r, rd_kafka_resp_err_t err, const char *text) {
        bool news = r->err != err;

        r->err = err;
        snprintf(r->text, sizeof(r->text), "%s", text);
        return news;
}

static bool _printf_(3, 0)
        trouble_setv(Trouble *t, TroubleCode code, const char *format, va_list ap) {
        bool say = !(t->said & (1u << code));

        if (t->code != code) {
                t->since_ms = (uint64_t) clock_realtime_ms();
                t->since_usec = clock_usec();
        }
        t->code = code;
        t->said |= 1u << code;
        vsnprintf(t->text, sizeof(t->text), format, ap);
        return say;
}

bool trouble_set(Trouble *t, TroubleCode code, const char *format, ...) {
        va_list ap;
        bool say;

        va_start(ap, format);
        say = trouble_setv(t, code, format, ap);
        va_end(ap);
        return say;
}

void trouble_raise(Trouble *t, Sink *sink, const char *subject, TroubleCode code,
                   const char *format, ...) {
        const RecordField fields[] = {
                {"CRIER_TROUBLE", trouble_kinds[code].name},
                {"CRIER_ADVICE", trouble_kinds[code].advice},
                {NULL},
        };
        va_list ap;
        bool say;

        va_start(ap, format);
        say = trouble_setv(t, code, format, ap);
        va_end(ap);
        if (say)
                record_write(sink, RECORD_TROUBLE, fields, "%s: %s. %s", subject, t->text,
                             trouble_kinds[code].advice);
}

void trouble_over(Trouble *t, Sink *sink, const char *subject) {
        char ms[24];
        RecordField fields[] = {
                {"CRIER_TROUBLE", trouble_kinds[t->code].name},
                {"CRIER_DURATION_MS", ms},
                {NULL},
        };

        if (t->code == TROUBLE_NONE)
                return;
        snprintf(ms, sizeof(ms), "%" PRIu64, (clock_usec() - t->since_usec) / USEC_PER_MSEC);
        record_write(sink, RECORD_TROUBLE_OVER, fields, "%s: '%s' is over after %s ms", subject,
                     trouble_kinds[t->code].name, ms);
        *t = (Trouble){0};
}
