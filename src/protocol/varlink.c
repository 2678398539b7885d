/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The wire format of the control socket: see varlink.h. No descriptors, no waiting.
 */

#include "protocol/varlink.h"

#include <errno.h>

/* The longest name of a method or an error. */
#define NAME_MAX_BYTES 255

void varlink_decoder_init(VarlinkDecoder *d, size_t frame_max) {
        *d = (VarlinkDecoder){.frame_max = frame_max};
}

void varlink_decoder_done(VarlinkDecoder *d) {
        buffer_done(&d->bytes);
        *d = (VarlinkDecoder){.frame_max = d->frame_max};
}

/* Moves the unfinished frame to the beginning, so that the memory does not grow with the stream. */
static void decoder_compact(VarlinkDecoder *d) {
        if (d->start == 0)
                return;
        memmove(d->bytes.data, d->bytes.data + d->start, d->bytes.size - d->start);
        d->bytes.size -= d->start;
        d->searched -= d->start;
        d->start = 0;
}

int varlink_decoder_add(VarlinkDecoder *d, const void *data, size_t size) {
        decoder_compact(d);
        buffer_append(&d->bytes, data, size);
        return d->bytes.failed ? -ENOMEM : 0;
}

int varlink_decoder_next(VarlinkDecoder *d, const char **ret_frame, size_t *ret_size) {
        size_t unsearched = d->bytes.size - d->searched, size;
        const uint8_t *from, *end;

        if (unsearched == 0)
                return 0;
        from = d->bytes.data + d->searched;
        end = memchr(from, 0, unsearched);
        size = (end ? d->searched + (size_t) (end - from) : d->bytes.size) - d->start;
        if (size > d->frame_max)
                return -EMSGSIZE;
        if (!end) {
                d->searched = d->bytes.size;
                return 0;
        }
        *ret_frame = (const char *) d->bytes.data + d->start;
        *ret_size = size;
        d->start += size + 1;
        d->searched = d->start;
        return 1;
}

bool varlink_decoder_partial(const VarlinkDecoder *d) {
        return d->bytes.size > d->start;
}

/* Whether objects and arrays nest deeper than allowed. Looks at brackets outside of strings alone;
 * whether they match is the parser's. */
static bool nests_too_deep(const char *text, size_t size) {
        unsigned depth = 0;
        bool quoted = false;

        for (size_t i = 0; i < size; i++) {
                if (quoted && text[i] == '\\')
                        i++;
                else if (text[i] == '"')
                        quoted = !quoted;
                else if (quoted)
                        continue;
                else if (text[i] == '{' || text[i] == '[')
                        depth++;
                else if ((text[i] == '}' || text[i] == ']') && depth > 0)
                        depth--;
                if (depth > VARLINK_DEPTH_MAX)
                        return true;
        }
        return false;
}

static int message_load(const char *frame, size_t size, json_t **ret) {
        _cleanup_json_ json_t *j = NULL;
        json_error_t error;

        if (nests_too_deep(frame, size))
                return -EBADMSG;
        j = json_loadb(frame, size, JSON_REJECT_DUPLICATES, &error);
        if (!j)
                return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EBADMSG;
        if (!json_is_object(j))
                return -EBADMSG;
        *ret = TAKE_PTR(j);
        return 0;
}

static bool is_letter(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

/* One part of an interface name between its dots: letters, digits, and dashes inside. */
static bool is_label(const char *s, size_t n, bool first) {
        if (n == 0 || s[0] == '-' || s[n - 1] == '-' || (first && !is_letter(s[0])))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!is_letter(s[i]) && !is_digit(s[i]) && s[i] != '-')
                        return false;
        return true;
}

/* Reverse-domain interface name (two labels or more), a dot, a capitalized member. varlink.org,
 * "Interface Definition". */
static bool is_qualified_name(const char *s) {
        const char *member = strrchr(s, '.');
        size_t labels = 0;

        if (!member || strlen(s) > NAME_MAX_BYTES || member[1] < 'A' || member[1] > 'Z')
                return false;
        for (const char *p = member + 1; *p; p++)
                if (!is_letter(*p) && !is_digit(*p))
                        return false;
        while (s < member) {
                size_t n = strcspn(s, ".");

                if (!is_label(s, n, labels == 0))
                        return false;
                labels++;
                s += n + 1;
        }
        return labels >= 2;
}

/* What a field of a message may hold; null stands for a field that is not there. */
typedef enum FieldType {
        FIELD_NAME,
        FIELD_OBJECT,
        FIELD_BOOL,
} FieldType;

typedef struct Field {
        const char *key;
        FieldType type;
        void *value; /* const char **, json_t ** or bool * */
} Field;

static bool field_set(const Field *f, json_t *j) {
        switch (f->type) {
        case FIELD_NAME:
                if (!json_is_string(j) || !is_qualified_name(json_string_value(j)))
                        return false;
                *(const char **) f->value = json_string_value(j);
                return true;
        case FIELD_OBJECT:
                *(json_t **) f->value = j;
                return json_is_object(j);
        case FIELD_BOOL:
                *(bool *) f->value = json_is_true(j);
                return json_is_boolean(j);
        }
        return false;
}

