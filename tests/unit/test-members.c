/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of kafka/members: names are kept, once each, and the oldest go.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "kafka/members.h"

static void test_members_knows_what_was_noted(void **state) {
        Members m = {0};

        assert_false(members_has(&m, "a"));
        members_note(&m, "a");
        members_note(&m, "a");
        members_note(&m, "b");
        assert_true(members_has(&m, "a"));
        assert_true(members_has(&m, "b"));
        assert_false(members_has(&m, "c"));
        assert_int_equal(m.n, 2);
        members_done(&m);
}

static void test_members_forgets_the_oldest(void **state) {
        Members m = {0};
        char id[16];

        for (unsigned i = 0; i < MEMBERS_MAX + 10; i++) {
                snprintf(id, sizeof(id), "%u", i);
                members_note(&m, id);
        }
        for (unsigned i = 0; i < MEMBERS_MAX + 10; i++) {
                snprintf(id, sizeof(id), "%u", i);
                assert_int_equal(members_has(&m, id), i >= 10);
        }
        members_done(&m);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_members_knows_what_was_noted),
                cmocka_unit_test(test_members_forgets_the_oldest),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
