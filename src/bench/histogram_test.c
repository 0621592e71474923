#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bench/histogram.h"

static void buckets_are_in_order_and_their_middle_is_near(void **state)
{
    unsigned last = 0;
    for (uint64_t value = 0; value < 1ull << 41; value += 1 + value / 97) {
        unsigned bucket = bb_histogram_bucket(value);
        assert_true(bucket >= last && bucket < BB_HISTOGRAM_BUCKETS);
        last = bucket;
        uint64_t middle = bb_histogram_middle(bucket), off = middle > value ? middle - value : value - middle;
        assert_true(off * 128 <= value);
        assert_int_equal(bb_histogram_bucket(middle), bucket);
    }
}

static void values_beyond_the_last_bucket_count_there(void **state)
{
    static bb_histogram histogram;
    bb_histogram_add(&histogram, UINT64_MAX);
    assert_int_equal(histogram.counts[BB_HISTOGRAM_BUCKETS - 1], 1);
    assert_true(bb_histogram_percentile(&histogram, 1) == UINT64_MAX);
}

static void percentiles_of_nothing_are_zero(void **state)
{
    static const bb_histogram empty;
    assert_int_equal(bb_histogram_percentile(&empty, 0.5), 0);
    assert_int_equal(bb_histogram_percentile(&empty, 1), 0);
}

static void assert_near(uint64_t value, uint64_t expected)
{
    assert_in_range(value, expected - expected / 100 - 1, expected + expected / 100 + 1);
}

static void percentiles_of_equal_steps(void **state)
{
    static bb_histogram histogram;
    for (uint64_t i = 1; i <= 100000; i++)
        bb_histogram_add(&histogram, i * 10);
    assert_near(bb_histogram_percentile(&histogram, 0.5), 500000);
    assert_near(bb_histogram_percentile(&histogram, 0.9), 900000);
    assert_near(bb_histogram_percentile(&histogram, 0.99), 990000);
    assert_near(bb_histogram_percentile(&histogram, 0), 10);
    assert_int_equal(bb_histogram_percentile(&histogram, 1), 1000000);
}

static void no_percentile_is_above_the_maximum(void **state)
{
    static bb_histogram histogram;
    bb_histogram_add(&histogram, 1000001);
    assert_int_equal(bb_histogram_percentile(&histogram, 0.5), 1000001);
}

static void merging_adds_up(void **state)
{
    static bb_histogram a, b, both;
    for (uint64_t i = 0; i < 1000; i++) {
        bb_histogram *one = i % 3 ? &a : &b;
        bb_histogram_add(one, i * i);
        bb_histogram_add(&both, i * i);
    }
    bb_histogram_merge(&a, &b);
    assert_memory_equal(&a, &both, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets_are_in_order_and_their_middle_is_near),
        cmocka_unit_test(values_beyond_the_last_bucket_count_there),
        cmocka_unit_test(percentiles_of_nothing_are_zero),
        cmocka_unit_test(percentiles_of_equal_steps),
        cmocka_unit_test(no_percentile_is_above_the_maximum),
        cmocka_unit_test(merging_adds_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
