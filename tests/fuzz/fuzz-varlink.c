/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: bytes of a control connection, in pieces whose size is the first byte, through the
 * decoder and both parsers. What was parsed must survive being written and read again.
 */

#include <assert.h>

#include "protocol/varlink.h"

/* Small, so that frames that are too long are found by short inputs too. */
#define FUZZ_FRAME_MAX ((size_t) 512)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_call(const char *frame, size_t size) {
        _cleanup_call_ VarlinkCall call = {0}, again = {0};
        _cleanup_buffer_ Buffer b = {0};
        int r;

        if (varlink_call_parse(frame, size, &call) < 0)
                return;
        assert(strchr(call.method, '.') && json_is_object(call.parameters));
        r = varlink_call_encode(call.method, call.parameters, call.more, &b);
        assert(r == 0);
        r = varlink_call_parse((const char *) b.data, b.size - 1, &again);
        assert(r == 0);
        assert(streq(call.method, again.method) && call.more == again.more);
        assert(json_equal(call.parameters, again.parameters));
}

static void check_reply(const char *frame, size_t size) {
        _cleanup_reply_ VarlinkReply reply = {0}, again = {0};
        _cleanup_buffer_ Buffer b = {0};
        int r;

        if (varlink_reply_parse(frame, size, &reply) < 0)
                return;
        r = varlink_reply_encode(reply.error, reply.parameters, reply.continues, &b);
        assert(r == 0);
        r = varlink_reply_parse((const char *) b.data, b.size - 1, &again);
        assert(r == 0);
        assert(!reply.error == !again.error && reply.continues == again.continues);
        assert(json_equal(reply.parameters, again.parameters));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        size_t step = size > 0 ? (size_t) data[0] + 1 : 1, frame_size;
        VarlinkDecoder d;
        const char *frame;
        int r = 0;

        varlink_decoder_init(&d, FUZZ_FRAME_MAX);
        for (size_t i = 1; i < size && r >= 0; i += step) {
                r = varlink_decoder_add(&d, data + i, MIN(step, size - i));
                assert(r == 0);
                while ((r = varlink_decoder_next(&d, &frame, &frame_size)) == 1) {
                        assert(frame_size <= FUZZ_FRAME_MAX && strlen(frame) == frame_size);
                        check_call(frame, frame_size);
                        check_reply(frame, frame_size);
                }
                assert(r < 0 || d.bytes.size - d.start <= FUZZ_FRAME_MAX);
        }
        varlink_decoder_done(&d);
        return 0;
}
