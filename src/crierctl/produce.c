/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `crierctl produce`: one event, or one for each line of standard input.
 */

#include <errno.h>

#include "common/base64.h"
#include "common/utf8.h"
#include "crierctl/command.h"
#include "crierctl/parts.h"

#define READ_SIZE 65536

/* What a call has beside its events: method, topic and parameters. */
#define CALL_SPARE 2048

/* So that an answer comes now and then. */
#define BATCH_EVENTS 1000

static const Shape produced_shape[] = {
        {"partition", SHAPE_INTEGER, .nullable = true},
        {"offset", SHAPE_INTEGER, .nullable = true},
        {"problem", SHAPE_STRING, .nullable = true},
        {NULL},
};

static const Shape produce_shape[] = {
        {"topic", SHAPE_STRING},
        {"results", SHAPE_OBJECT, .list = true, .members = produced_shape},
        {"duration_ms", SHAPE_INTEGER},
        {NULL},
};

/* "post.office/4 @ 17" for each that was delivered. */
static void draw_produced(const Command *c, const json_t *reply, Buffer *out) {
        const json_t *result;
        size_t i;

        json_array_foreach(json_object_get(reply, "results"), i, result) {
                if (!json_is_integer(json_object_get(result, "offset")))
                        continue;
                output_text(out, get_string(reply, "topic"));
                buffer_appendf(out, "/%lld @ %lld\n", get_integer(result, "partition"),
                               get_integer(result, "offset"));
        }
}

static void draw_progress(const Command *c, const json_t *reply, Buffer *out) {
        const json_t *results = json_object_get(reply, "results"), *result;
        size_t i, done = 0;

        json_array_foreach(results, i, result) {
                done += json_is_integer(json_object_get(result, "offset")) ||
                        json_is_string(json_object_get(result, "problem"));
        }
        buffer_appendf(out, "the broker: %zu of %zu events", done, json_array_size(results));
}

static const Change producing = {produce_shape, draw_produced, draw_progress};

/* Events on their way into a call, and what became of those before. */
typedef struct Batch {
        Command *command;
        json_t *events;
        size_t bytes; /* of them, as JSON */
        size_t sent;
        size_t undelivered;
        char *problem; /* the first */
} Batch;

/* ---- one event ---- */

/* JSON has a character for NUL, but jansson takes it for the end. */
static bool is_text(const void *data, size_t size) {
        const uint8_t *p = data;

        while (size > 0) {
                uint32_t c;
                size_t n = *p == 0 ? 0 : utf8_character(p, size, &c);

                if (n == 0)
                        return false;
                p += n;
                size -= n;
        }
        return true;
}

static json_t *pack_bytes(const void *data, size_t size, bool base64) {
        _cleanup_buffer_ Buffer text = {0};

        if (!base64)
                return json_stringn(data, size);
        base64_encode(data, size, &text);
        return json_string(buffer_string(&text));
}

static json_t *pack_headers(const Options *o, bool base64) {
        json_t *headers = json_array();

        for (size_t i = 0; i < o->n_headers; i++) {
                size_t n = strcspn(o->headers[i], "=");
                const char *value = o->headers[i] + n + 1;

                json_array_append_new(headers,
                                      json_pack("{s:s%, s:o}", "name", o->headers[i], n, "value",
                                                pack_bytes(value, strlen(value), base64)));
        }
        return headers;
}

/* Whether key and headers can go as they are. */
static bool options_are_text(const Options *o) {
        bool text = !o->key || is_text(o->key, strlen(o->key));

        for (size_t i = 0; i < o->n_headers; i++)
                text &= is_text(o->headers[i], strlen(o->headers[i]));
        return text;
}

/* `value` NULL: a tombstone. */
static json_t *pack_event(const Options *o, const void *value, size_t size) {
        bool base64 = !options_are_text(o) || (value && !is_text(value, size));
        json_t *event = json_object();

        json_object_set_new(event, "value", value ? pack_bytes(value, size, base64) : json_null());
        if (o->key)
                json_object_set_new(event, "key", pack_bytes(o->key, strlen(o->key), base64));
        if (o->n_headers > 0)
                json_object_set_new(event, "headers", pack_headers(o, base64));
        if (o->partition >= 0)
                json_object_set_new(event, "partition", json_integer(o->partition));
        if (base64)
                json_object_set_new(event, "base64", json_true());
        return event;
}

/* ---- batches ---- */

static int batch_note(Batch *b, const json_t *reply) {
        const json_t *result;
        size_t i;

        json_array_foreach(json_object_get(reply, "results"), i, result) {
                const char *problem = get_string(result, "problem");

                if (!problem)
                        continue;
                b->undelivered++;
                if (!b->problem)
                        b->problem = strdup(problem);
        }
        return 0;
}

