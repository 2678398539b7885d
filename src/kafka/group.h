/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * One of our consumer groups: its consumers, what they share, and when the group is stable. Not for
 * members that are not ours.
 */

#include "kafka/beginning.h"
#include "kafka/consumer.h"
#include "kafka/handover.h"
#include "kafka/members.h"

/* How many of its newest events a group remembers. */
#define GROUP_RECENT_MAX 64

struct Group {
        KafkaContext *context;
        const GroupConfig *config; /* in the fleet's, or `former` */
        GroupConfig former;        /* where it is no longer in the fleet's configuration */
        Template *message;
        Delivery delivery; /* in effect; never DELIVERY_AUTO */
        Consumer **consumers;
        unsigned n_consumers;   /* those that leave included */
        unsigned wanted;        /* how many there shall be; the configuration's until changed */
        bool paused;            /* none of them reads, nor one that is made now */
        uint64_t past_received; /* by consumers that are no more */
        uint64_t past_written;
        unsigned next_consumer; /* whose turn it is when the sink takes entries again */
        bool stopping;
        Handover handover;
        Beginning beginning;
        Members members;
        struct Seek *seek; /* the last one; NULL: none yet */
        CopyRing recent;   /* its newest events */

        /* Stable: every live consumer of ours has had its assignment since the last revocation. */
        bool stable;
        bool started;
        uint64_t unstable_usec; /* since when it is not */
        unsigned rebalances;

        Trouble trouble;
        char *trouble_topic;   /* the topic it is about, or NULL */
        uint64_t trouble_usec; /* when it was last told */
        Refusal refused;
};

/* Makes the group; its consumers come with group_start(). Returns 0 or a negative errno. */
int group_new(KafkaContext *context, const GroupConfig *config, Group **ret);
Group *group_free(Group *g);
DEFINE_CLEANUP(Group *, group_free);

int group_start(Group *g);
void group_stop(Group *g);
/* True when all consumers are gone. */
bool group_is_gone(const Group *g);

/* Has it have `n` consumers: makes new ones, or has the youngest leave. Returns 0 or a negative
 * errno; then it has as many as could be made. */
int group_scale(Group *g, unsigned n);
/* The configuration has changed, but nothing that needs other consumers: `config`, which is of the
 * same name and must outlive the group, takes the place of the former one. How many consumers there
 * are is left alone. Returns 0, or -ENOMEM: the message is what it was then. */
int group_reconfigure(Group *g, const GroupConfig *config);
/* It is no longer in the fleet's configuration: takes what `config` holds, and leaves it empty. */
void group_retire(Group *g, GroupConfig *config);
/* Has one of its consumers leave, or die, for good. */
void group_remove(Group *g, Consumer *c);
void group_kill(Group *g, Consumer *c);
/* Whether the topic is among those of its configuration. */
bool group_reads(const Group *g, const char *topic);
/* Consumers that are there to stay. */
unsigned group_live(const Group *g);
/* All its consumers read nothing for a while, or go on. */
void group_set_paused(Group *g, bool paused);
/* The longest session time-out of its consumers, in milliseconds. */
int group_session_ms(const Group *g);

/* Received and written, by all consumers that it has had. */
void group_totals(const Group *g, uint64_t *ret_received, uint64_t *ret_written);

/* True when none of its consumers is still finishing what it consumed. */
bool group_is_settled(const Group *g);

/* What a group's `delivery` means in effect, and why. */
Delivery group_delivery(const Group *g);
const char *group_delivery_reason(const Group *g);
/* What that of a group with this configuration would be. */
Delivery delivery_in_effect(const KafkaContext *context, const GroupConfig *config);
/* Whether the delivery that it asks for is possible; otherwise appends a line with the reason. */
bool delivery_is_possible(const KafkaContext *context, const GroupConfig *config, Buffer *errors);

/* Sum over all partitions that ours own, or -1 where one is not known yet (or none is owned). */
int64_t group_lag(const Group *g);

/* From consumers: an assignment was taken; one was given back (or lost). */
void group_consumer_assigned(Group *g, Consumer *c);
void group_consumer_revoked(Group *g, Consumer *c);

/* From consumers: something is refused. `topic` may be NULL. */
void group_trouble(Group *g, TroubleCode code, const char *topic, const char *text);
void group_trouble_over(Group *g);
/* From consumers: a connection was refused (password, certificate). Whether that is this group's
 * trouble or the whole cluster's shows when the cluster was asked: group_cluster_up(). */
void group_refused(Group *g, rd_kafka_resp_err_t err, const char *text);
void group_cluster_up(Group *g, bool was_up);

/* From consumers: events of the topic arrive. */
void group_topic_works(Group *g, const char *topic);

/* About once a second: frees consumers that are gone; a trouble that is about no topic and was not
 * told again is over. */
void group_tick(Group *g, uint64_t now);
