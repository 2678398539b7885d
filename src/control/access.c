/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is at the other end of a control connection, and what he may call: see access.h.
 */

#include "config.h"

#include "control/access.h"

#include <errno.h>
#include <grp.h>
#include <sys/socket.h>

/* Linux allows 65536 supplementary groups (NGROUPS_MAX). */
#define GROUPS_FIRST 32

static int peer_read_groups(int fd, Peer *p) {
        socklen_t size = GROUPS_FIRST * sizeof(gid_t);

        for (;;) {
                _cleanup_free_ gid_t *groups = malloc(MAX(size, (socklen_t) sizeof(gid_t)));

                if (!groups)
                        return -ENOMEM;
                if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0) {
                        p->n_groups = size / sizeof(gid_t);
                        p->groups = TAKE_PTR(groups);
                        return 0;
                }
                /* ERANGE: `size` says now how much it takes. */
                if (errno != ERANGE)
                        return -errno;
        }
}

int peer_read(int fd, Peer *ret) {
        struct ucred cred;
        socklen_t size = sizeof(cred);
        Peer p = {0};
        int r;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
                return -errno;
        p.uid = cred.uid;
        p.gid = cred.gid;
        p.pid = cred.pid;
        r = peer_read_groups(fd, &p);
        if (r < 0)
                return r;
        *ret = p;
        return 0;
}

void peer_done(Peer *p) {
        free(p->groups);
        *p = (Peer){0};
}

void access_rules_init(AccessRules *ret) {
        const struct group *g = getgrnam(ACCESS_GROUP);

        *ret = (AccessRules){.own_uid = geteuid()};
        if (g) {
                ret->has_group = true;
                ret->group = g->gr_gid;
        }
}

static bool peer_in_group(const Peer *p, gid_t group) {
        if (p->gid == group)
                return true;
        for (size_t i = 0; i < p->n_groups; i++)
                if (p->groups[i] == group)
                        return true;
        return false;
}

bool access_allowed(const AccessRules *rules, AccessClass access, const Peer *p) {
        switch (access) {
        case ACCESS_ANYBODY:
                return true;
        case ACCESS_OPERATOR:
                return p->uid == 0 || p->uid == rules->own_uid ||
                       (rules->has_group && peer_in_group(p, rules->group));
        case ACCESS_ROOT:
                return p->uid == 0;
        }
        return false;
}
