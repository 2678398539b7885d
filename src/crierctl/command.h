/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What all verbs share: calling the daemon for one, waiting for an effect, and showing the reply.
 * Which function is which verb's is in command.c too.
 */

#include "crierctl/options.h"
#include "crierctl/output.h"
#include "crierctl/shape.h"
#include "protocol/varlink.h"
#include "protocol/verbs.h"

typedef struct Command {
        const Verb *verb;
        const char **arguments; /* behind the verb, as many as its synopsis allows */
        size_t n_arguments;
        const Options *options;
        OutputStyle style;
        Failure *failure;
        json_t *before; /* what was there before a change, where its picture says that */
} Command;

/* A verb's function. Returns an exit code, after failure_set() where something failed. */
typedef int (*VerbRun)(Command *c);

int verb_status(Command *c);
int verb_producers(Command *c);
int verb_groups(Command *c);
int verb_consumers(Command *c);
int verb_topics(Command *c);
int verb_keys(Command *c);
int verb_tail(Command *c);
int verb_verify(Command *c);
int verb_top(Command *c);
int verb_scale(Command *c);
int verb_remove(Command *c);
int verb_kill(Command *c);
int verb_pause(Command *c);
int verb_resume(Command *c);
int verb_rate(Command *c);
int verb_produce(Command *c);
int verb_seek(Command *c);
int verb_reload(Command *c);
int verb_log_level(Command *c);
int verb_stop(Command *c);
int verb_fault(Command *c);
int verb_call(Command *c);

/* Runs the verb that the arguments name, or the first. Returns an exit code. */
int command_run(const Options *o, Failure *f);

/* What a picture is made of: appends it. */
typedef void (*Draw)(const Command *c, const json_t *reply, Buffer *out);

/* A failure about what was typed: FAILURE_BAD_VALUE with the verb's synopsis as advice. */
int command_bad_value(Command *c, const char *format, ...) _printf_(2, 3);

/* Calls the verb's method, and checks that the reply has that shape. `parameters` is taken over;
 * NULL stands for text that is not UTF-8. Returns 0 and a new reference, or an exit code. */
int command_call(Command *c, json_t *parameters, const Shape *shape, json_t **ret_reply);

/* The same with another method of io.crier.Control. */
int command_call_method(Command *c, const char *method, json_t *parameters, const Shape *shape,
                        json_t **ret_reply);

/* Checks a reply. Returns 0 or an exit code. */
int command_check(Command *c, const Shape *shape, const json_t *reply);

/* Shows a reply: as it is for --json, else the picture. */
int command_show(const Command *c, const json_t *reply, Draw draw);

/* Calls the verb's method and shows the reply. */
int command_look(Command *c, json_t *parameters, const Shape *shape, Draw draw);

/* How a change is shown. */
typedef struct Change {
        const Shape *shape;
        Draw draw;
        /* What is waited for and how far it is: "the group: 5 of 7 consumers". */
        Draw progress;
} Change;

/* Calls the verb's method, waits for the effect unless --no-block is given, and says meanwhile how
 * far it is. What was reached when the time is up becomes part of the failure. Returns 0 and a new
 * reference, or an exit code. */
int command_wait(Command *c, json_t *parameters, const Change *change, json_t **ret_reply);

/* command_wait() and command_show(). */
int command_change(Command *c, json_t *parameters, const Change *change);
