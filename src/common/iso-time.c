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
