/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of protocol/varlink: what is a call and what is not, however the bytes arrive.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "protocol/varlink.h"
#include "protocol/verbs.h"

static int parse_call(const char *text, VarlinkCall *ret) {
        return varlink_call_parse(text, strlen(text), ret);
}

static void assert_call_refused(const char *text) {
        _cleanup_call_ VarlinkCall c = {0};
        int r = parse_call(text, &c);

        if (r != -EBADMSG)
                fail_msg("%s: %d", text, r);
        assert_null(c.message);
}

/* Bytes given one by one, or all at once, must come out as the same frames. */
static void assert_frames(size_t step) {
        static const char stream[] = "{\"a\":1}\0\0{\"b\":\"x\"}\0{}";
        const char *const expected[] = {"{\"a\":1}", "", "{\"b\":\"x\"}"};
        VarlinkDecoder d;
        size_t n = 0;

        varlink_decoder_init(&d, 64);
        for (size_t i = 0; i < sizeof(stream) - 1; i += step) {
                const char *frame = NULL;
                size_t size = 0;

                assert_int_equal(
                        varlink_decoder_add(&d, stream + i, MIN(step, sizeof(stream) - 1 - i)), 0);
                while (n < ELEMENTSOF(expected) && varlink_decoder_next(&d, &frame, &size) == 1) {
                        assert_string_equal(frame, expected[n]);
                        assert_int_equal(size, strlen(expected[n]));
                        n++;
                }
        }
        assert_int_equal(n, ELEMENTSOF(expected));
        assert_int_equal(varlink_decoder_next(&d, &(const char *){NULL}, &(size_t){0}), 0);
        assert_true(varlink_decoder_partial(&d));
        varlink_decoder_done(&d);
}

static void test_frames_come_out_whole_however_they_are_split(void **state) {
        for (size_t step = 1; step < 32; step++)
                assert_frames(step);
}

static void test_decoder_keeps_no_more_than_the_unfinished_frame(void **state) {
        VarlinkDecoder d;
        const char *frame;
        size_t size;

        varlink_decoder_init(&d, 100);
        for (int i = 0; i < 10000; i++) {
                assert_int_equal(varlink_decoder_add(&d, "0123456789\0half", 15), 0);
                assert_int_equal(varlink_decoder_next(&d, &frame, &size), 1);
                assert_int_equal(varlink_decoder_next(&d, &frame, &size), 0);
                assert_int_equal(varlink_decoder_add(&d, "", 1), 0);
                assert_int_equal(varlink_decoder_next(&d, &frame, &size), 1);
                assert_string_equal(frame, "half");
                assert_int_equal(varlink_decoder_next(&d, &frame, &size), 0);
                assert_false(varlink_decoder_partial(&d));
        }
        assert_true(d.bytes.allocated < 1024);
        varlink_decoder_done(&d);
}

static void test_frame_of_the_longest_size_passes_and_one_more_byte_does_not(void **state) {
        const size_t max = VARLINK_CALL_MAX;
        static char bytes[VARLINK_CALL_MAX + 2];
        VarlinkDecoder d;
        const char *frame;
        size_t size;

        memset(bytes, 'x', max + 1);
        bytes[max + 1] = 0;
        varlink_decoder_init(&d, max);
        assert_int_equal(varlink_decoder_add(&d, bytes + 1, max + 1), 0);
        assert_int_equal(varlink_decoder_next(&d, &frame, &size), 1);
        assert_int_equal(size, max);
        assert_int_equal(varlink_decoder_add(&d, bytes, max + 2), 0);
        assert_int_equal(varlink_decoder_next(&d, &frame, &size), -EMSGSIZE);
        varlink_decoder_done(&d);

        /* It does not wait for the end of a frame that is too long already. */
        varlink_decoder_init(&d, max);
        assert_int_equal(varlink_decoder_add(&d, bytes, max), 0);
        assert_int_equal(varlink_decoder_next(&d, &frame, &size), 0);
        assert_int_equal(varlink_decoder_add(&d, bytes, 1), 0);
        assert_int_equal(varlink_decoder_next(&d, &frame, &size), -EMSGSIZE);
        varlink_decoder_done(&d);
}

