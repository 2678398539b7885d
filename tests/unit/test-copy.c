/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of kafka/copy and kafka/follower: what is kept of an event, and of how many. The
 * events are real ones of librdkafka's: made by a producer that has no broker and gets them back.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kafka/follower.h"

/* An event as librdkafka has it. */
typedef struct Event {
        rd_kafka_t *rk;
        rd_kafka_queue_t *queue;
        rd_kafka_event_t *report;
        const rd_kafka_message_t *message;
} Event;

static Event event_new(const void *key, size_t key_size, const void *value, size_t value_size,
                       rd_kafka_headers_t *headers) {
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        char error[512];
        Event e = {0};

        rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
        rd_kafka_conf_set(conf, "message.max.bytes", "10000000", NULL, 0);
        rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR);
        e.rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
        assert_non_null(e.rk);
        e.queue = rd_kafka_queue_get_main(e.rk);
        assert_int_equal(rd_kafka_producev(e.rk, RD_KAFKA_V_TOPIC("t"),
                                           RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                           RD_KAFKA_V_KEY((void *) (uintptr_t) key, key_size),
                                           RD_KAFKA_V_VALUE((void *) (uintptr_t) value, value_size),
                                           RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END),
                         0);
        rd_kafka_purge(e.rk, RD_KAFKA_PURGE_F_QUEUE);
        e.report = rd_kafka_queue_poll(e.queue, 10000);
        assert_non_null(e.report);
        e.message = rd_kafka_event_message_next(e.report);
        assert_non_null(e.message);
        return e;
}

static void event_free(Event *e) {
        rd_kafka_event_destroy(e->report);
        rd_kafka_queue_destroy(e->queue);
        rd_kafka_destroy(e->rk);
}
#define _cleanup_event_ _cleanup_(event_free)

static Event event_text(const char *key, const char *value) {
        return event_new(key, key ? strlen(key) : 0, value, value ? strlen(value) : 0, NULL);
}

static const EventReader reader = {.group = "g", .consumer = 7};

static const EventCopy *copy(CopyRing *ring, const Event *e) {
        Buffer message = {.data = (uint8_t *) (uintptr_t) "line", .size = 4};

        return copy_ring_add(ring, &reader, "topic", e->message, &message);
}

static void test_copy_outlives_the_event(void **state) {
        rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
        CopyRing ring = {.size = 2};
        const char *name, *value;
        const EventCopy *c;
        size_t position = 0, size;
        Event e;

        rd_kafka_header_add(headers, "a", -1,
                            "1\0"
                            "2",
                            3);
        rd_kafka_header_add(headers, "b", -1, NULL, 0);
        e = event_new("key", 3, "val\0ue", 6, headers);
        c = copy(&ring, &e);
        event_free(&e);

        assert_string_equal(c->group, "g");
        assert_string_equal(c->topic, "topic");
        assert_int_equal(c->consumer, 7);
        assert_int_equal(c->key_size, 3);
        assert_memory_equal(c->key, "key", 3);
        assert_int_equal(c->value_size, 6);
        assert_memory_equal(c->value, "val\0ue", 6);
        assert_int_equal(c->message_size, 4);
        assert_memory_equal(c->message, "line", 4);
        assert_false(c->cut);
        assert_true(copy_header(c, &position, &name, &value, &size));
        assert_string_equal(name, "a");
        assert_int_equal(size, 3);
        assert_memory_equal(value,
                            "1\0"
                            "2",
                            3);
        assert_true(copy_header(c, &position, &name, &value, &size));
        assert_string_equal(name, "b");
        assert_null(value);
        assert_false(copy_header(c, &position, &name, &value, &size));
        copy_ring_done(&ring);
}

static void test_null_is_told_from_empty(void **state) {
        _cleanup_event_ Event null = event_text(NULL, NULL), empty = event_text("", "");
        CopyRing ring = {.size = 2};
        const EventCopy *c;

        c = copy(&ring, &null);
        assert_true(!c->key && !c->value);
        c = copy(&ring, &empty);
        assert_true(c->key && c->value && c->key_size == 0 && c->value_size == 0);
        copy_ring_done(&ring);
}

