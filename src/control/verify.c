/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The method that holds the journal against the broker: runs `crierd --verify` as a child and
 * passes on what it tells. One at a time; it ends when its client goes away, when it says nothing
 * for too long, and when its time is up. See io.crier.Control.varlink, and verify/ for what the
 * child does.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "common/clock.h"
#include "common/iso-time.h"
#include "control/operation.h"
#include "control/refusal.h"

#define TIMEOUT_S 3600
#define TELL_USEC (500 * USEC_PER_MSEC)

/* It says how far it is twice a second, but for when a broker is slow to answer. */
#define SILENCE_USEC (60 * USEC_PER_SEC)

/* A line is a partition at most. */
#define LINE_MAX_BYTES ((size_t) 64 * 1024)
#define READ_SIZE ((size_t) 16 * 1024)

/* What a reply may hold: partitions where all is well are left out first. */
#define CLEAN_BYTES ((size_t) 1024 * 1024)
#define FAULTY_BYTES ((size_t) 3 * 1024 * 1024)

typedef struct Verifier {
        ControlContext *context;
        Request *request; /* NULL: nobody waits for it any more */
        pid_t pid;        /* 0: it is gone */
        int process;      /* a pidfd */
        int output;
        sd_event_source *exit_source;
        sd_event_source *output_source;
        sd_event_source *timer;
        Buffer line; /* whose end is missing */
        uint64_t started_usec;
        uint64_t heard_usec;
        uint64_t deadline_usec;

        bool ended; /* it has said that all is done */
        bool clean;
        json_t *failure; /* it has said why it cannot */
        json_t *partitions;
        size_t bytes;
        json_int_t omitted, done, total, read;
} Verifier;

/* ---- replies ---- */

static json_t *verifier_describe(const Verifier *v) {
        uint64_t ms = (clock_usec() - v->started_usec) / USEC_PER_MSEC;

        return json_pack("{s:o, s:O, s:I, s:I, s:I, s:I, s:I}", "clean",
                         v->ended ? json_boolean(v->clean) : json_null(), "partitions",
                         v->partitions, "omitted", v->omitted, "done", v->done, "total", v->total,
                         "read", v->read, "duration_ms", (json_int_t) ms);
}

static void verifier_reply(Verifier *v, const char *error, json_t *parameters) {
        Request *request = TAKE_PTR(v->request);

        if (request)
                request_reply(request, error, parameters);
        else
                json_decref(parameters);
}

static void verifier_fail(Verifier *v, const char *text, const char *advice) {
        verifier_reply(v, PROTOCOL_INTERFACE ".Failed",
                       json_pack("{s:s, s:s}", "text", text, "advice", advice));
}

/* The replies while it runs have no partitions: the last one has all. */
static void verifier_tell(Verifier *v) {
        json_t *reply;

        if (!v->request || !request_can_continue(v->request))
                return;
        reply = verifier_describe(v);
        if (reply)
                json_object_set_new(reply, "partitions", json_array());
        if (reply)
                (void) request_continue(v->request, reply);
}

/* ---- the child's lines ---- */

static void take_partition(Verifier *v, json_t *line, size_t size) {
        size_t limit = json_is_true(json_object_get(line, "clean")) ? CLEAN_BYTES : FAULTY_BYTES;

        v->done++;
        json_object_del(line, "kind");
        if (v->bytes + size > limit) {
                v->omitted++;
                return;
        }
        v->bytes += size;
        json_array_append(v->partitions, line);
}

static void take_line(Verifier *v, const char *text, size_t size) {
        _cleanup_json_ json_t *line = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
        const char *kind = json_string_value(json_object_get(line, "kind"));

        v->heard_usec = clock_usec();
        if (!kind)
                return;
        if (streq(kind, "partition"))
                take_partition(v, line, size);
        else if (streq(kind, "progress")) {
                v->total = json_integer_value(json_object_get(line, "total"));
                v->read = json_integer_value(json_object_get(line, "read"));
        } else if (streq(kind, "end")) {
                v->ended = true;
                v->clean = json_is_true(json_object_get(line, "clean"));
                v->total = v->done;
                v->read = json_integer_value(json_object_get(line, "read"));
        } else if (streq(kind, "failure"))
                v->failure = json_incref(line);
}

static void take_bytes(Verifier *v, const char *bytes, size_t n) {
        while (n > 0) {
                const char *newline = memchr(bytes, '\n', n);
                size_t size = newline ? (size_t) (newline - bytes) : n;

                if (v->line.size + size <= LINE_MAX_BYTES)
                        buffer_append(&v->line, bytes, size);
                if (!newline)
                        return;
                take_line(v, buffer_string(&v->line), v->line.size);
                buffer_clear(&v->line);
                bytes += size + 1;
                n -= size + 1;
        }
}

