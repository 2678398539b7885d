/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crierd: reads its options and configuration, then lets the manager run. crierd(8).
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>

#include "common/log.h"
#include "config.h"
#include "config/load.h"
#include "crierd/manager.h"
#include "journal/record.h"
#include "journal/writer.h"
#include "kafka/client.h"
#include "verify/verify.h"

#define STATE_DIRECTORY "/var/lib/crier"
#define TIMER_SLACK_NSEC 2000000UL

static const char *arg_config = NULL;
static bool arg_check_config = false;
static ManagerOptions arg_options = {
        .sink = SINK_CHOICE_AUTO,
        .journal_socket = JOURNAL_SOCKET,
        .state_directory = STATE_DIRECTORY,
};
static bool arg_verify = false;
static VerifyOptions arg_verify_options = {0};

static const char usage[] =
        "crierd [OPTION...]\n\n"
        "Runs the Kafka producers and consumer groups that its configuration describes and writes "
        "every\n"
        "consumed event to the systemd journal.\n\n"
        "  -c, --config=FILE          read only FILE, not " SYSCONFDIR
        "/crier/crierd.conf and .conf.d\n"
        "      --check-config         check the configuration, print what is wrong, and exit\n"
        "      --sink=SINK            where events go: journal, stdout or auto (default)\n"
        "  -s, --socket=PATH          the control socket, instead of control.socket\n"
        "      --journal-socket=PATH  the journal's native socket (default " JOURNAL_SOCKET ")\n"
        "      --journal-directory=DIR  where that journald keeps its files, to read them back\n"
        "      --state-directory=DIR  for locks (default $STATE_DIRECTORY or " STATE_DIRECTORY ")\n"
        "  -v, --verbose              also say what librdkafka says\n"
        "      --verify               hold the journal against the broker, print what is found as\n"
        "                             JSON lines, and exit: 0 where all is well, 1 otherwise\n"
        "      --group=GROUP          with --verify: only this group\n"
        "      --since=TIME           with --verify: only events that are not older\n"
        "      --bootstrap=ADDRESS    with --verify: the brokers, instead of cluster.bootstrap\n"
        "  -h, --help                 print this and exit\n"
        "      --version              print the version and exit\n\n"
        "See crierd(8), crierd.conf(5) and crierctl(1).\n";

enum {
        ARG_CHECK_CONFIG = 0x100,
        ARG_SINK,
        ARG_JOURNAL_SOCKET,
        ARG_JOURNAL_DIRECTORY,
        ARG_STATE_DIRECTORY,
        ARG_VERIFY,
        ARG_GROUP,
        ARG_SINCE,
        ARG_BOOTSTRAP,
        ARG_VERSION,
};

static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"check-config", no_argument, NULL, ARG_CHECK_CONFIG},
        {"sink", required_argument, NULL, ARG_SINK},
        {"socket", required_argument, NULL, 's'},
        {"journal-socket", required_argument, NULL, ARG_JOURNAL_SOCKET},
        {"journal-directory", required_argument, NULL, ARG_JOURNAL_DIRECTORY},
        {"state-directory", required_argument, NULL, ARG_STATE_DIRECTORY},
        {"verify", no_argument, NULL, ARG_VERIFY},
        {"group", required_argument, NULL, ARG_GROUP},
        {"since", required_argument, NULL, ARG_SINCE},
        {"bootstrap", required_argument, NULL, ARG_BOOTSTRAP},
        {"verbose", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, ARG_VERSION},
        {NULL},
};

/* Returns 0 to stop with *ret_exit, 1 to go on. */
static int parse_option(int c, int *ret_exit) {
        *ret_exit = EXIT_SUCCESS;
        switch (c) {
        case 'c':
                arg_config = optarg;
                return 1;
        case ARG_CHECK_CONFIG:
                arg_check_config = true;
                return 1;
        case ARG_SINK:
                arg_options.sink = sink_choice_from_string(optarg);
                if (arg_options.sink != SINK_CHOICE_INVALID)
                        return 1;
                log_error("There is no sink '%s': it is auto, journal or stdout.", optarg);
                break;
        case 's':
                arg_options.control_socket = optarg;
                return 1;
        case ARG_JOURNAL_SOCKET:
                arg_options.journal_socket = optarg;
                return 1;
        case ARG_JOURNAL_DIRECTORY:
                arg_options.journal_directory = optarg;
                return 1;
        case ARG_STATE_DIRECTORY:
                arg_options.state_directory = optarg;
                return 1;
        case ARG_VERIFY:
                arg_verify = true;
                return 1;
        case ARG_GROUP:
                arg_verify_options.group = optarg;
                return 1;
        case ARG_SINCE:
                arg_verify_options.since = optarg;
                return 1;
        case ARG_BOOTSTRAP:
                arg_verify_options.bootstrap = optarg;
                return 1;
        case 'v':
                log_open("crierd", LOG_DEBUG);
                return 1;
        case 'h':
                fputs(usage, stdout);
                return 0;
        case ARG_VERSION:
                puts("crierd " PACKAGE_VERSION);
                return 0;
        default:
                break;
        }
        log_error("Try 'crierd --help'.");
        *ret_exit = 2;
        return 0;
}

