#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/hash.h"

static const bb_seed seed = {0x0123456789abcdef, 0xfedcba9876543210};

enum { LENGTH_MAX = 70 };

/* One bit of the key turns about half the bits of the hash, wherever it is; none has no effect. */
static void every_bit_counts(void **state)
{
    for (size_t length = 1; length <= LENGTH_MAX; length++) {
        uint8_t key[LENGTH_MAX];
        for (size_t i = 0; i < length; i++)
            key[i] = (uint8_t)(i * 37 + length);
        uint64_t plain = bb_hash(bb_span_of(key, length), &seed);
        uint64_t turned = 0;
        for (size_t bit = 0; bit < length * 8; bit++) {
            key[bit / 8] ^= (uint8_t)(1 << bit % 8);
            uint64_t changed = plain ^ bb_hash(bb_span_of(key, length), &seed);
            key[bit / 8] ^= (uint8_t)(1 << bit % 8);
            int count = __builtin_popcountll(changed);
            assert_in_range(count, 10, 54);
            turned += (uint64_t)count;
        }
        assert_in_range(turned / (length * 8), 28, 36);
    }
}

static void lengths_of_zeros_differ(void **state)
{
    uint8_t zeros[LENGTH_MAX] = {0};
    uint64_t seen[LENGTH_MAX + 1];
    for (size_t length = 0; length <= LENGTH_MAX; length++) {
        seen[length] = bb_hash(bb_span_of(zeros, length), &seed);
        for (size_t i = 0; i < length; i++)
            assert_true(seen[i] != seen[length]);
    }
}

static void both_words_of_the_seed_count(void **state)
{
    bb_seed others[] = {{seed.a + 1, seed.b}, {seed.a, seed.b + 1}, {seed.a ^ 1ull << 63, seed.b}};
    for (size_t length = 0; length <= LENGTH_MAX; length++) {
        uint8_t key[LENGTH_MAX] = {1, 2, 3};
        uint64_t plain = bb_hash(bb_span_of(key, length), &seed);
        for (int i = 0; i < 3; i++)
            assert_in_range(__builtin_popcountll(plain ^ bb_hash(bb_span_of(key, length), &others[i])), 10, 54);
    }
}

/* Counted names, as topics have them, spread evenly over buckets by the upper and by the lower bits. */
static void numbered_names_spread_evenly(void **state)
{
    enum { BUCKETS = 256, NAMES = 256 * 256 };
    static uint32_t upper[BUCKETS], lower[BUCKETS];
    for (uint32_t i = 0; i < NAMES; i++) {
        char name[] = "site/00000/power";
        uint32_t rest = i;
        for (int k = 9; k >= 5; k--, rest /= 10)
            name[k] = (char)('0' + rest % 10);
        uint64_t hash = bb_hash(bb_span_text(name), &seed);
        upper[hash >> 56]++;
        lower[hash & 255]++;
    }
    for (int i = 0; i < BUCKETS; i++) {
        assert_in_range(upper[i], 170, 350);
        assert_in_range(lower[i], 170, 350);
    }
}

static void mixing_depends_on_the_order(void **state)
{
    assert_true(bb_hash_mix(1, 2) != bb_hash_mix(2, 1));
    assert_true(bb_hash_mix(0, 0) != bb_hash_mix(0, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_counts),
        cmocka_unit_test(lengths_of_zeros_differ),
        cmocka_unit_test(both_words_of_the_seed_count),
        cmocka_unit_test(numbered_names_spread_evenly),
        cmocka_unit_test(mixing_depends_on_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