static const Field *field_find(const Field *fields, size_t n, const char *key) {
        for (size_t i = 0; i < n; i++)
                if (streq(fields[i].key, key))
                        return fields + i;
        return NULL;
}

/* Fills the fields from the message; every key must be one of them or a vendor's. */
static int message_read(json_t *message, const Field *fields, size_t n) {
        const char *key;
        json_t *value;

        json_object_foreach(message, key, value) {
                const Field *f = field_find(fields, n, key);

                if (!f && !strchr(key, '.'))
                        return -EBADMSG;
                if (f && !json_is_null(value) && !field_set(f, value))
                        return -EBADMSG;
        }
        return 0;
}

/* Gives a message without parameters an empty object, owned by the message as sent ones are. */
static int parameters_default(json_t *message, json_t **parameters) {
        if (*parameters)
                return 0;
        *parameters = json_object();
        return json_object_set_new(message, "parameters", *parameters) < 0 ? -ENOMEM : 0;
}

int varlink_call_parse(const char *frame, size_t size, VarlinkCall *ret) {
        _cleanup_call_ VarlinkCall c = {0};
        const Field fields[] = {
                {"method", FIELD_NAME, &c.method},   {"parameters", FIELD_OBJECT, &c.parameters},
                {"oneway", FIELD_BOOL, &c.oneway},   {"more", FIELD_BOOL, &c.more},
                {"upgrade", FIELD_BOOL, &c.upgrade},
        };
        int r;

        r = message_load(frame, size, &c.message);
        if (r < 0)
                return r;
        r = message_read(c.message, fields, ELEMENTSOF(fields));
        if (r < 0)
                return r;
        /* No reply is wanted, and several are: the Varlink specification (UAPI.20), "Messages", has
         * a service close the connection. */
        if (!c.method || (c.oneway && c.more))
                return -EBADMSG;
        r = parameters_default(c.message, &c.parameters);
        if (r < 0)
                return r;
        *ret = c;
        c.message = NULL;
        return 0;
}

void varlink_call_done(VarlinkCall *c) {
        json_decref(c->message);
        *c = (VarlinkCall){0};
}

int varlink_reply_parse(const char *frame, size_t size, VarlinkReply *ret) {
        _cleanup_reply_ VarlinkReply p = {0};
        const Field fields[] = {
                {"error", FIELD_NAME, &p.error},
                {"parameters", FIELD_OBJECT, &p.parameters},
                {"continues", FIELD_BOOL, &p.continues},
        };
        int r;

        r = message_load(frame, size, &p.message);
        if (r < 0)
                return r;
        r = message_read(p.message, fields, ELEMENTSOF(fields));
        if (r < 0)
                return r;
        r = parameters_default(p.message, &p.parameters);
        if (r < 0)
                return r;
        *ret = p;
        p.message = NULL;
        return 0;
}

void varlink_reply_done(VarlinkReply *r) {
        json_decref(r->message);
        *r = (VarlinkReply){0};
}

static int dump_to_buffer(const char *text, size_t size, void *userdata) {
        Buffer *out = userdata;

        buffer_append(out, text, size);
        return out->failed ? -1 : 0;
}

/* Appends a message with its NUL, or nothing. */
static int message_encode(json_t *message, size_t max, Buffer *out) {
        size_t before = out->size;
        int r = 0;

        if (json_dump_callback(message, dump_to_buffer, out, JSON_COMPACT) < 0)
                out->failed = true;
        buffer_append_byte(out, 0);
        if (out->failed)
                r = -ENOMEM;
        else if (out->size - before - 1 > max)
                r = -EMSGSIZE;
        /* What stands before it can still be sent. */
        if (r < 0) {
                out->size = before;
                out->failed = false;
        }
        return r;
}

/* Sets a key where there is something to say; the value is taken over, also when it fails. */
static int message_set(json_t *message, const char *key, bool wanted, json_t *value) {
        if (!wanted) {
                json_decref(value);
                return 0;
        }
        return json_object_set_new(message, key, value) < 0 ? -ENOMEM : 0;
}

int varlink_call_encode(const char *method, json_t *parameters, bool more, Buffer *out) {
        _cleanup_json_ json_t *m = json_object();

        if (message_set(m, "method", true, json_string(method)) < 0 ||
            message_set(m, "parameters", parameters, json_incref(parameters)) < 0 ||
            message_set(m, "more", more, json_true()) < 0)
                return -ENOMEM;
        return message_encode(m, VARLINK_CALL_MAX, out);
}

int varlink_reply_encode(const char *error, json_t *parameters, bool continues, Buffer *out) {
        _cleanup_json_ json_t *m = json_object();

        if (message_set(m, "error", error, json_string(error)) < 0 ||
            message_set(m, "parameters", true,
                        parameters ? json_incref(parameters) : json_object()) < 0 ||
            message_set(m, "continues", continues, json_true()) < 0)
                return -ENOMEM;
        return message_encode(m, VARLINK_REPLY_MAX, out);
}
