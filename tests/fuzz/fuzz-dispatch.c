/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: calls, from their bytes to their reply, with the daemon's own table of methods,
 * whose handlers are replaced: these look that they get nothing but what the table promises. The
 * first byte chooses who calls; a NUL ends a call. Each call has one reply of the form that Varlink
 * wants, and a oneway call none.
 */

#include <assert.h>

#include "control/dispatch.h"
#include "control/methods.h"

#define METHODS_MAX 64
#define REPLY_MAX ((size_t) 64 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ControlMethod table[METHODS_MAX];

static bool allowed(const ControlParameter *p, const json_t *j) {
        const json_t *item;
        size_t i;

        if (!j || json_is_null(j))
                return !p->required;
        switch (p->type) {
        case CONTROL_STRING:
                return json_string_value(j);
        case CONTROL_INTEGER:
                return json_is_integer(j) &&
                       (p->min == p->max ||
                        (json_integer_value(j) >= p->min && json_integer_value(j) <= p->max));
        case CONTROL_NUMBER:
                return json_is_number(j);
        case CONTROL_BOOLEAN:
                return json_is_boolean(j);
        case CONTROL_STRINGS:
        case CONTROL_OBJECTS:
                json_array_foreach(j, i, item) {
                        if (json_typeof(item) !=
                            (p->type == CONTROL_STRINGS ? JSON_STRING : JSON_OBJECT))
                                return false;
                }
                return json_is_array(j);
        }
        return false;
}

static int method_checks(void *userdata, Request *request, json_t **ret_parameters,
                         const char **ret_error) {
        json_t *given = request->call.parameters;
        const ControlMethod *m = control_methods;
        size_t known = 0;

        while (!streq(m->name, request->call.method))
                m++;
        for (const ControlParameter *p = m->parameters; p && p->name; p++) {
                assert(allowed(p, json_object_get(given, p->name)));
                known += json_object_get(given, p->name) ? 1 : 0;
        }
        assert(known == json_object_size(given));
        assert(access_allowed(userdata, m->access, request->peer));
        *ret_parameters = json_incref(given);
        return 0;
}

static void check_reply(const Buffer *b, bool oneway) {
        _cleanup_reply_ VarlinkReply reply = {0};
        int r;

        assert(oneway == (b->size == 0));
        if (oneway)
                return;
        assert(strnlen((const char *) b->data, b->size) == b->size - 1);
        r = varlink_reply_parse((const char *) b->data, b->size - 1, &reply);
        assert(r == 0 && !reply.continues);
        assert(!reply.error || strncmp(reply.error, "org.varlink.service.", 20) == 0 ||
               strncmp(reply.error, PROTOCOL_INTERFACE ".", strlen(PROTOCOL_INTERFACE) + 1) == 0);
}

static void dispatch_frame(const Dispatcher *d, const Peer *peer, const char *frame, size_t size) {
        Request request = {.peer = peer};
        _cleanup_buffer_ Buffer b = {0};
        int r;

        if (varlink_call_parse(frame, size, &request.call) < 0)
                return;
        r = dispatch_call(d, &request, &b);
        assert(r == 0);
        check_reply(&b, request.call.oneway);
        varlink_call_done(&request.call);
}

static Dispatcher dispatcher(void) {
        Dispatcher d = {
                .methods = table,
                .rules = {.own_uid = 900, .has_group = true, .group = 901},
                .reply_max = REPLY_MAX,
        };

        for (size_t i = 0; control_methods[i].name; i++) {
                assert(i + 1 < METHODS_MAX);
                table[i] = control_methods[i];
                table[i].handler = method_checks;
        }
        return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const Peer peers[] = {{.uid = 0}, {.uid = 900}, {.uid = 7, .gid = 901}, {.uid = 7}};
        const char *text = (const char *) data, *end = text + size;
        const Peer *peer = peers + (size > 0 ? data[0] % ELEMENTSOF(peers) : 0);
        Dispatcher d = dispatcher();

        d.userdata = &d.rules;
        for (text += size > 0; text < end;) {
                size_t n = strnlen(text, (size_t) (end - text));

                dispatch_frame(&d, peer, text, n);
                text += n + 1;
        }
        return 0;
}
