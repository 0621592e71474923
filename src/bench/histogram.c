#include "bench/histogram.h"

uint64_t bb_histogram_middle(unsigned bucket)
{
    if (bucket < 2 * BB_HISTOGRAM_PARTS)
        return bucket;
    unsigned shift = (bucket >> BB_HISTOGRAM_PART_BITS) - 1;
    uint64_t low = (uint64_t)(BB_HISTOGRAM_PARTS + bucket % BB_HISTOGRAM_PARTS) << shift;
    return low + (1ull << shift) / 2;
}

void bb_histogram_merge(bb_histogram *into, const bb_histogram *from)
{
    if (from->total == 0)
        return;
    for (unsigned i = 0; i < BB_HISTOGRAM_BUCKETS; i++)
        into->counts[i] += from->counts[i];
    into->total += from->total;
    if (from->max > into->max)
        into->max = from->max;
}

uint64_t bb_histogram_percentile(const bb_histogram *histogram, double share)
{
    uint64_t rank = (uint64_t)((double)histogram->total * share), seen = 0;
    if (rank >= histogram->total)
        return histogram->max;
    for (unsigned i = 0; i < BB_HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen > rank) {
            uint64_t value = bb_histogram_middle(i);
            return value < histogram->max ? value : histogram->max;
        }
    }
    return histogram->max;
}
