/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The picture of keys: see pictures.h.
 */

#include "crierctl/parts.h"
#include "crierctl/pictures.h"

static const Shape key_shape[] = {
        {"key", SHAPE_STRING},
        {"base64", SHAPE_BOOLEAN},
        {"partition", SHAPE_INTEGER},
        {"produced", SHAPE_INTEGER},
        {"consumed", SHAPE_INTEGER},
        {"crc32", SHAPE_INTEGER, .nullable = true},
        {"murmur2", SHAPE_INTEGER, .nullable = true},
        {NULL},
};

const Shape keys_shape[] = {
        {"topic", SHAPE_STRING},
        {"partitions", SHAPE_INTEGER, .nullable = true},
        {"keys", SHAPE_OBJECT, .list = true, .members = key_shape},
        {"without_key", SHAPE_INTEGER},
        {"uncounted", SHAPE_INTEGER},
        {NULL},
};

/* Where a partitioner has the key, marked where it is not there. Returns whether it was. */
static bool draw_partitioner(Row *row, size_t column, const json_t *key, const char *name) {
        bool differs = json_is_integer(json_object_get(key, name)) &&
                       get_integer(key, name) != get_integer(key, "partition");

        if (differs)
                row_textf(row, column, "%lld*", get_integer(key, name));
        else
                parts_integer(row, column, key, name);
        return differs;
}

static bool draw_key(Table *t, const json_t *key) {
        Row *row = table_row(t, NULL);
        bool differs;

        row_textf(row, 0, "%s%s", get_boolean(key, "base64") ? "base64:" : "",
                  get_string(key, "key"));
        row_textf(row, 1, "%lld", get_integer(key, "partition"));
        row_textf(row, 2, "%lld", get_integer(key, "produced"));
        row_textf(row, 3, "%lld", get_integer(key, "consumed"));
        differs = draw_partitioner(row, 4, key, "crc32");
        return draw_partitioner(row, 5, key, "murmur2") || differs;
}

static void draw_counts(const Command *c, const json_t *reply, Buffer *out) {
        long long without = get_integer(reply, "without_key");
        long long uncounted = get_integer(reply, "uncounted");

        if (without > 0)
                buffer_appendf(out, "events without a key: %lld\n", without);
        if (uncounted > 0)
                buffer_appendf(out, "events with other keys: %lld\n", uncounted);
}

void keys_draw(const Command *c, const json_t *reply, Buffer *out) {
        static const Column columns[] = {
                {"KEY", COLUMN_TEXT},        {"PARTITION", COLUMN_NUMBER},
                {"PRODUCED", COLUMN_NUMBER}, {"CONSUMED", COLUMN_NUMBER},
                {"CRC32", COLUMN_NUMBER},    {"MURMUR2", COLUMN_NUMBER},
        };
        const json_t *keys = json_object_get(reply, "keys"), *key;
        Table *t = table_new(&c->style, columns, ELEMENTSOF(columns));
        bool differs = false;
        size_t i;

        json_array_foreach(keys, i, key) {
                differs |= draw_key(t, key);
        }
        table_finish(t, out);
        if (json_array_size(keys) == 0)
                output_textf(out, "no keys seen in %s", get_string(reply, "topic"));
        if (json_array_size(keys) == 0)
                buffer_append_byte(out, '\n');
        draw_counts(c, reply, out);
        if (differs && c->style.legend)
                buffer_append_string(out, "* this partitioner has another partition for the key "
                                          "than the one where it was\n");
}
