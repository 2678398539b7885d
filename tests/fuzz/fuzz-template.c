/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz target: a template, in the use that the first byte chooses. What compiles expands, and one
 * that calls itself constant expands to the same twice; what does not has a message.
 */

#include <assert.h>
#include <errno.h>

#include "config/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool no_header(void *userdata, const char *name, const void **ret_value, size_t *ret_size) {
        assert(*name);
        return false;
}

static void expand(const Template *t, Buffer *out) {
        static uint64_t random = 1;
        TemplateValues v = {
                .producer = "p",
                .random = &random,
                .topic = "t",
                .group = "g",
                .timestamp_ms = -1,
                .value = "value",
                .value_size = 5,
                .header = no_header,
        };

        template_expand(t, &v, out);
        assert(!out->failed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        TemplateUse use = size > 0 && data[0] % 2 ? TEMPLATE_MESSAGE : TEMPLATE_VALUE;
        _cleanup_(template_freep) Template *t = NULL;
        _cleanup_buffer_ Buffer text = {0}, one = {0}, two = {0};
        _cleanup_free_ char *error = NULL;
        int r;

        if (size > 0)
                buffer_append(&text, data + 1, size - 1);
        r = template_compile(buffer_string(&text), use, &t, &error);
        assert(r == 0 || (r == -EINVAL && error && *error && !t));
        if (r < 0)
                return 0;
        expand(t, &one);
        expand(t, &two);
        assert(!template_is_constant(t) || streq(buffer_string(&one), buffer_string(&two)));
        return 0;
}
