/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text into numbers, strictly: see parse.h.
 */

#include "common/parse.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>

#include "common/macro.h"

static int digit_value(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return INT8_MAX;
}

/* Digits up to the end of the text. Reads them all even when the number is too large, so that
 * "99999999999999999999x" is called not a number and not too large. */
static int parse_digits(const char *text, int base, uint64_t *ret) {
        bool too_large = false;
        uint64_t value = 0;

        if (!*text)
                return -EINVAL;
        for (; *text; text++) {
                int digit = digit_value(*text);

                if (digit >= base)
                        return -EINVAL;
                if (__builtin_mul_overflow(value, (uint64_t) base, &value) ||
                    __builtin_add_overflow(value, (uint64_t) digit, &value))
                        too_large = true;
        }
        if (too_large)
                return -ERANGE;
        *ret = value;
        return 0;
}

static int parse_unsigned(const char *text, int base, uint64_t min, uint64_t max, uint64_t *ret) {
        uint64_t value;
        int r;

        r = parse_digits(text, base, &value);
        if (r < 0)
                return r;
        if (value < min || value > max)
                return -ERANGE;
        *ret = value;
        return 0;
}

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret) {
        return parse_unsigned(text, 10, min, max, ret);
}

int parse_hex(const char *text, uint64_t min, uint64_t max, uint64_t *ret) {
        if (text[0] != '0' || (text[1] != 'x' && text[1] != 'X'))
                return -EINVAL;
        return parse_unsigned(text + 2, 16, min, max, ret);
}

int parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret) {
        bool negative = *text == '-';
        uint64_t digits;
        int64_t value;
        int r;

        r = parse_digits(text + (negative || *text == '+'), 10, &digits);
        if (r < 0)
                return r;
        if (digits > (uint64_t) INT64_MAX + negative)
                return -ERANGE;
        value = (int64_t) (negative ? -digits : digits);
        if (value < min || value > max)
                return -ERANGE;
        *ret = value;
        return 0;
}

static size_t count_digits(const char *text) {
        size_t n = 0;

        while (isdigit((unsigned char) text[n]))
                n++;
        return n;
}

static bool is_sign(char c) {
        return c == '-' || c == '+';
}

/* What strtod() takes, without its spaces, hexadecimals, infinities and nans. */
static bool is_decimal(const char *text) {
        size_t digits, n;

        text += is_sign(*text);
        digits = count_digits(text);
        text += digits;
        if (*text == '.') {
                n = count_digits(text + 1);
                digits += n;
                text += 1 + n;
        }
        if (digits == 0)
                return false;
        if (*text == 'e' || *text == 'E') {
                text += 1 + is_sign(text[1]);
                n = count_digits(text);
                if (n == 0)
                        return false;
                text += n;
        }
        return *text == 0;
}

int parse_double(const char *text, double min, double max, double *ret) {
        locale_t plain;
        double value;

        if (!is_decimal(text))
                return -EINVAL;
        plain = newlocale(LC_ALL_MASK, "C", NULL);
        if (!plain)
                return -ENOMEM;
        value = strtod_l(text, NULL, plain);
        freelocale(plain);
        if (!isfinite(value) || value < min || value > max)
                return -ERANGE;
        *ret = value;
        return 0;
}

int parse_bool(const char *text, bool *ret) {
        if (!streq(text, "true") && !streq(text, "false"))
                return -EINVAL;
        *ret = text[0] == 't';
        return 0;
}
