/* histogram.h - how long things took: counts in buckets, from which percentiles are read.
 *
 * What      Buckets are linear within a power of two and double from one to the next: 64 for each power. A value and
 *           the middle of its bucket differ by less than 0.8 % (below 64 ns: not at all), and that is the error of
 *           every percentile. Values above about 73 minutes count as that long; the maximum is kept exactly.
 * Units     Nanoseconds, but nothing here depends on it.
 * Memory    19 KB, inside the struct. Zeroed memory is an empty histogram.
 * Threads   None of its own: each thread fills its own, and they are merged when all have ended. */
#ifndef BB_BENCH_HISTOGRAM_H
#define BB_BENCH_HISTOGRAM_H

#include <stdint.h>

enum {
    BB_HISTOGRAM_PART_BITS = 6, /* 64 buckets for each power of two */
    BB_HISTOGRAM_PARTS = 1 << BB_HISTOGRAM_PART_BITS,
    BB_HISTOGRAM_BITS = 42, /* of the largest value that has a bucket of its own */
    BB_HISTOGRAM_BUCKETS = (BB_HISTOGRAM_BITS - BB_HISTOGRAM_PART_BITS + 1) * BB_HISTOGRAM_PARTS,
};

typedef struct bb_histogram {
    uint64_t counts[BB_HISTOGRAM_BUCKETS];
    uint64_t total, max;
} bb_histogram;

/* The bucket of a value, and the value in the middle of a bucket. */
static inline unsigned bb_histogram_bucket(uint64_t value)
{
    if (value < BB_HISTOGRAM_PARTS)
        return (unsigned)value;
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - BB_HISTOGRAM_PART_BITS;
    unsigned bucket = (shift << BB_HISTOGRAM_PART_BITS) + (unsigned)(value >> shift);
    return bucket < BB_HISTOGRAM_BUCKETS ? bucket : BB_HISTOGRAM_BUCKETS - 1;
}

uint64_t bb_histogram_middle(unsigned bucket);

static inline void bb_histogram_add(bb_histogram *histogram, uint64_t value)
{
    histogram->counts[bb_histogram_bucket(value)]++;
    histogram->total++;
    if (value > histogram->max)
        histogram->max = value;
}

void bb_histogram_merge(bb_histogram *into, const bb_histogram *from);

/* The value that a part `share` (0 to 1) of all values does not exceed; 0 when there are none. Never above the
 * maximum, which a share of 1 returns exactly. */
uint64_t bb_histogram_percentile(const bb_histogram *histogram, double share);

#endif
