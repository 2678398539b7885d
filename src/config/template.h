/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The template language, `%{…}`: one language for the values and keys that producers make and the
 * messages that groups write. crierd.conf(5) has the list of its words. Compiled once, expanded for
 * each event. Pure: no Kafka, no files, no clock but the one handed in.
 */

#include "common/buffer.h"

typedef struct Template Template;

/* Where a template stands decides which words it may use. */
typedef enum TemplateUse {
        TEMPLATE_VALUE,   /* a producer's value or key: what makes events up */
        TEMPLATE_MESSAGE, /* a group's message: what describes a consumed event */
} TemplateUse;

/* Words of TEMPLATE_VALUE:
 *   %{seq}             number of the event in this producer's run, from 0
 *   %{time}            the time of the event, UTC, ISO 8601 with milliseconds
 *   %{ms}              the same as milliseconds since 1970
 *   %{producer} %{topic}
 *   %{uuid}            a random UUID (version 4)
 *   %{alpha:N} %{digits:N} %{hex:N}     N random characters, 1 … 65536
 *   %{int:A:B}         a random whole number from A to B, both included
 *   %{pick:A|B|…}      one of the words at random (may be empty words; at most 1024)
 * Words of TEMPLATE_MESSAGE:
 *   %{consumer} %{group} %{topic} %{partition} %{offset} %{key} %{value} %{header:NAME}
 *   %{timestamp}       the event's own time, written like %{time}
 * Everywhere: `%%` stands for one `%`; any other `%` that is not followed by `{` stands for itself.
 * Words do not stand inside of words. */

/* What an expansion is about. Only the members of the template's own use are read. */
typedef struct TemplateValues {
        /* TEMPLATE_VALUE */
        uint64_t seq;
        int64_t time_ms;
        const char *producer;
        uint64_t *random; /* state of the generator, any number but 0; changed */
        /* both */
        const char *topic;
        /* TEMPLATE_MESSAGE */
        unsigned consumer;
        const char *group;
        int32_t partition;
        int64_t offset;
        int64_t timestamp_ms; /* or NO_TIMESTAMP */
        const void *key;      /* NULL: null */
        size_t key_size;
        const void *value; /* NULL: null */
        size_t value_size;
        /* %{header:NAME}: finds the last header of that name; returns false where there is none. */
        bool (*header)(void *userdata, const char *name, const void **ret_value, size_t *ret_size);
        void *userdata;
} TemplateValues;

/* Compiles `text`. On success stores the template, which the caller frees, and returns 0. Returns
 * -ENOMEM, or -EINVAL with a message in *ret_error (the caller frees it) that says what is wrong,
 * where (the byte, counted from 1) and what would be right: the nearest word, or the words there
 * are. */
int template_compile(const char *text, TemplateUse use, Template **ret, char **ret_error);
Template *template_free(Template *t);
DEFINE_CLEANUP(Template *, template_free);

/* True where each expansion gives the same bytes. */
bool template_is_constant(const Template *t);
/* True where the word (without braces and arguments, like "value") occurs in the template. */
bool template_uses(const Template *t, const char *word);

/* Appends the expansion to `out`. In a message, null keys and values, missing headers and
 * timestamps read "None", as the lab prints them, and the bytes of keys, values and headers come as
 * they are: making them fit to be shown is the caller's. Never fails but for memory (out->failed).
 */
void template_expand(const Template *t, const TemplateValues *values, Buffer *out);

/* A step of the generator that the random words use (xorshift64*): exported for seeding and tests.
 */
uint64_t template_random(uint64_t *state);
