/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Statuses for the tests of `crierctl top`: see top-status.h.
 */

#include "top-status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static json_t *consumer_json(int number, int partitions, double per_second) {
        json_t *list = json_array();

        for (int i = 0; i < partitions; i++)
                json_array_append_new(list, json_pack("{s:s, s:i, s:i, s:i}", "topic", "post",
                                                      "partition", i, "lag", 2, "held", 0));
        return json_pack("{s:i, s:s, s:s, s:s, s:b, s:i, s:i, s:f, s:n, s:o}", "consumer", number,
                         "group", "mail", "client_id", "c", "state",
                         partitions > 0 ? "owner" : "standby", "paused", 0, "received", 3,
                         "written", 3, "per_second", per_second, "trouble", "partitions", list);
}

json_t *group_json(const char *name, const int *numbers) {
        json_t *consumers = json_array(), *standbys = json_array();

        for (size_t i = 0; numbers[i] >= 0; i++) {
                json_array_append_new(consumers,
                                      consumer_json(numbers[i], i == 0 ? 3 : 0, numbers[i]));
                if (i > 0)
                        json_array_append_new(standbys, json_integer(numbers[i]));
        }
        return json_pack("{s:s, s:[s], s:s, s:s, s:s, s:b, s:s, s:i, s:b, s:i, s:i, s:i, s:f, s:n,"
                         " s:o, s:n, s:o}",
                         "name", name, "topics", "post", "delivery", "at-least-once", "configured",
                         "auto", "reason", "so it is", "log", 1, "start", "latest", "wanted",
                         (int) json_array_size(consumers), "stable", 1, "rebalances", 1, "received",
                         3, "written", 3, "per_second", 12.5, "lag", "standbys", standbys,
                         "trouble", "consumers", consumers);
}

json_t *producer_json(const char *name, double per_second) {
        return json_pack("{s:s, s:s, s:f, s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:s, s:n}", "name",
                         name, "topic", "post", "rate", 20.0, "count", 0, "made", 9, "acked", 9,
                         "failed", 0, "overflowed", 0, "queued", 4, "per_second", per_second,
                         "state", "running", "trouble");
}

json_t *status_json(int seconds, int entries, json_t *producers, json_t *groups) {
        return json_pack("{s:s, s:i, s:s, s:i, s:{s:s, s:b, s:n, s:s, s:n},"
                         " s:{s:s, s:s, s:s, s:i, s:n}, s:o, s:o}",
                         "version", "0.1.0", "pid", 7, "state", "running", "uptime_ms",
                         seconds * 1000, "cluster", "bootstrap", "host:9092", "embedded", 0, "id",
                         "state", "up", "trouble", "sink", "kind", "journal", "target", "/socket",
                         "state", "ok", "entries", entries, "trouble", "producers", producers,
                         "groups", groups);
}

void take(TopModel *m, json_t *status) {
        assert_non_null(status);
        top_model_take(m, status, 1000000);
        json_decref(status);
}

void take_consumers(TopModel *m, int seconds, const int *numbers) {
        take(m, status_json(seconds, 10 * seconds, json_pack("[o]", producer_json("office", 20)),
                            json_pack("[o]", group_json("mail", numbers))));
        assert_int_equal(m->contact, TOP_LIVE);
}

void status_fails(TopModel *m, FailureKind kind, const char *text) {
        _cleanup_failure_ Failure f = {0};

        failure_set(&f, kind, "%s", text);
        failure_advise(&f, "do this");
        top_model_fail(m, &f);
}
