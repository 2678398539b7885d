/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything that runs against Kafka: see fleet.h.
 */

#include "kafka/fleet.h"

#include <errno.h>
#include <stdio.h>

#include "common/log.h"
#include "config/load.h"
#include "kafka/notice.h"

/* Commits go out, and waits are looked at, so often; oftener while something is waited for. */
#define TICK_USEC USEC_PER_SEC
#define TICK_BUSY_USEC (50 * USEC_PER_MSEC)

/* A stop takes at most so long, with the broker gone, say. */
#define STOP_USEC (3 * USEC_PER_SEC)

static bool fleet_is_leaving(const Fleet *f) {
        return f->n_leaving_groups > 0 || f->n_leaving_producers > 0;
}

void fleet_arm(Fleet *f) {
        bool busy = f->stopping || fleet_is_leaving(f);

        for (unsigned i = 0; i < f->n_groups && !busy; i++)
                for (unsigned k = 0; k < f->groups[i]->n_consumers && !busy; k++)
                        busy = consumer_in_transition(f->groups[i]->consumers[k]);
        if (sd_event_source_set_time_relative(f->timer, busy ? TICK_BUSY_USEC : TICK_USEC) >= 0)
                sd_event_source_set_enabled(f->timer, SD_EVENT_ONESHOT);
}

static bool fleet_is_gone(const Fleet *f) {
        if (fleet_is_leaving(f))
                return false;
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
        gone = fleet_is_gone(f) && helpers_running(f->context.helpers) == 0 &&
               (!f->context.machine || machine_running(f->context.machine) == 0);
        if (!gone && now < f->stop_usec)
                return;
        f->stopped = true;
        sd_event_source_set_enabled(f->timer, SD_EVENT_OFF);
        f->on_stopped(f->userdata, gone, gone && !f->context.unsettled);
}

/* ---- who leaves ---- */

static void tick_group(Group *g, uint64_t now) {
        for (unsigned k = 0; k < g->n_consumers; k++)
                consumer_tick(g->consumers[k], now);
        group_tick(g, now);
}

/* The last one of its name that is gone leaves what it could not commit to the one that follows. */
static void group_bequeath(Fleet *f, Group *g) {
        Group *heir = fleet_find_group(f, g->config->name);

        if (heir && !heir->started)
                handover_move(&g->handover, &heir->handover);
}

static void fleet_reap(Fleet *f, uint64_t now) {
        unsigned kept = 0;

        for (unsigned i = 0; i < f->n_leaving_groups; i++) {
                Group *g = f->leaving_groups[i];

                tick_group(g, now);
                if (!group_is_gone(g)) {
                        f->leaving_groups[kept++] = g;
                        continue;
                }
                group_bequeath(f, g);
                group_free(g);
        }
        f->n_leaving_groups = kept;
        kept = 0;
        for (unsigned i = 0; i < f->n_leaving_producers; i++) {
                Producer *p = f->leaving_producers[i];

                producer_tick(p, now);
                if (producer_is_gone(p))
                        producer_free(p);
                else
                        f->leaving_producers[kept++] = p;
        }
        f->n_leaving_producers = kept;
}

static bool group_is_leaving(const Fleet *f, const char *name) {
        for (unsigned i = 0; i < f->n_leaving_groups; i++)
                if (streq(f->leaving_groups[i]->config->name, name))
                        return true;
        return false;
}

static bool producer_is_leaving(const Fleet *f, const char *name) {
        for (unsigned i = 0; i < f->n_leaving_producers; i++)
                if (streq(f->leaving_producers[i]->config->name, name))
                        return true;
        return false;
}

/* ---- start ---- */

