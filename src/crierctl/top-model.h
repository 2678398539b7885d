/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * What `crierctl top` knows: the rows that the newest status has, their history, which one is
 * selected, and what there is to say. Pure: no terminal, no socket, no clock.
 */

#include "crierctl/status.h"

/* So many seconds of history, one value each. */
#define TOP_HISTORY 30

/* More rows than anybody can look at are left out. */
#define TOP_ROWS_MAX 10000

typedef struct TopHistory {
        double values[TOP_HISTORY]; /* oldest first */
        size_t n;
} TopHistory;

typedef enum TopKind {
        TOP_PRODUCER,
        TOP_GROUP,
        TOP_CONSUMER,
} TopKind;

/* The columns, the same for all kinds of rows. */
typedef enum TopColumn {
        TOP_NAME,
        TOP_WHAT,   /* a producer's topic, the partitions of the others */
        TOP_SIZE,   /* a producer's rate, how many consumers a group has */
        TOP_BEHIND, /* queued, or lag */
        TOP_SPEED,  /* events per second */
        TOP_STATE,
        TOP_COLUMNS,
} TopColumn;

typedef struct TopRow {
        TopKind kind;
        char *name; /* as the daemon has it: of the producer or group; a consumer has its group's */
        int64_t number; /* a consumer's; else -1 */
        bool paused;
        bool empty;               /* a group without consumers */
        char *cells[TOP_COLUMNS]; /* safe text, NULL where there is none */
        TopHistory history;       /* events per second */
} TopRow;

/* A piece of the head line: a state in its colour, and what stands around it. Safe text. */
typedef struct TopPart {
        Buffer before, state, after;
} TopPart;

enum { TOP_PART_DAEMON, TOP_PART_CLUSTER, TOP_PART_SINK, TOP_PARTS };

typedef enum TopContact {
        TOP_STARTING, /* nothing has come yet */
        TOP_LIVE,
        TOP_SILENT, /* no answer; what there was is still shown */
        TOP_GONE,   /* nothing runs there */
} TopContact;

typedef struct TopModel {
        TopContact contact;
        Buffer problem, advice; /* safe text, of TOP_SILENT and TOP_GONE */
        TopPart parts[TOP_PARTS];
        TopRow *rows; /* producers, then each group with its consumers behind it */
        size_t n_rows, n_producers;
        size_t left_out;
        Buffer troubles;    /* safe text, see top_troubles_append() */
        uint64_t uptime_ms; /* the daemon's, at the newest status */
        TopHistory entries; /* how many entries the sink had, and … */
        TopHistory uptimes; /* … when, by the daemon's uptime in ms */

        /* Which row is selected, where there are rows; the key outlives them. */
        size_t selected;
        TopKind selected_kind;
        char *selected_name;
        int64_t selected_number;
        size_t scroll; /* the first line of the body that is shown; top-draw.c moves it */

        Buffer message; /* safe text, until the next key */
        bool failed;    /* the message is an error */
        bool frozen, help;
        const char *
                ask_method; /* "Kill" or "Remove" of consumer `ask_number`, to be answered y or n */
        int64_t ask_number;
} TopModel;

void top_model_done(TopModel *m);
#define _cleanup_top_model_ _cleanup_(top_model_done)

/* Takes a reply of Status, which may be any JSON; what has not status_shape is a problem that is
 * shown. `now_ms` is the time since 1970. */
void top_model_take(TopModel *m, const json_t *status, int64_t now_ms);

/* Takes a status that did not come. Where nothing runs all rows go. */
void top_model_fail(TopModel *m, Failure *f);

/* The selected row, or NULL where there are no rows. */
const TopRow *top_model_selected(const TopModel *m);

/* Selects another row: so many further down, up where negative. */
void top_model_select(TopModel *m, int64_t by);

/* The message line: what an answer to a command says, or its failure. */
void top_model_answer(TopModel *m, const json_t *reply);
void top_model_refuse(TopModel *m, Failure *f);
void top_model_say(TopModel *m, bool failed, const char *format, ...) _printf_(3, 4);

/* Appends a value a second to a history; the oldest falls out. `again` replaces the newest instead.
 */
void top_history_add(TopHistory *h, double value, bool again);
