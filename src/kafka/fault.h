/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Faults of the embedded broker, made on purpose. Who may, and whether the configuration allows it,
 * is control/fault.c's.
 */

#include "kafka/cluster.h"

typedef enum FaultKind {
        FAULT_DOWN,    /* refuses connections, and closes those there are */
        FAULT_UP,      /* accepts them again */
        FAULT_LATENCY, /* answers later */
        FAULT_ERRORS,  /* refuses the next requests of one kind */
} FaultKind;

#define FAULT_LATENCY_MAX_MS 60000
#define FAULT_COUNT_MAX 10000

typedef struct Fault {
        FaultKind kind;
        int32_t broker; /* from 1; 0: all */
        int latency_ms;
        int16_t request; /* fault_request() */
        rd_kafka_resp_err_t error;
        unsigned count;
} Fault;

/* The requests that the embedded broker can refuse, by Kafka's names for them; ends with NULL. */
const char *const *fault_requests(void);
/* The number of one of these, Kafka's ApiKey; -1 for another name. */
int16_t fault_request(const char *name);
/* Whether a broker may answer with that number: an error that Kafka knows. */
bool fault_error_is_known(int64_t error);

typedef void (*FaultDone)(void *userdata, rd_kafka_resp_err_t err);

/* Has the embedded broker behave so, then calls done(userdata, err), not before this has returned.
 * Returns 0 or a negative errno. */
int fault_begin(Cluster *c, const Fault *fault, FaultDone done, void *userdata);
