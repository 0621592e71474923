#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "session/testing.h"

static void one_identifier_or_none_needs_no_memory(void **state)
{
    bb_mem mem = testing_mem();
    uint32_t single, id = 268435455;
    size_t count;
    *testing_left() = 0;
    bb_origin none = bb_origin_new(&mem, NULL, 0, 0), one = bb_origin_new(&mem, &id, 1, 0);
    (void)bb_origin_ids(none, &single, &count);
    assert_int_equal(count, 0);
    assert_int_equal(bb_origin_ids(one, &single, &count)[0], id);
    assert_int_equal(count, 1);
    assert_true(one == bb_origin_single(id) && bb_origin_group(one) == 0);
    bb_origin_unref(bb_origin_ref(one), &mem);
}

static void several_and_groups_are_counted(void **state)
{
    bb_mem mem = testing_mem();
    uint32_t single, ids[] = {1, 7, 9};
    size_t count;
    bb_origin many = bb_origin_new(&mem, ids, 3, 0), grouped = bb_origin_new(&mem, NULL, 0, 42);
    assert_memory_equal(bb_origin_ids(many, &single, &count), ids, sizeof ids);
    assert_int_equal(count, 3);
    assert_int_equal(bb_origin_group(grouped), 42);
    bb_origin_unref(bb_origin_ref(many), &mem);
    assert_int_equal(bb_origin_ids(many, &single, &count)[2], 9);
    bb_origin_unref(many, &mem);
    bb_origin_unref(grouped, &mem);
    *testing_left() = 0;
    assert_true(bb_origin_new(&mem, ids, 3, 0) == 0); /* it goes without them */
    assert_int_equal(mem.bytes_now, 0);
}

static void dropping_gives_everything_back_once(void **state)
{
    bb_mem mem = testing_mem();
    bb_delivery d = testing_delivery(&mem, 1, 1, BB_NEVER);
    d.origin = bb_origin_new(&mem, NULL, 0, 42);
    bb_delivery_drop(&d, &mem);
    bb_delivery_drop(&d, &mem);
    assert_int_equal(mem.bytes_now, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_identifier_or_none_needs_no_memory),
        cmocka_unit_test(several_and_groups_are_counted),
        cmocka_unit_test(dropping_gives_everything_back_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
