/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything that runs against Kafka: see fleet.h.
 */

#include "kafka/fleet.h"

#include <errno.h>

#include "common/log.h"

/* Commits go out, and waits are looked at, so often; oftener while something is waited for. */
#define TICK_USEC USEC_PER_SEC
#define TICK_BUSY_USEC (50 * USEC_PER_MSEC)

/* A stop takes at most so long, with the broker gone, say. */
#define STOP_USEC (3 * USEC_PER_SEC)

static void fleet_arm(Fleet *f) {
        bool busy = f->stopping;

        for (unsigned i = 0; i < f->n_groups && !busy; i++)
                for (unsigned k = 0; k < f->groups[i]->n_consumers && !busy; k++)
                        busy = consumer_in_transition(f->groups[i]->consumers[k]);
        if (sd_event_source_set_time_relative(f->timer, busy ? TICK_BUSY_USEC : TICK_USEC) >= 0)
                sd_event_source_set_enabled(f->timer, SD_EVENT_ONESHOT);
}

static bool fleet_is_gone(const Fleet *f) {
        for (unsigned i = 0; i < f->n_groups; i++)
                if (!group_is_gone(f->groups[i]))
                        return false;
        for (unsigned i = 0; i < f->n_producers; i++)
                if (!producer_is_gone(f->producers[i]))
                        return false;
        return sender_is_gone(f->sender);
}

static void fleet_check_stopped(Fleet *f, uint64_t now) {
        bool gone;

        if (!f->stopping || f->stopped)
                return;
        gone = fleet_is_gone(f) && helpers_running(f->context.helpers) == 0;
        if (!gone && now < f->stop_usec)
                return;
        f->stopped = true;
        sd_event_source_set_enabled(f->timer, SD_EVENT_OFF);
        f->on_stopped(f->userdata, gone, gone && !f->context.unsettled);
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata) {
        Fleet *f = userdata;
        uint64_t now = clock_usec();

        fleet_arm(f);
        for (unsigned i = 0; i < f->n_producers; i++)
                producer_tick(f->producers[i], now);
        for (unsigned i = 0; i < f->n_groups; i++) {
                for (unsigned k = 0; k < f->groups[i]->n_consumers; k++)
                        consumer_tick(f->groups[i]->consumers[k], now);
                group_tick(f->groups[i], now);
        }
        sender_tick(f->sender, now);
        fleet_check_stopped(f, now);
        return 0;
}

