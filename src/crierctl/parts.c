/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What pictures are made of: see parts.h.
 */

#include "crierctl/parts.h"

const Shape trouble_shape[] = {
        {"code", SHAPE_STRING},
        {"text", SHAPE_STRING},
        {"advice", SHAPE_STRING},
        {"since_ms", SHAPE_INTEGER},
        {NULL},
};

#define TROUBLE \
        { "trouble", SHAPE_OBJECT, .nullable = true, .members = trouble_shape }

const Shape producer_shape[] = {
        {"name", SHAPE_STRING},
        {"topic", SHAPE_STRING},
        {"rate", SHAPE_NUMBER, .nullable = true},
        {"count", SHAPE_INTEGER},
        {"made", SHAPE_INTEGER},
        {"acked", SHAPE_INTEGER},
        {"failed", SHAPE_INTEGER},
        {"overflowed", SHAPE_INTEGER},
        {"queued", SHAPE_INTEGER},
        {"per_second", SHAPE_NUMBER},
        {"state", SHAPE_STRING},
        TROUBLE,
        {NULL},
};

static const Shape ledger_shape[] = {
        {"state", SHAPE_STRING},      {"received", SHAPE_INTEGER},
        {"written", SHAPE_INTEGER},   {"verified", SHAPE_INTEGER},
        {"in_flight", SHAPE_INTEGER}, {"written_again", SHAPE_INTEGER},
        {"cut", SHAPE_INTEGER},       {NULL},
};

const Shape partition_shape[] = {
        {"topic", SHAPE_STRING},
        {"partition", SHAPE_INTEGER},
        {"position", SHAPE_INTEGER, .nullable = true},
        {"committed", SHAPE_INTEGER, .nullable = true},
        {"lag", SHAPE_INTEGER, .nullable = true},
        {"open_transaction_ms", SHAPE_INTEGER, .nullable = true},
        {"held", SHAPE_INTEGER},
        {"ledger", SHAPE_OBJECT, .nullable = true, .members = ledger_shape},
        {NULL},
};

const Shape consumer_shape[] = {
        {"consumer", SHAPE_INTEGER},
        {"group", SHAPE_STRING},
        {"client_id", SHAPE_STRING},
        {"state", SHAPE_STRING},
        {"paused", SHAPE_BOOLEAN},
        {"received", SHAPE_INTEGER},
        {"written", SHAPE_INTEGER},
        {"per_second", SHAPE_NUMBER},
        TROUBLE,
        {"partitions", SHAPE_OBJECT, .list = true, .members = partition_shape},
        {NULL},
};

const Shape group_shape[] = {
        {"name", SHAPE_STRING},
        {"topics", SHAPE_STRING, .list = true},
        {"delivery", SHAPE_STRING},
        {"configured", SHAPE_STRING},
        {"reason", SHAPE_STRING},
        {"log", SHAPE_BOOLEAN},
        {"start", SHAPE_STRING},
        {"stable", SHAPE_BOOLEAN},
        {"rebalances", SHAPE_INTEGER},
        {"received", SHAPE_INTEGER},
        {"written", SHAPE_INTEGER},
        {"per_second", SHAPE_NUMBER},
        {"lag", SHAPE_INTEGER, .nullable = true},
        {"standbys", SHAPE_INTEGER, .list = true},
        TROUBLE,
        {"consumers", SHAPE_OBJECT, .list = true, .members = consumer_shape},
        {NULL},
};

/* A partition of a consumer. */
typedef struct Owned {
        const char *topic;
        long long number;
} Owned;