static void test_call_has_its_fields(void **state) {
        _cleanup_call_ VarlinkCall c = {0};

        assert_int_equal(parse_call("{\"method\":\"io.crier.Control.Status\",\"more\":true,"
                                    "\"oneway\":false,\"upgrade\":null,\"parameters\":{\"n\":7},"
                                    "\"com.example.trace\":[1,2]}",
                                    &c),
                         0);
        assert_string_equal(c.method, "io.crier.Control.Status");
        assert_true(c.more);
        assert_false(c.oneway);
        assert_false(c.upgrade);
        assert_int_equal(json_integer_value(json_object_get(c.parameters, "n")), 7);
}

static void test_call_without_parameters_has_an_empty_object(void **state) {
        const char *const calls[] = {
                "{\"method\":\"io.crier.Control.Status\"}",
                " {\"method\":\"io.crier.Control.Status\", \"parameters\":null}\n",
                "{\"method\":\"io.crier.Control.Status\",\"parameters\":{}}",
        };

        for (size_t i = 0; i < ELEMENTSOF(calls); i++) {
                _cleanup_call_ VarlinkCall c = {0};

                assert_int_equal(parse_call(calls[i], &c), 0);
                assert_true(json_is_object(c.parameters));
                assert_int_equal(json_object_size(c.parameters), 0);
        }
}

static void test_what_is_not_a_call_is_refused(void **state) {
        const char *const texts[] = {
                "",
                " ",
                "null",
                "[]",
                "\"io.crier.Control.Status\"",
                "{}",
                "{\"method\":",
                "{\"method\":\"a.b.C\"",
                "{\"method\":\"a.b.C\"}}",
                "{\"method\":\"a.b.C\"} x",
                "{\"method\":\"a.b.C\",}",
                "{'method':'a.b.C'}",
                "{\"method\":null}",
                "{\"method\":7}",
                "{\"method\":[\"a.b.C\"]}",
                "{\"method\":\"a.b.C\",\"parameters\":[]}",
                "{\"method\":\"a.b.C\",\"parameters\":\"\"}",
                "{\"method\":\"a.b.C\",\"parameters\":0}",
                "{\"method\":\"a.b.C\",\"more\":1}",
                "{\"method\":\"a.b.C\",\"more\":\"true\"}",
                "{\"method\":\"a.b.C\",\"oneway\":{}}",
                "{\"method\":\"a.b.C\",\"oneway\":true,\"more\":true}",
                "{\"method\":\"a.b.C\",\"upgrade\":0}",
                "{\"method\":\"a.b.C\",\"Method\":\"a.b.C\"}",
                "{\"method\":\"a.b.C\",\"error\":null}",
                "{\"method\":\"a.b.C\",\"parameters\":{\"n\":99999999999999999999}}",
                "{\"method\":\"a.b.C\",\"parameters\":{\"n\":1e999}}",
                "{\"method\":\"a.b.C\",\"parameters\":{\"s\":\"\\u0000\"}}",
                "{\"method\":\"a.b.C\",\"parameters\":{\"s\":\"\\ud800\"}}",
                "{\"method\":\"a.b.C\",\"parameters\":{\"s\":\"\xff\xfe\"}}",
                "{\"method\":\"a.b.C\",\"parameters\":{\"s\":\"\x1b[2J\"}}",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                assert_call_refused(texts[i]);
}

static void test_key_given_twice_is_refused_at_every_depth(void **state) {
        assert_call_refused("{\"method\":\"a.b.C\",\"method\":\"a.b.D\"}");
        assert_call_refused("{\"method\":\"a.b.C\",\"parameters\":{\"x\":1,\"x\":1}}");
        assert_call_refused("{\"method\":\"a.b.C\",\"parameters\":{\"y\":[{\"x\":1,\"x\":2}]}}");
}

static void test_method_names_have_the_form_of_varlink(void **state) {
        const char *const bad[] = {"",       "C",      "a.C",    ".a.C",    "a..C",
                                   "a.b.",   "a.b.c",  "a.b.C-", "a.b.C D", "-a.b.C",
                                   "a-.b.C", "1a.b.C", "a.b_.C", "a.b.1C",  "a.b.C\\u001b[2J"};
        const char *const good[] = {"a.b.C", "io.crier.Control.Status", "x-y.z9.Get2", "a.9.C"};

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_buffer_ Buffer b = {0};

                buffer_appendf(&b, "{\"method\":\"%s\"}", bad[i]);
                assert_call_refused(buffer_string(&b));
        }
        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                _cleanup_buffer_ Buffer b = {0};
                _cleanup_call_ VarlinkCall c = {0};

                buffer_appendf(&b, "{\"method\":\"%s\"}", good[i]);
                assert_int_equal(parse_call(buffer_string(&b), &c), 0);
                assert_string_equal(c.method, good[i]);
        }
}

