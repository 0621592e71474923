#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "session/testing.h"

static void first_in_first_out_with_all_bytes_counted(void **state)
{
    bb_mem mem = testing_mem();
    bb_queue queue = {0};
    bb_delivery out;
    uint32_t in = 0, next = 0;
    uint64_t random = 1;
    for (unsigned step = 0; step < 5000; step++) {
        if (testing_dice(&random, 2)) {
            bb_delivery d = testing_delivery(&mem, in++, 1, BB_NEVER);
            assert_true(bb_queue_push(&queue, &mem, &d));
        } else if (bb_queue_pop(&queue, &mem, &out)) {
            assert_int_equal(testing_number(&out), next++);
            bb_delivery_drop(&out, &mem);
        } else {
            assert_int_equal(in, next);
            assert_null(bb_queue_peek(&queue));
        }
        assert_int_equal(queue.count, in - next);
        assert_int_equal(queue.bytes, queue.count * (sizeof(bb_message) + 1 + sizeof(uint32_t)));
        if (queue.count)
            assert_int_equal(testing_number(bb_queue_peek(&queue)), next);
    }
    while (bb_queue_pop(&queue, &mem, &out))
        bb_delivery_drop(&out, &mem);
    assert_int_equal(mem.bytes_now, 0);
}

static void what_has_expired_goes_and_the_order_stays(void **state)
{
    bb_mem mem = testing_mem();
    bb_queue queue = {0};
    bb_delivery out;
    for (uint32_t i = 0; i < 200; i++) {
        bb_delivery d = testing_delivery(&mem, i, 1, i % 3 ? BB_NEVER : 100 + i);
        assert_true(bb_queue_push(&queue, &mem, &d));
    }
    assert_int_equal(bb_queue_expire(&queue, &mem, 99), 0);
    assert_int_equal(bb_queue_expire(&queue, &mem, 199), 34); /* 0, 3 .. 99 */
    assert_int_equal(bb_queue_expire(&queue, &mem, 199), 0);
    assert_int_equal(bb_queue_expire(&queue, &mem, 1000), 33);
    assert_false(queue.may_expire);
    uint32_t last = 0;
    for (unsigned count = 0; count < 133; count++) {
        assert_true(bb_queue_pop(&queue, &mem, &out));
        assert_true(testing_number(&out) > last && testing_number(&out) % 3);
        last = testing_number(&out);
        bb_delivery_drop(&out, &mem);
    }
    assert_false(bb_queue_pop(&queue, &mem, &out));
    assert_int_equal(mem.bytes_now, 0);
}

static void a_long_queue_is_gone_through_seldom(void **state)
{
    enum { COUNT = 2560 };
    bb_mem mem = testing_mem();
    bb_queue queue = {0};
    bb_delivery out;
    for (uint32_t i = 0; i < COUNT; i++) { /* the odd ones expire one by one, behind one that never does */
        bb_delivery d = testing_delivery(&mem, i, 1, i % 2 ? i : BB_NEVER);
        assert_true(bb_queue_push(&queue, &mem, &d));
    }
    assert_int_equal(bb_queue_expire(&queue, &mem, 1), 1);
    for (unsigned call = 0; call < (COUNT - 1) / 256; call++)
        assert_int_equal(bb_queue_expire(&queue, &mem, 101 + call), 0);
    assert_int_equal(bb_queue_expire(&queue, &mem, 199), 99); /* 3, 5 .. 199 */
    assert_true(bb_queue_pop(&queue, &mem, &out));
    bb_delivery_drop(&out, &mem);
    for (unsigned i = 2; i <= 200; i += 2) {
        assert_true(bb_queue_pop(&queue, &mem, &out));
        bb_delivery_drop(&out, &mem);
    }
    assert_int_equal(bb_queue_expire(&queue, &mem, 201), 1); /* it is the first now, and goes at once */
    while (bb_queue_pop(&queue, &mem, &out))
        bb_delivery_drop(&out, &mem);
    assert_int_equal(mem.bytes_now, 0);
}

static void without_memory_the_delivery_stays_the_callers(void **state)
{
    bb_mem mem = testing_mem();
    bb_queue queue = {0};
    bb_delivery d = testing_delivery(&mem, 1, 1, BB_NEVER);
    *testing_left() = 0;
    assert_false(bb_queue_push(&queue, &mem, &d));
    assert_int_equal(queue.count, 0);
    bb_delivery_drop(&d, &mem);
    assert_int_equal(mem.bytes_now, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_in_first_out_with_all_bytes_counted),
        cmocka_unit_test(what_has_expired_goes_and_the_order_stays),
        cmocka_unit_test(a_long_queue_is_gone_through_seldom),
        cmocka_unit_test(without_memory_the_delivery_stays_the_callers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
