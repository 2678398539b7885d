/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a configuration may say: see schema.h.
 */

#include "config/schema.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>

#include "common/parse.h"
#include "config/check.h"

#define MEBIBYTE (UINT64_C(1) << 20)
#define GIBIBYTE (UINT64_C(1) << 30)

static const char *const start_words[] = {
        [GROUP_START_LATEST] = "latest",
        [GROUP_START_EARLIEST] = "earliest",
        NULL,
};

static const char *const delivery_words[] = {
        [DELIVERY_AUTO] = "auto",
        [DELIVERY_EXACTLY_ONCE] = "exactly-once",
        [DELIVERY_AT_LEAST_ONCE] = "at-least-once",
        [DELIVERY_AT_MOST_ONCE] = "at-most-once",
        NULL,
};

const char *group_start_to_string(GroupStart start) {
        return start_words[start];
}

const char *delivery_to_string(Delivery delivery) {
        return delivery_words[delivery];
}

#define TOPIC_DETAIL "1 to 249 of the characters a-z A-Z 0-9 . _ -, but not \".\" or \"..\""
#define GROUP_DETAIL "1 to 249 bytes of UTF-8 without control characters and no blank in front"
#define TEMPLATE_DETAIL "a template (crierd.conf(5), TEMPLATES)"
#define PROPERTY_DETAIL "\"property=value\" for librdkafka, each property once"

