#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "session/testing.h"

enum { IDS = 65536 };

static void it_agrees_with_an_array(void **state)
{
    bb_mem mem = testing_mem();
    bb_inflight inflight = {0};
    bool *known = test_calloc(IDS, sizeof *known);
    uint64_t random = 3;
    uint32_t count = 0;
    for (unsigned step = 0; step < 20000; step++) {
        /* Mostly neighbours, some far away, some that share their low bits. */
        uint16_t id = (uint16_t)(1 + testing_dice(&random, 64) + 1024 * testing_dice(&random, 4));
        bb_delivery *found = bb_inflight_find(&inflight, id);
        assert_int_equal(found != NULL, known[id]);
        if (found) {
            bb_delivery taken = bb_inflight_take(&inflight, found);
            assert_int_equal(taken.packet_id, id);
            assert_int_equal(testing_number(&taken), id);
            bb_delivery_drop(&taken, &mem);
            count--;
        } else {
            bb_delivery d = testing_delivery(&mem, id, 1, BB_NEVER);
            d.packet_id = id;
            assert_true(bb_inflight_add(&inflight, &mem, &d));
            count++;
        }
        known[id] = !found;
        assert_int_equal(inflight.count, count);
    }
    bb_inflight_clear(&inflight, &mem);
    assert_int_equal(mem.bytes_now, 0);
    test_free(known);
}

static void order_is_that_of_sending_across_the_wrap(void **state)
{
    bb_mem mem = testing_mem();
    bb_inflight inflight = {0};
    uint16_t ids[100];
    for (uint16_t i = 0; i < 100; i++) {
        bb_delivery d = testing_delivery(&mem, i, 1, BB_NEVER);
        d.packet_id = (uint16_t)(1 + i * 37 % 101);
        d.sequence = UINT32_MAX - 50 + i;
        assert_true(bb_inflight_add(&inflight, &mem, &d));
    }
    bb_inflight_in_order(&inflight, ids);
    for (uint16_t i = 0; i < 100; i++)
        assert_int_equal(ids[i], 1 + i * 37 % 101);
    bb_inflight_clear(&inflight, &mem);
    assert_int_equal(mem.bytes_now, 0);
}

static void all_identifiers_fit_and_an_empty_one_owns_nothing(void **state)
{
    bb_mem mem = testing_mem();
    bb_inflight inflight = {0};
    bb_delivery d = testing_delivery(&mem, 0, 1, BB_NEVER);
    for (uint32_t id = 1; id < IDS; id++) {
        d.packet_id = (uint16_t)id;
        (void)bb_message_ref(d.message);
        assert_true(bb_inflight_add(&inflight, &mem, &d));
    }
    for (uint32_t id = 1; id < IDS; id++) {
        bb_delivery taken = bb_inflight_take(&inflight, bb_inflight_find(&inflight, (uint16_t)id));
        bb_delivery_drop(&taken, &mem);
    }
    bb_inflight_trim(&inflight, &mem);
    bb_delivery_drop(&d, &mem);
    assert_int_equal(mem.bytes_now, 0);
}

static void without_memory_nothing_changes(void **state)
{
    bb_mem mem = testing_mem();
    bb_inflight inflight = {0};
    bb_delivery d = testing_delivery(&mem, 0, 1, BB_NEVER);
    d.packet_id = 1;
    *testing_left() = 0;
    assert_false(bb_inflight_add(&inflight, &mem, &d));
    assert_null(bb_inflight_find(&inflight, 1));
    bb_delivery_drop(&d, &mem);
    assert_int_equal(mem.bytes_now, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_agrees_with_an_array),
        cmocka_unit_test(order_is_that_of_sending_across_the_wrap),
        cmocka_unit_test(all_identifiers_fit_and_an_empty_one_owns_nothing),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
