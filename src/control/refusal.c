/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How methods refuse: see refusal.h.
 */

#include "control/refusal.h"

#include <errno.h>

#include "common/nearest.h"
#include "control/names.h"
#include "control/pack.h"

/* "Did you mean 'x'?", or what there is. */
static void append_names(Buffer *out, const char *what, const char *name, const Names *names) {
        const char *near = names->n > 0 ? nearest(name, names->items) : NULL;

        if (near) {
                buffer_appendf(out, "Did you mean '%s'?", near);
                return;
        }
        if (names->n == 0) {
                buffer_appendf(out, "There is no %s", what);
                return;
        }
        buffer_append_string(out, "There are: ");
        for (size_t i = 0; i < names->n; i++)
                buffer_appendf(out, "%s%s", i > 0 ? ", " : "", names->items[i]);
}

static int refuse_name(json_t **ret_parameters, const char **ret_error, const char *error,
                       const char *what, const char *key, const char *name, const Names *names) {
        _cleanup_buffer_ Buffer text = {0}, advice = {0};

        buffer_appendf(&text, "There is no %s '%s'", what, name);
        append_names(&advice, what, name, names);
        *ret_error = error;
        *ret_parameters =
                json_pack("{s:o, s:o, s:o}", "text", pack_text(buffer_string(&text)), "advice",
                          pack_text(buffer_string(&advice)), key, pack_text(name));
        return *ret_parameters ? 0 : -ENOMEM;
}

int refuse_group(const Fleet *f, const char *name, json_t **ret_parameters,
                 const char **ret_error) {
        _cleanup_names_ Names names = {0};

        names_add_groups(&names, f);
        return refuse_name(ret_parameters, ret_error, PROTOCOL_INTERFACE ".NoSuchGroup", "group",
                           "group", name, &names);
}

int refuse_producer(const Fleet *f, const char *name, json_t **ret_parameters,
                    const char **ret_error) {
        _cleanup_names_ Names names = {0};

        names_add_producers(&names, f);
        return refuse_name(ret_parameters, ret_error, PROTOCOL_INTERFACE ".NoSuchProducer",
                           "producer", "producer", name, &names);
}

int refuse_topic(const Fleet *f, const char *name, json_t **ret_parameters,
                 const char **ret_error) {
        _cleanup_names_ Names names = {0};

        names_add_topics(&names, f);
        return refuse_name(ret_parameters, ret_error, PROTOCOL_INTERFACE ".NoSuchTopic", "topic",
                           "topic", name, &names);
}

int refuse_target(const Fleet *f, const char *name, json_t **ret_parameters,
                  const char **ret_error) {
        _cleanup_names_ Names names = {0};

        names_add_groups(&names, f);
        names_add_producers(&names, f);
        return refuse_name(ret_parameters, ret_error, PROTOCOL_INTERFACE ".NoSuchTarget",
                           "producer, group or consumer", "target", name, &names);
}

int refuse_consumer(const Fleet *f, json_int_t number, json_t **ret_parameters,
                    const char **ret_error) {
        _cleanup_buffer_ Buffer text = {0}, advice = {0};

        buffer_appendf(&text, "There is no consumer %lld", (long long) number);
        for (unsigned i = 0; i < f->n_groups; i++)
                for (unsigned k = 0; k < f->groups[i]->n_consumers; k++) {
                        const Consumer *c = f->groups[i]->consumers[k];

                        if (!c->stopping)
                                buffer_appendf(&advice, "%s%u",
                                               advice.size > 0 ? ", " : "There are: ", c->number);
                }
        *ret_error = PROTOCOL_INTERFACE ".NoSuchConsumer";
        *ret_parameters = json_pack("{s:s, s:s, s:I}", "text", buffer_string(&text), "advice",
                                    advice.size > 0 ? buffer_string(&advice) : "There is none",
                                    "consumer", number);
        return *ret_parameters ? 0 : -ENOMEM;
}

int refuse_with(json_t **ret_parameters, const char **ret_error, const char *error,
                const char *text, const char *advice) {
        *ret_error = error;
        *ret_parameters = json_pack("{s:o, s:o}", "text", pack_text(text), "advice",
                                    pack_text(advice ? advice : ""));
        return *ret_parameters ? 0 : -ENOMEM;
}

int refuse_value(json_t **ret_parameters, const char **ret_error, const char *parameter,
                 const char *text, const char *advice) {
        int r = refuse_with(ret_parameters, ret_error, PROTOCOL_INTERFACE ".BadValue", text,
                            advice);

        if (r == 0)
                json_object_set_new(*ret_parameters, "parameter", json_string(parameter));
        return r;
}

int refuse_unsupported(json_t **ret_parameters, const char **ret_error, const char *text,
                       const char *advice) {
        return refuse_with(ret_parameters, ret_error, PROTOCOL_INTERFACE ".Unsupported", text,
                           advice);
}

json_t *refusal_failed(int error) {
        return json_pack("{s:s, s:s}", "text", strerror(abs(error)), "advice", "Try again");
}
