#include "topic/shape.h"

#include "topic/level.h"

/* Shape and sum of a wildcard filter. False: too deep for a shape. */
static bool describe(bb_span filter, const bb_seed *seed, bb_shape *shape, uint64_t *sum)
{
    uint32_t levels = 0, pluses = 0;
    bool rest = false;
    *sum = 0;
    for (size_t start = 0; start <= filter.len; levels++) {
        size_t end = bb_level_end(filter, start);
        bb_span level = bb_span_of(filter.data + start, end - start);
        rest = bb_level_is(level, '#');
        if (rest)
            break;
        if (levels == BB_SHAPE_LEVELS)
            return false;
        if (bb_level_is(level, '+'))
            pluses |= 1u << levels;
        else
            *sum += bb_level_hash(level, levels, seed);
        start = end + 1;
    }
    *shape = pluses | (uint64_t)levels << 32 | (rest ? BB_SHAPE_REST : 0);
    return true;
}

static bb_filter_key exact_key(const bb_filter *filter, const bb_seed *seed)
{
    uint64_t hash = bb_hash(filter->text, seed);
    return (bb_filter_key){.filter = *filter,
                           .shape = BB_SHAPE_EXACT,
                           .fingerprint = bb_shape_apply_exact(hash, seed),
                           .counter = bb_generation_of_exact(hash)};
}

bb_filter_key bb_filter_key_of(const bb_filter *filter, const bb_seed *seed)
{
    if (!filter->wildcard)
        return exact_key(filter, seed);
    bb_shape shape;
    uint64_t sum;
    if (!describe(filter->text, seed, &shape, &sum)) {
        shape = BB_SHAPE_DEEP;
        sum = bb_hash(filter->text, seed);
    }
    return (bb_filter_key){.filter = *filter,
                           .shape = shape,
                           .fingerprint = bb_shape_fingerprint(shape, sum, seed),
                           .counter = bb_generation_of_wildcard(filter->text, seed)};
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
}
