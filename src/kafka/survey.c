/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asking the cluster what it has: see survey.h.
 */

#include "kafka/survey.h"

#include <errno.h>

#include "kafka/client.h"
#include "kafka/cluster.h"
#include "kafka/offsets.h"

/* All of it, and one request: a stop waits for no more than one. */
#define SURVEY_USEC (4 * USEC_PER_SEC)
#define REQUEST_MS 2000
#define POLL_MS 100

/* Partitions are added seldom, and clients find them no sooner: see client.c. */
#define WIDTH_LASTS_USEC (10 * USEC_PER_SEC)

static void topic_done(SurveyTopic *t) {
        free(t->name);
        free(t->problem);
        free(t->partitions);
}

static void member_done(SurveyMember *m) {
        free(m->group);
        free(m->id);
        free(m->client_id);
        free(m->host);
        if (m->partitions)
                rd_kafka_topic_partition_list_destroy(m->partitions);
}

int survey_new(KafkaContext *context, Survey **ret) {
        Survey *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->context = context;
        *ret = s;
        return 0;
}

Survey *survey_free(Survey *s) {
        if (!s)
                return NULL;
        if (s->state == SURVEY_RUNNING) {
                s->abandoned = true;
                atomic_store(&s->given_up, true);
                return NULL;
        }
        for (unsigned i = 0; i < s->n_topics; i++)
                topic_done(&s->topics[i]);
        for (unsigned i = 0; i < s->n_groups; i++)
                free(s->groups[i]);
        for (unsigned i = 0; i < s->n_members; i++)
                member_done(&s->members[i]);
        free(s->topics);
        free(s->groups);
        free(s->members);
        free(s->bootstrap);
        free(s);
        return NULL;
}

int survey_add_topic(Survey *s, const char *name) {
        SurveyTopic *more;

        for (unsigned i = 0; i < s->n_topics; i++)
                if (streq(s->topics[i].name, name))
                        return 0;
        more = reallocarray(s->topics, s->n_topics + 1, sizeof(*more));
        if (!more)
                return -ENOMEM;
        s->topics = more;
        more[s->n_topics] = (SurveyTopic){.name = strdup(name)};
        if (!more[s->n_topics].name)
                return -ENOMEM;
        s->n_topics++;
        return 0;
}

int survey_add_group(Survey *s, const char *name) {
        char **more = reallocarray(s->groups, s->n_groups + 1, sizeof(*more));

        if (!more)
                return -ENOMEM;
        s->groups = more;
        more[s->n_groups] = strdup(name);
        if (!more[s->n_groups])
                return -ENOMEM;
        s->n_groups++;
        return 0;
}

/* ---- on the helper thread ---- */

/* What one request may take; 0 where there is no time left. */
static int request_ms(const Survey *s) {
        uint64_t now = clock_usec();

        if (atomic_load(&s->given_up) || now >= s->deadline_usec)
                return 0;
        return (int) MIN((s->deadline_usec - now) / USEC_PER_MSEC + 1, (uint64_t) REQUEST_MS);
}

static void topic_problem(SurveyTopic *t, const char *text) {
        if (!t->problem)
                t->problem = strdup(text);
}

/* Those that are not known to be missing: nobody could be asked about them. */
static void topics_problem(Survey *s, rd_kafka_resp_err_t err) {
        _cleanup_buffer_ Buffer text = {0};

        if (err == RD_KAFKA_RESP_ERR__TIMED_OUT || trouble_is_connection(err))
                buffer_appendf(&text, "no broker at %s answers", s->bootstrap);
        else
                buffer_append_string(&text, rd_kafka_err2str(err));
        for (unsigned i = 0; i < s->n_topics; i++)
                if (!s->topics[i].missing)
                        topic_problem(&s->topics[i], buffer_string(&text));
}

static void topic_read(SurveyTopic *t, const struct rd_kafka_metadata_topic *md) {
        t->missing = md->err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
                     md->err == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
        if (md->err && !t->missing)
                topic_problem(t, rd_kafka_err2str(md->err));
        if (md->err || md->partition_cnt <= 0)
                return;
        t->partitions = calloc((size_t) md->partition_cnt, sizeof(*t->partitions));
        if (!t->partitions)
                return;
        t->n_partitions = (unsigned) md->partition_cnt;
        for (unsigned i = 0; i < t->n_partitions; i++)
                t->partitions[i] = (SurveyPartition){.number = md->partitions[i].id,
                                                     .led = md->partitions[i].leader >= 0,
                                                     .first = -1,
                                                     .end = -1};
}

static void topics_read(Survey *s, const struct rd_kafka_metadata *md) {
        for (unsigned i = 0; i < s->n_topics; i++) {
                SurveyTopic *t = &s->topics[i];

                for (int k = 0; k < md->topic_cnt; k++)
                        if (streq(md->topics[k].topic, t->name)) {
                                topic_read(t, &md->topics[k]);
                                break;
                        }
                t->missing = t->missing || (s->embedded && t->n_partitions == 0);
                if (t->missing)
                        topic_problem(t, "the cluster does not have it");
                else if (t->n_partitions == 0)
                        topic_problem(t, "the cluster does not tell its partitions");
        }
}

