#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "server/large.h"

static void a_piece_that_came_back_is_taken_again(void **state)
{
    bb_large large;
    bb_large_init(&large);
    void *piece = bb_large_take(&large, BB_LARGE_KEPT);
    memset(piece, 1, BB_LARGE_KEPT);
    assert_true(bb_large_is_empty(&large));
    bb_large_give(&large, piece, BB_LARGE_KEPT);
    assert_false(bb_large_is_empty(&large));
    assert_ptr_equal(bb_large_take(&large, BB_LARGE_KEPT), piece);
    assert_true(bb_large_is_empty(&large));
    bb_large_give(&large, piece, BB_LARGE_KEPT);
    bb_large_deinit(&large);
}

/* Call bb_large_trim whenever it asks for it; how many calls until nothing is left? */
static unsigned trim_all(bb_large *large, bb_time now)
{
    for (unsigned calls = 1;; calls++) {
        size_t before = large->bytes;
        bb_time again = bb_large_trim(large, now, false);
        assert_true(before - large->bytes <= BB_LARGE_STEP);
        if (again == BB_NEVER)
            return calls;
        assert_true(again > now);
        now = again;
    }
}

static void what_nobody_takes_goes_back_bit_by_bit(void **state)
{
    enum { PIECES = 20 };
    bb_large large;
    void *pieces[PIECES];
    bb_large_init(&large);
    for (size_t i = 0; i < PIECES; i++)
        pieces[i] = bb_large_take(&large, BB_LARGE_KEPT);
    for (size_t i = 0; i < PIECES; i++)
        bb_large_give(&large, pieces[i], BB_LARGE_KEPT);
    assert_in_range(trim_all(&large, 1000), PIECES * BB_LARGE_KEPT / BB_LARGE_STEP, PIECES + 3);
    assert_true(bb_large_is_empty(&large));
    bb_large_deinit(&large);
}

static void a_piece_in_use_again_and_again_is_kept(void **state)
{
    bb_large large;
    bb_large_init(&large);
    void *piece = bb_large_take(&large, BB_LARGE_KEPT);
    for (bb_time now = 1000; now < 2000; now += BB_LARGE_PERIOD_MS / 4) {
        bb_large_give(&large, piece, BB_LARGE_KEPT);
        assert_true(bb_large_trim(&large, now, false) != BB_NEVER);
        assert_ptr_equal(bb_large_take(&large, BB_LARGE_KEPT), piece);
        assert_true(bb_large_trim(&large, now, false) == BB_NEVER);
    }
    bb_large_give(&large, piece, BB_LARGE_KEPT);
    bb_large_deinit(&large);
}

/* A block that is larger than a step goes in pieces, from its end. */
static void a_block_of_odd_size_goes_at_once_but_in_steps(void **state)
{
    bb_large large;
    bb_large_init(&large);
    size_t size = 3 * (size_t)BB_LARGE_STEP + BB_LARGE_BYTES;
    void *block = bb_large_take(&large, size);
    memset(block, 1, size);
    bb_large_give(&large, block, size);
    assert_int_equal(trim_all(&large, 1000), 4);
    bb_large_deinit(&large);
}

static void in_a_hurry_nothing_is_kept(void **state)
{
    bb_large large;
    bb_large_init(&large);
    bb_large_give(&large, bb_large_take(&large, BB_LARGE_KEPT), BB_LARGE_KEPT);
    assert_true(bb_large_trim(&large, 1000, true) == BB_NEVER);
    assert_true(bb_large_is_empty(&large));
    bb_large_deinit(&large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_piece_that_came_back_is_taken_again),
        cmocka_unit_test(what_nobody_takes_goes_back_bit_by_bit),
        cmocka_unit_test(a_piece_in_use_again_and_again_is_kept),
        cmocka_unit_test(a_block_of_odd_size_goes_at_once_but_in_steps),
        cmocka_unit_test(in_a_hurry_nothing_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
