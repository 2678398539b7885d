/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a single string of a configuration must look like: see check.h.
 */

#include "config/check.h"

#include <sys/un.h>

#include "common/parse.h"
#include "common/utf8.h"
#include "config/secret.h"
#include "config/template.h"

/* Longer strings are cut in messages. */
#define QUOTE_MAX 80
#define TEMPLATE_ERROR_MAX 1000

_Static_assert(sizeof(((struct sockaddr_un *) NULL)->sun_path) == CHECK_SOCKET_MAX + 1,
               "unix(7) says 108");

static bool is_control(uint32_t c) {
        return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

/* Appends text on one line, fit to be shown, up to about `max` bytes of it; returns how many. */
static size_t append_shown(const char *text, size_t max, Buffer *out) {
        size_t size = strlen(text), i = 0;

        while (i < MIN(size, max)) {
                uint32_t c;
                size_t n = utf8_character(text + i, size - i, &c);

                if (n > 0 && !utf8_is_unsafe(c))
                        buffer_append(out, text + i, n);
                else
                        buffer_appendf(out, "\\x%02x", (uint8_t) text[i]);
                i += MAX(n, (size_t) 1);
        }
        return i;
}

void check_show(const char *text, Buffer *out) {
        (void) append_shown(text, SIZE_MAX, out);
}

void check_quote(const char *text, Buffer *out) {
        buffer_append_byte(out, '"');
        buffer_append_string(out, append_shown(text, QUOTE_MAX, out) < strlen(text) ? "…\"" : "\"");
}

static bool wrong(const char *text, Buffer *why, const char *what) {
        check_quote(text, why);
        buffer_appendf(why, " %s", what);
        return false;
}

static bool is_name_length(const char *text, Buffer *why) {
        size_t n = strlen(text);

        if (n == 0)
                return wrong(text, why, "is empty");
        if (n > CHECK_NAME_MAX) {
                check_quote(text, why);
                buffer_appendf(why, " has %zu bytes", n);
                return false;
        }
        return true;
}

bool check_topic(const char *text, Buffer *why) {
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789._-";

        if (!is_name_length(text, why))
                return false;
        if (text[strspn(text, allowed)])
                return wrong(text, why, "has a character that may not be in it");
        if (streq(text, ".") || streq(text, ".."))
                return wrong(text, why, "is a name that Kafka keeps to itself");
        return true;
}

bool check_group(const char *text, Buffer *why) {
        size_t size = strlen(text), n;
        uint32_t c;

        if (!is_name_length(text, why))
                return false;
        if (text[0] == ' ')
                return wrong(text, why, "begins with a blank, which librdkafka would take away");
        for (size_t i = 0; i < size; i += n) {
                n = utf8_character(text + i, size - i, &c);
                if (n == 0)
                        return wrong(text, why, "is not UTF-8");
                if (is_control(c))
                        return wrong(text, why, "has a control character");
        }
        return true;
}

/* A name, an IPv4 address, or an IPv6 address in brackets, of n bytes, behind which there is a
 * colon. Whether it exists is not asked here. */
static bool is_host(const char *host, size_t n) {
        static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789.-_";

        if (n > 4 && host[0] == '[' && host[n - 1] == ']')
                return strspn(host + 1, "0123456789abcdefABCDEF:.%") == n - 2;
        return n > 0 && strspn(host, name) == n;
}

static bool is_address(const char *address, size_t n) {
        const char *colon = memrchr(address, ':', n);
        size_t digits = colon ? n - (size_t) (colon + 1 - address) : 0;
        char port_text[sizeof("65535")] = "";
        uint64_t port;

        if (!colon || digits >= sizeof(port_text))
                return false;
        memcpy(port_text, colon + 1, digits);
        return is_host(address, (size_t) (colon - address)) &&
               parse_u64(port_text, 1, UINT16_MAX, &port) >= 0;
}

bool check_bootstrap(const char *text, Buffer *why) {
        const char *address = text;

        if (streq(text, "embedded"))
                return true;
        /* "user:password@host:port", which other programs take. */
        if (strchr(text, '@')) {
                buffer_append_string(why, "has an '@'; who connects is said in 'properties'");
                return false;
        }
        do {
                size_t n = strcspn(address, ",");

                if (!is_address(address, n))
                        return wrong(text, why,
                                     "is not \"embedded\", and a part of it is not host:port");
                address += n + 1;
        } while (address[-1]);
        return true;
}

static const char *pair_problem(const char *text) {
        const char *equals = strchr(text, '=');

        return !equals ? "has no '='" : equals == text ? "has nothing before its '='" : NULL;
}

bool check_pair(const char *text, Buffer *why) {
        const char *problem = pair_problem(text);

        return !problem || wrong(text, why, problem);
}

size_t check_property_name(const char *text) {
        return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
}

bool check_property(const char *text, Buffer *why) {
        const char *problem = pair_problem(text);

        if (!problem && text[check_property_name(text)] != '=')
                problem = "has a name with a character that is in none";
        if (!problem)
                return true;
        secret_quote(text, why);
        buffer_appendf(why, " %s", problem);
        return false;
}

bool check_socket(const char *text, Buffer *why) {
        size_t n = strlen(text);

        if (text[0] != '/')
                return wrong(text, why, "does not begin with '/'");
        if (text[n - 1] == '/')
                return wrong(text, why, "is a directory");
        if (n > CHECK_SOCKET_MAX) {
                check_quote(text, why);
                buffer_appendf(why, " has %zu bytes", n);
                return false;
        }
        return true;
}

static bool check_template(const char *text, TemplateUse use, Buffer *why) {
        _cleanup_(template_freep) Template *t = NULL;
        _cleanup_free_ char *error = NULL;

        if (template_compile(text, use, &t, &error) >= 0)
                return true;
        /* The message quotes the template, which may hold anything. */
        (void) append_shown(error ? error : "out of memory", TEMPLATE_ERROR_MAX, why);
        return false;
}

bool check_template_value(const char *text, Buffer *why) {
        return check_template(text, TEMPLATE_VALUE, why);
}

bool check_template_message(const char *text, Buffer *why) {
        return check_template(text, TEMPLATE_MESSAGE, why);
}
