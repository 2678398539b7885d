/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is written and not committed when a partition changes hands: see handover.h.
 */

#include "kafka/handover.h"

void handover_done(Handover *h) {
        if (h->list)
                rd_kafka_topic_partition_list_destroy(h->list);
        h->list = NULL;
}

/* "None" has many negative numbers. */
static intptr_t committed_mark(int64_t committed) {
        return committed < 0 ? -1 : (intptr_t) committed;
}

void handover_note(Handover *h, const Partition *p) {
        rd_kafka_topic_partition_t *elem;

        if (!h->list)
                h->list = rd_kafka_topic_partition_list_new(1);
        (void) rd_kafka_topic_partition_list_del(h->list, p->topic, p->number);
        elem = rd_kafka_topic_partition_list_add(h->list, p->topic, p->number);
        elem->offset = p->position;
        elem->opaque = (void *) committed_mark(p->committed);
}

int64_t handover_take(Handover *h, const char *topic, int32_t partition, int64_t committed) {
        const rd_kafka_topic_partition_t *elem;
        int64_t position = -1;

        elem = h->list ? rd_kafka_topic_partition_list_find(h->list, topic, partition) : NULL;
        if (!elem)
                return -1;
        if ((intptr_t) elem->opaque == committed_mark(committed))
                position = elem->offset;
        (void) rd_kafka_topic_partition_list_del(h->list, topic, partition);
        return position;
}

void handover_move(Handover *from, Handover *to) {
        handover_done(to);
        *to = *from;
        *from = (Handover){0};
}
