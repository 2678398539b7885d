/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of common/base64: the vectors of RFC 4648, every byte there and back, and that nothing
 * but the one right text is taken.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"

/* RFC 4648, section 10. */
static const struct {
        const char *bytes;
        const char *text;
} vectors[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
};

static void test_base64_is_as_in_the_rfc(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(vectors); i++) {
                _cleanup_buffer_ Buffer text = {0}, bytes = {0};

                base64_encode(vectors[i].bytes, strlen(vectors[i].bytes), &text);
                assert_string_equal(buffer_string(&text), vectors[i].text);
                assert_int_equal(base64_decode(buffer_string(&text), text.size, &bytes), 0);
                assert_string_equal(buffer_string(&bytes), vectors[i].bytes);
        }
}

static void test_base64_brings_every_byte_back(void **state) {
        unsigned char all[256];

        for (unsigned i = 0; i < sizeof(all); i++)
                all[i] = (unsigned char) i;
        for (size_t n = 0; n <= sizeof(all); n++) {
                _cleanup_buffer_ Buffer text = {0}, bytes = {0};

                base64_encode(all + sizeof(all) - n, n, &text);
                assert_int_equal(text.size, (n + 2) / 3 * 4);
                assert_int_equal(base64_decode(buffer_string(&text), text.size, &bytes), 0);
                assert_int_equal(bytes.size, n);
                if (n > 0)
                        assert_memory_equal(bytes.data, all + sizeof(all) - n, n);
        }
}

static void test_base64_takes_nothing_but_the_one_right_text(void **state) {
        static const char *const wrong[] = {
                "Z",    "Zg",   "Zg=",        "Zg==Zg==", "Z===",     "====",
                "=Zg=", "Zh==", "Zm9=",       "Zm9v\n",   "Zm 9",     "Zm9v Zm9v",
                "Zm-_", "Zg=a", "\xc3\xa4==", "Zm9vZg=a", "Zm9v====", "Zm9vZh==",
        };

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                _cleanup_buffer_ Buffer bytes = {0};

                buffer_append_string(&bytes, "before");
                if (base64_decode(wrong[i], strlen(wrong[i]), &bytes) != -EINVAL)
                        fail_msg("'%s' was taken", wrong[i]);
                assert_string_equal(buffer_string(&bytes), "before");
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_base64_is_as_in_the_rfc),
                cmocka_unit_test(test_base64_brings_every_byte_back),
                cmocka_unit_test(test_base64_takes_nothing_but_the_one_right_text),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
