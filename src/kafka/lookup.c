/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asking the cluster about partitions: see lookup.h.
 */

#include "kafka/lookup.h"

#include "kafka/group.h"
#include "kafka/offsets.h"

#define LOOKUP_TIMEOUT_MS 5000
#define LOOKUP_AGAIN_USEC (500 * USEC_PER_MSEC)

uint64_t lookup_again_usec(void) {
        return clock_usec() + LOOKUP_AGAIN_USEC;
}

bool lookup_lacks_commit(const Lookup *l) {
        for (int i = 0; i < l->positions->cnt; i++)
                if (l->positions->elems[i].offset < 0)
                        return true;
        return false;
}

Lookup *lookup_free(Lookup *l) {
        if (!l)
                return NULL;
        if (l->positions)
                rd_kafka_topic_partition_list_destroy(l->positions);
        if (l->low)
                rd_kafka_topic_partition_list_destroy(l->low);
        if (l->high)
                rd_kafka_topic_partition_list_destroy(l->high);
        if (l->topics)
                rd_kafka_topic_partition_list_destroy(l->topics);
        group_view_done(&l->view);
        free(l->topic);
        free(l->cluster);
        free(l);
        return NULL;
}

/* ---- on the helper thread ---- */

/* An answer is one only where each partition has one: "no offset" must never stand for "not known".
 */
static rd_kafka_resp_err_t lookup_first_error(Lookup *l,
                                              const rd_kafka_topic_partition_list_t *list) {
        for (int i = 0; i < list->cnt; i++)
                if (list->elems[i].err) {
                        l->topic = strdup(list->elems[i].topic);
                        return list->elems[i].err;
                }
        return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* Every client has been told with its first metadata. */
static void lookup_cluster(Lookup *l) {
        char *id = rd_kafka_clusterid(l->rk, LOOKUP_TIMEOUT_MS);

        if (!id)
                return;
        l->cluster = strdup(id);
        rd_kafka_mem_free(l->rk, id);
}

static void lookup_committed(Lookup *l) {
        if (l->positions->cnt == 0) {
                l->err = group_view_look(l->rk, l->topics, NULL, &l->view, &l->topic);
                return;
        }
        lookup_cluster(l);
        l->err = rd_kafka_committed(l->rk, l->positions, LOOKUP_TIMEOUT_MS);
        if (!l->err)
                l->err = lookup_first_error(l, l->positions);
        if (!l->err && l->topics && lookup_lacks_commit(l))
                l->err = group_view_look(l->rk, l->topics, l->positions, &l->view, &l->topic);
}

static void lookup_work(void *job) {
        Lookup *l = job;

        if (l->ask_committed)
                lookup_committed(l);
        if (l->positions->cnt == 0)
                return;
        if (!l->err)
                l->err = offsets_lookup(l->rk, l->positions, OFFSETS_BEGIN, LOOKUP_TIMEOUT_MS,
                                        &l->low, &l->topic);
        if (!l->err)
                l->err = offsets_lookup(l->rk, l->positions, OFFSETS_END, LOOKUP_TIMEOUT_MS,
                                        &l->high, &l->topic);
}

/* ---- on the loop ---- */

/* With read_committed the end that is told is that of the last transaction that ended, and who read
 * beyond may have committed beyond: at an assignment such a position is believed, and only a fetch
 * that fails disproves it (assignment_reset()). */
bool lookup_is_in_log(const Lookup *l, int i) {
        int64_t position = l->positions->elems[i].offset;

        return position >= l->low->elems[i].offset &&
               (l->ask_committed || position <= l->high->elems[i].offset);
}

int64_t lookup_start_offset(const Lookup *l, int i) {
        const rd_kafka_topic_partition_t *p = &l->positions->elems[i];
        int64_t low = l->low->elems[i].offset, high = l->high->elems[i].offset;

        if (p->offset < 0)
                return beginning_offset(l->consumer->group, p->topic, p->partition, low, high);
        return lookup_is_in_log(l, i) ? p->offset : low;
}

void lookup_start(Consumer *c, rd_kafka_topic_partition_list_t *positions, bool ask_committed,
                  HelperWork done) {
        _cleanup_(lookup_freep) Lookup *l = NULL;

        c->lookup_usec = 0;
        l = calloc(1, sizeof(*l));
        if (!l) {
                rd_kafka_topic_partition_list_destroy(positions);
                c->lookup_usec = lookup_again_usec();
                return;
        }
        l->consumer = c;
        l->rk = c->rk;
        l->generation = c->generation;
        l->usec = clock_usec();
        l->ask_committed = ask_committed;
        l->topics =
                ask_committed && beginning_is_open(c->group) ? beginning_topics(c->group) : NULL;
        l->positions = positions;
        if (helpers_run(c->context->helpers, lookup_work, done, l) < 0) {
                c->lookup_usec = lookup_again_usec();
                return;
        }
        TAKE_PTR(l);
        c->lookups++;
}
