/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Places in partitions' logs: see offsets.h.
 */

#include "kafka/offsets.h"

#include <string.h>

rd_kafka_resp_err_t offsets_lookup(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *which,
                                   int64_t at, int timeout_ms,
                                   rd_kafka_topic_partition_list_t **ret, char **ret_topic) {
        rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_copy(which);
        rd_kafka_resp_err_t err;

        for (int i = 0; i < list->cnt; i++)
                list->elems[i].offset = at;
        err = rd_kafka_offsets_for_times(rk, list, timeout_ms);
        for (int i = 0; i < list->cnt && !err; i++) {
                err = list->elems[i].err;
                if (err && ret_topic)
                        *ret_topic = strdup(list->elems[i].topic);
                /* "No offset" must never stand for "not known". */
                if (!err && list->elems[i].offset < 0 && at < 0)
                        err = RD_KAFKA_RESP_ERR__BAD_MSG;
        }
        if (err) {
                rd_kafka_topic_partition_list_destroy(list);
                return err;
        }
        *ret = list;
        return err;
}
