/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `crierctl top`: see top.h. One loop over the keyboard, the signals and the calls that are under
 * way. What is known is top-model.c, what is drawn top-draw.c, what keys do top-keys.c; here are
 * the terminal and the time.
 */

#include "crierctl/top.h"

#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>

#include "common/clock.h"
#include "crierctl/top-call.h"
#include "crierctl/top-draw.h"
#include "crierctl/top-keys.h"
#include "protocol/verbs.h"

/* Last: it makes macros of ordinary words. */
#include <term.h>

#define REFRESH_USEC USEC_PER_SEC
#define STATUS_TIMEOUT_USEC (2 * USEC_PER_SEC)
#define COMMAND_TIMEOUT_USEC (5 * USEC_PER_SEC)

/* At the end, commands that were typed may still go so long. */
#define LAST_USEC USEC_PER_SEC

/* So many commands wait for the one before them. */
#define COMMANDS_MAX 32

/* What ncurses waits for the rest of a key's sequence before Esc is Esc. */
#define ESCAPE_MS 50

typedef struct Top {
        const char *socket;
        const OutputStyle *style;
        TopModel model;
        SCREEN *screen;
        int signal_fd;
        sigset_t signals_before;
        TopCall *status, *command; /* under way, or NULL */
        TopCommand waiting[COMMANDS_MAX];
        size_t n_waiting;
        uint64_t next; /* when to ask for the status, CLOCK_MONOTONIC, usec */
        unsigned page;
        bool end;
        int end_signal; /* 0: none */
} Top;

/* ---- the terminal ---- */

static void screen_leave(Top *t) {
        if (!t->screen)
                return;
        endwin();
        delscreen(t->screen);
        t->screen = NULL;
}

static void top_done(Top *t) {
        struct timespec now = {0};
        sigset_t taken;

        screen_leave(t);
        top_call_free(t->status);
        top_call_free(t->command);
        for (size_t i = 0; i < t->n_waiting; i++)
                json_decref(t->waiting[i].parameters);
        top_model_done(&t->model);
        if (t->signal_fd < 0)
                return;
        close(t->signal_fd);
        /* What came since it was read last is for the past as well. */
        sigemptyset(&taken);
        sigaddset(&taken, SIGWINCH);
        sigaddset(&taken, SIGINT);
        sigaddset(&taken, SIGTSTP);
        sigaddset(&taken, SIGCONT);
        while (sigtimedwait(&taken, NULL, &now) > 0)
                continue;
        /* ncurses has handlers of its own for these, whose screen there is no more. */
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        sigprocmask(SIG_SETMASK, &t->signals_before, NULL);
}

/* From here on signals are read, never delivered: nothing of ours or of ncurses runs in a handler.
 */
static int signals_begin(Top *t, Failure *f) {
        static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT};
        sigset_t set;

        sigemptyset(&set);
        for (size_t i = 0; i < ELEMENTSOF(numbers); i++)
                sigaddset(&set, numbers[i]);
        t->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (t->signal_fd < 0)
                return failure_set(f, FAILURE_OTHER, "Cannot wait for signals: %s",
                                   strerror(errno));
        sigprocmask(SIG_BLOCK, &set, &t->signals_before);
        return 0;
}

/* Whether $TERM is a terminal that is known and can be drawn on. newterm() leaks where it is not.
 */
static bool terminal_is_able(void) {
        bool able;
        int error;

        if (setupterm(NULL, STDOUT_FILENO, &error) != OK)
                return false;
        able = tigetstr("cup");
        del_curterm(cur_term);
        return able;
}

