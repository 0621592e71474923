#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bench/ledger.h"

enum { STREAMS = 3, MESSAGES = 5000 };

typedef struct book {
    bb_ledger ledger;
    unsigned verdicts[4]; /* by bb_arrival */
} book;

static int open_book(void **state)
{
    book *kept = calloc(1, sizeof *kept);
    *state = kept;
    return kept && bb_ledger_init(&kept->ledger, STREAMS) ? 0 : -1;
}

static int close_book(void **state)
{
    book *kept = *state;
    bb_ledger_deinit(&kept->ledger);
    free(kept);
    return 0;
}

static void take(book *kept, uint32_t stream, uint32_t number)
{
    kept->verdicts[bb_ledger_take(&kept->ledger, stream, number)]++;
}

static void assert_verdicts(const book *kept, unsigned next, unsigned ahead, unsigned late, unsigned again)
{
    assert_int_equal(kept->verdicts[BB_ARRIVED_NEXT], next);
    assert_int_equal(kept->verdicts[BB_ARRIVED_AHEAD], ahead);
    assert_int_equal(kept->verdicts[BB_ARRIVED_LATE], late);
    assert_int_equal(kept->verdicts[BB_ARRIVED_AGAIN], again);
}

static void in_order(void **state)
{
    for (uint32_t i = 0; i < 10; i++)
        take(*state, i % STREAMS, i / STREAMS);
    assert_verdicts(*state, 10, 0, 0, 0);
}

static void the_example_of_the_header(void **state)
{
    book *kept = *state;
    const uint32_t numbers[] = {0, 1, 2, 5, 3, 3};
    for (size_t i = 0; i < 6; i++)
        take(kept, 0, numbers[i]);
    assert_verdicts(kept, 3, 1, 1, 1);
    assert_int_equal(bb_ledger_missing(&kept->ledger), 1);
}

static void a_gap_belongs_to_its_stream(void **state)
{
    take(*state, 0, 2);
    take(*state, 1, 0);
    take(*state, 1, 0);
    take(*state, 0, 0);
    assert_verdicts(*state, 1, 1, 1, 1);
}

static void a_gap_is_filled_from_its_middle(void **state)
{
    book *kept = *state;
    take(kept, 0, 10);
    const uint32_t late[] = {5, 0, 9, 4, 6, 1, 2, 3, 7, 8};
    for (size_t i = 0; i < 10; i++)
        take(kept, 0, late[i]);
    assert_verdicts(kept, 0, 1, 10, 0);
    assert_int_equal(bb_ledger_missing(&kept->ledger), 0);
    assert_int_equal(kept->ledger.gap_count, 0);
    take(kept, 0, 11);
    assert_int_equal(kept->verdicts[BB_ARRIVED_NEXT], 1);
}

/* The verdicts on a shuffled stream with losses and repetitions agree with an array of what has come. */
static void it_agrees_with_an_array(void **state)
{
    book *kept = *state;
    static bool come[MESSAGES];
    uint64_t random = 7, unique = 0, again = 0;
    uint32_t highest = 0;
    for (unsigned step = 0; step < 20000; step++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        uint32_t number = step / 5 + (uint32_t)(random >> 33) % 50;
        if (number >= MESSAGES)
            continue;
        bb_arrival arrival = bb_ledger_take(&kept->ledger, 1, number);
        assert_int_equal(arrival == BB_ARRIVED_AGAIN, come[number]);
        unique += !come[number];
        again += come[number];
        come[number] = true;
        highest = number > highest ? number : highest;
    }
    assert_true(unique > 1000 && again > 1000);
    assert_int_equal(bb_ledger_missing(&kept->ledger), highest + 1 - unique);
}

static void more_gaps_than_are_kept_lose_the_oldest(void **state)
{
    book *kept = *state;
    for (uint32_t i = 0; i <= BB_LEDGER_GAPS_MAX; i++)
        take(kept, 0, 2 * i + 1);
    take(kept, 0, 0);
    assert_int_equal(kept->verdicts[BB_ARRIVED_AGAIN], 1);
    take(kept, 0, 2 * BB_LEDGER_GAPS_MAX);
    take(kept, 0, 2);
    assert_int_equal(kept->verdicts[BB_ARRIVED_LATE], 2);
}

static void reset_begins_at_zero(void **state)
{
    book *kept = *state;
    take(kept, 0, 3);
    bb_ledger_reset(&kept->ledger);
    take(kept, 0, 0);
    assert_verdicts(kept, 1, 1, 0, 0);
    assert_int_equal(bb_ledger_missing(&kept->ledger), 0);
}

static void who_comes_late_is_not_owed_what_was_before(void **state)
{
    book *kept = *state;
    bb_ledger_begin(&kept->ledger, 0, 100);
    take(kept, 0, 100);
    bb_ledger_begin(&kept->ledger, 0, 101);
    take(kept, 0, 102);
    assert_verdicts(kept, 1, 1, 0, 0);
    assert_int_equal(bb_ledger_missing(&kept->ledger), 1);
}

static void rising_numbers_may_leave_gaps(void **state)
{
    book *kept = *state;
    assert_int_equal(bb_ledger_take_rising(&kept->ledger, 0, 4), BB_ARRIVED_NEXT);
    assert_int_equal(bb_ledger_take_rising(&kept->ledger, 0, 9), BB_ARRIVED_NEXT);
    assert_int_equal(bb_ledger_take_rising(&kept->ledger, 0, 8), BB_ARRIVED_LATE);
    assert_int_equal(bb_ledger_missing(&kept->ledger), 0);
}

static void seen_by_any_of_several(void **state)
{
    bb_seen a = {0}, b = {0};
    assert_true(bb_seen_add(&a, 0));
    assert_true(bb_seen_add(&a, 1000));
    assert_false(bb_seen_add(&a, 1000));
    assert_true(bb_seen_add(&b, 1000));
    assert_true(bb_seen_add(&b, 70000));
    assert_int_equal(bb_seen_merge(&a, &b), 1);
    assert_int_equal(bb_seen_count(&a), 3);
    assert_int_equal(bb_seen_count(&b), 0);
    bb_seen_deinit(&a);
    bb_seen_deinit(&b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_book, close_book)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(in_order),
        TEST(the_example_of_the_header),
        TEST(a_gap_belongs_to_its_stream),
        TEST(a_gap_is_filled_from_its_middle),
        TEST(it_agrees_with_an_array),
        TEST(more_gaps_than_are_kept_lose_the_oldest),
        TEST(reset_begins_at_zero),
        TEST(who_comes_late_is_not_owed_what_was_before),
        TEST(rising_numbers_may_leave_gaps),
        cmocka_unit_test(seen_by_any_of_several),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
