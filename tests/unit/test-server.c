/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of the control server: what it answers, and to whom.
 */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "control/dispatch.h"
#include "server-fixture.h"

static void test_service_describes_itself(void **state) {
        _cleanup_close_ int fd = -1;
        _cleanup_buffer_ Buffer b = {0};
        Fixture *f = *state;

        fixture_start(f, roomy());
        fd = connect_to(f->path);
        give(f, fd, "{\"method\":\"org.varlink.service.GetInfo\"}");
        assert_reply(f, fd,
                     "{\"parameters\":{\"vendor\":\"crier\",\"product\":\"crierd\",\"version\":"
                     "\"" PACKAGE_VERSION "\",\"url\":\"" PACKAGE_URL "\",\"interfaces\":"
                     "[\"org.varlink.service\",\"io.crier.Control\"]}}");
        give(f, fd,
             "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
             "\"parameters\":{\"interface\":\"io.crier.Control\"}}");
        assert_true(take(f, fd, &b));
        assert_non_null(strstr(buffer_string(&b), "method Status() -> ("));
        give(f, fd,
             "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
             "\"parameters\":{\"interface\":\"org.varlink.service\"}}");
        assert_true(take(f, fd, &b));
        assert_non_null(strstr(buffer_string(&b), "method GetInfo() -> ("));
        give(f, fd,
             "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
             "\"parameters\":{\"interface\":\"io.crier.Other\"}}");
        assert_error(f, fd, VARLINK_INTERFACE_NOT_FOUND, "io.crier.Other");
        give(f, fd, "{\"method\":\"org.varlink.service.GetInterfaceDescription\"}");
        assert_error(f, fd, VARLINK_INVALID_PARAMETER, "\"interface\"");
}

static void test_handlers_answer_with_parameters_errors_and_failures(void **state) {
        _cleanup_close_ int fd = -1;
        Fixture *f = *state;

        fixture_start(f, roomy());
        fd = connect_to(f->path);
        give(f, fd, echo);
        assert_reply(f, fd, echoed);
        give(f, fd, "{\"method\":\"io.crier.Control.Nothing\",\"more\":true}");
        assert_reply(f, fd, "{\"parameters\":{}}");
        give(f, fd, "{\"method\":\"io.crier.Control.Refuses\"}");
        assert_error(f, fd, "io.crier.Control.NoSuchThing", "{\"name\":\"x\"}");
        give(f, fd, "{\"method\":\"io.crier.Control.Fails\"}");
        assert_error(f, fd, "io.crier.Control.Failed", "Input/output error");
}

static void test_unknown_methods_interfaces_and_parameters_are_errors(void **state) {
        _cleanup_close_ int fd = -1;
        Fixture *f = *state;

        fixture_start(f, roomy());
        fd = connect_to(f->path);
        give(f, fd, "{\"method\":\"io.crier.Control.Frob\"}");
        assert_error(f, fd, VARLINK_METHOD_NOT_FOUND, "io.crier.Control.Frob");
        give(f, fd, "{\"method\":\"org.varlink.service.Frob\"}");
        assert_error(f, fd, VARLINK_METHOD_NOT_FOUND, "org.varlink.service.Frob");
        give(f, fd, "{\"method\":\"io.crier.Control.More.Echo\"}");
        assert_error(f, fd, VARLINK_INTERFACE_NOT_FOUND, "\"io.crier.Control.More\"");
        give(f, fd, "{\"method\":\"io.crier.Control.Echo\",\"upgrade\":true}");
        assert_error(f, fd, VARLINK_INVALID_PARAMETER, "upgrade");
        give(f, fd, "{\"method\":\"io.crier.Control.Nothing\",\"parameters\":{\"text\":1}}");
        assert_error(f, fd, VARLINK_INVALID_PARAMETER, "{\"parameter\":\"text\"}");
        give(f, fd, "{\"method\":\"io.crier.Control.Echo\",\"parameters\":{\"text\":1,\"x\":1}}");
        assert_error(f, fd, VARLINK_INVALID_PARAMETER, "{\"parameter\":\"x\"}");
}

/* Calls Typed with these parameters. */
static void give_typed(Fixture *f, int fd, const char *parameters) {
        _cleanup_buffer_ Buffer call = {0};

        buffer_appendf(&call, "{\"method\":\"io.crier.Control.Typed\",\"parameters\":%s}",
                       parameters);
        give(f, fd, buffer_string(&call));
}

