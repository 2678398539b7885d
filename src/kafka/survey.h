/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * Asking the cluster what it has: the partitions of topics, the ends of their logs, the members of
 * groups. On a helper thread, with a client of its own that never makes a topic by asking for it,
 * and within a bounded time; what could not be learned says why. Not for what our own clients know.
 */

#include <stdatomic.h>

#include "kafka/context.h"

/* At most so many at the same time; each is a client with threads and connections. */
#define SURVEYS_MAX 4

/* One partition; offsets are negative where they could not be looked up. */
typedef struct SurveyPartition {
        int32_t number;
        bool led; /* a broker leads it: otherwise nobody knows its offsets */
        int64_t first;
        int64_t end;
} SurveyPartition;

typedef struct SurveyTopic {
        char *name;
        bool missing;  /* the cluster does not have it */
        char *problem; /* what is not known of it, and why, in words; NULL: all is known */
        SurveyPartition *partitions;
        unsigned n_partitions; /* 0: not known */
} SurveyTopic;

/* A member of a group, ours included. */
typedef struct SurveyMember {
        char *group;
        char *id; /* the name that the cluster has for it */
        char *client_id;
        char *host;
        rd_kafka_topic_partition_list_t *partitions; /* NULL: none */
} SurveyMember;

typedef enum SurveyState {
        SURVEY_NEW,
        SURVEY_RUNNING, /* what was asked and what was learned belongs to the thread */
        SURVEY_DONE,
} SurveyState;

typedef struct Survey {
        KafkaContext *context;
        SurveyState state;
        bool offsets; /* asks for the logs' ends, too */
        SurveyTopic *topics;
        unsigned n_topics;
        char **groups;
        unsigned n_groups;
        SurveyMember *members; /* of all groups */
        unsigned n_members;
        bool members_known; /* each group was asked and answered */

        rd_kafka_t *rk;
        bool embedded;
        char *bootstrap;
        uint64_t deadline_usec;
        bool abandoned; /* nobody waits for it any more: frees itself */
        atomic_bool given_up;
} Survey;

/* Makes one that asks nothing yet. Returns 0 or -ENOMEM. */
int survey_new(KafkaContext *context, Survey **ret);
/* At any time: one that runs goes on for at most two seconds, on its own. */
Survey *survey_free(Survey *s);
DEFINE_CLEANUP(Survey *, survey_free);

/* What to ask; before it is started. The groups of an embedded broker cannot be asked for. */
int survey_add_topic(Survey *s, const char *name);
int survey_add_group(Survey *s, const char *name);

/* Begins. SURVEY_DONE within about four seconds; at once where it is known that the cluster is
 * away, or nothing can be asked: then the topics' problems say so. Returns 0, or -EBUSY where too
 * many are under way. */
int survey_start(Survey *s);

/* The number of a topic's partitions, as the last survey found it, 0 where none has. `fresh`: only
 * where that may still be true. */
unsigned survey_width(const KafkaContext *context, const char *topic, bool fresh);
