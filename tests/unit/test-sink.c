/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of the journal sink against a socket of our own in journald's place: datagrams and
 * memory files, a full queue, a socket that goes and comes back, and the records that wait
 * meanwhile.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/log.h"
#include "journal/record.h"
#include "journal/writer.h"

typedef struct Fixture {
        sd_event *event;
        Sink *sink;
        char directory[32];
        char path[64];
        int fd; /* journald's end */
        unsigned ready;
        unsigned refused;
        unsigned back;
} Fixture;

static void on_ready(void *userdata) {
        ((Fixture *) userdata)->ready++;
}

static void on_trouble(void *userdata, bool refused, int error, uint64_t usec) {
        Fixture *f = userdata;

        if (refused)
                f->refused++;
        else
                f->back++;
}

static void journal_open(Fixture *f) {
        struct sockaddr_un sa = {.sun_family = AF_UNIX};

        f->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_true(f->fd >= 0);
        memcpy(sa.sun_path, f->path, sizeof(f->path));
        assert_int_equal(bind(f->fd, (struct sockaddr *) &sa, sizeof(sa)), 0);
}

static void journal_close(Fixture *f) {
        close(f->fd);
        unlink(f->path);
        f->fd = -1;
}

static int set_up(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        strcpy(f->directory, "/tmp/crier-sink-XXXXXX");
        assert_non_null(mkdtemp(f->directory));
        snprintf(f->path, sizeof(f->path), "%s/socket", f->directory);
        journal_open(f);
        assert_true(sd_event_new(&f->event) >= 0);
        assert_int_equal(writer_new(f->event, f->path, &f->sink), 0);
        sink_set_handlers(f->sink, on_ready, on_trouble, f);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        Fixture *f = *state;

        sink_free(f->sink);
        sd_event_unref(f->event);
        if (f->fd >= 0)
                journal_close(f);
        rmdir(f->directory);
        free(f);
        return 0;
}

/* Runs the loop until `*counter` reaches `wanted`, at most ten seconds. */
static void run_until(Fixture *f, const unsigned *counter, unsigned wanted) {
        for (unsigned i = 0; i < 1000 && *counter < wanted; i++)
                assert_true(sd_event_run(f->event, 10 * USEC_PER_MSEC) >= 0);
        assert_int_equal(*counter, wanted);
}

