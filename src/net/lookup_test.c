#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "net/lookup.h"

static bb_address found[BB_RESOLVE_MAX];

static size_t wait_for(bb_lookup *lookup, bb_text *error)
{
    assert_non_null(lookup);
    struct pollfd wait = {.fd = bb_lookup_fd(lookup), .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 60000), 1);
    assert_true(bb_lookup_has_ended(lookup));
    return bb_lookup_finish(lookup, found, error);
}

static void a_name_is_looked_up_beside_the_loop(void **state)
{
    char buffer[256];
    bb_text error = bb_text_on(buffer, sizeof buffer);
    assert_true(wait_for(bb_lookup_begin("localhost", 1883), &error) >= 1);
    assert_int_equal(found[0].port, 1883);
    assert_int_equal(error.len, 0);
}

static void why_there_is_no_address_is_told(void **state)
{
    char buffer[256];
    bb_text error = bb_text_on(buffer, sizeof buffer);
    assert_int_equal(wait_for(bb_lookup_begin("no such host", 1883), &error), 0);
    assert_memory_equal(error.at, "no such host: ", 14);
}

/* The sanitizers see whether anything is left, or used by the thread after it was given back. */
static void one_that_nobody_waits_for_ends_by_itself(void **state)
{
    for (int i = 0; i < 50; i++)
        bb_lookup_cancel(bb_lookup_begin("localhost", 1883));
    bb_lookup_cancel(NULL);
}

static void a_name_that_is_too_long_is_refused(void **state)
{
    char name[300];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    assert_null(bb_lookup_begin(name, 1883));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_looked_up_beside_the_loop),
        cmocka_unit_test(why_there_is_no_address_is_told),
        cmocka_unit_test(one_that_nobody_waits_for_ends_by_itself),
        cmocka_unit_test(a_name_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
