/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Faults of the embedded broker: see fault.h. Its functions wait for the thread that it runs on, so
 * they are called on a helper thread.
 */

#include "kafka/fault.h"

#include <assert.h>
#include <errno.h>
#include <librdkafka/rdkafka_mock.h>

/* Apache Kafka, protocol guide, "Api Keys": those of the embedded broker but for Metadata, which it
 * never refuses. The names end with NULL. */
static const char *const request_names[] = {
        "AddOffsetsToTxn",
        "AddPartitionsToTxn",
        "ApiVersions",
        "EndTxn",
        "Fetch",
        "FindCoordinator",
        "Heartbeat",
        "InitProducerId",
        "JoinGroup",
        "LeaveGroup",
        "ListOffsets",
        "OffsetCommit",
        "OffsetFetch",
        "Produce",
        "SyncGroup",
        "TxnOffsetCommit",
        NULL,
};
static const int16_t request_numbers[] = {
        25, 24, 18, 26, 1, 10, 12, 22, 11, 13, 2, 8, 9, 0, 14, 28,
};
static_assert(ELEMENTSOF(request_names) == ELEMENTSOF(request_numbers) + 1, "a number a name");

const char *const *fault_requests(void) {
        return request_names;
}

int16_t fault_request(const char *name) {
        for (size_t i = 0; request_names[i]; i++)
                if (streq(request_names[i], name))
                        return request_numbers[i];
        return -1;
}

bool fault_error_is_known(int64_t error) {
        const struct rd_kafka_err_desc *all;
        size_t n;

        rd_kafka_get_err_descs(&all, &n);
        for (size_t i = 0; i < n; i++)
                if (all[i].desc && all[i].code == error)
                        return error > 0 || error == RD_KAFKA_RESP_ERR_UNKNOWN;
        return false;
}

typedef struct FaultJob {
        Fault fault;
        rd_kafka_mock_cluster_t *mock;
        int32_t brokers;
        rd_kafka_resp_err_t err;
        FaultDone done;
        void *userdata;
} FaultJob;

static rd_kafka_resp_err_t errors_push(const FaultJob *j) {
        const Fault *f = &j->fault;
        rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;

        for (unsigned i = 0; i < f->count && !err; i++) {
                if (f->broker > 0)
                        err = rd_kafka_mock_broker_push_request_error_rtts(
                                j->mock, f->broker, f->request, 1, f->error, 0);
                else
                        rd_kafka_mock_push_request_errors_array(j->mock, f->request, 1, &f->error);
        }
        return err;
}

static rd_kafka_resp_err_t broker_change(const FaultJob *j, int32_t broker) {
        switch (j->fault.kind) {
        case FAULT_DOWN:
                return rd_kafka_mock_broker_set_down(j->mock, broker);
        case FAULT_UP:
                return rd_kafka_mock_broker_set_up(j->mock, broker);
        case FAULT_LATENCY:
                return rd_kafka_mock_broker_set_rtt(j->mock, broker, j->fault.latency_ms);
        case FAULT_ERRORS:
                break;
        }
        return RD_KAFKA_RESP_ERR__INVALID_ARG;
}

static void fault_work(void *job) {
        FaultJob *j = job;
        int32_t first = j->fault.broker > 0 ? j->fault.broker : 1;
        int32_t last = j->fault.broker > 0 ? j->fault.broker : j->brokers;

        if (j->fault.kind == FAULT_ERRORS)
                j->err = errors_push(j);
        for (int32_t i = first; i <= last && j->fault.kind != FAULT_ERRORS && !j->err; i++)
                j->err = broker_change(j, i);
}

static void fault_done(void *job) {
        FaultJob *j = job;

        j->done(j->userdata, j->err);
        free(j);
}

int fault_begin(Cluster *c, const Fault *fault, FaultDone done, void *userdata) {
        FaultJob *j = calloc(1, sizeof(*j));
        int r;

        if (!j)
                return -ENOMEM;
        *j = (FaultJob){
                .fault = *fault,
                .mock = c->mock,
                .brokers = (int32_t) c->config->embedded_brokers,
                .done = done,
                .userdata = userdata,
        };
        r = helpers_run(c->context->helpers, fault_work, fault_done, j);
        if (r < 0)
                free(j);
        return r;
}
