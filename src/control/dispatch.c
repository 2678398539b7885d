/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a call to its reply: see dispatch.h.
 */

#include "config.h"

#include "control/dispatch.h"

#include <errno.h>
#include <inttypes.h>

#define SERVICE_INTERFACE "org.varlink.service"

/* varlink.org, "Service". */
static const char service_interface[] =
        "# What every Varlink service offers: who it is, and what can be called.\n"
        "interface org.varlink.service\n"
        "\n"
        "method GetInfo() -> (\n"
        "  vendor: string,\n"
        "  product: string,\n"
        "  version: string,\n"
        "  url: string,\n"
        "  interfaces: []string\n"
        ")\n"
        "\n"
        "method GetInterfaceDescription(interface: string) -> (description: string)\n"
        "\n"
        "error InterfaceNotFound (interface: string)\n"
        "\n"
        "error MethodNotFound (method: string)\n"
        "\n"
        "error MethodNotImplemented (method: string)\n"
        "\n"
        "error InvalidParameter (parameter: string)\n"
        "\n"
        "error PermissionDenied ()\n"
        "\n"
        "error ExpectedMore ()\n";

static int method_get_info(void *userdata, Request *request, json_t **ret_parameters,
                           const char **ret_error) {
        *ret_parameters = json_pack("{s:s, s:s, s:s, s:s, s:[s, s]}", "vendor", "crier", "product",
                                    "crierd", "version", PACKAGE_VERSION, "url", PACKAGE_URL,
                                    "interfaces", SERVICE_INTERFACE, PROTOCOL_INTERFACE);
        return *ret_parameters ? 0 : -ENOMEM;
}

static int method_get_interface_description(void *userdata, Request *request,
                                            json_t **ret_parameters, const char **ret_error) {
        static const struct {
                const char *name, *text;
        } interfaces[] = {
                {SERVICE_INTERFACE, service_interface},
                {PROTOCOL_INTERFACE, protocol_interface},
        };
        const char *name =
                json_string_value(json_object_get(request->call.parameters, "interface"));

        for (size_t i = 0; i < ELEMENTSOF(interfaces); i++)
                if (streq(interfaces[i].name, name)) {
                        *ret_parameters = json_pack("{s:s}", "description", interfaces[i].text);
                        return *ret_parameters ? 0 : -ENOMEM;
                }
        *ret_error = VARLINK_INTERFACE_NOT_FOUND;
        *ret_parameters = json_pack("{s:s}", "interface", name);
        return *ret_parameters ? 0 : -ENOMEM;
}

static const ControlParameter description_parameters[] = {
        {"interface", CONTROL_STRING, .required = true},
        {NULL},
};

static const ControlMethod service_methods[] = {
        {SERVICE_INTERFACE ".GetInfo", ACCESS_ANYBODY, method_get_info},
        {SERVICE_INTERFACE ".GetInterfaceDescription", ACCESS_ANYBODY,
         method_get_interface_description, description_parameters},
        {NULL},
};

static const ControlMethod *find_in(const ControlMethod *methods, const char *name) {
        for (; methods->name; methods++)
                if (streq(methods->name, name))
                        return methods;
        return NULL;
}

static const ControlMethod *method_find(const Dispatcher *d, const char *name) {
        const ControlMethod *m = find_in(service_methods, name);

        return m ? m : find_in(d->methods, name);
}

static bool method_in_interface(const char *method, const char *interface) {
        size_t n = strlen(interface);

        return strncmp(method, interface, n) == 0 && strrchr(method, '.') == method + n;
}

static int reply_error(const char *error, json_t *parameters, Buffer *out) {
        _cleanup_json_ json_t *p = parameters;

        return p ? varlink_reply_encode(error, p, false, out) : -ENOMEM;
}

int dispatch_error(const char *error, const char *text, const char *advice, Buffer *out) {
        return reply_error(error, json_pack("{s:s, s:s}", "text", text, "advice", advice), out);
}

static int reply_not_found(const char *method, Buffer *out) {
        const char *dot = strrchr(method, '.');

        if (method_in_interface(method, SERVICE_INTERFACE) ||
            method_in_interface(method, PROTOCOL_INTERFACE))
                return reply_error(VARLINK_METHOD_NOT_FOUND, json_pack("{s:s}", "method", method),
                                   out);
        return reply_error(VARLINK_INTERFACE_NOT_FOUND,
                           json_pack("{s:s%}", "interface", method, (size_t) (dot - method)), out);
}

static int reply_denied(const ControlMethod *m, Buffer *out) {
        _cleanup_buffer_ Buffer text = {0};

        if (m->access == ACCESS_ROOT) {
                buffer_appendf(&text, "%s is for root", m->name);
                return dispatch_error(VARLINK_PERMISSION_DENIED, buffer_string(&text),
                                      "Run it as root", out);
        }
        buffer_appendf(&text, "%s is for root, the user that crierd runs as, and the group %s",
                       m->name, ACCESS_GROUP);
        return dispatch_error(VARLINK_PERMISSION_DENIED, buffer_string(&text),
                              "Run it as root, or once: usermod -aG " ACCESS_GROUP
                              " USER, and log in again",
                              out);
}