/* `unit` over and over, with `shift` bytes before: where the cut falls differs. */
static void check_cut(const char *unit, size_t shift, size_t expected) {
        _cleanup_buffer_ Buffer value = {0};
        CopyRing ring = {.size = 1};
        const EventCopy *c;
        Event e;

        for (size_t i = 0; i < shift; i++)
                buffer_append_byte(&value, 'x');
        while (value.size < 3 * COPY_PIECE_MAX)
                buffer_append_string(&value, unit);
        e = event_new(NULL, 0, value.data, value.size, NULL);
        c = copy(&ring, &e);
        assert_true(c->cut);
        assert_int_equal(c->value_size, expected);
        assert_memory_equal(c->value, value.data, expected);
        event_free(&e);
        copy_ring_done(&ring);
}

static void test_cut_is_at_a_character(void **state) {
        check_cut("x", 0, COPY_PIECE_MAX);
        check_cut("\xc3\xa9", 0, COPY_PIECE_MAX);
        check_cut("\xc3\xa9", 1, COPY_PIECE_MAX - 1);
        check_cut("\xf0\x9f\x98\x80", 0, COPY_PIECE_MAX);
        check_cut("\xf0\x9f\x98\x80", 1, COPY_PIECE_MAX - 3);
        check_cut("\xf0\x9f\x98\x80", 2, COPY_PIECE_MAX - 2);
        check_cut("\xf0\x9f\x98\x80", 3, COPY_PIECE_MAX - 1);
        check_cut("\x80", 0, COPY_PIECE_MAX);
        check_cut("\xff", 1, COPY_PIECE_MAX);
}

static void test_size_of_a_copy_is_bounded(void **state) {
        rd_kafka_headers_t *headers = rd_kafka_headers_new(20000);
        _cleanup_free_ char *large = calloc(1, 5000000);
        CopyRing ring = {.size = 1};
        const char *name, *value;
        size_t position = 0, size;
        const EventCopy *c;
        unsigned n = 0;
        Event e;

        for (unsigned i = 0; i < 20000; i++)
                rd_kafka_header_add(headers, "n", -1, "v", 1);
        e = event_new(large, 5000000, large, 4000000, headers);
        c = copy(&ring, &e);
        event_free(&e);
        assert_true(c->cut);
        assert_true(ring.bytes == c->bytes.size && c->bytes.size < 4 * COPY_PIECE_MAX);
        while (copy_header(c, &position, &name, &value, &size)) {
                assert_string_equal(name, "n");
                assert_true(size <= 1 && (size == 0 || *value == 'v'));
                n++;
        }
        assert_true(n > 100 && n < 1000);
        copy_ring_done(&ring);
}

static void test_ring_keeps_the_newest(void **state) {
        CopyRing ring = {.size = 3};
        size_t bytes = 0;

        assert_null(copy_ring_at(&ring, 0));
        for (unsigned i = 0; i < 10; i++) {
                char value[2] = {(char) ('0' + i), 0};
                _cleanup_event_ Event e = event_text(i % 2 ? "key" : NULL, value);

                assert_non_null(copy(&ring, &e));
        }
        assert_int_equal(ring.n, 3);
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(*copy_ring_at(&ring, i)->value, '7' + i);
                bytes += copy_ring_at(&ring, i)->bytes.size;
        }
        assert_null(copy_ring_at(&ring, 3));
        assert_int_equal(ring.bytes, bytes);
        for (unsigned i = 0; i < 3; i++)
                copy_ring_pop(&ring);
        assert_true(ring.n == 0 && ring.bytes == 0);
        copy_ring_done(&ring);
}

/* ---- followers ---- */

static const EventFilter everything = {.partition = -1, .consumer = -1};

static void offer(Followers *all, Follower *f, const Event *e) {
        Buffer message = {0};

        if (follower_wants(f, &reader, "topic", e->message))
                follower_take(all, f, &reader, "topic", e->message, &message);
}

