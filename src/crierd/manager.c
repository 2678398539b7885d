/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon as a whole: see manager.h.
 */

#include "crierd/manager.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "common/log.h"
#include "config/load.h"
#include "control/server.h"
#include "crierd/notify.h"
#include "crierd/reload.h"
#include "journal/record.h"
#include "journal/stdout.h"
#include "journal/writer.h"

/* What passes signals on (timeout(1), a shell) often sends the same one twice: that is one wish. */
#define SAME_SIGNAL_USEC (10 * USEC_PER_MSEC)

struct Manager {
        sd_event *event;
        Sink *sink;
        Machine *machine;  /* NULL: nothing is written exactly once */
        Buffer no_machine; /* why not */
        Fleet *fleet;
        Server *server;
        Notify *notify;
        Reload *reload;
        sd_event_source *signals[3];
        sd_event_source *closed; /* enabled once: nobody reads standard output any more */
        ControlContext control;
        Trouble sink_trouble;
        char *verify_options[2];
        char *bootstrap_file; /* beside the control socket; NULL: not written */
        uint64_t stop_usec;   /* when the stop began; 0: not yet */
        bool clean;
        int exit_code;
};
DEFINE_CLEANUP(Manager *, manager_free);

SinkChoice sink_choice_from_string(const char *s) {
        static const char *const names[] = {"auto", "journal", "stdout"};

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (streq(names[i], s))
                        return (SinkChoice) i;
        return SINK_CHOICE_INVALID;
}

/* ---- stop ---- */

static void on_fleet_stopped(void *userdata, bool gone, bool settled) {
        Manager *m = userdata;
        char ms[24];
        const RecordField fields[] = {{"CRIER_DURATION_MS", ms}, {NULL}};

        m->clean = gone;
        snprintf(ms, sizeof(ms), "%" PRIu64, (clock_usec() - m->stop_usec) / USEC_PER_MSEC);
        record_write(
                m->sink, RECORD_STOPPED, fields, "Stopped after %s ms: %s", ms,
                settled ? "everything is delivered, written and committed"
                        : "not everything was settled; what was not committed is consumed again, "
                          "and with at-most-once what was not written is missing");
        control_stopped(&m->control, settled);
        sd_event_exit(m->event, m->exit_code);
}

/* What the lab's script prints; to a terminal or pipe it is a line among the events. */
static void say_stopping(Manager *m, const char *why) {
        _cleanup_(entry_done) Entry e = {0};

        if (m->sink->kind->wants_fields) {
                record_write(m->sink, RECORD_STOPPING, NULL, "%s. Stopping thread...", why);
                return;
        }
        buffer_appendf(&e.message, "%s. Stopping thread...", why);
        sink_write_kept(m->sink, &e);
}

static void manager_stop(Manager *m, const char *why) {
        m->stop_usec = clock_usec();
        m->control.stopping = true;
        say_stopping(m, why);
        notify_state(m->notify, "STOPPING=1");
        fleet_stop(m->fleet, on_fleet_stopped, m);
}

static void on_stop(void *userdata, const char *why) {
        manager_stop(userdata, why);
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        Manager *m = userdata;
        const char *name = sigabbrev_np((int) si->ssi_signo);
        char why[32];

        if (m->stop_usec == 0) {
                snprintf(why, sizeof(why), "SIG%s received", name ? name : "?");
                manager_stop(m, why);
        } else if (clock_usec() - m->stop_usec >= SAME_SIGNAL_USEC) {
                log_warning("A second signal: ending at once");
                _exit(EXIT_FAILURE);
        }
        return 0;
}

/* ---- reload ---- */

static int on_reload(void *userdata, uint64_t *ret_number) {
        return reload_begin(((Manager *) userdata)->reload, ret_number);
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        Manager *m = userdata;
        uint64_t number;
        int r;

        if (m->stop_usec > 0)
                return 0;
        r = reload_begin(m->reload, &number);
        if (r < 0)
                log_error_errno(r, "Cannot read the configuration again: %m");
        return 0;
}

/* ---- the sink ---- */

/* In a turn of its own: the sink says it in the midst of an event. */
static int on_closed(sd_event_source *source, void *userdata) {
        manager_stop(userdata, "Standard output was closed");
        return 0;
}

static void on_sink_ready(void *userdata) {
        Manager *m = userdata;

        if (m->fleet)
                fleet_sink_ready(m->fleet);
}