static int fleet_start_clients(Fleet *f) {
        int r;

        for (unsigned i = 0; i < f->n_groups; i++) {
                r = group_start(f->groups[i]);
                if (r < 0)
                        return r;
        }
        for (unsigned i = 0; i < f->n_producers; i++) {
                r = producer_start(f->producers[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void on_cluster_up(void *userdata, bool was_up) {
        Fleet *f = userdata;
        int r;

        if (f->stopping)
                return;
        if (!f->started) {
                f->started = true;
                r = fleet_start_clients(f);
                if (r < 0) {
                        log_error_errno(r, "Cannot start all clients: %m");
                        sd_event_exit(f->context.event, EXIT_FAILURE);
                }
                return;
        }
        for (unsigned i = 0; i < f->n_groups; i++)
                group_cluster_up(f->groups[i], was_up);
        for (unsigned i = 0; i < f->n_producers; i++)
                producer_cluster_up(f->producers[i], was_up);
}

static int fleet_make(Fleet *f) {
        const Config *config = f->context.config;
        int r;

        f->groups = calloc(config->n_groups + 1, sizeof(Group *));
        f->producers = calloc(config->n_producers + 1, sizeof(Producer *));
        if (!f->groups || !f->producers)
                return -ENOMEM;
        for (unsigned i = 0; i < config->n_groups; i++) {
                if (!config->groups[i].enabled)
                        continue;
                r = group_new(&f->context, &config->groups[i], &f->groups[f->n_groups]);
                if (r < 0)
                        return r;
                f->n_groups++;
        }
        for (unsigned i = 0; i < config->n_producers; i++) {
                if (!config->producers[i].enabled)
                        continue;
                r = producer_new(&f->context, &config->producers[i], &f->producers[f->n_producers]);
                if (r < 0)
                        return r;
                f->n_producers++;
        }
        return 0;
}

int fleet_new(sd_event *event, const Config *config, Sink *sink, Fleet **ret) {
        _cleanup_(fleet_freep) Fleet *f = NULL;
        int r;

        f = calloc(1, sizeof(*f));
        if (!f)
                return -ENOMEM;
        f->context = (KafkaContext){.event = event, .config = config, .sink = sink};
        r = helpers_new(event, &f->context.helpers);
        if (r < 0)
                return r;
        r = sd_event_add_time_relative(event, &f->timer, CLOCK_MONOTONIC, 0, 0, on_tick, f);
        if (r < 0)
                return r;
        sd_event_source_set_description(f->timer, "fleet-tick");
        sd_event_source_set_enabled(f->timer, SD_EVENT_OFF);
        r = cluster_new(&f->context, on_cluster_up, f, &f->context.cluster);
        if (r < 0)
                return r;
        r = sender_new(&f->context, &f->sender);
        if (r < 0)
                return r;
        r = fleet_make(f);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(f);
        return 0;
}

Fleet *fleet_free(Fleet *f) {
        if (!f)
                return NULL;
        if (f->context.helpers && helpers_running(f->context.helpers) > 0)
                return NULL;
        if (f->started && (!f->stopped || !fleet_is_gone(f)))
                return NULL;
        for (unsigned i = 0; f->groups && i < f->n_groups; i++)
                group_free(f->groups[i]);
        for (unsigned i = 0; f->producers && i < f->n_producers; i++)
                producer_free(f->producers[i]);
        free(f->groups);
        free(f->producers);
        sender_free(f->sender);
        sd_event_source_disable_unref(f->timer);
        cluster_free(f->context.cluster);
        helpers_free(f->context.helpers);
        free(f);
        return NULL;
}

void fleet_start(Fleet *f) {
        cluster_start(f->context.cluster);
        fleet_arm(f);
}

Group *fleet_find_group(const Fleet *f, const char *name) {
        for (unsigned i = 0; i < f->n_groups; i++)
                if (streq(f->groups[i]->config->name, name))
                        return f->groups[i];
        return NULL;
}

Producer *fleet_find_producer(const Fleet *f, const char *name) {
        for (unsigned i = 0; i < f->n_producers; i++)
                if (streq(f->producers[i]->config->name, name))
                        return f->producers[i];
        return NULL;
}

Consumer *fleet_find_consumer(const Fleet *f, int64_t number) {
        for (unsigned i = 0; i < f->n_groups; i++)
                for (unsigned k = 0; k < f->groups[i]->n_consumers; k++) {
                        Consumer *c = f->groups[i]->consumers[k];

                        if (c->number == number && !c->stopping)
                                return c;
                }
        return NULL;
}

void fleet_stop(Fleet *f, FleetStoppedHandler handler, void *userdata) {
        f->stopping = true;
        f->on_stopped = handler;
        f->userdata = userdata;
        f->stop_usec = clock_usec() + STOP_USEC;
        cluster_stop(f->context.cluster);
        for (unsigned i = 0; i < f->n_producers; i++)
                producer_stop(f->producers[i]);
        sender_stop(f->sender);
        for (unsigned i = 0; i < f->n_groups; i++)
                group_stop(f->groups[i]);
        fleet_arm(f);
}

void fleet_sink_ready(Fleet *f) {
        /* In turn, so that the first group does not take every place that becomes free. */
        for (unsigned i = 0; i < f->n_groups && f->context.sink->state == SINK_OK; i++) {
                Group *g = f->groups[f->next_group++ % f->n_groups];

                for (unsigned k = 0; k < g->n_consumers && f->context.sink->state == SINK_OK; k++)
                        consumer_serve(g->consumers[g->next_consumer++ % g->n_consumers]);
        }
}