/* Takes a piece. Returns whether there may be more. */
static bool read_output(Verifier *v) {
        char bytes[READ_SIZE];
        ssize_t n = read(v->output, bytes, sizeof(bytes));

        if (n < 0 && errno == EINTR)
                return true;
        if (n > 0)
                take_bytes(v, bytes, (size_t) n);
        else if (n == 0)
                (void) sd_event_source_set_enabled(v->output_source, SD_EVENT_OFF);
        return n > 0;
}

static int on_output(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        (void) read_output(userdata);
        return 0;
}

/* ---- its end ---- */

static Verifier *verifier_free(Verifier *v) {
        if (!v)
                return NULL;
        if (v->context->verifier == v)
                v->context->verifier = NULL;
        sd_event_source_disable_unref(v->exit_source);
        sd_event_source_disable_unref(v->output_source);
        sd_event_source_disable_unref(v->timer);
        closep(&v->process);
        closep(&v->output);
        buffer_done(&v->line);
        json_decref(v->failure);
        json_decref(v->partitions);
        free(v);
        return NULL;
}
DEFINE_CLEANUP(Verifier *, verifier_free);

static void verifier_kill(const Verifier *v) {
        if (v->pid > 0)
                (void) kill(v->pid, SIGKILL);
}

static void reply_end(Verifier *v, const siginfo_t *how) {
        _cleanup_buffer_ Buffer text = {0};
        const char *why = json_string_value(json_object_get(v->failure, "text"));
        const char *advice = json_string_value(json_object_get(v->failure, "advice"));

        if (v->ended) {
                verifier_reply(v, NULL, verifier_describe(v));
                return;
        }
        if (why) {
                verifier_fail(v, why, advice ? advice : "");
                return;
        }
        buffer_appendf(&text, "crierd --verify ended early, %s %d",
                       how->si_code == CLD_EXITED ? "with exit status" : "by signal",
                       how->si_status);
        verifier_fail(v, buffer_string(&text),
                      "See what it says: journalctl -u crierd.service; and whether the "
                      "configuration is good: crierd --check-config");
}

static int on_exit_of_child(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Verifier *v = userdata;
        siginfo_t how = {0};

        if (waitid(P_PIDFD, (id_t) v->process, &how, WEXITED | WNOHANG) < 0 || how.si_pid == 0)
                return 0;
        v->pid = 0;
        /* What it has said last is no more than a pipe holds. */
        while (read_output(v))
                ;
        reply_end(v, &how);
        verifier_free(v);
        return 0;
}

static void on_gone(void *userdata) {
        Verifier *v = userdata;

        v->request = NULL;
        verifier_kill(v);
}