static void test_parameters_of_another_type_are_refused_by_name(void **state) {
        static const struct {
                const char *parameters, *wrong;
        } rows[] = {
                {"{}", "text"},
                {"{\"text\":null}", "text"},
                {"{\"text\":1}", "text"},
                {"{\"text\":\"x\",\"txet\":1}", "txet"},
                {"{\"text\":\"x\",\"txet\":null}", "txet"},
                {"{\"text\":\"x\",\"\":1}", ""},
                {"{\"text\":\"x\",\"integer\":1.0}", "integer"},
                {"{\"text\":\"x\",\"integer\":\"1\"}", "integer"},
                {"{\"text\":\"x\",\"integer\":true}", "integer"},
                {"{\"text\":\"x\",\"number\":\"1\"}", "number"},
                {"{\"text\":\"x\",\"boolean\":0}", "boolean"},
                {"{\"text\":\"x\",\"strings\":\"a\"}", "strings"},
                {"{\"text\":\"x\",\"strings\":[\"a\",1]}", "strings"},
                {"{\"text\":\"x\",\"strings\":[null]}", "strings"},
                {"{\"text\":\"x\",\"objects\":{}}", "objects"},
                {"{\"text\":\"x\",\"objects\":[{},[]]}", "objects"},
        };
        _cleanup_close_ int fd = -1;
        Fixture *f = *state;

        fixture_start(f, roomy());
        fd = connect_to(f->path);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_buffer_ Buffer expected = {0};

                buffer_appendf(&expected, "{\"parameter\":\"%s\"}", rows[i].wrong);
                give_typed(f, fd, rows[i].parameters);
                assert_error(f, fd, VARLINK_INVALID_PARAMETER, buffer_string(&expected));
        }
        assert_int_equal(f->calls, 0);
}

static void test_parameters_that_fit_are_taken(void **state) {
        static const char *const rows[] = {
                "{\"text\":\"\"}",
                "{\"text\":\"x\",\"integer\":null,\"number\":null,\"boolean\":null,"
                "\"strings\":null,\"objects\":null}",
                "{\"text\":\"x\",\"integer\":-3,\"number\":1,\"boolean\":false,"
                "\"strings\":[],\"objects\":[]}",
                "{\"text\":\"x\",\"integer\":3,\"number\":1e300,\"boolean\":true,"
                "\"strings\":[\"a\",\"\"],\"objects\":[{\"a\":[1]},{}]}",
        };
        _cleanup_close_ int fd = -1;
        Fixture *f = *state;

        fixture_start(f, roomy());
        fd = connect_to(f->path);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                give_typed(f, fd, rows[i]);
                assert_reply(f, fd, "{\"parameters\":{}}");
        }
        assert_int_equal(f->calls, ELEMENTSOF(rows));
}

static void test_integers_out_of_range_are_bad_values(void **state) {
        static const char *const rows[] = {"4", "-4", "9223372036854775807",
                                           "-9223372036854775808"};
        _cleanup_close_ int fd = -1;
        Fixture *f = *state;

        fixture_start(f, roomy());
        fd = connect_to(f->path);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_buffer_ Buffer parameters = {0};

                buffer_appendf(&parameters, "{\"text\":\"x\",\"integer\":%s}", rows[i]);
                give_typed(f, fd, buffer_string(&parameters));
                assert_error(f, fd, "io.crier.Control.BadValue", "-3 to 3");
        }
        assert_int_equal(f->calls, 0);
}

static void test_oneway_call_is_done_without_a_reply(void **state) {
        _cleanup_close_ int fd = -1;
        Fixture *f = *state;

        fixture_start(f, roomy());
        fd = connect_to(f->path);
        give(f, fd, "{\"method\":\"io.crier.Control.Echo\",\"oneway\":true}");
        give(f, fd, "{\"method\":\"io.crier.Control.Frob\",\"oneway\":true}");
        give(f, fd, echo);
        assert_reply(f, fd, echoed);
        assert_int_equal(f->calls, 2);
}

static void test_call_is_answered_when_it_comes_byte_by_byte(void **state) {
        _cleanup_close_ int fd = -1;
        Fixture *f = *state;

        fixture_start(f, roomy());
        fd = connect_to(f->path);
        for (size_t i = 0; i < strlen(echo) + 1; i++) {
                give_bytes(f, fd, echo + i, 1);
                turn(f);
        }
        assert_reply(f, fd, echoed);
}

static void test_many_calls_at_once_are_answered_in_order(void **state) {
        _cleanup_close_ int fd = -1;
        _cleanup_buffer_ Buffer calls = {0};
        Fixture *f = *state;

        fixture_start(f, roomy());
        fd = connect_to(f->path);
        for (int i = 0; i < 500; i++) {
                buffer_appendf(&calls,
                               "{\"method\":\"io.crier.Control.Echo\",\"parameters\":{\"i\":%d}}",
                               i);
                buffer_append_byte(&calls, 0);
        }
        give_bytes(f, fd, (const char *) calls.data, calls.size);
        for (int i = 0; i < 500; i++) {
                char expected[64];

                snprintf(expected, sizeof(expected), "{\"parameters\":{\"i\":%d}}", i);
                assert_reply(f, fd, expected);
        }
}

static void test_client_that_ends_its_side_still_gets_all_replies(void **state) {
        _cleanup_close_ int fd = -1;
        Fixture *f = *state;

        fixture_start(f, roomy());
        fd = connect_to(f->path);
        give(f, fd, echo);
        give(f, fd, "{\"method\":\"io.crier.Control.Nothing\"}");
        give_bytes(f, fd, "{\"meth", 7);
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        assert_reply(f, fd, echoed);
        assert_reply(f, fd, "{\"parameters\":{}}");
        assert_closed(f, fd);
        assert_int_equal(server_connections(f->server), 0);
}