/* A call whose parameters hold `depth` arrays in each other. */
static int parse_nested(unsigned depth, const char *open, const char *close) {
        _cleanup_buffer_ Buffer b = {0};
        _cleanup_call_ VarlinkCall c = {0};

        buffer_append_string(&b, "{\"method\":\"a.b.C\",\"parameters\":{\"x\":");
        for (unsigned i = 0; i < depth; i++)
                buffer_append_string(&b, open);
        buffer_append_string(&b, "0");
        for (unsigned i = 0; i < depth; i++)
                buffer_append_string(&b, close);
        buffer_append_string(&b, "}}");
        return parse_call(buffer_string(&b), &c);
}

static void test_nesting_is_bounded(void **state) {
        assert_int_equal(parse_nested(VARLINK_DEPTH_MAX - 2, "[", "]"), 0);
        assert_int_equal(parse_nested(VARLINK_DEPTH_MAX - 1, "[", "]"), -EBADMSG);
        assert_int_equal(parse_nested(VARLINK_DEPTH_MAX - 1, "{\"x\":", "}"), -EBADMSG);
        assert_int_equal(parse_nested(30000, "[", ""), -EBADMSG);
}

static void test_brackets_inside_strings_do_not_nest(void **state) {
        _cleanup_buffer_ Buffer b = {0};
        _cleanup_call_ VarlinkCall c = {0};

        buffer_append_string(&b, "{\"method\":\"a.b.C\",\"parameters\":{\"x\":\"\\\"\\\\");
        for (int i = 0; i < 1000; i++)
                buffer_append_string(&b, "[{");
        buffer_append_string(&b, "\"}}");
        assert_int_equal(parse_call(buffer_string(&b), &c), 0);
}

static void test_every_truncation_of_a_call_is_refused(void **state) {
        static const char call[] = "{\"method\":\"io.crier.Control.Status\",\"more\":true,"
                                   "\"parameters\":{\"a\":[1,2.5,\"\\u00e4\"]}}";

        for (size_t n = 0; n < sizeof(call) - 1; n++) {
                _cleanup_call_ VarlinkCall c = {0};

                assert_int_equal(varlink_call_parse(call, n, &c), -EBADMSG);
        }
}

static void test_encoded_call_is_parsed_back(void **state) {
        _cleanup_json_ json_t *parameters = json_pack("{s:s}", "topic", "post.office");
        _cleanup_buffer_ Buffer b = {0};
        _cleanup_call_ VarlinkCall c = {0};

        assert_int_equal(varlink_call_encode("io.crier.Control.Status", parameters, true, &b), 0);
        assert_int_equal(b.data[b.size - 1], 0);
        assert_int_equal(varlink_call_parse((char *) b.data, b.size - 1, &c), 0);
        assert_string_equal(c.method, "io.crier.Control.Status");
        assert_true(c.more);
        assert_true(json_equal(c.parameters, parameters));
}

static void test_call_that_is_too_long_is_not_encoded(void **state) {
        static char text[VARLINK_CALL_MAX + 1];
        _cleanup_json_ json_t *parameters = NULL;
        _cleanup_buffer_ Buffer b = {0};

        memset(text, 'x', VARLINK_CALL_MAX);
        parameters = json_pack("{s:s}", "value", text);
        buffer_append_string(&b, "before");
        assert_int_equal(varlink_call_encode("a.b.C", parameters, false, &b), -EMSGSIZE);
        assert_string_equal(buffer_string(&b), "before");
}