/* The embedded broker makes every topic that it is asked about: it knows only old requests, which
 * cannot say that it shall not. But all that it has are few. */
static rd_kafka_resp_err_t ask_embedded(Survey *s) {
        const struct rd_kafka_metadata *md;
        rd_kafka_resp_err_t err;

        err = rd_kafka_metadata(s->rk, 1, NULL, &md, request_ms(s));
        if (err)
                return err;
        topics_read(s, md);
        rd_kafka_metadata_destroy(md);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* All in one request: it is about the topics that the client has handles of. (Without any it would
 * be one that lets the broker make topics.) */
static rd_kafka_resp_err_t ask_by_name(Survey *s) {
        _cleanup_free_ rd_kafka_topic_t **handles = calloc(s->n_topics + 1, sizeof(*handles));
        rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
        const struct rd_kafka_metadata *md;
        unsigned n = 0;

        for (unsigned i = 0; handles && i < s->n_topics; i++) {
                handles[n] = rd_kafka_topic_new(s->rk, s->topics[i].name, NULL);
                s->topics[i].missing = !handles[n];
                if (handles[n])
                        n++;
                else
                        topic_problem(&s->topics[i], "no topic can have this name");
        }
        if (n > 0)
                err = rd_kafka_metadata(s->rk, 0, NULL, &md, request_ms(s));
        for (unsigned i = 0; i < n; i++)
                rd_kafka_topic_destroy(handles[i]);
        if (err || n == 0)
                return err;
        topics_read(s, md);
        rd_kafka_metadata_destroy(md);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* `list` has the partitions that are led, in the order of the topics and their partitions. */
static rd_kafka_resp_err_t ask_ends(Survey *s, const rd_kafka_topic_partition_list_t *list,
                                    int64_t at) {
        rd_kafka_topic_partition_list_t *found = rd_kafka_topic_partition_list_copy(list);
        rd_kafka_resp_err_t err;
        int n = 0;

        for (int i = 0; i < found->cnt; i++)
                found->elems[i].offset = at;
        err = rd_kafka_offsets_for_times(s->rk, found, request_ms(s));
        for (unsigned i = 0; !err && i < s->n_topics; i++)
                for (unsigned k = 0; k < s->topics[i].n_partitions; k++) {
                        SurveyPartition *p = &s->topics[i].partitions[k];
                        const rd_kafka_topic_partition_t *elem = &found->elems[n];

                        if (!p->led)
                                continue;
                        n++;
                        if (elem->err)
                                topic_problem(&s->topics[i], rd_kafka_err2str(elem->err));
                        else
                                *(at == OFFSETS_BEGIN ? &p->first : &p->end) = elem->offset;
                }
        rd_kafka_topic_partition_list_destroy(found);
        return err;
}

static rd_kafka_resp_err_t ask_offsets(Survey *s) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;

        for (unsigned i = 0; i < s->n_topics; i++)
                for (unsigned k = 0; k < s->topics[i].n_partitions; k++) {
                        const SurveyPartition *p = &s->topics[i].partitions[k];

                        if (p->led)
                                rd_kafka_topic_partition_list_add(list, s->topics[i].name,
                                                                  p->number);
                        else
                                topic_problem(&s->topics[i],
                                              "no broker leads some of its partitions");
                }
        if (list->cnt > 0)
                err = ask_ends(s, list, OFFSETS_BEGIN);
        if (list->cnt > 0 && !err)
                err = ask_ends(s, list, OFFSETS_END);
        rd_kafka_topic_partition_list_destroy(list);
        return err;
}

static void member_read(Survey *s, const char *group, const rd_kafka_MemberDescription_t *md) {
        const rd_kafka_MemberAssignment_t *assignment = rd_kafka_MemberDescription_assignment(md);
        const rd_kafka_topic_partition_list_t *partitions =
                assignment ? rd_kafka_MemberAssignment_partitions(assignment) : NULL;
        const char *host = rd_kafka_MemberDescription_host(md);
        SurveyMember *more = reallocarray(s->members, s->n_members + 1, sizeof(*more)), *m;

        if (!more)
                return;
        s->members = more;
        m = &more[s->n_members++];
        *m = (SurveyMember){
                .group = strdup(group),
                .id = strdup(rd_kafka_MemberDescription_consumer_id(md)),
                .client_id = strdup(rd_kafka_MemberDescription_client_id(md)),
                /* As Java writes an address that has no name. */
                .host = strdup(*host == '/' ? host + 1 : host),
                .partitions = partitions ? rd_kafka_topic_partition_list_copy(partitions) : NULL,
        };
        if (m->group && m->id && m->client_id && m->host)
                return;
        member_done(m);
        s->n_members--;
}

static void groups_read(Survey *s, rd_kafka_event_t *ev) {
        const rd_kafka_ConsumerGroupDescription_t **groups;
        size_t n;

        if (rd_kafka_event_error(ev))
                return;
        groups = rd_kafka_DescribeConsumerGroups_result_groups(
                rd_kafka_event_DescribeConsumerGroups_result(ev), &n);
        s->members_known = true;
        for (size_t i = 0; i < n; i++) {
                const char *name = rd_kafka_ConsumerGroupDescription_group_id(groups[i]);

                if (rd_kafka_ConsumerGroupDescription_error(groups[i])) {
                        s->members_known = false;
                        continue;
                }
                for (size_t k = 0; k < rd_kafka_ConsumerGroupDescription_member_count(groups[i]);
                     k++)
                        member_read(s, name,
                                    rd_kafka_ConsumerGroupDescription_member(groups[i], k));
        }
}

static void ask_groups(Survey *s) {
        rd_kafka_AdminOptions_t *options =
                rd_kafka_AdminOptions_new(s->rk, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
        rd_kafka_queue_t *queue = rd_kafka_queue_new(s->rk);
        _cleanup_free_ const char **names = calloc(s->n_groups, sizeof(*names));
        rd_kafka_event_t *ev = NULL;

        for (unsigned i = 0; names && i < s->n_groups; i++)
                names[i] = s->groups[i];
        rd_kafka_AdminOptions_set_request_timeout(options, REQUEST_MS, NULL, 0);
        if (names)
                rd_kafka_DescribeConsumerGroups(s->rk, names, s->n_groups, options, queue);
        while (names && !ev && request_ms(s) > 0)
                ev = rd_kafka_queue_poll(queue, POLL_MS);
        if (ev) {
                groups_read(s, ev);
                rd_kafka_event_destroy(ev);
        }
        rd_kafka_queue_destroy(queue);
        rd_kafka_AdminOptions_destroy(options);
}

static void survey_work(void *job) {
        Survey *s = job;
        rd_kafka_resp_err_t err;

        err = s->embedded ? ask_embedded(s) : ask_by_name(s);
        if (!err && s->offsets && request_ms(s) > 0)
                err = ask_offsets(s);
        if (err)
                topics_problem(s, err);
        else if (s->n_groups > 0 && request_ms(s) > 0)
                ask_groups(s);
}

/* ---- on the loop ---- */

static void survey_done(void *job) {
        Survey *s = job;

        s->context->surveys--;
        s->state = SURVEY_DONE;
        client_destroy(s->context->helpers, TAKE_PTR(s->rk), 0, NULL, NULL);
        for (unsigned i = 0; i < s->n_topics; i++)
                if (s->topics[i].n_partitions > 0 || s->topics[i].missing)
                        widths_set(&s->context->widths, s->topics[i].name,
                                   s->topics[i].n_partitions);
        if (s->abandoned)
                survey_free(s);
}

static int survey_open(Survey *s, Buffer *error) {
        ClientSpec spec = {
                .role = CLIENT_ADMIN,
                .bootstrap = s->context->cluster->bootstrap,
                .client_id = "crier-admin",
                .config = s->context->config,
        };

        s->embedded = s->context->cluster->embedded;
        s->bootstrap = strdup(s->context->cluster->bootstrap);
        return s->bootstrap ? client_new(&spec, &s->rk, error) : -ENOMEM;
}

/* Nothing could be asked. */
static void survey_end(Survey *s, const char *why) {
        for (unsigned i = 0; i < s->n_topics; i++)
                topic_problem(&s->topics[i], why);
        s->state = SURVEY_DONE;
}

int survey_start(Survey *s) {
        const Cluster *cluster = s->context->cluster;
        _cleanup_buffer_ Buffer error = {0};
        int r;

        if (cluster->state == CLUSTER_LOST) {
                survey_end(s, cluster->trouble.text);
                return 0;
        }
        if (s->context->surveys >= SURVEYS_MAX)
                return -EBUSY;
        r = survey_open(s, &error);
        if (r < 0) {
                survey_end(s, error.size > 0 ? buffer_string(&error) : strerror(-r));
                return 0;
        }
        s->deadline_usec = clock_usec() + SURVEY_USEC;
        s->state = SURVEY_RUNNING;
        r = helpers_run(s->context->helpers, survey_work, survey_done, s);
        if (r < 0) {
                client_destroy(s->context->helpers, TAKE_PTR(s->rk), 0, NULL, NULL);
                survey_end(s, strerror(-r));
                return 0;
        }
        s->context->surveys++;
        return 0;
}

unsigned survey_width(const KafkaContext *context, const char *topic, bool fresh) {
        uint64_t now = clock_usec();
        /* Nobody gives the embedded broker's topics more partitions. */
        bool any = !fresh || context->cluster->embedded || now < WIDTH_LASTS_USEC;

        return widths_get(&context->widths, topic, any ? 0 : now - WIDTH_LASTS_USEC);
}