static void on_sink_trouble(void *userdata, bool refused, int error, uint64_t usec) {
        Manager *m = userdata;
        const RecordField fields[] = {
                {"CRIER_TROUBLE", trouble_code_to_string(TROUBLE_JOURNAL_REFUSED)}, {NULL}};

        if (refused) {
                trouble_set(&m->sink_trouble, TROUBLE_JOURNAL_REFUSED, "%s takes no entries: %s",
                            m->sink->target, error ? strerror(abs(error)) : "its queue stays full");
                record_write(m->sink, RECORD_JOURNAL_REFUSED, fields, "%s. %s",
                             m->sink_trouble.text, trouble_advice(TROUBLE_JOURNAL_REFUSED));
        } else {
                m->sink_trouble = (Trouble){0};
                record_write(m->sink, RECORD_JOURNAL_BACK, fields,
                             "%s takes entries again after %" PRIu64 " ms", m->sink->target,
                             usec / USEC_PER_MSEC);
        }
        notify_state(m->notify, NULL);
        /* Whoever read our standard output has gone and does not come back. */
        if (refused && error == -EPIPE && !m->sink->kind->wants_fields && m->stop_usec == 0) {
                m->exit_code = EXIT_FAILURE;
                sd_event_source_set_enabled(m->closed, SD_EVENT_ONESHOT);
        }
}

static int sink_error(const ManagerOptions *options, int r) {
        log_error_errno(r, "Cannot write to the journal at '%s': %m", options->journal_socket);
        log_error("%s", r == -ENAMETOOLONG ? "The path of a socket has at most 107 bytes."
                                           : "Start systemd-journald, name its socket with "
                                             "--journal-socket=PATH, or print "
                                             "to standard output with --sink=stdout.");
        return r;
}

static int open_sink(Manager *m, const ManagerOptions *options) {
        int r;

        if (options->sink == SINK_CHOICE_STDOUT)
                return stdout_new(m->event, &m->sink);
        r = writer_new(m->event, options->journal_socket, &m->sink);
        if (r >= 0)
                return 0;
        /* In a terminal, without a journal, crierd is what the lab's script was. */
        if (options->sink == SINK_CHOICE_AUTO && isatty(STDOUT_FILENO))
                return stdout_new(m->event, &m->sink);
        return sink_error(options, r);
}

/* Whether what is written can be read back: exactly-once needs that. */
static int open_machine(Manager *m, const ManagerOptions *options) {
        const MachineSpec spec = {
                .sink = m->sink,
                .directory = options->journal_directory,
                .state = options->state_directory,
                .other_socket = !streq(options->journal_socket, JOURNAL_SOCKET),
        };

        if (m->sink->kind->wants_fields)
                return machine_new(m->event, &spec, &m->no_machine, &m->machine);
        buffer_append_string(&m->no_machine, "events go to standard output, not to the journal");
        return 0;
}

/* ---- the bootstrap file ---- */

/* The embedded broker's address, for programs that want to join it: beside the control socket. The
 * directory may be another user's, who must not choose which file is written. */
static int write_bootstrap_file(Manager *m, const char *socket) {
        const Cluster *cluster = m->fleet->context.cluster;
        const char *slash = strrchr(socket, '/');
        _cleanup_free_ char *path = NULL, *temporary = NULL;
        _cleanup_close_ int fd = -1;

        if (!cluster->embedded)
                return 0;
        if (asprintf(&path, "%.*s/bootstrap", slash ? (int) (slash - socket) : 1,
                     slash ? socket : ".") < 0) {
                path = NULL;
                return -ENOMEM;
        }
        if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
                temporary = NULL;
                return -ENOMEM;
        }
        fd = mkostemp(temporary, O_CLOEXEC);
        if (fd < 0)
                return -errno;
        /* It is for every user of the machine, whatever the umask of the service. */
        if (dprintf(fd, "%s\n", cluster->bootstrap) < 0 || fchmod(fd, 0644) < 0 ||
            rename(temporary, path) < 0) {
                int error = errno;

                (void) unlink(temporary);
                return -error;
        }
        m->bootstrap_file = TAKE_PTR(path);
        return 0;
}

/* ---- life ---- */

static int open_server(Manager *m, const char *path, int *ret_exit) {
        _cleanup_buffer_ Buffer why = {0};
        int r;

        r = server_new(m->event, path, control_methods, &m->control, NULL, &m->server);
        if (r >= 0)
                return 0;
        server_explain(r, path, &why);
        log_error("%s", buffer_string(&why));
        *ret_exit = r == -EADDRINUSE ? EX_UNAVAILABLE : EX_CANTCREAT;
        return r;
}

static int add_signals(Manager *m) {
        static const struct {
                int number;
                sd_event_signal_handler_t handler;
        } signals[] = {{SIGINT, on_signal}, {SIGTERM, on_signal}, {SIGHUP, on_hangup}};

        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                int r = sd_event_add_signal(m->event, &m->signals[i], signals[i].number,
                                            signals[i].handler, m);

                if (r < 0)
                        return r;
                sd_event_source_set_priority(m->signals[i], SD_EVENT_PRIORITY_IMPORTANT);
        }
        return 0;
}

