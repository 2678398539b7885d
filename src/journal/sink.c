/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all sinks share: see sink.h. How bytes leave is the kinds' (writer.c, stdout.c).
 */

#include "journal/sink.h"

#include <errno.h>

#include "common/clock.h"

/* Records that may wait while the sink takes nothing. */
#define SINK_RECORDS_MAX 256

/* How often a sink that takes nothing is asked again, beside what its kind watches. */
#define SINK_RETRY_USEC (200 * USEC_PER_MSEC)

/* How late the timer may be. */
#define SINK_ACCURACY_USEC 1

/* A full sink is ordinary; one that took nothing for this long is refusing. */
#define SINK_FULL_LASTS_USEC (5 * USEC_PER_SEC)

const char *sink_state_to_string(SinkState s) {
        static const char *const names[] = {
                [SINK_OK] = "ok",
                [SINK_FULL] = "full",
                [SINK_REFUSED] = "refused",
        };

        return names[s];
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        sink_retry(userdata);
        return 0;
}

static void sink_arm(Sink *s, bool enable) {
        uint64_t wait = s->kind->watch(s, enable);

        if (!enable) {
                sd_event_source_set_enabled(s->timer, SD_EVENT_OFF);
                return;
        }
        if (sd_event_source_set_time_relative(s->timer, wait > 0 ? wait : SINK_RETRY_USEC) >= 0)
                sd_event_source_set_enabled(s->timer, SD_EVENT_ONESHOT);
}

int sink_new(sd_event *event, const SinkKind *kind, int fd, char *target, Sink **ret) {
        _cleanup_(sink_freep) Sink *s = NULL;
        int r;

        s = calloc(1, kind->size);
        if (!s) {
                free(target);
                if (fd >= 0)
                        close(fd);
                return -ENOMEM;
        }
        s->kind = kind;
        s->event = sd_event_ref(event);
        s->fd = fd;
        s->target = target;
        r = sd_event_add_time_relative(event, &s->timer, CLOCK_MONOTONIC, 0, SINK_ACCURACY_USEC,
                                       on_timer, s);
        if (r < 0)
                return r;
        sd_event_source_set_description(s->timer, "sink-retry");
        sd_event_source_set_enabled(s->timer, SD_EVENT_OFF);
        *ret = TAKE_PTR(s);
        return 0;
}

static void drop_first_record(Sink *s) {
        entry_done(&s->records[0]);
        memmove(s->records, s->records + 1, --s->n_records * sizeof(*s->records));
}

Sink *sink_free(Sink *s) {
        if (!s)
                return NULL;
        while (s->n_records > 0) {
                if (s->kind->write(s, &s->records[0]) >= 0)
                        s->entries++;
                drop_first_record(s);
        }
        free(s->records);
        if (s->kind->close)
                s->kind->close(s);
        sd_event_source_disable_unref(s->source);
        sd_event_source_disable_unref(s->timer);
        sd_event_unref(s->event);
        if (s->fd > STDERR_FILENO)
                close(s->fd);
        free(s->target);
        free(s);
        return NULL;
}

void sink_set_handlers(Sink *s, SinkReadyHandler ready, SinkTroubleHandler trouble,
                       void *userdata) {
        s->ready = ready;
        s->trouble = trouble;
        s->userdata = userdata;
}

static void sink_recovered(Sink *s) {
        bool refused = s->state == SINK_REFUSED;

        s->state = SINK_OK;
        s->error = 0;
        if (refused && s->trouble)
                s->trouble(s->userdata, false, 0, clock_usec() - s->since);
}

static void sink_failed(Sink *s, int error) {
        uint64_t now = clock_usec();
        bool refused;

        if (s->state == SINK_OK)
                s->since = now;
        refused = error != -EAGAIN || now - s->since >= SINK_FULL_LASTS_USEC;
        if (error != -EAGAIN)
                s->error = error;
        if (refused && s->state != SINK_REFUSED) {
                s->state = SINK_REFUSED;
                if (s->trouble)
                        s->trouble(s->userdata, true, error == -EAGAIN ? 0 : error, 0);
        } else if (s->state == SINK_OK)
                s->state = SINK_FULL;
        sink_arm(s, true);
}

static int sink_try(Sink *s, const Entry *e) {
        int r;

        r = s->kind->write(s, e);
        if (r < 0) {
                sink_failed(s, r);
                return -EAGAIN;
        }
        s->entries++;
        return 0;
}

int sink_write(Sink *s, const Entry *e) {
        /* While records wait, or the sink was found full, only sink_retry() tries. */
        if (s->state != SINK_OK || s->n_records > 0)
                return -EAGAIN;
        return sink_try(s, e);
}

void sink_write_kept(Sink *s, Entry *e) {
        if (s->state == SINK_OK && s->n_records == 0 && sink_try(s, e) != -EAGAIN) {
                entry_done(e);
                return;
        }
        if (!s->records)
                s->records = calloc(SINK_RECORDS_MAX, sizeof(*s->records));
        if (!s->records) {
                entry_done(e);
                s->records_lost++;
                return;
        }
        if (s->n_records == SINK_RECORDS_MAX) {
                drop_first_record(s);
                s->records_lost++;
        }
        s->records[s->n_records++] = *e;
        *e = (Entry){0};
}

void sink_retry(Sink *s) {
        int r;

        r = s->kind->probe(s);
        if (r < 0) {
                sink_failed(s, r);
                return;
        }
        sink_recovered(s);
        sink_arm(s, false);
        while (s->n_records > 0) {
                if (sink_try(s, &s->records[0]) == -EAGAIN)
                        return;
                drop_first_record(s);
        }
        if (s->ready)
                s->ready(s->userdata);
}