int fleet_start_waiting(Fleet *f) {
        int error = 0;

        if (!f->started || f->stopping || f->context.cluster->topics_pending)
                return 0;
        for (unsigned i = 0; i < f->n_groups; i++) {
                Group *g = f->groups[i];
                int r = 0;

                if (!g->started && !group_is_leaving(f, g->config->name))
                        r = group_start(g);
                error = error < 0 ? error : r;
        }
        for (unsigned i = 0; i < f->n_producers; i++) {
                Producer *p = f->producers[i];

                if (p->state != PRODUCER_WAITING || producer_is_leaving(f, p->config->name))
                        continue;
                producer_begin(p);
                if (p->failed && error == 0)
                        error = -EIO;
        }
        return error;
}

bool fleet_is_settled(const Fleet *f) {
        if (fleet_is_leaving(f))
                return false;
        for (unsigned i = 0; i < f->n_groups; i++)
                if (!f->groups[i]->started)
                        return false;
        for (unsigned i = 0; i < f->n_producers; i++)
                if (f->producers[i]->state == PRODUCER_WAITING)
                        return false;
        return true;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata) {
        Fleet *f = userdata;
        uint64_t now = clock_usec();

        for (unsigned i = 0; i < f->n_producers; i++)
                producer_tick(f->producers[i], now);
        for (unsigned i = 0; i < f->n_groups; i++)
                tick_group(f->groups[i], now);
        if (fleet_is_leaving(f)) {
                fleet_reap(f, now);
                (void) fleet_start_waiting(f);
        }
        fleet_arm(f);
        sender_tick(f->sender, now);
        fleet_check_stopped(f, now);
        return 0;
}

static void on_cluster_up(void *userdata, bool was_up) {
        Fleet *f = userdata;
        bool first = !f->started;
        int r;

        if (f->stopping)
                return;
        f->started = true;
        r = fleet_start_waiting(f);
        if (r < 0 && first) {
                log_error_errno(r, "Cannot start all clients: %m");
                sd_event_exit(f->context.event, EXIT_FAILURE);
        }
        if (first)
                return;
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

bool fleet_accepts(const Fleet *f, const Config *config, Buffer *errors) {
        bool all = true;

        for (unsigned i = 0; i < config->n_groups; i++)
                if (config->groups[i].enabled)
                        all = delivery_is_possible(&f->context, &config->groups[i], errors) && all;
        return all;
}

int fleet_new(sd_event *event, Config *config, Sink *sink, Machine *machine, const char *no_machine,
              Fleet **ret) {
        _cleanup_(fleet_freep) Fleet *f = NULL;
        _cleanup_buffer_ Buffer errors = {0};
        int r;

        f = calloc(1, sizeof(*f));
        if (!f) {
                config_free(config);
                return -ENOMEM;
        }
        f->config = config;
        f->context = (KafkaContext){
                .event = event,
                .config = config,
                .sink = sink,
                .machine = machine,
                .no_machine = no_machine,
        };
        if (!fleet_accepts(f, config, &errors)) {
                fputs(buffer_string(&errors), stderr);
                return -EOPNOTSUPP;
        }
        if (machine)
                notice_attach(&f->context);
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
        free(f->leaving_groups);
        free(f->leaving_producers);
        sender_free(f->sender);
        sd_event_source_disable_unref(f->timer);
        cluster_free(f->context.cluster);
        helpers_free(f->context.helpers);
        key_tables_done(&f->context.keys);
        widths_done(&f->context.widths);
        config_free(f->config);
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
        if (f->context.machine)
                machine_poke(f->context.machine);
        for (unsigned i = 0; i < f->n_leaving_groups && f->context.sink->state == SINK_OK; i++)
                for (unsigned k = 0; k < f->leaving_groups[i]->n_consumers; k++)
                        consumer_serve(f->leaving_groups[i]->consumers[k]);
        /* In turn, so that the first group does not take every place that becomes free. */
        for (unsigned i = 0; i < f->n_groups && f->context.sink->state == SINK_OK; i++) {
                Group *g = f->groups[f->next_group++ % f->n_groups];

                for (unsigned k = 0; k < g->n_consumers && f->context.sink->state == SINK_OK; k++)
                        consumer_serve(g->consumers[g->next_consumer++ % g->n_consumers]);
        }
}
