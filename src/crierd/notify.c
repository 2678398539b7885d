/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the service manager is told: see notify.h.
 */

#include "crierd/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

#define NOTIFY_EVERY_USEC (5 * USEC_PER_SEC)

struct Notify {
        const ControlContext *context;
        sd_event_source *timer;
        char *last;
};

static const Trouble *worst_trouble(const ControlContext *c) {
        const Fleet *f = c->fleet;

        if (control_sink_trouble(c)->code != TROUBLE_NONE)
                return control_sink_trouble(c);
        if (f->context.cluster->trouble.code != TROUBLE_NONE)
                return &f->context.cluster->trouble;
        for (unsigned i = 0; i < f->n_groups; i++)
                if (f->groups[i]->trouble.code != TROUBLE_NONE)
                        return &f->groups[i]->trouble;
        for (unsigned i = 0; i < f->n_producers; i++)
                if (f->producers[i]->trouble.code != TROUBLE_NONE)
                        return &f->producers[i]->trouble;
        return NULL;
}

static void describe(const ControlContext *c, Buffer *out) {
        const Fleet *f = c->fleet;
        const Cluster *cluster = f->context.cluster;
        const Trouble *trouble = worst_trouble(c);
        unsigned consumers = 0;

        for (unsigned i = 0; i < f->n_groups; i++)
                consumers += f->groups[i]->n_consumers;
        if (c->stopping)
                buffer_append_string(out, "Stopping; ");
        if (trouble)
                buffer_appendf(out, "%s: %s; ", trouble_code_to_string(trouble->code),
                               trouble->text);
        buffer_appendf(
                out, "%s %s %s; %u producers, %u groups, %u consumers; %" PRIu64 " entries written",
                cluster->embedded ? "embedded broker" : "cluster", cluster->bootstrap,
                cluster_state_to_string(cluster->state), f->n_producers, f->n_groups, consumers,
                f->context.sink->entries);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        notify_state(userdata, NULL);
        sd_event_source_set_time_relative(source, NOTIFY_EVERY_USEC);
        return 0;
}

int notify_new(sd_event *event, const ControlContext *context, Notify **ret) {
        _cleanup_(notify_freep) Notify *n = NULL;
        int r;

        n = calloc(1, sizeof(*n));
        if (!n)
                return -ENOMEM;
        n->context = context;
        if (getenv("NOTIFY_SOCKET")) {
                r = sd_event_add_time_relative(event, &n->timer, CLOCK_MONOTONIC, NOTIFY_EVERY_USEC,
                                               USEC_PER_SEC, on_timer, n);
                if (r < 0)
                        return r;
                sd_event_source_set_enabled(n->timer, SD_EVENT_ON);
        }
        *ret = TAKE_PTR(n);
        return 0;
}

Notify *notify_free(Notify *n) {
        if (!n)
                return NULL;
        sd_event_source_disable_unref(n->timer);
        free(n->last);
        free(n);
        return NULL;
}

void notify_state(Notify *n, const char *state) {
        _cleanup_buffer_ Buffer status = {0}, line = {0};
        const char *text;

        describe(n->context, &status);
        /* What a broker said may stand in it: a newline would begin another assignment. */
        entry_escape(status.data, status.size, &line);
        text = buffer_string(&line);
        if (!state && n->last && streq(n->last, text))
                return;
        free(n->last);
        n->last = strdup(text);
        sd_notifyf(0, "%s%sSTATUS=%s", state ? state : "", state ? "\n" : "", text);
}

void notify_reloading(Notify *n) {
        char state[64];

        /* sd_notify(3): so that systemd can tell this READY=1 from an earlier one. */
        snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_usec());
        notify_state(n, state);
}
