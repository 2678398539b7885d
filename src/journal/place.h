/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Where the files of the journal are that the sink's journald writes, and whether they can be read.
 * Everything that reads the journal begins here; file.h opens one.
 */

#include <dirent.h>
#include <stdbool.h>
#include <systemd/sd-journal.h>

#include "common/buffer.h"
#include "journal/marker.h"

typedef struct JournalPlace {
        char *directory;  /* NULL: this machine's, below /var/log/journal and /run/log/journal */
        char *name_space; /* journald.conf(5), namespaces; NULL: the default one */
        char *directories[2]; /* with the files; NULL: there is none */
        uid_t uid;            /* whose entries are ours */
        char *current[4];     /* the paths of the files that journald may write our entries to */
} JournalPlace;

/* `directory` may be NULL. The namespace is the one that this process was started in:
 * systemd.exec(5), $LOG_NAMESPACE. Returns 0 or a negative errno; place_done() in any case. */
int place_find(const char *directory, JournalPlace *ret);
void place_done(JournalPlace *p);

/* Whether entries of ours could be read back. Returns 0 or a negative errno; -ENOENT where there is
 * no journal file. */
int place_check(const JournalPlace *p);
/* Why not, and what to do, as a sentence: `error` is what place_check() said. */
void place_explain(const JournalPlace *p, int error, Buffer *why);

/* Adds the match for entries that journald itself says are ours. */
int place_match_own(const JournalPlace *p, sd_journal *j);

/* The journal's name in commits, "MACHINE.STATE.USER.JOURNAL": this machine, by an id that is not
 * its own one (machine-id(5)); the state directory, by its own id; whose entries are ours; and
 * which of the machine's journals. Returns 0 or a negative errno. */
int place_host(const JournalPlace *p, sd_id128_t state, char to[static MARKER_NAME_MAX + 1]);
/* The same as a crierd with the old notes has called it. */
int place_old_host(const JournalPlace *p, char to[static MARKER_NAME_MAX + 1]);

/* The names of the journal files in a directory, also of those that journald put aside. Returns how
 * many, 0 where there is no such directory, or a negative errno. */
int place_list(const char *directory, struct dirent ***ret);
void place_list_free(struct dirent **names, int n);
/* Whether entries of ours may be in a file of this name. */
bool place_may_hold(const JournalPlace *p, const char *name);
/* system@….journal, user-1000@….journal, ….journal~: journald writes to them no more. */
bool place_is_archived(const char *name);

/* While a directory is looked through, journald may put a file aside and begin a new one; so often
 * in a row it does not. */
#define PLACE_ROUNDS_MAX 5
