/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Statuses for the tests of `crierctl top`: one producer, one group, as many consumers as wanted.
 */

#include <jansson.h>

#include "crierctl/top-model.h"

/* Numbers of consumers, as the functions below take them: -1 ends them. */
#define CONSUMERS(...) ((const int[]){__VA_ARGS__, -1})

/* A group; its first consumer owns three partitions, the others stand by. Each has its number for
 * events per second. */
json_t *group_json(const char *name, const int *numbers);
json_t *producer_json(const char *name, double per_second);

/* A whole status of a daemon that has been up for so long. Takes over both lists. */
json_t *status_json(int seconds, int entries, json_t *producers, json_t *groups);

/* Gives the model a status, which is taken over. */
void take(TopModel *m, json_t *status);

/* Gives it one with the producer "office", the group "mail" and these consumers. */
void take_consumers(TopModel *m, int seconds, const int *numbers);

/* Tells it that there was none; the advice is "do this". */
void status_fails(TopModel *m, FailureKind kind, const char *text);