static bool array_of(const json_t *j, bool (*is)(const json_t *)) {
        const json_t *item;
        size_t i;

        if (!json_is_array(j))
                return false;
        json_array_foreach(j, i, item) {
                if (!is(item))
                        return false;
        }
        return true;
}

static bool is_string(const json_t *j) {
        return json_is_string(j);
}

static bool is_object(const json_t *j) {
        return json_is_object(j);
}

static bool parameter_fits(const ControlParameter *p, const json_t *j) {
        if (!j || json_is_null(j))
                return !p->required;
        switch (p->type) {
        case CONTROL_STRING:
                return json_is_string(j);
        case CONTROL_INTEGER:
                return json_is_integer(j);
        case CONTROL_NUMBER:
                return json_is_number(j);
        case CONTROL_BOOLEAN:
                return json_is_boolean(j);
        case CONTROL_STRINGS:
                return array_of(j, is_string);
        case CONTROL_OBJECTS:
                return array_of(j, is_object);
        }
        return false;
}

/* The first parameter that the method does not take, that is missing, or that has another type; or
 * NULL. */
static const char *parameter_wrong(const ControlMethod *m, json_t *parameters) {
        static const ControlParameter none[] = {{NULL}};
        const ControlParameter *all = m->parameters ? m->parameters : none;
        const char *key;
        json_t *value;

        json_object_foreach(parameters, key, value) {
                const ControlParameter *p = all;

                while (p->name && !streq(p->name, key))
                        p++;
                if (!p->name)
                        return key;
        }
        for (const ControlParameter *p = all; p->name; p++)
                if (!parameter_fits(p, json_object_get(parameters, p->name)))
                        return p->name;
        return NULL;
}

static int reply_invalid(const char *parameter, Buffer *out) {
        return reply_error(VARLINK_INVALID_PARAMETER, json_pack("{s:s}", "parameter", parameter),
                           out);
}

/* The first integer that is out of its range, or NULL. */
static const ControlParameter *parameter_out_of_range(const ControlMethod *m,
                                                      const json_t *parameters) {
        for (const ControlParameter *p = m->parameters; p && p->name; p++) {
                const json_t *j = json_object_get(parameters, p->name);

                if (p->min != p->max && json_is_integer(j) &&
                    (json_integer_value(j) < p->min || json_integer_value(j) > p->max))
                        return p;
        }
        return NULL;
}

static int reply_out_of_range(const ControlParameter *p, Buffer *out) {
        _cleanup_buffer_ Buffer text = {0}, advice = {0};

        buffer_appendf(&text, "'%s' is out of its range", p->name);
        buffer_appendf(&advice, "It is %" PRId64 " to %" PRId64, p->min, p->max);
        return reply_error(PROTOCOL_INTERFACE ".BadValue",
                           json_pack("{s:s, s:s, s:s}", "text", buffer_string(&text), "advice",
                                     buffer_string(&advice), "parameter", p->name),
                           out);
}

static int reply_failed(int error, Buffer *out) {
        _cleanup_buffer_ Buffer text = {0};

        buffer_appendf(&text, "crierd could not answer: %s", strerror(-error));
        return dispatch_error(PROTOCOL_INTERFACE ".Failed", buffer_string(&text), "Try again", out);
}

/* Appends a reply that is not longer than it may be, or nothing. */
static int reply_append(const Dispatcher *d, const char *error, json_t *parameters, bool continues,
                        Buffer *out) {
        size_t before = out->size;
        int r;

        r = varlink_reply_encode(error, parameters, continues, out);
        if (r < 0 || out->size - before <= d->reply_max)
                return r;
        out->size = before;
        return -EMSGSIZE;
}

int dispatch_reply(const Dispatcher *d, const char *error, json_t *parameters, Buffer *out) {
        int r;

        r = reply_append(d, error, parameters, false, out);
        return r == -EMSGSIZE ? reply_failed(r, out) : r;
}

int dispatch_continue(const Dispatcher *d, json_t *parameters, Buffer *out) {
        return reply_append(d, NULL, parameters, true, out);
}

/* Runs the handler and appends what it says. */
static int reply_from_handler(const Dispatcher *d, const ControlMethod *m, Request *request,
                              Buffer *out) {
        _cleanup_json_ json_t *parameters = NULL;
        const char *error = NULL;
        int r;

        r = m->handler(d->userdata, request, &parameters, &error);
        if (r == REQUEST_KEPT)
                return r;
        if (r < 0)
                return reply_failed(r, out);
        return dispatch_reply(d, error, parameters, out);
}

int dispatch_call(const Dispatcher *d, Request *request, Buffer *out) {
        const VarlinkCall *call = &request->call;
        const ControlMethod *m = method_find(d, call->method);
        const ControlParameter *far = m ? parameter_out_of_range(m, call->parameters) : NULL;
        const char *wrong = m ? parameter_wrong(m, call->parameters) : NULL;
        int r;

        if (call->upgrade)
                r = reply_invalid("upgrade", out);
        else if (!m)
                r = reply_not_found(call->method, out);
        else if (!access_allowed(&d->rules, m->access, request->peer))
                r = reply_denied(m, out);
        else if (wrong)
                r = reply_invalid(wrong, out);
        else if (far)
                r = reply_out_of_range(far, out);
        else
                r = reply_from_handler(d, m, request, out);
        if (call->oneway && r != REQUEST_KEPT)
                buffer_clear(out);
        return r;
}