static void test_replies_are_encoded_and_parsed_back(void **state) {
        _cleanup_json_ json_t *parameters = json_pack("{s:i}", "n", 1);
        _cleanup_buffer_ Buffer b = {0};
        _cleanup_reply_ VarlinkReply good = {0}, bad = {0};
        size_t first;

        assert_int_equal(varlink_reply_encode(NULL, NULL, false, &b), 0);
        assert_string_equal((char *) b.data, "{\"parameters\":{}}");
        buffer_clear(&b);
        assert_int_equal(varlink_reply_encode(NULL, parameters, true, &b), 0);
        first = b.size;
        assert_int_equal(varlink_reply_encode("a.b.NotThere", parameters, false, &b), 0);
        assert_int_equal(varlink_reply_parse((char *) b.data, first - 1, &good), 0);
        assert_null(good.error);
        assert_true(good.continues);
        assert_true(json_equal(good.parameters, parameters));
        assert_int_equal(varlink_reply_parse((char *) b.data + first, b.size - first - 1, &bad), 0);
        assert_string_equal(bad.error, "a.b.NotThere");
        assert_false(bad.continues);
}

static void test_what_is_not_a_reply_is_refused(void **state) {
        const char *const texts[] = {"[]",
                                     "{\"error\":7}",
                                     "{\"error\":\"no such name\"}",
                                     "{\"parameters\":[]}",
                                     "{\"parameters\":{}",
                                     "{\"continues\":1}",
                                     "{\"method\":\"a.b.C\"}",
                                     "{\"error\":\"a.b.C\",\"error\":\"a.b.C\"}"};

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_reply_ VarlinkReply r = {0};

                assert_int_equal(varlink_reply_parse(texts[i], strlen(texts[i]), &r), -EBADMSG);
        }
}

static void test_verbs_are_found_and_a_mistyped_one_suggests_the_nearest(void **state) {
        assert_string_equal(verb_find("status")->method, "io.crier.Control.Status");
        assert_null(verb_find("Status"));
        assert_null(verb_find(""));
        assert_string_equal(verb_nearest("statsu"), "status");
        assert_string_equal(verb_nearest("STAT"), "status");
        assert_null(verb_nearest("frobnicate"));
}

/* Each verb's method and each error that the daemon sends stands in the interface description. */
static void test_interface_describes_every_method(void **state) {
        for (const Verb *v = verbs; v->name; v++) {
                _cleanup_buffer_ Buffer b = {0};

                if (!v->method)
                        continue;
                buffer_appendf(&b, "\nmethod %s(", strrchr(v->method, '.') + 1);
                assert_non_null(strstr(protocol_interface, buffer_string(&b)));
        }
        assert_non_null(strstr(protocol_interface, "\ninterface " PROTOCOL_INTERFACE "\n"));
        assert_non_null(strstr(protocol_interface, "\nerror Failed ("));
        assert_non_null(strstr(protocol_interface, "\nerror Busy ("));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_frames_come_out_whole_however_they_are_split),
                cmocka_unit_test(test_decoder_keeps_no_more_than_the_unfinished_frame),
                cmocka_unit_test(test_frame_of_the_longest_size_passes_and_one_more_byte_does_not),
                cmocka_unit_test(test_call_has_its_fields),
                cmocka_unit_test(test_call_without_parameters_has_an_empty_object),
                cmocka_unit_test(test_what_is_not_a_call_is_refused),
                cmocka_unit_test(test_key_given_twice_is_refused_at_every_depth),
                cmocka_unit_test(test_method_names_have_the_form_of_varlink),
                cmocka_unit_test(test_nesting_is_bounded),
                cmocka_unit_test(test_brackets_inside_strings_do_not_nest),
                cmocka_unit_test(test_every_truncation_of_a_call_is_refused),
                cmocka_unit_test(test_encoded_call_is_parsed_back),
                cmocka_unit_test(test_call_that_is_too_long_is_not_encoded),
                cmocka_unit_test(test_replies_are_encoded_and_parsed_back),
                cmocka_unit_test(test_what_is_not_a_reply_is_refused),
                cmocka_unit_test(test_verbs_are_found_and_a_mistyped_one_suggests_the_nearest),
                cmocka_unit_test(test_interface_describes_every_method),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
