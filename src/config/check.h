/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What a single string of a configuration must look like beyond being a string: names, addresses,
 * templates. The rows of the schema point here. Pure.
 *
 * Each function returns true where `text` will do. Otherwise it returns false and appends to `why`
 * what is wrong with it, so that "'KEY': " before it and "; allowed: …" behind it make a sentence.
 */

#include <stdbool.h>

#include "common/buffer.h"

/* Kafka's own rule for topics (org.apache.kafka.common.internals.Topic); producers' names follow
 * it. */
#define CHECK_NAME_MAX 249
bool check_topic(const char *text, Buffer *why);

/* Any UTF-8 without control characters and without a blank in front, at most CHECK_NAME_MAX bytes.
 */
bool check_group(const char *text, Buffer *why);

/* "embedded", or "host:port" with commas between several. */
bool check_bootstrap(const char *text, Buffer *why);

/* "name=value", with a name. */
bool check_pair(const char *text, Buffer *why);

/* The same for a property of librdkafka, whose value may be a secret; its name has no characters
 * that no property's name has. */
bool check_property(const char *text, Buffer *why);
/* How many bytes at the beginning can be the name of a property: librdkafka's CONFIGURATION.md has
 * no others. */
size_t check_property_name(const char *text);

/* An absolute path that fits into a sockaddr_un (unix(7)). */
#define CHECK_SOCKET_MAX 107
bool check_socket(const char *text, Buffer *why);

/* What template_compile() takes. */
bool check_template_value(const char *text, Buffer *why);
bool check_template_message(const char *text, Buffer *why);

/* Appends a text of somebody else on one line, fit to be shown. */
void check_show(const char *text, Buffer *out);
/* Appends a user's string in double quotes: on one line, fit to be shown, cut when it is long. */
void check_quote(const char *text, Buffer *out);
