/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `crierctl tail`: the newest events, and with -f those to come.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>

#include "common/clock.h"
#include "crierctl/client.h"
#include "crierctl/parts.h"
#include "crierctl/pictures.h"

static const Shape event_shape[] = {
        {"group", SHAPE_STRING},   {"consumer", SHAPE_INTEGER},
        {"topic", SHAPE_STRING},   {"partition", SHAPE_INTEGER},
        {"offset", SHAPE_INTEGER}, {"timestamp_ms", SHAPE_INTEGER, .nullable = true},
        {"message", SHAPE_STRING}, {NULL},
};

const Shape tail_shape[] = {
        {"events", SHAPE_OBJECT, .list = true, .members = event_shape},
        {"missed", SHAPE_INTEGER},
        {NULL},
};

/* The day is in the journal; here is the time as the user's clock shows it. */
static void append_time(Buffer *out, const json_t *event) {
        long long ms = get_integer(event, "timestamp_ms");
        int part = (int) ((ms % 1000 + 1000) % 1000);
        time_t seconds = (ms - part) / 1000;
        char text[16];
        struct tm tm;

        if (!json_is_integer(json_object_get(event, "timestamp_ms")) ||
            !localtime_r(&seconds, &tm)) {
                buffer_append_string(out, "--:--:--.---");
                return;
        }
        strftime(text, sizeof(text), "%H:%M:%S", &tm);
        buffer_appendf(out, "%s.%03d", text, part);
}

/* "12:00:01.123 inv/3 post.office/4@17 the message" */
static void draw_event(const json_t *event, Buffer *out) {
        append_time(out, event);
        output_textf(out, " %s/%lld", get_string(event, "group"), get_integer(event, "consumer"));
        output_textf(out, " %s/%lld@%lld ", get_string(event, "topic"),
                     get_integer(event, "partition"), get_integer(event, "offset"));
        output_text(out, get_string(event, "message"));
        buffer_append_byte(out, '\n');
}

void tail_draw(const Command *c, const json_t *reply, Buffer *out) {
        const json_t *event;
        size_t i;

        json_array_foreach(json_object_get(reply, "events"), i, event) {
                draw_event(event, out);
        }
}

/* Something is said about what was left out before what came after it. */
static int show_events(void *userdata, json_t *reply) {
        Command *c = userdata;
        int r = command_check(c, tail_shape, reply);

        if (r != 0)
                return r;
        if (!c->style.json && get_integer(reply, "missed") > 0)
                fprintf(stderr, "(%lld events missed)\n", get_integer(reply, "missed"));
        return command_show(c, reply, tail_draw);
}

static json_t *filters(const Options *o) {
        json_t *j = json_pack("{s:b, s:s*, s:s*, s:s*}", "follow", o->follow, "group", o->group,
                              "topic", o->topic, "key", o->key);
        const struct {
                const char *name;
                int64_t value;
        } numbers[] = {{"lines", o->lines}, {"partition", o->partition}, {"consumer", o->consumer}};

        for (size_t i = 0; j && i < ELEMENTSOF(numbers); i++)
                if (numbers[i].value >= 0)
                        json_object_set_new(j, numbers[i].name, json_integer(numbers[i].value));
        return j;
}

/* Ctrl-C and a closed pipe are how this is meant to end: neither may kill us in the middle of a
 * line. Returns a descriptor that can be read when there is a signal. */
static int watch_signals(void) {
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
                return -1;
        return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int verb_tail(Command *c) {
        _cleanup_json_ json_t *parameters = filters(c->options);
        _cleanup_json_ json_t *reply = NULL;
        _cleanup_close_ int signals = watch_signals();
        double s = c->options->timeout_s > 0 ? c->options->timeout_s : c->verb->timeout_s;
        const ClientCall call = {
                .path = c->options->socket,
                .method = c->verb->method,
                .parameters = parameters,
                .timeout_usec = c->options->follow ? 0 : (uint64_t) (s * (double) USEC_PER_SEC),
                .more = c->options->follow,
                .on_reply = show_events,
                .userdata = c,
                .interruptible = true,
                .interrupt_fd = signals,
        };
        int r;

        if (!parameters)
                return command_bad_value(c, "An option is not UTF-8 text");
        if (signals < 0)
                return failure_set(c->failure, FAILURE_OTHER, "Cannot watch for signals: %s",
                                   strerror(errno));
        r = client_call(&call, &reply, c->failure);
        if (r == 0 && reply)
                r = show_events(c, reply);
        return r == OUTPUT_CLOSED ? 0 : r;
}