/* Sends what there is. Returns 0 or an exit code. */
static int batch_send(Batch *b) {
        _cleanup_json_ json_t *events = TAKE_PTR(b->events), *reply = NULL;
        Command *c = b->command;
        size_t n = json_array_size(events);
        int r;

        b->events = json_array();
        b->bytes = 0;
        if (n == 0)
                return 0;
        r = command_wait(c, json_pack("{s:s, s:O}", "topic", c->arguments[0], "events", events),
                         &producing, &reply);
        if (r != 0)
                return r;
        b->sent += n;
        batch_note(b, reply);
        if (c->options->no_block && !c->style.json)
                return 0;
        return command_show(c, reply, draw_produced);
}

static int batch_add(Batch *b, const void *value, size_t size) {
        json_t *event = pack_event(b->command->options, value, size);
        size_t bytes = json_dumpb(event, NULL, 0, JSON_COMPACT) + 1;
        int r;

        if (b->bytes + bytes > VARLINK_CALL_MAX - CALL_SPARE ||
            json_array_size(b->events) >= BATCH_EVENTS) {
                r = batch_send(b);
                if (r != 0) {
                        json_decref(event);
                        return r;
                }
        }
        b->bytes += bytes;
        if (json_array_append_new(b->events, event) < 0)
                return failure_set(b->command->failure, FAILURE_OTHER, "Out of memory");
        return 0;
}

/* ---- standard input ---- */

/* Adds the whole lines of what was read, and removes them. */
static int add_lines(Batch *b, Buffer *input) {
        size_t begin = 0;
        int r = 0;

        while (begin < input->size && r == 0) {
                const uint8_t *line = input->data + begin;
                const uint8_t *end = memchr(line, '\n', input->size - begin);

                if (!end)
                        break;
                r = batch_add(b, line, (size_t) (end - line));
                begin += (size_t) (end - line) + 1;
        }
        memmove(input->data, input->data + begin, input->size - begin);
        input->size -= begin;
        return r;
}

/* Lines are sent as they come, so that somebody who types sees each one's answer; from a file they
 * come by the thousand. */
static int read_lines(Batch *b, Buffer *input) {
        Command *c = b->command;
        ssize_t n;
        int r;

        for (;;) {
                if (!buffer_reserve(input, READ_SIZE))
                        return failure_set(c->failure, FAILURE_OTHER, "Out of memory");
                n = read(STDIN_FILENO, input->data + input->size, READ_SIZE);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return failure_set(c->failure, FAILURE_OTHER,
                                           "Cannot read standard input: %s", strerror(errno));
                input->size += (size_t) n;
                r = add_lines(b, input);
                if (r == 0 && n == 0 && input->size > 0)
                        r = batch_add(b, input->data, input->size);
                if (r == 0)
                        r = batch_send(b);
                if (r != 0 || n == 0)
                        return r;
                if (input->size > VARLINK_CALL_MAX)
                        return command_bad_value(c, "Line %zu is longer than a call can be",
                                                 b->sent + 1);
        }
}

/* What came of all of it. */
static int batch_conclude(const Batch *b) {
        const Command *c = b->command;
        _cleanup_buffer_ Buffer out = {0};

        if (b->undelivered > 0 && c->style.json)
                return failure_exit_code(FAILURE_OTHER);
        if (b->undelivered > 0)
                return failure_set(c->failure, FAILURE_OTHER,
                                   "%zu of %zu events were not delivered: %s", b->undelivered,
                                   b->sent, b->problem);
        if (!c->options->no_block || c->style.json)
                return 0;
        buffer_appendf(&out, "%zu event%s\n", b->sent, b->sent == 1 ? "" : "s");
        return output_write(&out);
}

static int fail_value(Command *c, const char *text) {
        failure_set(c->failure, FAILURE_USAGE, "%s", text);
        return failure_advise(c->failure,
                              "Give a value, or - for lines of standard input, or --tombstone");
}

int verb_produce(Command *c) {
        const char *value = c->n_arguments > 1 ? c->arguments[1] : NULL;
        Batch batch = {.command = c, .events = json_array()};
        _cleanup_buffer_ Buffer input = {0};
        int r;

        if (c->options->tombstone && value)
                r = fail_value(c, "A tombstone has no value");
        else if (!c->options->tombstone && !value)
                r = fail_value(c, "'produce' needs a value");
        else if (value && streq(value, "-"))
                r = read_lines(&batch, &input);
        else {
                r = batch_add(&batch, value, value ? strlen(value) : 0);
                if (r == 0)
                        r = batch_send(&batch);
        }
        if (r == 0)
                r = batch_conclude(&batch);
        json_decref(batch.events);
        free(batch.problem);
        return r;
}
