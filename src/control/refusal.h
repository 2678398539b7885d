/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * How methods refuse: the errors of io.crier.Control, with what failed, why, and what to do. Each
 * sets `*ret_error` and `*ret_parameters` as a handler does, and returns 0, so that a handler may
 * end with `return refuse_…`.
 */

#include "control/methods.h"

/* NoSuchGroup, NoSuchConsumer, NoSuchProducer, NoSuchTopic: with what is nearest, or what there is.
 */
int refuse_group(const Fleet *f, const char *name, json_t **ret_parameters, const char **ret_error);
int refuse_producer(const Fleet *f, const char *name, json_t **ret_parameters,
                    const char **ret_error);
int refuse_consumer(const Fleet *f, json_int_t number, json_t **ret_parameters,
                    const char **ret_error);
/* Names the topics that the daemon knows of. */
int refuse_topic(const Fleet *f, const char *name, json_t **ret_parameters, const char **ret_error);
/* Neither a producer, nor a group, nor a consumer. */
int refuse_target(const Fleet *f, const char *name, json_t **ret_parameters,
                  const char **ret_error);

/* BadValue: `text` says what is wrong with the parameter, `advice` (or NULL) what to give instead.
 */
int refuse_value(json_t **ret_parameters, const char **ret_error, const char *parameter,
                 const char *text, const char *advice);
/* Unsupported. */
int refuse_unsupported(json_t **ret_parameters, const char **ret_error, const char *text,
                       const char *advice);
/* Failed, Busy or another error that has only these two: `error` is its full name. */
int refuse_with(json_t **ret_parameters, const char **ret_error, const char *error,
                const char *text, const char *advice);

/* The parameters of io.crier.Control.Failed for a negative errno. */
json_t *refusal_failed(int error);