static void test_full_ring_only_counts_and_the_next_copy_says_how_many(void **state) {
        _cleanup_event_ Event e = event_text("k", "v");
        Followers all = {0};
        Follower *f;

        assert_int_equal(follower_new(&all, &everything, &f), 0);
        for (unsigned i = 0; i < FOLLOWER_EVENTS_MAX + 5; i++)
                offer(&all, f, &e);
        assert_true(f->ring.n == FOLLOWER_EVENTS_MAX && f->missed == 5);
        copy_ring_pop(&f->ring);
        offer(&all, f, &e);
        offer(&all, f, &e);
        assert_true(f->ring.n == FOLLOWER_EVENTS_MAX && f->missed == 1);
        assert_int_equal(copy_ring_at(&f->ring, FOLLOWER_EVENTS_MAX - 2)->missed, 0);
        assert_int_equal(copy_ring_at(&f->ring, FOLLOWER_EVENTS_MAX - 1)->missed, 5);
        follower_free(&all, f);
        assert_int_equal(all.n, 0);
}

static void test_ring_is_bounded_in_bytes_too(void **state) {
        static const char large[2 * COPY_PIECE_MAX];
        _cleanup_event_ Event e = event_new(large, sizeof(large), large, sizeof(large), NULL);
        Followers all = {0};
        Follower *f;

        assert_int_equal(follower_new(&all, &everything, &f), 0);
        for (unsigned i = 0; i < FOLLOWER_EVENTS_MAX; i++)
                offer(&all, f, &e);
        assert_true(f->missed > 0 && f->ring.n + f->missed == FOLLOWER_EVENTS_MAX);
        assert_true(f->ring.bytes < FOLLOWER_BYTES_MAX + 4 * COPY_PIECE_MAX);
        follower_free(&all, f);
}

static void test_only_so_many_follow(void **state) {
        Follower *f[FOLLOWERS_MAX], *one_more;
        Followers all = {0};

        for (unsigned i = 0; i < FOLLOWERS_MAX; i++)
                assert_int_equal(follower_new(&all, &everything, &f[i]), 0);
        assert_int_equal(follower_new(&all, &everything, &one_more), -EBUSY);
        f[3] = follower_free(&all, f[3]);
        assert_int_equal(follower_new(&all, &everything, &f[3]), 0);
        for (unsigned i = 0; i < FOLLOWERS_MAX; i++)
                follower_free(&all, f[i]);
        assert_int_equal(all.n, 0);
}

static void test_filter_takes_what_has_all_of_it(void **state) {
        static const struct {
                EventFilter filter;
                bool matches;
        } cases[] = {
                {{.partition = -1, .consumer = -1}, true},
                {{.partition = 4, .consumer = 7}, true},
                {{.partition = 5, .consumer = -1}, false},
                {{.partition = 0, .consumer = -1}, false},
                {{.partition = -1, .consumer = 0}, false},
                {{.group = "g", .topic = "t", .partition = -1, .consumer = -1}, true},
                {{.group = "G", .partition = -1, .consumer = -1}, false},
                {{.topic = "tt", .partition = -1, .consumer = -1}, false},
                {{.key = "a\0b", .key_size = 3, .partition = -1, .consumer = -1}, true},
                {{.key = "a", .key_size = 1, .partition = -1, .consumer = -1}, false},
                {{.key = "", .partition = -1, .consumer = -1}, false},
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_int_equal(event_filter_matches(&cases[i].filter, &reader, "t", 4, "a\0b", 3),
                                 cases[i].matches);
        /* An empty key is one, null is none. */
        assert_true(event_filter_matches(&cases[10].filter, &reader, "t", 4, "", 0));
        assert_false(event_filter_matches(&cases[10].filter, &reader, "t", 4, NULL, 0));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_copy_outlives_the_event),
                cmocka_unit_test(test_null_is_told_from_empty),
                cmocka_unit_test(test_cut_is_at_a_character),
                cmocka_unit_test(test_size_of_a_copy_is_bounded),
                cmocka_unit_test(test_ring_keeps_the_newest),
                cmocka_unit_test(test_full_ring_only_counts_and_the_next_copy_says_how_many),
                cmocka_unit_test(test_ring_is_bounded_in_bytes_too),
                cmocka_unit_test(test_only_so_many_follow),
                cmocka_unit_test(test_filter_takes_what_has_all_of_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