static int compare_owned(const void *a, const void *b) {
        const Owned *x = a, *y = b;
        int order = strcmp(x->topic, y->topic);

        return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

/* Whether `b` is the next partition of the same topic. */
static bool follows(const Owned *a, const Owned *b) {
        return a->number < INT64_MAX && a->number + 1 == b->number && streq(a->topic, b->topic);
}

/* A run of partitions, "post.office 0-2". A cell's line ends after so many bytes, between two runs.
 */
#define LINE_BYTES 28

static void append_run(Buffer *out, size_t *line, const char *topic, long long first,
                       long long last) {
        if (out->size > 0)
                buffer_append_string(out, topic ? ";" : ",");
        if (out->size - *line > LINE_BYTES) {
                buffer_append_byte(out, '\n');
                *line = out->size;
        } else if (topic && out->size > 0)
                buffer_append_byte(out, ' ');
        if (topic)
                output_textf(out, "%s ", topic);
        buffer_appendf(out, "%lld", first);
        if (last > first)
                buffer_appendf(out, "-%lld", last);
}

void parts_owned(Buffer *out, const json_t *partitions, const char *topic) {
        _cleanup_free_ Owned *owned =
                calloc(MAX(json_array_size(partitions), (size_t) 1), sizeof(Owned));
        const char *before = topic ? topic : "";
        const json_t *partition;
        size_t n = 0, line = 0, index;

        if (!owned) {
                out->failed = true;
                return;
        }
        json_array_foreach(partitions, index, partition) {
                if (topic && !streq(get_string(partition, "topic"), topic))
                        continue;
                owned[n].topic = get_string(partition, "topic");
                owned[n++].number = get_integer(partition, "partition");
        }
        qsort(owned, n, sizeof(Owned), compare_owned);
        for (size_t i = 0, last; i < n; i = last + 1) {
                for (last = i; last + 1 < n && follows(owned + last, owned + last + 1);)
                        last++;
                append_run(out, &line, streq(owned[i].topic, before) ? NULL : owned[i].topic,
                           owned[i].number, owned[last].number);
                before = owned[i].topic;
        }
}

void parts_lag(Row *row, size_t column, const json_t *partitions, const char *topic) {
        const json_t *partition;
        bool any = false;
        long long sum = 0;
        size_t i;

        json_array_foreach(partitions, i, partition) {
                if (topic && !streq(get_string(partition, "topic"), topic))
                        continue;
                if (!json_is_integer(json_object_get(partition, "lag"))) {
                        row_text(row, column, "?");
                        return;
                }
                any = true;
                if (__builtin_add_overflow(sum, get_integer(partition, "lag"), &sum))
                        sum = INT64_MAX;
        }
        if (any)
                row_textf(row, column, "%lld", sum);
        else
                row_text(row, column, "-");
}

void parts_integer(Row *row, size_t column, const json_t *object, const char *key) {
        if (json_is_integer(json_object_get(object, key)))
                row_textf(row, column, "%lld", get_integer(object, key));
        else
                row_text(row, column, "?");
}

void parts_rate(Row *row, size_t column, double rate) {
        _cleanup_buffer_ Buffer text = {0};

        output_number(&text, rate);
        row_text(row, column, buffer_string(&text));
}

void parts_consumer_state(Row *row, size_t column, const json_t *consumer) {
        if (get_boolean(consumer, "paused"))
                row_textf(row, column, "%s, paused", get_string(consumer, "state"));
        else
                row_state(row, column, get_string(consumer, "state"));
}

void parts_trouble(Buffer *out, const OutputStyle *style, int64_t now_ms, const json_t *object,
                   bool *first, const char *format, ...) {
        const json_t *trouble = json_object_get(object, "trouble");
        int64_t since = get_integer(trouble, "since_ms");
        _cleanup_buffer_ Buffer who = {0};
        va_list ap;

        if (!json_is_object(trouble))
                return;
        va_start(ap, format);
        buffer_appendv(&who, format, ap);
        va_end(ap);
        buffer_append_string(out, *first ? "\n" : "");
        *first = false;
        buffer_append_string(out, style->colour ? "\033[31mtrouble:\033[0m " : "trouble: ");
        output_text(out, buffer_string(&who));
        buffer_append_string(out, ", for ");
        output_duration(out, since > 0 && since < now_ms ? (uint64_t) (now_ms - since) : 0);
        output_textf(out, ": %s", get_string(trouble, "text"));
        buffer_append_string(out, "\n         ");
        output_text(out, get_string(trouble, "advice"));
        buffer_append_byte(out, '\n');
}

void parts_open_transactions(Buffer *out, const json_t *group, const char *topic, bool *first) {
        const json_t *consumer, *partition;
        size_t i, k;

        json_array_foreach(json_object_get(group, "consumers"), i, consumer) {
                json_array_foreach(json_object_get(consumer, "partitions"), k, partition) {
                        const json_t *ms = json_object_get(partition, "open_transaction_ms");

                        if (!json_is_integer(ms) ||
                            (topic && !streq(get_string(partition, "topic"), topic)))
                                continue;
                        buffer_append_string(out, *first ? "\n" : "");
                        *first = false;
                        output_textf(out, "open transaction: %s/%lld of group %s, for ",
                                     get_string(partition, "topic"),
                                     get_integer(partition, "partition"),
                                     get_string(group, "name"));
                        output_duration(out, (uint64_t) MAX(json_integer_value(ms), 0));
                        buffer_appendf(out, ", at offset %lld\n",
                                       get_integer(partition, "position"));
                }
        }
}

void parts_counts(Row *row, size_t column, const json_t *producer) {
        static const char *const counts[] = {"acked", "failed", "overflowed", "queued"};
        long long count = get_integer(producer, "count");

        if (count > 0)
                row_textf(row, column, "%lld of %lld", get_integer(producer, "made"), count);
        else
                row_textf(row, column, "%lld", get_integer(producer, "made"));
        for (size_t i = 0; i < ELEMENTSOF(counts); i++)
                row_textf(row, column + 1 + i, "%lld", get_integer(producer, counts[i]));
}