static int screen_enter(Top *t, Failure *f) {
        const char *term = getenv("TERM");

        if (terminal_is_able())
                t->screen = newterm(NULL, stdout, stdin);
        if (!t->screen) {
                failure_set(f, FAILURE_USAGE, "Cannot draw on a terminal of the type '%s'",
                            term ? term : "");
                return failure_advise(f, "Set TERM to what it is, TERM=xterm say, or see once: "
                                         "crierctl status");
        }
        set_escdelay(ESCAPE_MS);
        cbreak();
        noecho();
        nonl();
        curs_set(0);
        keypad(stdscr, TRUE);
        nodelay(stdscr, TRUE);
        if (t->style->colour && has_colors()) {
                start_color();
                use_default_colors();
                init_pair(TOP_GREEN, COLOR_GREEN, -1);
                init_pair(TOP_YELLOW, COLOR_YELLOW, -1);
                init_pair(TOP_RED, COLOR_RED, -1);
        }
        return 0;
}

static void put_on_screen(void *userdata, size_t line, size_t column, const char *text,
                          TopLook look) {
        const Top *t = userdata;
        attr_t attributes = (look.bold ? A_BOLD : 0) | (look.reverse ? A_REVERSE : 0);

        attr_set(attributes, t->style->colour && has_colors() ? (short) look.colour : 0, NULL);
        (void) mvaddstr((int) line, (int) column, text);
}

static void draw(Top *t) {
        const TopCanvas canvas = {
                .width = (size_t) MAX(COLS, 0),
                .height = (size_t) MAX(LINES, 0),
                .put = put_on_screen,
                .userdata = t,
        };

        erase();
        t->page = (unsigned) top_draw(&t->model, &canvas);
        refresh();
}

/* ---- calls ---- */

static void status_begin(Top *t) {
        _cleanup_failure_ Failure f = {0};
        int r;

        t->next = clock_usec() + REFRESH_USEC;
        r = top_call_begin(t->socket, PROTOCOL_INTERFACE ".Status", NULL, STATUS_TIMEOUT_USEC,
                           &t->status);
        if (r >= 0)
                return;
        failure_set(&f, FAILURE_OTHER, "Cannot ask crierd: %s", strerror(-r));
        top_model_fail(&t->model, &f);
}

static void status_end(Top *t) {
        _cleanup_failure_ Failure f = {0};
        _cleanup_json_ json_t *status = NULL;
        int r = top_call_result(t->status, &status, &f);

        if (t->model.frozen)
                t->next = 0;
        else if (r == 0)
                top_model_take(&t->model, status, clock_realtime_ms());
        else
                top_model_fail(&t->model, &f);
        t->status = top_call_free(t->status);
}

static void command_begin(Top *t) {
        TopCommand first;
        int r;

        if (t->command || t->n_waiting == 0)
                return;
        first = t->waiting[0];
        t->n_waiting--;
        memmove(t->waiting, t->waiting + 1, t->n_waiting * sizeof(first));
        r = top_call_begin(t->socket, first.method, first.parameters, COMMAND_TIMEOUT_USEC,
                           &t->command);
        if (r < 0)
                top_model_say(&t->model, true, "Cannot ask crierd: %s", strerror(-r));
}

static void command_end(Top *t) {
        _cleanup_failure_ Failure f = {0};
        _cleanup_json_ json_t *reply = NULL;

        if (top_call_result(t->command, &reply, &f) != 0)
                top_model_refuse(&t->model, &f);
        else if (!t->model.ask_method)
                top_model_answer(&t->model, reply);
        t->command = top_call_free(t->command);
        command_begin(t);
        t->next = 0;
}

static void command_add(Top *t, TopCommand command) {
        if (t->n_waiting == COMMANDS_MAX) {
                json_decref(command.parameters);
                top_model_say(&t->model, true, "crierd is still busy with the commands before");
                return;
        }
        t->waiting[t->n_waiting++] = command;
        command_begin(t);
}

/* ---- what happens ---- */

