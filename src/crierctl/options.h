/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The command line of crierctl: one table of options, which makes the parser, --help and the
 * completion. Not for what an option does.
 */

#include <stdbool.h>

#include "crierctl/failure.h"

/* A command line, taken apart. All texts stay in argv. Begin with options_init(), end with
 * options_done(). */
typedef struct Options {
        const char *socket;
        const char *host;
        bool json;
        bool no_legend;
        double timeout_s; /* 0: the verb's */
        bool help;
        bool version;
        bool complete;
        bool no_block;
        bool follow;
        bool tombstone;
        const char *key;
        const char *group;
        const char *topic;
        const char *since;
        int64_t partition; /* these are -1 where they are not given */
        int64_t consumer;
        int64_t lines;
        const char **headers; /* "NAME=VALUE" */
        size_t n_headers;
        const char **arguments; /* the verb and its arguments; NULL-terminated */
        size_t n_arguments;
        uint64_t given; /* a bit for each row of option_rows[] */
        char **words; /* the options as they would be given again, each one word, but for --host */
        size_t n_words;
} Options;

typedef enum OptionKind {
        OPTION_FLAG,
        OPTION_TEXT,
        OPTION_NUMBER, /* 0 to INT32_MAX */
        OPTION_SECONDS,
        OPTION_HEADER,
} OptionKind;

typedef struct OptionRow {
        const char *name;
        char letter; /* 0: none */
        OptionKind kind;
        const char *argument; /* what the value is, or NULL; completion knows some of the words */
        const char *verbs;    /* that take it, with blanks between; NULL: all do */
        const char *help;     /* NULL: not for people */
        size_t offset;        /* in Options */
} OptionRow;

/* Ends with a row without a name. Rows for the same verbs stand together. */
extern const OptionRow option_rows[];

void options_init(Options *o);
void options_done(Options *o);
#define _cleanup_options_ _cleanup_(options_done)

/* Takes the command line apart. Options may stand before and behind the verb, and what begins like
 * a negative number is an argument. Returns 0 or an exit code. */
int options_parse(Options *o, int argc, char **argv, Failure *f);

/* Whether the verb takes all options that are given. Returns 0 or an exit code. */
int options_check(const Options *o, const char *verb, Failure *f);

/* Whether the option belongs to the verb. */
bool option_takes(const OptionRow *row, const char *verb);

/* Appends the part of --help that explains them. */
void options_help(Buffer *out);
