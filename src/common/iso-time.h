/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * A time as people and programs both read it: UTC, ISO 8601, with milliseconds.
 */

#include <stdint.h>

#include <stdbool.h>

#include "common/buffer.h"

/* An event's time, in milliseconds since 1970, is whatever number its producer gave it, also a
 * negative one; only this one says that there is none (Kafka's RecordBatch.NO_TIMESTAMP). */
#define NO_TIMESTAMP INT64_C(-1)

/* Appends milliseconds since 1970 as "2024-02-29T23:59:59.999Z". What has no four-digit year, or
 * lies before 1970, is appended as the number that it is. */
void iso_time_append(Buffer *out, int64_t ms);

/* Reads a time of that form back: "2024-02-29T23:59:59.999Z"; the fraction, the seconds and the
 * time of day may be missing, a space may stand for the T. Returns false for anything else, a day
 * that there is not, and times before 1970. */
bool iso_time_parse(const char *text, int64_t *ret_ms);