/* All keys that are there. `readable` says that poll(2) has seen something. */
static void on_keys(Top *t, bool readable) {
        bool any = false;

        for (int key; !t->end && (key = getch()) != ERR; any = true) {
                TopCommand command = {0};

                switch (top_key(&t->model, key, t->page, &command)) {
                case TOP_STAY:
                        break;
                case TOP_END:
                        t->end = true;
                        break;
                case TOP_CALL:
                        command_add(t, command);
                        break;
                }
                t->next = 0;
        }
        /* There was something to read, but no byte: the terminal has gone. */
        if (readable && !any)
                t->end = true;
}

static void on_resize(void) {
        struct winsize size;

        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
                resizeterm(size.ws_row, size.ws_col);
}

/* Ctrl-Z: the shell gets its terminal, and gives it back later. */
static void on_stop(void) {
        endwin();
        raise(SIGSTOP);
}

static void on_continue(void) {
        reset_prog_mode();
        on_resize();
        clearok(stdscr, TRUE);
}

static void on_signal(Top *t) {
        struct signalfd_siginfo info;

        while (read(t->signal_fd, &info, sizeof(info)) == sizeof(info))
                switch (info.ssi_signo) {
                case SIGWINCH:
                        on_resize();
                        break;
                case SIGTSTP:
                        on_stop();
                        break;
                case SIGCONT:
                        on_continue();
                        break;
                case SIGINT:
                        t->end = true;
                        break;
                default:
                        t->end = true;
                        t->end_signal = (int) info.ssi_signo;
                }
}

/* Milliseconds until something is due; -1 where only an answer or a key can be. */
static int due_ms(const Top *t) {
        uint64_t now = clock_usec();

        if (t->status || t->model.frozen)
                return -1;
        return t->next > now ? (int) ((t->next - now) / USEC_PER_MSEC) + 1 : 0;
}

static void step(Top *t) {
        struct pollfd fds[] = {
                {.fd = STDIN_FILENO, .events = POLLIN},
                {.fd = t->signal_fd, .events = POLLIN},
                {.fd = t->status ? top_call_fd(t->status) : -1, .events = POLLIN},
                {.fd = t->command ? top_call_fd(t->command) : -1, .events = POLLIN},
        };

        if (poll(fds, ELEMENTSOF(fds), due_ms(t)) < 0)
                return;
        if (fds[1].revents)
                on_signal(t);
        if (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL))
                t->end = true;
        else
                on_keys(t, fds[0].revents);
        if (fds[2].revents)
                status_end(t);
        if (fds[3].revents)
                command_end(t);
        if (!t->status && !t->model.frozen && !t->end && clock_usec() >= t->next)
                status_begin(t);
}

/* What was typed is done, also where "end" was typed right behind it. The terminal is the shell's
 * already. */
static void finish_commands(Top *t) {
        uint64_t until = clock_usec() + LAST_USEC, now;

        while (t->command && (now = clock_usec()) < until) {
                struct pollfd pfd = {.fd = top_call_fd(t->command), .events = POLLIN};

                if (poll(&pfd, 1, (int) ((until - now) / USEC_PER_MSEC) + 1) > 0)
                        command_end(t);
        }
}

static int run(Top *t, Failure *f) {
        int r;

        r = signals_begin(t, f);
        if (r != 0)
                return r;
        r = screen_enter(t, f);
        if (r != 0)
                return r;
        while (!t->end) {
                draw(t);
                step(t);
        }
        screen_leave(t);
        finish_commands(t);
        return 0;
}

int top_run(const char *socket, const OutputStyle *style, Failure *f) {
        Top t = {.socket = socket, .style = style, .signal_fd = -1};
        int r;

        if (style->json || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
                failure_set(f, FAILURE_USAGE, "'top' draws on a terminal, and %s",
                            style->json ? "has no JSON" : "this is none");
                return failure_advise(f, "See the same once: crierctl status%s",
                                      style->json ? " --json" : "");
        }
        r = run(&t, f);
        top_done(&t);
        if (t.end_signal > 0) {
                signal(t.end_signal, SIG_DFL);
                raise(t.end_signal);
        }
        return r;
}
