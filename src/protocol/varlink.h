/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/*
 * The wire format of the control socket, Varlink (varlink.org, "Method Call"): JSON objects, each
 * ended by a NUL. Bytes in, structs out, and the other way round; both programs use it. Pure and
 * bounded: no descriptors, no waiting, no knowledge of methods.
 */

#include <jansson.h>
#include <stdbool.h>

#include "common/buffer.h"

/* The longest call that the daemon reads, and the longest reply that crierctl reads, without the
 * NUL. */
#define VARLINK_CALL_MAX ((size_t) 64 * 1024)
#define VARLINK_REPLY_MAX ((size_t) 16 * 1024 * 1024)

/* How deep objects and arrays may nest. Jansson parses and frees recursively. */
#define VARLINK_DEPTH_MAX 32

/* The errors of org.varlink.service (varlink.org, "Service") that crier uses. */
#define VARLINK_INTERFACE_NOT_FOUND "org.varlink.service.InterfaceNotFound"
#define VARLINK_METHOD_NOT_FOUND "org.varlink.service.MethodNotFound"
#define VARLINK_INVALID_PARAMETER "org.varlink.service.InvalidParameter"
#define VARLINK_PERMISSION_DENIED "org.varlink.service.PermissionDenied"
#define VARLINK_EXPECTED_MORE "org.varlink.service.ExpectedMore"

static inline void json_decref_cleanup(json_t **j) {
        json_decref(*j);
}
#define _cleanup_json_ _cleanup_(json_decref_cleanup)

/* Cuts a stream of bytes into frames. */
typedef struct VarlinkDecoder {
        Buffer bytes;     /* what came and was not handed out yet begins at `start` */
        size_t start;     /* first byte of the frame that is being put together */
        size_t searched;  /* up to here there is no NUL */
        size_t frame_max; /* longest frame, without its NUL */
} VarlinkDecoder;

void varlink_decoder_init(VarlinkDecoder *d, size_t frame_max);
void varlink_decoder_done(VarlinkDecoder *d);

/* Adds bytes. The frames handed out before are no longer valid. Returns 0 or -ENOMEM. A caller that
 * takes all frames out before it adds more never makes the decoder hold more than one frame and
 * what it adds at once. */
int varlink_decoder_add(VarlinkDecoder *d, const void *data, size_t size);

/* Takes the next whole frame, without its NUL but with a NUL behind it. The text stays the
 * decoder's and is valid until the next varlink_decoder_add(). Returns 1 with a frame, 0 when more
 * bytes are needed, -EMSGSIZE when the frame is longer than allowed: the stream cannot be used any
 * further. */
int varlink_decoder_next(VarlinkDecoder *d, const char **ret_frame, size_t *ret_size);

/* Whether bytes of a frame are there whose end is missing. Exact once next() has returned 0. */
bool varlink_decoder_partial(const VarlinkDecoder *d);

/* A call, as its sender meant it. Begin with all zero, end with varlink_call_done(). */
typedef struct VarlinkCall {
        json_t *message;    /* owned; all others point into it */
        const char *method; /* "interface.Method"; both parts have the form that Varlink asks for */
        json_t *parameters; /* always an object; empty where none were sent */
        bool oneway;        /* no reply wanted */
        bool more;          /* several replies are welcome */
        bool upgrade;       /* wants to speak another protocol afterwards */
} VarlinkCall;

/* Parses a frame. Returns 0; -EBADMSG for what is not a call: no JSON, no object, a key twice, a
 * key that Varlink does not know (vendor extensions have a dot in their name and are passed over),
 * a value of another type, too deep; -ENOMEM. */
int varlink_call_parse(const char *frame, size_t size, VarlinkCall *ret);
void varlink_call_done(VarlinkCall *c);
#define _cleanup_call_ _cleanup_(varlink_call_done)

/* Appends a call with its NUL. `parameters` may be NULL and stays the caller's. Returns 0, -ENOMEM,
 * or -EMSGSIZE when it is longer than VARLINK_CALL_MAX (nothing is appended then). */
int varlink_call_encode(const char *method, json_t *parameters, bool more, Buffer *out);

/* A reply. Begin with all zero, end with varlink_reply_done(). */
typedef struct VarlinkReply {
        json_t *message;    /* owned; all others point into it */
        const char *error;  /* "interface.Error", or NULL */
        json_t *parameters; /* always an object; empty where none were sent */
        bool continues;     /* more replies follow */
} VarlinkReply;

/* Parses a frame, with the strictness and the errors of varlink_call_parse(). */
int varlink_reply_parse(const char *frame, size_t size, VarlinkReply *ret);
void varlink_reply_done(VarlinkReply *r);
#define _cleanup_reply_ _cleanup_(varlink_reply_done)

/* Appends a reply with its NUL; `error` NULL for success. `parameters` may be NULL and stays the
 * caller's. Returns 0, -ENOMEM, or -EMSGSIZE when it is longer than VARLINK_REPLY_MAX (nothing is
 * appended then). */
int varlink_reply_encode(const char *error, json_t *parameters, bool continues, Buffer *out);
