/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What the ledgers of this room's partitions have to say, as records in the journal; and the other
 * two things that a journal wants of whoever uses it: events that are let go, owners that are
 * woken.
 */

#include "kafka/context.h"

/* Becomes the handlers of the context's journal, with the configuration's limits. */
void notice_attach(KafkaContext *context);