/* The next entry as journald would read it, or -EAGAIN. The file's bytes where it came as one. */
static ssize_t receive(Fixture *f, char *to, size_t size, bool *ret_file) {
        char control[CMSG_SPACE(sizeof(int))];
        struct iovec iov = {to, size};
        struct msghdr mh = {.msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = control,
                            .msg_controllen = sizeof(control)};
        struct cmsghdr *cmsg;
        ssize_t n = recvmsg(f->fd, &mh, MSG_CMSG_CLOEXEC);

        if (n < 0)
                return -errno;
        cmsg = CMSG_FIRSTHDR(&mh);
        *ret_file = cmsg != NULL;
        if (cmsg) {
                int fd = -1;

                memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
                assert_int_equal(fcntl(fd, F_GET_SEALS),
                                 F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
                n = pread(fd, to, size, 0);
                close(fd);
        }
        return n;
}

static void make_entry(Entry *e, size_t size) {
        entry_clear(e);
        for (size_t i = 0; i < size; i++)
                buffer_append_byte(&e->message, 'm');
        entry_field(&e->fields, "MESSAGE", e->message.data, e->message.size);
}

static void test_entry_arrives_as_a_datagram(void **state) {
        _cleanup_(entry_done) Entry e = {0};
        Fixture *f = *state;
        char got[256];
        bool file = false;

        make_entry(&e, 5);
        assert_int_equal(sink_write(f->sink, &e), 0);
        assert_int_equal(receive(f, got, sizeof(got), &file), 14);
        assert_false(file);
        assert_memory_equal(got, "MESSAGE=mmmmm\n", 14);
        assert_int_equal(f->sink->entries, 1);
}

static void test_entry_that_fits_no_datagram_arrives_as_a_sealed_file(void **state) {
        const size_t size = 20 * 1024 * 1024;
        _cleanup_free_ char *got = malloc(size + 100);
        _cleanup_(entry_done) Entry e = {0};
        Fixture *f = *state;
        bool file = false;

        make_entry(&e, size);
        assert_int_equal(sink_write(f->sink, &e), 0);
        assert_int_equal(receive(f, got, size + 100, &file), size + 9);
        assert_true(file);
        assert_memory_equal(got, e.fields.data, e.fields.size);
}

static void test_files_that_nobody_reads_are_bounded(void **state) {
        _cleanup_(entry_done) Entry e = {0};
        Fixture *f = *state;
        _cleanup_free_ char *got = NULL;
        bool file = false;
        unsigned n = 0;

        /* Far fewer than the queue has places for datagrams would hold more than is allowed. */
        make_entry(&e, 9 * 1024 * 1024);
        while (n < 8 && sink_write(f->sink, &e) == 0)
                n++;
        assert_int_equal(n, 1);
        assert_int_equal(f->sink->state, SINK_FULL);

        /* The socket has room all the while: that must not be taken for room for the entry. */
        for (unsigned i = 0; i < 60; i++)
                assert_true(sd_event_run(f->event, 10 * USEC_PER_MSEC) >= 0);
        assert_int_equal(f->ready, 0);
        assert_int_equal(f->sink->state, SINK_FULL);

        got = malloc(e.fields.size);
        assert_int_equal(receive(f, got, e.fields.size, &file), e.fields.size);
        run_until(f, &f->ready, 1);
        assert_int_equal(sink_write(f->sink, &e), 0);
}

static void test_full_queue_is_not_a_refusal_and_wakes_when_read(void **state) {
        _cleanup_(entry_done) Entry e = {0};
        Fixture *f = *state;
        unsigned sent = 0, read = 0;
        char got[64];
        bool file = false;

        make_entry(&e, 5);
        while (sink_write(f->sink, &e) == 0)
                assert_true(++sent < 100000);
        assert_int_equal(f->sink->state, SINK_FULL);
        assert_int_equal(sink_write(f->sink, &e), -EAGAIN);
        while (receive(f, got, sizeof(got), &file) > 0)
                read++;
        assert_int_equal(read, sent);
        run_until(f, &f->ready, 1);
        assert_int_equal(f->refused, 0);
        assert_int_equal(sink_write(f->sink, &e), 0);
}

static void test_socket_that_is_gone_is_a_refusal_and_heals(void **state) {
        _cleanup_(entry_done) Entry e = {0};
        Fixture *f = *state;
        char got[64];
        bool file = false;

        journal_close(f);
        make_entry(&e, 5);
        assert_int_equal(sink_write(f->sink, &e), -EAGAIN);
        assert_int_equal(f->sink->state, SINK_REFUSED);
        assert_int_equal(f->refused, 1);
        /* Asked again and again, but said once. */
        for (unsigned i = 0; i < 60; i++)
                assert_true(sd_event_run(f->event, 10 * USEC_PER_MSEC) >= 0);
        assert_int_equal(f->refused, 1);

        journal_open(f);
        run_until(f, &f->ready, 1);
        assert_int_equal(f->back, 1);
        assert_int_equal(sink_write(f->sink, &e), 0);
        assert_int_equal(receive(f, got, sizeof(got), &file), 14);
}

static void test_records_wait_and_come_before_the_next_entry(void **state) {
        const RecordField fields[] = {{"KAFKA_TOPIC", "t"}, {"KAFKA_GROUP", NULL}, {NULL}};
        _cleanup_(entry_done) Entry e = {0};
        Fixture *f = *state;
        char got[1024];
        ssize_t n;
        bool file = false;

        journal_close(f);
        make_entry(&e, 5);
        assert_int_equal(sink_write(f->sink, &e), -EAGAIN);
        record_write(f->sink, RECORD_TOPIC_CREATED, fields, "Topic '%s'", "t");
        assert_true(f->sink->n_records > 0);
        journal_open(f);
        run_until(f, &f->ready, 1);
        assert_false(f->sink->n_records > 0);
        n = receive(f, got, sizeof(got) - 1, &file);
        assert_true(n > 0);
        got[n] = 0;
        assert_non_null(strstr(got, record_message_id(RECORD_TOPIC_CREATED)));
        assert_non_null(strstr(got, "MESSAGE=Topic 't'\n"));
        assert_non_null(strstr(got, "KAFKA_TOPIC=t\n"));
        assert_null(strstr(got, "KAFKA_GROUP"));
}

static void test_waiting_records_are_bounded_and_the_oldest_goes_first(void **state) {
        Fixture *f = *state;

        journal_close(f);
        for (unsigned i = 0; i < 1000; i++)
                record_write(f->sink, RECORD_TOPIC_CREATED, NULL, "number %u", i);
        assert_int_equal(f->sink->n_records, 256);
        assert_int_equal(f->sink->records_lost, 744);
        assert_non_null(strstr(buffer_string(&f->sink->records[0].message), "number 744"));
}

static void test_missing_socket_and_long_path_are_told_apart(void **state) {
        Fixture *f = *state;
        char path[200];
        Sink *s = NULL;

        assert_int_equal(writer_new(f->event, "/nonexistent/socket", &s), -ENOENT);
        memset(path, 'x', sizeof(path) - 1);
        path[sizeof(path) - 1] = 0;
        assert_int_equal(writer_new(f->event, path, &s), -ENAMETOOLONG);
        assert_null(s);
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
                TEST(test_entry_arrives_as_a_datagram),
                TEST(test_entry_that_fits_no_datagram_arrives_as_a_sealed_file),
                TEST(test_files_that_nobody_reads_are_bounded),
                TEST(test_full_queue_is_not_a_refusal_and_wakes_when_read),
                TEST(test_socket_that_is_gone_is_a_refusal_and_heals),
                TEST(test_records_wait_and_come_before_the_next_entry),
                TEST(test_waiting_records_are_bounded_and_the_oldest_goes_first),
                TEST(test_missing_socket_and_long_path_are_told_apart),
#undef TEST
        };

        log_open("test-sink", LOG_EMERG);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
