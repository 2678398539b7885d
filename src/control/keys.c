/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The method that shows which keys went to which partition: see io.crier.Control.varlink.
 */

#include <errno.h>

#include "common/base64.h"
#include "control/asking.h"
#include "control/names.h"
#include "control/pack.h"
#include "control/refusal.h"

#define KEYS_SHOWN 100

/* Text, or base64 where it is none that JSON can have everywhere. */
static json_t *pack_key_bytes(const KeyCount *k, bool *ret_base64) {
        _cleanup_buffer_ Buffer text = {0};
        json_t *j = memchr(k->key, 0, k->size) ? NULL : json_stringn(k->key, k->size);

        *ret_base64 = !j;
        if (j)
                return j;
        base64_encode(k->key, k->size, &text);
        return json_string(buffer_string(&text));
}

/* An empty key is one to the Java client; librdkafka's partitioner puts it anywhere. */
static json_t *pack_crc32(const KeyCount *k, unsigned width) {
        if (width == 0 || k->size == 0)
                return json_null();
        return json_integer(rd_kafka_msg_partitioner_consistent(NULL, k->key, k->size,
                                                                (int32_t) width, NULL, NULL));
}

static json_t *pack_murmur2(const KeyCount *k, unsigned width) {
        if (width == 0)
                return json_null();
        return json_integer(rd_kafka_msg_partitioner_murmur2(NULL, k->key, k->size, (int32_t) width,
                                                             NULL, NULL));
}

static json_t *pack_key(const KeyCount *k, unsigned width) {
        bool base64;
        json_t *key = pack_key_bytes(k, &base64);

        return json_pack("{s:o, s:b, s:i, s:I, s:I, s:o, s:o}", "key", key, "base64", base64,
                         "partition", (int) k->partition, "produced",
                         (json_int_t) k->n[KEY_PRODUCED], "consumed",
                         (json_int_t) k->n[KEY_CONSUMED], "crc32", pack_crc32(k, width), "murmur2",
                         pack_murmur2(k, width));
}

static json_t *pack_keys(const Fleet *f, const char *topic) {
        const KeyTable *t = key_tables_find(&f->context.keys, topic);
        unsigned width = survey_width(&f->context, topic, false);
        _cleanup_free_ const KeyCount **list = NULL;
        json_t *keys;
        int n = 0;

        if (t)
                n = key_table_sort(t, &list);
        if (n < 0)
                return NULL;
        keys = json_array();
        for (int i = 0; i < MIN(n, KEYS_SHOWN); i++)
                json_array_append_new(keys, pack_key(list[i], width));
        return json_pack("{s:o, s:o, s:o, s:I, s:I}", "topic", pack_text(topic), "partitions",
                         width > 0 ? json_integer(width) : json_null(), "keys", keys, "without_key",
                         (json_int_t) (t ? key_table_without_key(t) : 0), "uncounted",
                         (json_int_t) (t ? key_table_uncounted(t) : 0));
}

static json_t *keys_describe(const Operation *o) {
        return asking_is_done(o) ? pack_keys(o->context->fleet, ((const Asking *) o)->name) : NULL;
}

static const OperationKind keys_kind = {
        .step = asking_step,
        .describe = keys_describe,
        .free = asking_free,
        .wish = "the cluster has answered",
};

const ControlParameter parameters_keys[] = {{"topic", CONTROL_STRING, .required = true}, {NULL}};

int method_keys(void *userdata, Request *request, json_t **ret_parameters, const char **ret_error) {
        ControlContext *c = userdata;
        const char *topic = request_string(request, "topic");
        _cleanup_names_ Names names = {0};
        Asking *a;
        int r;

        names_add_topics(&names, c->fleet);
        if (!key_tables_find(&c->fleet->context.keys, topic) && !names_has(&names, topic))
                return refuse_topic(c->fleet, topic, ret_parameters, ret_error);
        if (survey_width(&c->fleet->context, topic, true) > 0) {
                *ret_parameters = pack_keys(c->fleet, topic);
                return *ret_parameters ? 0 : -ENOMEM;
        }
        r = asking_new(c, &keys_kind, topic, &a);
        if (r < 0)
                return r;
        return asking_begin(a, survey_add_topic(a->survey, topic), c, request, ret_parameters,
                            ret_error);
}