static void reply_late(Verifier *v) {
        json_t *reached = verifier_describe(v);

        verifier_reply(v, PROTOCOL_INTERFACE ".TimedOut",
                       json_pack("{s:s, s:s, s:o}", "text",
                                 "The time was up before all was checked", "advice",
                                 "Give it longer with --timeout, or less to do: one "
                                 "group, or --since",
                                 "reached", reached ? reached : json_object()));
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Verifier *v = userdata;
        uint64_t now = clock_usec();

        if (v->request && now >= v->deadline_usec)
                reply_late(v);
        else if (v->request && now - v->heard_usec >= SILENCE_USEC)
                verifier_fail(v, "crierd --verify has said nothing for a minute, and was ended",
                              "See what it says: journalctl -u crierd.service");
        if (!v->request) {
                verifier_kill(v);
                return 0;
        }
        verifier_tell(v);
        (void) sd_event_source_set_time_relative(source, TELL_USEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

void verify_end(ControlContext *c) {
        Verifier *v = c->verifier;

        if (!v)
                return;
        verifier_fail(v, "crierd has stopped", "Start it: systemctl start crierd.service");
        verifier_kill(v);
}

void verify_done(ControlContext *c) {
        if (!c->verifier)
                return;
        verifier_kill(c->verifier);
        verifier_free(c->verifier);
}

/* ---- its beginning ---- */

/* The arguments, which point into `texts`; the daemon's own, and what is asked for. */
typedef struct Arguments {
        const char *argv[16];
        size_t n;
        Buffer texts[3];
} Arguments;

static void arguments_done(Arguments *a) {
        for (size_t i = 0; i < ELEMENTSOF(a->texts); i++)
                buffer_done(&a->texts[i]);
}

static void add_option(Arguments *a, size_t text, const char *name, const char *value) {
        if (!value)
                return;
        buffer_appendf(&a->texts[text], "--%s=%s", name, value);
        a->argv[a->n++] = buffer_string(&a->texts[text]);
}

static void make_arguments(const ControlContext *c, const Request *request, Arguments *a) {
        *a = (Arguments){.argv = {"crierd", "--verify"}, .n = 2};
        for (size_t i = 0; i < ELEMENTSOF(c->verify_options) && c->verify_options[i]; i++)
                a->argv[a->n++] = c->verify_options[i];
        add_option(a, 0, "bootstrap", c->fleet->context.cluster->bootstrap);
        add_option(a, 1, "group", request_string(request, "group"));
        add_option(a, 2, "since", request_string(request, "since"));
}

/* Nothing of ours but the pipe and standard error; signals as a program expects them. */
static int spawn(const Arguments *a, int output, pid_t *ret) {
        posix_spawn_file_actions_t files;
        posix_spawnattr_t attributes;
        sigset_t none, pipe_only;
        int r;

        sigemptyset(&none);
        sigemptyset(&pipe_only);
        sigaddset(&pipe_only, SIGPIPE);
        r = posix_spawn_file_actions_init(&files);
        if (r != 0)
                return -r;
        r = posix_spawnattr_init(&attributes);
        if (r == 0)
                r = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY,
                                                     0);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
        if (r == 0)
                r = posix_spawnattr_setflags(&attributes,
                                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        if (r == 0)
                r = posix_spawnattr_setsigmask(&attributes, &none);
        if (r == 0)
                r = posix_spawnattr_setsigdefault(&attributes, &pipe_only);
        if (r == 0)
                r = posix_spawn(ret, "/proc/self/exe", &files, &attributes,
                                (char *const *) (uintptr_t) a->argv, environ);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&files);
        return -r;
}

static int verifier_spawn(Verifier *v, const Request *request) {
        _cleanup_(arguments_done) Arguments a = {0};
        _cleanup_close_ int other = -1;
        int ends[2], r;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        v->output = ends[0];
        other = ends[1];
        make_arguments(v->context, request, &a);
        r = fcntl(v->output, F_SETFL, O_NONBLOCK) < 0 ? -errno : spawn(&a, other, &v->pid);
        if (r < 0) {
                v->pid = 0;
                return r;
        }
        v->process = pidfd_open(v->pid, 0);
        return v->process < 0 ? -errno : 0;
}

static int verifier_watch(Verifier *v) {
        sd_event *event = v->context->fleet->context.event;
        int r;

        r = sd_event_add_io(event, &v->output_source, v->output, EPOLLIN, on_output, v);
        if (r >= 0)
                r = sd_event_add_io(event, &v->exit_source, v->process, EPOLLIN, on_exit_of_child,
                                    v);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &v->timer, CLOCK_MONOTONIC, TELL_USEC,
                                               USEC_PER_MSEC, on_timer, v);
        return r;
}

/* Ends a child that cannot be watched. */
static void verifier_reap(Verifier *v) {
        verifier_kill(v);
        if (v->pid > 0)
                (void) waitpid(v->pid, NULL, 0);
}

static int verify_begin(ControlContext *c, Request *request) {
        json_int_t ms = request_integer(request, "timeout_ms", (json_int_t) TIMEOUT_S * 1000);
        _cleanup_(verifier_freep) Verifier *v = calloc(1, sizeof(*v));
        int r;

        if (!v)
                return -ENOMEM;
        v->context = c;
        v->process = v->output = -1;
        v->started_usec = v->heard_usec = clock_usec();
        v->deadline_usec = v->started_usec + (uint64_t) ms * USEC_PER_MSEC;
        v->partitions = json_array();
        if (!v->partitions)
                return -ENOMEM;
        r = verifier_spawn(v, request);
        if (r >= 0)
                r = verifier_watch(v);
        if (r < 0) {
                verifier_reap(v);
                return r;
        }
        v->request = request;
        c->verifier = v;
        request_keep(request, on_gone, TAKE_PTR(v));
        return REQUEST_KEPT;
}

const ControlParameter parameters_verify[] = {
        {"group", CONTROL_STRING},
        {"since", CONTROL_STRING},
        {"timeout_ms", CONTROL_INTEGER, .min = 1, .max = OPERATION_TIMEOUT_MAX_MS},
        {NULL},
};

int method_verify(void *userdata, Request *request, json_t **ret_parameters,
                  const char **ret_error) {
        ControlContext *c = userdata;
        const char *group = request_string(request, "group");
        const char *since = request_string(request, "since");
        _cleanup_buffer_ Buffer text = {0};
        int64_t ms;

        if (group && !fleet_find_group(c->fleet, group))
                return refuse_group(c->fleet, group, ret_parameters, ret_error);
        if (since && !iso_time_parse(since, &ms)) {
                buffer_appendf(&text, "'%s' is not a time", since);
                return refuse_value(ret_parameters, ret_error, "since", buffer_string(&text),
                                    "Give one like 2026-01-31T12:00:00Z");
        }
        if (c->stopping)
                return refuse_with(ret_parameters, ret_error, PROTOCOL_INTERFACE ".Failed",
                                   "crierd is stopping", "Try again when it runs");
        if (c->verifier)
                return refuse_with(ret_parameters, ret_error, PROTOCOL_INTERFACE ".Busy",
                                   "Another verification is under way", "Try again later");
        return verify_begin(c, request);
}
