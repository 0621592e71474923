#include "topic/shape.h"

#include "topic/level.h"

static bb_filter_key deep_key(bb_span filter, const bb_seed *seed)
{
    return (bb_filter_key){BB_SHAPE_DEEP, bb_shape_fingerprint(BB_SHAPE_DEEP, bb_hash(filter, seed), seed)};
}

bb_filter_key bb_filter_key_of(bb_span filter, const bb_seed *seed)
{
    uint64_t sum = 0;
    uint32_t levels = 0, pluses = 0;
    bool rest = false, deep = false;

    for (size_t start = 0; start <= filter.len; levels++) {
        size_t end = bb_level_end(filter, start);
        bb_span level = bb_span_of(filter.data + start, end - start);
        if (bb_level_is(level, '#')) {
            rest = true;
            break;
        }
        if (!bb_level_is(level, '+'))
            sum += bb_level_hash(level, levels, seed);
        else if (levels < BB_SHAPE_LEVELS)
            pluses |= 1u << levels;
        else
            deep = true;
        start = end + 1;
    }

    bool wildcard = rest || pluses || deep;
    if (wildcard && levels > BB_SHAPE_LEVELS)
        return deep_key(filter, seed);
    bb_shape shape = BB_SHAPE_EXACT;
    if (wildcard)
        shape = pluses | (uint64_t)levels << 32 | (rest ? BB_SHAPE_REST : 0);
    return (bb_filter_key){shape, bb_shape_fingerprint(shape, sum, seed)};
}

void bb_topic_mask_init(bb_topic_mask *mask, bb_span topic, const bb_seed *seed)
{
    uint64_t sum = 0;
    uint32_t levels = 0;
    mask->dollar = topic.len > 0 && topic.data[0] == '$';
    mask->sums[0] = 0;
    for (size_t start = 0; start <= topic.len;) {
        size_t end = bb_level_end(topic, start);
        sum += bb_level_hash(bb_span_of(topic.data + start, end - start), levels, seed);
        levels++;
        if (levels <= BB_SHAPE_LEVELS)
            mask->sums[levels] = sum;
        start = end + 1;
    }
    mask->levels = levels;
    mask->total = sum;
}
