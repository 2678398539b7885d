/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The method that moves a group to another place in a topic: see io.crier.Control.varlink.
 */

#include <errno.h>

#include "common/iso-time.h"
#include "common/parse.h"
#include "control/operation.h"
#include "control/pack.h"
#include "control/refusal.h"
#include "kafka/seek.h"

typedef struct SeekOperation {
        Operation operation;
        char *group;
        char *topic;
        const Seek *seek; /* to know the group's as ours; never looked into but through the group */
} SeekOperation;

static Operation *seek_operation_free(Operation *o) {
        SeekOperation *s = (SeekOperation *) o;

        free(s->group);
        free(s->topic);
        free(s);
        return NULL;
}

/* The seek, while it is there. */
static Seek *seek_of(const Operation *o) {
        const SeekOperation *s = (const SeekOperation *) o;
        const Group *g = fleet_find_group(o->context->fleet, s->group);

        return g && g->seek == s->seek ? g->seek : NULL;
}

static int seek_operation_step(Operation *o, json_t **ret_parameters, const char **ret_error) {
        Seek *s = seek_of(o);

        if (!s) {
                (void) refuse_with(ret_parameters, ret_error, PROTOCOL_INTERFACE ".Failed",
                                   "The group was made anew meanwhile", "Seek again");
                return -ECANCELED;
        }
        seek_step(s, clock_usec());
        if (s->state == SEEK_REFUSED) {
                (void) refuse_value(ret_parameters, ret_error, "to", s->problem,
                                    "See crierctl topics and crierctl groups");
                return -EINVAL;
        }
        return s->state == SEEK_DONE;
}

static json_t *seek_operation_describe(const Operation *o) {
        const SeekOperation *s = (const SeekOperation *) o;
        const Seek *seek = seek_of(o);
        json_t *moves = json_array();

        for (unsigned i = 0; seek && i < seek->n_moves; i++) {
                const SeekMove *m = &seek->moves[i];

                json_array_append_new(moves,
                                      json_pack("{s:i, s:o, s:o}", "partition", (int) m->partition,
                                                "before", pack_offset(m->before), "after",
                                                pack_offset(m->committed ? m->after : -1)));
        }
        return json_pack("{s:o, s:o, s:o, s:I}", "group", pack_text(s->group), "topic",
                         pack_text(s->topic), "partitions", moves, "duration_ms",
                         operation_duration_ms(o));
}

static const OperationKind seek_kind = {
        .step = seek_operation_step,
        .describe = seek_operation_describe,
        .free = seek_operation_free,
        .wish = "the new positions are committed",
};

/* "earliest", "latest", an offset or a time. Returns false for anything else. */
static bool place_parse(const char *text, SeekTo *ret_to, int64_t *ret_value) {
        *ret_value = -1;
        if (streq(text, "earliest"))
                *ret_to = SEEK_EARLIEST;
        else if (streq(text, "latest"))
                *ret_to = SEEK_LATEST;
        else if (parse_i64(text, 0, INT64_MAX, ret_value) == 0)
                *ret_to = SEEK_OFFSET;
        else if (iso_time_parse(text, ret_value))
                *ret_to = SEEK_TIME;
        else
                return false;
        return true;
}

static int refuse_foreign_topic(const Group *g, const char *topic, json_t **ret_parameters,
                                const char **ret_error) {
        _cleanup_buffer_ Buffer text = {0}, advice = {0};

        buffer_appendf(&text, "Group '%s' does not read topic '%s'", g->config->name, topic);
        buffer_append_string(&advice, "It reads ");
        for (unsigned i = 0; i < g->config->topics.n; i++)
                buffer_appendf(&advice, "%s%s", i > 0 ? ", " : "", g->config->topics.items[i]);
        *ret_error = PROTOCOL_INTERFACE ".NoSuchTopic";
        *ret_parameters =
                json_pack("{s:o, s:o, s:o}", "text", pack_text(buffer_string(&text)), "advice",
                          pack_text(buffer_string(&advice)), "topic", pack_text(topic));
        return *ret_parameters ? 0 : -ENOMEM;
}

const ControlParameter parameters_seek[] = {
        {"group", CONTROL_STRING, .required = true},
        {"topic", CONTROL_STRING, .required = true},
        {"partition", CONTROL_INTEGER, .min = 0, .max = INT32_MAX},
        {"to", CONTROL_STRING, .required = true},
        OPERATION_PARAMETERS,
        {NULL},
};

static int seek_start(ControlContext *c, Request *request, Group *g, SeekTo to, int64_t value,
                      json_t **ret_parameters, const char **ret_error) {
        const char *topic = request_string(request, "topic");
        json_int_t partition = request_integer(request, "partition", -1);
        SeekOperation *s;
        int r;

        r = seek_begin(g, topic, (int32_t) partition, to, value);
        if (r == -EBUSY)
                return refuse_with(ret_parameters, ret_error, PROTOCOL_INTERFACE ".Busy",
                                   "Another seek of this group is under way", "Try again");
        if (r < 0)
                return r;
        control_record(
                c, request, RECORD_GROUP_MOVED,
                (RecordField[]){{"KAFKA_GROUP", g->config->name}, {"KAFKA_TOPIC", topic}, {NULL}},
                "moves group '%s' to %s in topic '%s'", g->config->name,
                request_string(request, "to"), topic);
        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->operation.kind = &seek_kind;
        s->group = strdup(g->config->name);
        s->topic = strdup(topic);
        s->seek = g->seek;
        if (!s->group || !s->topic) {
                seek_operation_free(&s->operation);
                return -ENOMEM;
        }
        return operation_begin(&s->operation, c, request, 30, ret_parameters, ret_error);
}

int method_seek(void *userdata, Request *request, json_t **ret_parameters, const char **ret_error) {
        ControlContext *c = userdata;
        const char *name = request_string(request, "group"), *where = request_string(request, "to");
        Group *g = fleet_find_group(c->fleet, name);
        _cleanup_buffer_ Buffer text = {0};
        int64_t value;
        SeekTo to;

        if (!g)
                return refuse_group(c->fleet, name, ret_parameters, ret_error);
        if (!group_reads(g, request_string(request, "topic")))
                return refuse_foreign_topic(g, request_string(request, "topic"), ret_parameters,
                                            ret_error);
        if (!place_parse(where, &to, &value)) {
                buffer_appendf(&text, "'%s' is not a place in a topic", where);
                return refuse_value(ret_parameters, ret_error, "to", buffer_string(&text),
                                    "Give earliest, latest, an offset, or a time like "
                                    "2026-01-31T12:00:00Z");
        }
        if (to == SEEK_TIME && c->fleet->context.cluster->embedded)
                return refuse_unsupported(ret_parameters, ret_error,
                                          "The embedded broker does not find events by their time",
                                          "Give earliest, latest or an offset");
        return seek_start(c, request, g, to, value, ret_parameters, ret_error);
}