static int parse_options(int argc, char **argv, int *ret_exit) {
        int c;

        while ((c = getopt_long(argc, argv, "c:s:vh", options, NULL)) >= 0)
                if (!parse_option(c, ret_exit))
                        return 0;
        *ret_exit = 2;
        if (!arg_verify && (arg_verify_options.group || arg_verify_options.since ||
                            arg_verify_options.bootstrap)) {
                log_error("--group, --since and --bootstrap go with --verify. "
                          "Try 'crierd --help'.");
                return 0;
        }
        if (optind == argc)
                return 1;
        log_error("crierd takes no arguments, only options: '%s'. Try 'crierd --help'.",
                  argv[optind]);
        return 0;
}

static int load(Config **ret) {
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_buffer_ Buffer errors = {0};
        int r;

        r = config_load(arg_config, &config, &errors);
        if (r >= 0 && !client_check_config(config, &errors))
                r = -EINVAL;
        if (r < 0) {
                fputs(buffer_string(&errors), stderr);
                return r;
        }
        *ret = TAKE_PTR(config);
        return 0;
}

/* Before any thread exists: all of them inherit it, and the loop reads the signals. */
static void set_signals(void) {
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGHUP);
        sigprocmask(SIG_BLOCK, &set, NULL);
        signal(SIGPIPE, SIG_IGN);
}

/* Partitions, clients and journal files need more than the 1,024 that a process is given at first
 * for the sake of select(2), which nobody here calls. */
static void raise_descriptors(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
                return;
        limit.rlim_cur = limit.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &limit);
}

/* What is opened next would take the place of a standard stream that is closed, and be written to
 * as one. */
static void open_standard_streams(void) {
        int fd;

        do
                fd = open("/dev/null", O_RDWR);
        while (fd >= 0 && fd <= STDERR_FILENO);
        closep(&fd);
}

static int run(Config *config) {
        Manager *m = NULL;
        bool clean = false;
        int exit_code;

        arg_options.config_file = arg_config;
        if (manager_new(config, &arg_options, &m, &exit_code) < 0)
                return exit_code;
        exit_code = manager_run(m, &clean);
        manager_free(m);
        if (!clean) {
                /* Threads of librdkafka may still run: exit(3) would take their libraries away. */
                fflush(NULL);
                _exit(exit_code);
        }
        return exit_code;
}

/* Ends at any signal, as a program does that changes nothing. */
static int verify(void) {
        _cleanup_(config_freep) Config *config = NULL;

        if (load(&config) < 0)
                return EX_CONFIG;
        arg_verify_options.journal_directory = arg_options.journal_directory;
        arg_verify_options.rewritten[0] = record_message_id(RECORD_ENTRIES_LOST);
        arg_verify_options.rewritten[1] = record_message_id(RECORD_PARTITION_RECOVERED);
        return verify_run(config, &arg_verify_options);
}

int main(int argc, char **argv) {
        _cleanup_(config_freep) Config *config = NULL;
        int exit_code;

        open_standard_streams();
        /* Memory has secrets: no process of the same user may read it, and no core has it. */
        prctl(PR_SET_DUMPABLE, 0);
        log_open("crierd", LOG_INFO);
        /* systemd.exec(5), StateDirectory=: there is one. */
        if (getenv("STATE_DIRECTORY"))
                arg_options.state_directory = getenv("STATE_DIRECTORY");
        if (!parse_options(argc, argv, &exit_code))
                return exit_code;
        raise_descriptors();
        if (arg_verify)
                return verify();
        if (!arg_check_config)
                set_signals();
        /* Each client has several threads, which allocate little: an arena for each would be most
         * of the daemon's memory. */
        mallopt(M_ARENA_MAX, 2);
        /* librdkafka's main threads sleep in whole milliseconds and spin for what is left of one,
         * which is most of an idle daemon's processor time; waking a little late spares them that.
         * Events do not wait for timers. */
        prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NSEC);
        if (load(&config) < 0)
                return EX_CONFIG;
        if (arg_check_config) {
                puts("The configuration is good.");
                return EXIT_SUCCESS;
        }
        return run(TAKE_PTR(config));
}
