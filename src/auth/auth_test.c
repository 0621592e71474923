#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "auth/auth.h"

static const bb_identity somebody = {.client_id = BB_SPAN_NONE};

static void who_proves_nothing_needs_anonymous(void **state)
{
    bb_auth open = {.anonymous = true}, closed = {.anonymous = false};
    assert_int_equal(bb_auth_connect(&open, &somebody), BB_OK);
    assert_int_equal(bb_auth_connect(&closed, &somebody), BB_E_NOT_AUTHORIZED);
}

static void methods_are_found_by_their_whole_name(void **state)
{
    bb_auth_method methods[] = {{.name = "SCRAM"}, {.name = "SCRAM-2"}};
    bb_auth auth = {.methods = methods, .methods_count = 2};
    assert_ptr_equal(bb_auth_method_find(&auth, BB_SPAN_LITERAL("SCRAM")), &methods[0]);
    assert_ptr_equal(bb_auth_method_find(&auth, BB_SPAN_LITERAL("SCRAM-2")), &methods[1]);
    assert_null(bb_auth_method_find(&auth, BB_SPAN_LITERAL("SCRAM-")));
    assert_null(bb_auth_method_find(&auth, BB_SPAN_LITERAL("scram")));
    assert_null(bb_auth_method_find(&auth, BB_SPAN_NONE));
    assert_null(bb_auth_method_find(&(bb_auth){0}, BB_SPAN_LITERAL("SCRAM")));
}

static void topics_of_the_broker_have_one_writer(void **state)
{
    assert_true(bb_auth_reserved(BB_SPAN_LITERAL("$SYS/x")));
    assert_true(bb_auth_reserved(BB_SPAN_LITERAL("$")));
    assert_false(bb_auth_reserved(BB_SPAN_LITERAL("a/$SYS")));
    assert_false(bb_auth_reserved(BB_SPAN_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_proves_nothing_needs_anonymous),
        cmocka_unit_test(methods_are_found_by_their_whole_name),
        cmocka_unit_test(topics_of_the_broker_have_one_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