/* A row is the place of the value, then what is special about the key. */
#define KEY(type_, struct_, member, ...) \
        { .name = #member, .type = type_, .offset = offsetof(struct_, member), __VA_ARGS__ }
#define PROPERTIES(struct_)                                                            \
        KEY(SCHEMA_STRINGS, struct_, properties, .max = 1000, .check = check_property, \
            .once = true, .anew = true, .detail = PROPERTY_DETAIL, .secret = true)
#define ENABLED(struct_) KEY(SCHEMA_BOOL, struct_, enabled, .fallback = "true")

static const SchemaKey cluster_keys[] = {
        KEY(SCHEMA_STRING, ClusterConfig, bootstrap, .fallback = "embedded",
            .check = check_bootstrap,
            .detail = "\"embedded\", or \"host:port\" of one or more brokers with commas between "
                      "them and no spaces"),
        KEY(SCHEMA_UINT, ClusterConfig, embedded_brokers, .min = 1, .max = 9, .fallback = "1"),
        PROPERTIES(ClusterConfig),
};

static const SchemaKey topic_keys[] = {
        KEY(SCHEMA_STRING, TopicConfig, name, .check = check_topic, .detail = TOPIC_DETAIL),
        KEY(SCHEMA_UINT, TopicConfig, partitions, .min = 1, .max = 10000, .fallback = "1"),
        KEY(SCHEMA_UINT, TopicConfig, replication, .min = 1, .max = 100, .fallback = "1"),
        KEY(SCHEMA_BOOL, TopicConfig, create, .fallback = "true"),
};

static const SchemaKey producer_keys[] = {
        KEY(SCHEMA_STRING, ProducerConfig, name, .check = check_topic, .detail = TOPIC_DETAIL),
        KEY(SCHEMA_STRING, ProducerConfig, topic, .check = check_topic, .anew = true,
            .detail = TOPIC_DETAIL),
        ENABLED(ProducerConfig),
        KEY(SCHEMA_RATE, ProducerConfig, rate, .min = 0, .max = 10000000, .fallback = "1.0"),
        KEY(SCHEMA_U64, ProducerConfig, count, .min = 0, .max = INT64_MAX, .fallback = "0"),
        KEY(SCHEMA_STRINGS, ProducerConfig, keys, .max = 10000, .check = check_template_value,
            .detail = TEMPLATE_DETAIL),
        KEY(SCHEMA_STRING, ProducerConfig, value, .check = check_template_value,
            .detail = TEMPLATE_DETAIL),
        KEY(SCHEMA_STRINGS, ProducerConfig, headers, .max = 1000, .check = check_pair,
            .detail = "\"name=value\""),
        PROPERTIES(ProducerConfig),
};

static const SchemaKey group_keys[] = {
        KEY(SCHEMA_STRING, GroupConfig, name, .check = check_group, .detail = GROUP_DETAIL),
        KEY(SCHEMA_STRINGS, GroupConfig, topics, .min = 1, .max = 1000, .check = check_topic,
            .once = true, .anew = true, .detail = "the name of a topic, each once"),
        ENABLED(GroupConfig),
        KEY(SCHEMA_UINT, GroupConfig, consumers, .min = 0, .max = 1024, .fallback = "1"),
        KEY(SCHEMA_CHOICE, GroupConfig, start, .choices = start_words, .anew = true,
            .fallback = "latest"),
        KEY(SCHEMA_CHOICE, GroupConfig, delivery, .choices = delivery_words, .anew = true,
            .fallback = "auto"),
        KEY(SCHEMA_BOOL, GroupConfig, sync, .anew = true, .fallback = "true"),
        KEY(SCHEMA_BOOL, GroupConfig, log, .fallback = "true"),
        KEY(SCHEMA_STRING, GroupConfig, message, .check = check_template_message,
            .fallback = "Consumer %{consumer}: %{value} (key: %{key})", .detail = TEMPLATE_DETAIL),
        PROPERTIES(GroupConfig),
};

static const SchemaKey control_keys[] = {
        KEY(SCHEMA_STRING, ControlConfig, socket, .check = check_socket,
            .fallback = "/run/crier/control",
            .detail = "an absolute path of at most 107 bytes (unix(7))"),
        KEY(SCHEMA_BOOL, ControlConfig, faults, .fallback = "false"),
};

static const SchemaKey limits_keys[] = {
        KEY(SCHEMA_UINT, LimitsConfig, in_flight_events, .min = 1, .max = 65536,
            .fallback = "16384"),
        KEY(SCHEMA_U64, LimitsConfig, in_flight_bytes, .min = MEBIBYTE, .max = 16 * GIBIBYTE,
            .fallback = "67108864"),
};

#define SECTION(member, struct_, keys_, ...)                                                     \
        {                                                                                        \
                .name = #member, .offset = offsetof(Config, member), .size = sizeof(struct_),    \
                .origin = offsetof(struct_, origin), .keys = keys_, .n_keys = ELEMENTSOF(keys_), \
                __VA_ARGS__                                                                      \
        }
#define LIST(member, struct_, keys_) \
        SECTION(member, struct_, keys_, .list = true, .n_offset = offsetof(Config, n_##member))

static const SchemaSection sections[] = {
        SECTION(cluster, ClusterConfig, cluster_keys),  LIST(topics, TopicConfig, topic_keys),
        LIST(producers, ProducerConfig, producer_keys), LIST(groups, GroupConfig, group_keys),
        SECTION(control, ControlConfig, control_keys),  SECTION(limits, LimitsConfig, limits_keys),
};

const SchemaSection *schema_section(size_t i) {
        return i < ELEMENTSOF(sections) ? &sections[i] : NULL;
}

const SchemaSection *schema_find_section(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(sections); i++)
                if (streq(sections[i].name, name))
                        return &sections[i];
        return NULL;
}

const SchemaKey *schema_find_key(const SchemaSection *section, const char *name) {
        for (size_t i = 0; i < section->n_keys; i++)
                if (streq(section->keys[i].name, name))
                        return &section->keys[i];
        return NULL;
}

static void allowed_choices(const SchemaKey *key, Buffer *out) {
        for (size_t i = 0; key->choices[i]; i++)
                buffer_appendf(out, "%s\"%s\"",
                               i == 0                ? ""
                               : key->choices[i + 1] ? ", "
                                                     : " or ",
                               key->choices[i]);
}

void schema_allowed(const SchemaKey *key, Buffer *out) {
        switch (key->type) {
        case SCHEMA_BOOL:
                buffer_append_string(out, "true or false");
                break;
        case SCHEMA_UINT:
        case SCHEMA_U64:
                buffer_appendf(out, "a whole number from %" PRIu64 " to %" PRIu64, key->min,
                               key->max);
                break;
        case SCHEMA_RATE:
                buffer_appendf(out, "a number above %" PRIu64 " and up to %" PRIu64 ", or \"max\"",
                               key->min, key->max);
                break;
        case SCHEMA_STRING:
                buffer_appendf(out, "a string: %s", key->detail);
                break;
        case SCHEMA_CHOICE:
                allowed_choices(key, out);
                break;
        case SCHEMA_STRINGS:
                buffer_appendf(out, "an array [ ] of %" PRIu64 " to %" PRIu64 " strings, each %s",
                               key->min, key->max, key->detail);
                break;
        }
}

void *schema_field(const SchemaKey *key, void *section_struct) {
        return (uint8_t *) section_struct + key->offset;
}

ConfigOrigin *schema_origin(const SchemaSection *section, void *section_struct) {
        return (void *) ((uint8_t *) section_struct + section->origin);
}

/* The arrays have different types: their pointers are moved as bytes. */
void *schema_entries(const SchemaSection *section, const Config *config, unsigned *ret_n) {
        void *entries;

        memcpy(&entries, (const uint8_t *) config + section->offset, sizeof(entries));
        memcpy(ret_n, (const uint8_t *) config + section->n_offset, sizeof(*ret_n));
        return entries;
}

void schema_set_entries(const SchemaSection *section, Config *config, void *entries, unsigned n) {
        memcpy((uint8_t *) config + section->offset, &entries, sizeof(entries));
        memcpy((uint8_t *) config + section->n_offset, &n, sizeof(n));
}

int schema_set_string(char **field, const char *text) {
        char *copy = strdup(text);

        if (!copy)
                return -ENOMEM;
        free(*field);
        *field = copy;
        return 0;
}

void schema_strings_done(StringList *list) {
        for (unsigned i = 0; i < list->n; i++)
                free(list->items[i]);
        free(list->items);
        *list = (StringList){0};
}

/* A number of the table, which is one, or the program is wrong. */
static uint64_t fallback_number(const SchemaKey *key) {
        uint64_t number = 0;
        int r = parse_u64(key->fallback, key->min, key->max, &number);

        assert(r >= 0);
        (void) r;
        return number;
}

static int set_default(const SchemaKey *key, void *field) {
        switch (key->type) {
        case SCHEMA_BOOL:
                return parse_bool(key->fallback, field);
        case SCHEMA_UINT:
                *(unsigned *) field = (unsigned) fallback_number(key);
                return 0;
        case SCHEMA_U64:
                *(uint64_t *) field = fallback_number(key);
                return 0;
        case SCHEMA_RATE:
                return parse_double(key->fallback, (double) key->min, (double) key->max, field);
        case SCHEMA_STRING:
                return schema_set_string(field, key->fallback);
        case SCHEMA_CHOICE:
                for (unsigned i = 0; key->choices[i]; i++)
                        if (streq(key->choices[i], key->fallback))
                                *(unsigned *) field = i;
                return 0;
        case SCHEMA_STRINGS:
                return 0;
        }
        return 0;
}

int schema_set_defaults(const SchemaSection *section, void *section_struct) {
        for (size_t i = 0; i < section->n_keys; i++) {
                const SchemaKey *key = &section->keys[i];
                int r = 0;

                if (key->fallback)
                        r = set_default(key, schema_field(key, section_struct));
                if (r < 0)
                        return r;
        }
        return 0;
}

void schema_done(const SchemaSection *section, void *section_struct) {
        for (size_t i = 0; i < section->n_keys; i++) {
                void *field = schema_field(&section->keys[i], section_struct);

                if (section->keys[i].type == SCHEMA_STRING)
                        free(*(char **) field);
                if (section->keys[i].type == SCHEMA_STRINGS)
                        schema_strings_done(field);
        }
        free(schema_origin(section, section_struct)->file);
        memset(section_struct, 0, section->size);
}
