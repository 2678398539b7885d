/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Who is at the other end of a control connection, and what he may call. The kernel tells it
 * (SO_PEERCRED, SO_PEERGROUPS: as of the connect), nothing is asked of the peer. Which method needs
 * which class stands in verbs.def.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "protocol/verbs.h"

/* Members of this group may call what is for operators. */
#define ACCESS_GROUP "crier"

typedef struct Peer {
        uid_t uid;
        gid_t gid;
        pid_t pid;
        gid_t *groups; /* the supplementary ones */
        size_t n_groups;
} Peer;

/* Reads the credentials of a connected AF_UNIX socket. The groups are owned by `ret`; free them
 * with peer_done(). Returns 0 or a negative errno. */
int peer_read(int fd, Peer *ret);
void peer_done(Peer *p);

/* Who counts as an operator beside root. */
typedef struct AccessRules {
        uid_t own_uid;
        bool has_group;
        gid_t group; /* the gid of ACCESS_GROUP */
} AccessRules;

/* Looks the group up (in the user database, so it may block: at start only; a group that is made
 * later counts after a restart). Never fails: without the group, root and the own user are left. */
void access_rules_init(AccessRules *ret);

bool access_allowed(const AccessRules *rules, AccessClass access, const Peer *p);
