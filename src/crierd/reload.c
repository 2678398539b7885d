/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading the configuration again: see reload.h.
 *
 * Files are read and checked on a helper thread: they may lie on a slow disk, and the check makes
 * and ends a client for each producer and group, which takes some milliseconds each.
 */

#include "crierd/reload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/log.h"
#include "config/load.h"
#include "journal/record.h"
#include "kafka/client.h"

/* Changes that are named in the journal; the rest is counted. */
#define NAMED_MAX 50

struct Reload {
        ControlContext *context;
        Notify *notify;
        const char *file;
        bool running;
        bool again;      /* after the one under way */
        uint64_t number; /* of the attempt under way, or the last one */
};

/* One attempt; the thread's while it runs. */
typedef struct ReloadJob {
        Reload *reload;
        const char *file;
        Config *config; /* NULL: it was not taken */
        Buffer errors;
} ReloadJob;

static ReloadJob *reload_job_free(ReloadJob *j) {
        if (!j)
                return NULL;
        config_free(j->config);
        buffer_done(&j->errors);
        free(j);
        return NULL;
}
DEFINE_CLEANUP(ReloadJob *, reload_job_free);

int reload_new(ControlContext *context, Notify *notify, const char *file, Reload **ret) {
        Reload *r = calloc(1, sizeof(*r));

        if (!r)
                return -ENOMEM;
        *r = (Reload){.context = context, .notify = notify, .file = file};
        *ret = r;
        return 0;
}

Reload *reload_free(Reload *r) {
        free(r);
        return NULL;
}

static void reload_work(void *job) {
        ReloadJob *j = job;
        int r = config_load(j->file, &j->config, &j->errors);

        if (r < 0 && j->errors.size == 0)
                buffer_appendf(&j->errors, "The configuration cannot be read: %s\n", strerror(-r));
        if (r >= 0 && !client_check_config(j->config, &j->errors))
                j->config = config_free(j->config);
}

/* ---- what is said about it ---- */

static void say_reloaded(Reload *r, const Changes *changes) {
        _cleanup_buffer_ Buffer text = {0};
        RecordField fields[] = {{"CRIER_CHANGES", NULL}, {NULL}};
        unsigned named = MIN(changes->n, (unsigned) NAMED_MAX);

        for (unsigned i = 0; i < named; i++) {
                buffer_append_string(&text, i > 0 ? "; " : "");
                change_describe(&changes->items[i], &text);
        }
        if (changes->n > named)
                buffer_appendf(&text, "; and %u more", changes->n - named);
        if (changes->n == 0)
                buffer_append_string(&text, "nothing differs");
        fields[0].value = buffer_string(&text);
        record_write(r->context->fleet->context.sink, RECORD_RELOADED, fields,
                     "The configuration was read again: %s", buffer_string(&text));
}

/* As one line: the lines of all files, with ';' between them. */
static void say_refused(Reload *r, const char *errors) {
        _cleanup_free_ char *line = strdup(errors);
        char count[16];
        const RecordField fields[] = {{"CRIER_ERRORS", count}, {NULL}};
        unsigned n = 0;

        if (!line)
                return;
        for (char *end = line; (end = strchr(end, '\n')); n++) {
                *end = end[1] ? ';' : 0;
                end++;
        }
        snprintf(count, sizeof(count), "%u", MAX(n, 1u));
        record_write(r->context->fleet->context.sink, RECORD_RELOAD_REFUSED, fields,
                     "The configuration was not taken, and nothing was changed: %s", line);
}

/* ---- on the loop ---- */

static int reload_start(Reload *r);

static void reload_refuse(Reload *r, const char *errors) {
        say_refused(r, errors);
        control_reloaded(r->context, r->number, NULL, errors);
}

static void reload_apply(Reload *r, ReloadJob *j) {
        _cleanup_changes_ Changes changes = {0};

        if (j->config && !fleet_accepts(r->context->fleet, j->config, &j->errors))
                j->config = config_free(j->config);
        if (!j->config || fleet_reconfigure(r->context->fleet, TAKE_PTR(j->config), &changes) < 0) {
                reload_refuse(r,
                              j->errors.size > 0 ? buffer_string(&j->errors) : "out of memory\n");
                return;
        }
        say_reloaded(r, &changes);
        control_reloaded(r->context, r->number, &changes, NULL);
}

static void reload_done(void *job) {
        _cleanup_(reload_job_freep) ReloadJob *j = job;
        Reload *r = j->reload;

        r->running = false;
        /* Too late: whoever waits for it is told so with the end of the stop. */
        if (r->context->stopping)
                return;
        reload_apply(r, j);
        notify_state(r->notify, "READY=1");
        if (!r->again)
                return;
        r->again = false;
        if (reload_start(r) < 0)
                reload_refuse(r, "out of memory\n");
}

static int reload_start(Reload *r) {
        _cleanup_(reload_job_freep) ReloadJob *j = calloc(1, sizeof(*j));
        int e;

        r->number++;
        if (!j)
                return -ENOMEM;
        j->reload = r;
        j->file = r->file;
        e = helpers_run(r->context->fleet->context.helpers, reload_work, reload_done, j);
        if (e < 0)
                return e;
        TAKE_PTR(j);
        r->running = true;
        notify_reloading(r->notify);
        return 0;
}

int reload_begin(Reload *r, uint64_t *ret_number) {
        int e = 0;

        if (r->running)
                r->again = true;
        else
                e = reload_start(r);
        *ret_number = r->number + r->again;
        return e;
}