/* A verification is a child that reads the same configuration and the same journal. */
static int set_verify_options(Manager *m, const ManagerOptions *options) {
        const struct {
                const char *name, *value;
        } all[] = {
                {"--config", options->config_file},
                {"--journal-directory", options->journal_directory},
        };

        for (size_t i = 0, n = 0; i < ELEMENTSOF(all); i++) {
                if (!all[i].value)
                        continue;
                if (asprintf(&m->verify_options[n], "%s=%s", all[i].name, all[i].value) < 0) {
                        m->verify_options[n] = NULL;
                        return -ENOMEM;
                }
                m->control.verify_options[n] = m->verify_options[n];
                n++;
        }
        return 0;
}

int manager_new(Config *config, const ManagerOptions *options, Manager **ret, int *ret_exit) {
        _cleanup_(config_freep) Config *owned = config;
        const char *socket =
                options->control_socket ? options->control_socket : config->control.socket;
        _cleanup_(manager_freep) Manager *m = NULL;
        int r;

        *ret_exit = EXIT_FAILURE;
        m = calloc(1, sizeof(*m));
        if (!m)
                return -ENOMEM;
        r = sd_event_new(&m->event);
        if (r < 0)
                return log_error_errno(r, "Cannot make an event loop: %m");
        r = add_signals(m);
        if (r < 0)
                return log_error_errno(r, "Cannot watch signals: %m");
        r = sd_event_add_defer(m->event, &m->closed, on_closed, m);
        if (r < 0)
                return log_error_errno(r, "Cannot make an event source: %m");
        sd_event_source_set_enabled(m->closed, SD_EVENT_OFF);
        r = open_sink(m, options);
        if (r < 0) {
                *ret_exit = EX_UNAVAILABLE;
                return r;
        }
        r = open_machine(m, options);
        if (r < 0)
                return log_error_errno(r, "Cannot set up reading the journal back: %m");
        m->control.sink_trouble = &m->sink_trouble;
        m->control.started_usec = clock_usec();
        m->control.stop = on_stop;
        m->control.stop_userdata = m;
        m->control.reload = on_reload;
        m->control.reload_userdata = m;
        r = set_verify_options(m, options);
        if (r < 0)
                return r;
        r = open_server(m, socket, ret_exit);
        if (r < 0)
                return r;
        r = fleet_new(m->event, TAKE_PTR(owned), m->sink, m->machine, buffer_string(&m->no_machine),
                      &m->fleet);
        if (r == -EOPNOTSUPP) { /* it was said what */
                *ret_exit = EX_CONFIG;
                return r;
        }
        if (r < 0)
                return log_error_errno(r, "Cannot set up the producers and groups: %m");
        m->control.fleet = m->fleet;
        r = notify_new(m->event, &m->control, &m->notify);
        if (r < 0)
                return r;
        r = reload_new(&m->control, m->notify, options->config_file, &m->reload);
        if (r < 0)
                return r;
        sink_set_handlers(m->sink, on_sink_ready, on_sink_trouble, m);
        r = write_bootstrap_file(m, socket);
        if (r < 0)
                log_warning_errno(
                        r, "Cannot write the embedded broker's address beside '%s': %m, ignoring",
                        socket);
        *ret = TAKE_PTR(m);
        return 0;
}

Manager *manager_free(Manager *m) {
        if (!m)
                return NULL;
        server_free(m->server);
        control_context_done(&m->control);
        notify_free(m->notify);
        fleet_free(m->fleet);
        reload_free(m->reload);
        machine_free(m->machine);
        buffer_done(&m->no_machine);
        sink_free(m->sink);
        for (size_t i = 0; i < ELEMENTSOF(m->signals); i++)
                sd_event_source_disable_unref(m->signals[i]);
        sd_event_source_disable_unref(m->closed);
        if (m->bootstrap_file)
                (void) unlink(m->bootstrap_file);
        free(m->bootstrap_file);
        for (size_t i = 0; i < ELEMENTSOF(m->verify_options); i++)
                free(m->verify_options[i]);
        sd_event_unref(m->event);
        free(m);
        return NULL;
}

int manager_run(Manager *m, bool *ret_clean) {
        const Cluster *cluster = m->fleet->context.cluster;
        const RecordField fields[] = {{"CRIER_BOOTSTRAP", cluster->bootstrap}, {NULL}};
        int r;

        record_write(m->sink, RECORD_STARTED, fields,
                     "Started with %u producers and %u groups on %s %s", m->fleet->n_producers,
                     m->fleet->n_groups, cluster->embedded ? "the embedded broker," : "the cluster",
                     cluster->bootstrap);
        fleet_start(m->fleet);
        notify_state(m->notify, "READY=1");
        r = sd_event_loop(m->event);
        *ret_clean = m->clean;
        if (r < 0) {
                log_error_errno(r, "The event loop failed: %m");
                return EXIT_FAILURE;
        }
        return r;
}