static void test_malformed_input_closes_only_its_connection(void **state) {
        const char *const inputs[] = {"", "GET / HTTP/1.1\r\n\r\n", "{}",
                                      "{\"method\":\"io.crier.Control.Echo\",\"parameters\":[]}",
                                      "{\"method\":\"io.crier.Control.Echo\",\"method\":1}"};
        _cleanup_close_ int good = -1;
        Fixture *f = *state;

        fixture_start(f, roomy());
        good = connect_to(f->path);
        for (size_t i = 0; i < ELEMENTSOF(inputs); i++) {
                _cleanup_close_ int bad = connect_to(f->path);

                give(f, bad, inputs[i]);
                assert_closed(f, bad);
                give(f, good, echo);
                assert_reply(f, good, echoed);
        }
        assert_int_equal(server_connections(f->server), 1);
}

static void test_credentials_come_from_the_kernel(void **state) {
        _cleanup_(peer_done) Peer p = {0};
        gid_t groups[256];
        int fds[2], n;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(peer_read(fds[0], &p), 0);
        close(fds[0]);
        close(fds[1]);
        assert_int_equal(p.uid, geteuid());
        assert_int_equal(p.gid, getegid());
        assert_int_equal(p.pid, getpid());
        n = getgroups(ELEMENTSOF(groups), groups);
        if (n >= 0) {
                assert_int_equal(p.n_groups, n);
                assert_memory_equal(p.groups ? p.groups : groups, groups,
                                    (size_t) n * sizeof(gid_t));
        }
}

static void test_operators_are_root_the_own_user_and_the_group(void **state) {
        const AccessRules rules = {.own_uid = 900, .has_group = true, .group = 901};
        const AccessRules groupless = {.own_uid = 900};
        gid_t groups[] = {4, 901, 1000};
        const Peer root = {.uid = 0}, own = {.uid = 900}, other = {.uid = 1000, .gid = 1000};
        const Peer primary = {.uid = 1000, .gid = 901};
        const Peer member = {.uid = 1000, .gid = 1000, .groups = groups, .n_groups = 3};
        const Peer zero = {.uid = 1000, .gid = 0};

        assert_true(access_allowed(&rules, ACCESS_OPERATOR, &root));
        assert_true(access_allowed(&rules, ACCESS_OPERATOR, &own));
        assert_true(access_allowed(&rules, ACCESS_OPERATOR, &primary));
        assert_true(access_allowed(&rules, ACCESS_OPERATOR, &member));
        assert_false(access_allowed(&rules, ACCESS_OPERATOR, &other));
        assert_false(access_allowed(&groupless, ACCESS_OPERATOR, &member));
        assert_false(access_allowed(&groupless, ACCESS_OPERATOR, &zero));
        assert_true(access_allowed(&groupless, ACCESS_ANYBODY, &other));
}

static void test_denial_says_what_to_type(void **state) {
        const Dispatcher d = {
                .methods = methods,
                .userdata = *state,
                .rules = {.own_uid = 900},
                .reply_max = 1024,
        };
        static const char text[] = "{\"method\":\"io.crier.Control.Secret\"}";
        const Peer root = {.uid = 0}, other = {.uid = 1000, .gid = 1000};
        Request request = {.peer = &other};
        _cleanup_buffer_ Buffer b = {0};

        assert_int_equal(varlink_call_parse(text, strlen(text), &request.call), 0);
        assert_int_equal(dispatch_call(&d, &request, &b), 0);
        assert_non_null(strstr(buffer_string(&b), VARLINK_PERMISSION_DENIED));
        assert_non_null(strstr(buffer_string(&b), "usermod -aG crier USER"));
        buffer_clear(&b);
        request.peer = &root;
        assert_int_equal(dispatch_call(&d, &request, &b), 0);
        assert_string_equal((const char *) b.data, "{\"parameters\":{}}");
        varlink_call_done(&request.call);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                SERVER_TEST(test_service_describes_itself),
                SERVER_TEST(test_handlers_answer_with_parameters_errors_and_failures),
                SERVER_TEST(test_unknown_methods_interfaces_and_parameters_are_errors),
                SERVER_TEST(test_parameters_of_another_type_are_refused_by_name),
                SERVER_TEST(test_parameters_that_fit_are_taken),
                SERVER_TEST(test_integers_out_of_range_are_bad_values),
                SERVER_TEST(test_oneway_call_is_done_without_a_reply),
                SERVER_TEST(test_call_is_answered_when_it_comes_byte_by_byte),
                SERVER_TEST(test_many_calls_at_once_are_answered_in_order),
                SERVER_TEST(test_client_that_ends_its_side_still_gets_all_replies),
                SERVER_TEST(test_malformed_input_closes_only_its_connection),
                SERVER_TEST(test_credentials_come_from_the_kernel),
                SERVER_TEST(test_operators_are_root_the_own_user_and_the_group),
                SERVER_TEST(test_denial_says_what_to_type),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
