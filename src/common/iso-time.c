/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Times as text: see iso-time.h. By hand, since gmtime_r() takes a lock and this is done for every
 * event.
 */

#include "common/iso-time.h"

#define DAY_MS 86400000

/* 9999-12-31T23:59:59.999Z */
#define LAST_MS INT64_C(253402300799999)

/* Days from 0000-03-01 to 1970-01-01, and in 400 years. */
#define DAYS_BEFORE_1970 719468
#define DAYS_IN_ERA 146097

/* Writes `value` as n digits. */
static void put_digits(char *to, size_t n, uint64_t value) {
        for (; n > 0; value /= 10)
                to[--n] = (char) ('0' + value % 10);
}

/* Years are counted from March on, so that a leap day is the last of its year (Hinnant,
 * "chrono-Compatible Low-Level Date Algorithms"). */
static void put_date(char *to, uint64_t day) {
        uint64_t in_era = day % DAYS_IN_ERA, year, in_year, month;

        year = (in_era - in_era / 1460 + in_era / 36524 - in_era / (DAYS_IN_ERA - 1)) / 365;
        in_year = in_era - (365 * year + year / 4 - year / 100);
        month = (5 * in_year + 2) / 153;
        put_digits(to, 4, year + day / DAYS_IN_ERA * 400 + (month >= 10));
        put_digits(to + 5, 2, month < 10 ? month + 3 : month - 9);
        put_digits(to + 8, 2, in_year - (153 * month + 2) / 5 + 1);
}

void iso_time_append(Buffer *out, int64_t ms) {
        char text[] = "0000-00-00T00:00:00.000Z";
        uint64_t of_day;

        if (ms < 0 || ms > LAST_MS) {
                buffer_append_i64(out, ms);
                return;
        }
        of_day = (uint64_t) ms % DAY_MS;
        put_date(text, (uint64_t) ms / DAY_MS + DAYS_BEFORE_1970);
        put_digits(text + 11, 2, of_day / 3600000);
        put_digits(text + 14, 2, of_day / 60000 % 60);
        put_digits(text + 17, 2, of_day / 1000 % 60);
        put_digits(text + 20, 3, of_day % 1000);
        buffer_append(out, text, sizeof(text) - 1);
}

/* Reads n digits; returns false where they are not there. */
static bool take_digits(const char **text, unsigned n, unsigned *ret) {
        *ret = 0;
        for (; n > 0; n--, (*text)++) {
                if (**text < '0' || **text > '9')
                        return false;
                *ret = *ret * 10 + (unsigned) (**text - '0');
        }
        return true;
}

static bool take(const char **text, char c) {
        if (**text != c)
                return false;
        (*text)++;
        return true;
}

/* The reverse of put_date(), days since 1970. Out of range where there is no such day. */
static bool take_date(const char **text, int64_t *ret_day) {
        unsigned year, month, day, y, m;
        char shown[] = "0000-00-00";
        const char *begin = *text;
        int64_t days;

        if (!take_digits(text, 4, &year) || !take(text, '-') || !take_digits(text, 2, &month) ||
            !take(text, '-') || !take_digits(text, 2, &day))
                return false;
        if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31)
                return false;
        y = month > 2 ? year : year - 1;
        m = month > 2 ? month - 3 : month + 9;
        days = (int64_t) 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 -
               DAYS_BEFORE_1970;
        /* A 31st of February reads back as another day. */
        put_date(shown, (uint64_t) (days + DAYS_BEFORE_1970));
        *ret_day = days;
        return strncmp(shown, begin, sizeof(shown) - 1) == 0;
}

bool iso_time_parse(const char *text, int64_t *ret_ms) {
        unsigned hour = 0, minute = 0, second = 0, ms = 0;
        int64_t day;

        if (!take_date(&text, &day))
                return false;
        if (take(&text, 'T') || take(&text, ' ')) {
                if (!take_digits(&text, 2, &hour) || !take(&text, ':') ||
                    !take_digits(&text, 2, &minute))
                        return false;
                if (take(&text, ':') && !take_digits(&text, 2, &second))
                        return false;
                if (take(&text, '.') && !take_digits(&text, 3, &ms))
                        return false;
        }
        if (!take(&text, 'Z') || *text || hour > 23 || minute > 59 || second > 59)
                return false;
        *ret_ms = day * DAY_MS +
                  (int64_t) (((hour * 60 + minute) * 60 + second) * UINT64_C(1000) + ms);
        return true;
}
