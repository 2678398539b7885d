/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of a configuration is a secret: see secret.h.
 */

#include "config/secret.h"

#include "common/macro.h"
#include "config/check.h"

#define HIDDEN "(secret)"

bool secret_property(const char *property) {
        static const char *const words[] = {"passw", "secret",  "pem",   "oauth",
                                            "jaas",  "private", "token", "credential"};
        size_t n = strcspn(property, "=");
        char name[128];

        if (n >= sizeof(name))
                return true;
        memcpy(name, property, n);
        name[n] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strcasestr(name, words[i]))
                        return true;
        return false;
}

void secret_quote(const char *property, Buffer *out) {
        size_t n = check_property_name(property);

        if (n == 0 || property[n] != '=')
                buffer_append_string(out, "\"" HIDDEN "\"");
        else if (secret_property(property))
                buffer_appendf(out, "\"%.*s=" HIDDEN "\"", (int) MIN(n, (size_t) 100), property);
        else
                check_quote(property, out);
}

/* How many bytes at the beginning of `text` stand somewhere in `secret`. */
static size_t common_piece(const char *secret, const char *text) {
        size_t longest = 0;

        for (const char *s = secret; *s; s++) {
                size_t n = 0;

                while (s[n] && s[n] == text[n])
                        n++;
                longest = MAX(longest, n);
        }
        return longest;
}

void secret_hide(const char *secret, const char *text, Buffer *out) {
        while (*text) {
                size_t n = common_piece(secret, text);

                if (n >= SECRET_PIECE) {
                        buffer_append_string(out, HIDDEN);
                        text += n;
                } else
                        buffer_append_byte(out, (uint8_t) *text++);
        }
}
