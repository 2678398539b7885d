/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a call to its reply: see dispatch.h.
 */

#include "config.h"

#include "control/dispatch.h"

#include <errno.h>

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

static int method_get_info(void *userdata, const VarlinkCall *call, json_t **ret_parameters,
                           const char **ret_error) {
        *ret_parameters = json_pack("{s:s, s:s, s:s, s:s, s:[s, s]}", "vendor", "crier", "product",
                                    "crierd", "version", PACKAGE_VERSION, "url", PACKAGE_URL,
                                    "interfaces", SERVICE_INTERFACE, PROTOCOL_INTERFACE);
        return *ret_parameters ? 0 : -ENOMEM;
}

static int method_get_interface_description(void *userdata, const VarlinkCall *call,
                                            json_t **ret_parameters, const char **ret_error) {
        static const struct {
                const char *name, *text;
        } interfaces[] = {
                {SERVICE_INTERFACE, service_interface},
                {PROTOCOL_INTERFACE, protocol_interface},
        };
        const char *name = json_string_value(json_object_get(call->parameters, "interface"));

        if (!name) {
                *ret_error = VARLINK_INVALID_PARAMETER;
                *ret_parameters = json_pack("{s:s}", "parameter", "interface");
                return *ret_parameters ? 0 : -ENOMEM;
        }
        for (size_t i = 0; i < ELEMENTSOF(interfaces); i++)
                if (streq(interfaces[i].name, name)) {
                        *ret_parameters = json_pack("{s:s}", "description", interfaces[i].text);
                        return *ret_parameters ? 0 : -ENOMEM;
                }
        *ret_error = VARLINK_INTERFACE_NOT_FOUND;
        *ret_parameters = json_pack("{s:s}", "interface", name);
        return *ret_parameters ? 0 : -ENOMEM;
}

static const char *const description_parameters[] = {"interface", NULL};

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

static int reply_denied(const char *method, Buffer *out) {
        _cleanup_buffer_ Buffer text = {0};

        buffer_appendf(&text, "%s is for root, the user that crierd runs as, and the group %s",
                       method, ACCESS_GROUP);
        return dispatch_error(VARLINK_PERMISSION_DENIED, buffer_string(&text),
                              "Run it as root, or once: usermod -aG " ACCESS_GROUP
                              " USER, and log in again",
                              out);
}

/* The first parameter that the method does not take, or NULL. */
static const char *parameter_unknown(const ControlMethod *m, json_t *parameters) {
        const char *key;
        json_t *value;

        json_object_foreach(parameters, key, value) {
                const char *const *known = m->parameters;

                while (known && *known && !streq(*known, key))
                        known++;
                if (!known || !*known)
                        return key;
        }
        return NULL;
}

static int reply_invalid(const char *parameter, Buffer *out) {
        return reply_error(VARLINK_INVALID_PARAMETER, json_pack("{s:s}", "parameter", parameter),
                           out);
}

static int reply_failed(int error, Buffer *out) {
        _cleanup_buffer_ Buffer text = {0};

        buffer_appendf(&text, "crierd could not answer: %s", strerror(-error));
        return dispatch_error(PROTOCOL_INTERFACE ".Failed", buffer_string(&text), "Try again", out);
}

/* Runs the handler and appends what it says. */
static int reply_from_handler(const Dispatcher *d, const ControlMethod *m, const VarlinkCall *call,
                              Buffer *out) {
        _cleanup_json_ json_t *parameters = NULL;
        const char *error = NULL;
        int r;

        r = m->handler(d->userdata, call, &parameters, &error);
        if (r < 0)
                return reply_failed(r, out);
        r = varlink_reply_encode(error, parameters, false, out);
        if (r == -EMSGSIZE || (r == 0 && out->size > d->reply_max)) {
                buffer_clear(out);
                return reply_failed(-EMSGSIZE, out);
        }
        return r;
}

int dispatch_call(const Dispatcher *d, const Peer *peer, const VarlinkCall *call, Buffer *out) {
        const ControlMethod *m = method_find(d, call->method);
        const char *unknown = m ? parameter_unknown(m, call->parameters) : NULL;
        int r;

        if (call->upgrade)
                r = reply_invalid("upgrade", out);
        else if (!m)
                r = reply_not_found(call->method, out);
        else if (!access_allowed(&d->rules, m->access, peer))
                r = reply_denied(call->method, out);
        else if (unknown)
                r = reply_invalid(unknown, out);
        else
                r = reply_from_handler(d, m, call, out);
        if (call->oneway)
                buffer_clear(out);
        return r;
}
