/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Moving a group to another place in a topic while it runs: waits until the group is stable, looks
 * up where that is, moves the positions of the consumers that own the partitions, and has them
 * committed. Partitions that are not owned by ours are not moved. A group has one seek at a time.
 */

#include "kafka/group.h"

typedef enum SeekTo {
        SEEK_EARLIEST,
        SEEK_LATEST,
        SEEK_OFFSET,
        SEEK_TIME,
} SeekTo;

typedef enum SeekState {
        SEEK_WAITING, /* for the group to be stable */
        SEEK_LOOKING, /* the log is being asked */
        SEEK_MOVED,   /* the new positions are not committed yet */
        SEEK_DONE,
        SEEK_REFUSED, /* it cannot be: see `problem` */
} SeekState;

typedef struct SeekMove {
        int32_t partition;
        int64_t before; /* -1: there was no position */
        int64_t after;  /* -1: not known yet */
        bool committed;
} SeekMove;

typedef struct Seek {
        Group *group;
        char *topic;
        int32_t partition; /* -1: all */
        SeekTo to;
        int64_t value; /* an offset, or milliseconds since 1970 */

        SeekState state;
        unsigned lookups;    /* under way */
        bool abandoned;      /* nobody's any more: gone with the last look-up */
        uint64_t until_usec; /* when it is given up, if nothing has moved by then */
        uint64_t again_usec; /* when a look-up that failed is tried again; 0: at once */
        SeekMove *moves;
        unsigned n_moves;
        char problem[300];
} Seek;

/* Begins one; the group owns it. Returns -EBUSY while another one of the group is under way, or
 * -ENOMEM. */
int seek_begin(Group *g, const char *topic, int32_t partition, SeekTo to, int64_t value);
/* While look-ups are under way it stays for them, and nobody else may look into it. Returns NULL.
 */
Seek *seek_free(Seek *s);

/* Goes on, where it can: to be called about once a second, and oftener by whoever waits. */
void seek_step(Seek *s, uint64_t now);
