/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * An entry of ours, as it is found in the journal: an event's or a barrier. crierd(8) has the
 * fields.
 */

#include <stdbool.h>
#include <systemd/sd-journal.h>

#include "common/macro.h"

/* Of a longer field only so much is read; what matters here is shorter. */
#define OWN_FIELD_MAX 512

typedef enum OwnKind {
        OWN_NONE, /* something else */
        OWN_EVENT,
        OWN_BARRIER,
} OwnKind;

typedef struct OwnEntry {
        OwnKind kind;
        sd_id128_t id;     /* an event's epoch, or the process that sent the barrier */
        int64_t number;    /* an event's offset, or the barrier's number */
        uint64_t subject;  /* an event's: own_subject() of the group and partition it is for */
        int64_t timestamp; /* an event's; NO_TIMESTAMP: it has none, or not all was read */
        int64_t uid;       /* who has sent it, by journald's word; -1: not all was read */
} OwnEntry;

/* Reads the journal's current entry, whose fields are gone through once: all of them, or as many as
 * it takes to know what it is. With `all`, an event without its message is OWN_NONE: a loss of
 * power has torn it, and libsystemd passes over what is missing. Returns 0, or what
 * sd_journal_enumerate_data(3) says. */
int own_read(sd_journal *j, bool all, OwnEntry *ret);

/* Names a group and a partition in a number, as their entries do. */
uint64_t own_subject(const char *group, const char *topic, int32_t partition);
