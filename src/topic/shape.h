/* shape.h - what a filter looks like with its literal levels blanked out, and the fingerprints that follow from it.
 *
 * What      The shape of "site/+/power/#" is: three levels, the second is +, # ends it. All filters of one shape match
 *           a topic in the same way, so one look-up in a hash table finds the one that does: mask the topic with the
 *           shape and hash what is left.
 *
 *           Each level has a hash that depends on its text and its place, and a filter's hash is the sum of those of
 *           its literal levels. So the levels of a topic are hashed once, sums are kept of the first k levels, and
 *           masking for one shape is a subtraction for each +:
 *
 *               topic  site/7/power/x      sums  0  s  s+7  s+7+p  s+7+p+x
 *               shape  L / + / L / #       mask  sums[3] - (sums[2] - sums[1])
 *
 *           The fingerprint mixes that sum with the shape, so one table serves all of them. Filters without wildcards
 *           need no mask: theirs is made of the hash of the whole text.
 * Bounds    Shapes describe the first BB_SHAPE_LEVELS levels; wildcard filters with more have BB_SHAPE_DEEP. */
#ifndef BB_TOPIC_SHAPE_H
#define BB_TOPIC_SHAPE_H

#include "topic/topic.h"

enum { BB_SHAPE_LEVELS = 32 };

typedef uint64_t bb_shape; /* bit i: level i is +; bits 32..38: levels before #; or one of these: */

#define BB_SHAPE_REST (1ull << 40)  /* # ends it */
#define BB_SHAPE_EXACT (1ull << 41) /* no wildcard, any number of levels: one shape */
#define BB_SHAPE_DEEP (1ull << 42)  /* not to be described */

static inline uint32_t bb_shape_pluses(bb_shape shape)
{
    return (uint32_t)shape;
}

static inline uint32_t bb_shape_levels(bb_shape shape)
{
    return shape >> 32 & 0x7f;
}

/* The shape of `levels` literal levels and #. */
static inline bb_shape bb_shape_of_rest(uint32_t levels)
{
    return (uint64_t)levels << 32 | BB_SHAPE_REST;
}

/* What the literal level at `place` adds to the sum of a filter or topic. */
static inline uint64_t bb_level_hash(bb_span level, uint32_t place, const bb_seed *seed)
{
    bb_seed own = {seed->a + place * 0xc2b2ae3d27d4eb4full, seed->b};
    return bb_hash(level, &own);
}

/* The counter of bb_generations that stands for every topic that the filter matches and for fewest others. `hash` is
 * bb_hash of the filter. */
uint16_t bb_generation_of_exact(uint64_t hash);
uint16_t bb_generation_of_wildcard(bb_span filter, const bb_seed *seed);

/* A topic, cut and hashed for all shapes. */
typedef struct bb_topic_mask {
    uint32_t levels;
    bool dollar;                        /* starts with $, which a leading wildcard does not match [MQTT-4.7.2-1] */
    uint64_t sums[BB_SHAPE_LEVELS + 1]; /* sums[k] of the first k levels; valid up to `levels` */
} bb_topic_mask;

void bb_topic_mask_init(bb_topic_mask *mask, bb_span topic, const bb_seed *seed);

/* May filters of this shape match the topic? */
static inline bool bb_shape_admits(bb_shape shape, const bb_topic_mask *mask)
{
    uint32_t levels = bb_shape_levels(shape);
    bool rest = shape & BB_SHAPE_REST;
    if (mask->dollar && (shape & 1 || (rest && levels == 0)))
        return false;
    return rest ? levels <= mask->levels : levels == mask->levels;
}

static inline uint64_t bb_shape_fingerprint(bb_shape shape, uint64_t sum, const bb_seed *seed)
{
    return bb_hash_mix(sum + seed->b, shape ^ seed->a);
}

/* The fingerprint of the one filter of this shape that matches; the shape must admit the topic. */
static inline uint64_t bb_shape_apply(bb_shape shape, const bb_topic_mask *mask, const bb_seed *seed)
{
    uint64_t sum = mask->sums[bb_shape_levels(shape)];
    for (uint32_t pluses = bb_shape_pluses(shape); pluses; pluses &= pluses - 1) {
        int level = __builtin_ctz(pluses);
        sum -= mask->sums[level + 1] - mask->sums[level];
    }
    return bb_shape_fingerprint(shape, sum, seed);
}

/* The fingerprint of the filter that is the topic; `hash` is bb_hash of it. */
static inline uint64_t bb_shape_apply_exact(uint64_t hash, const bb_seed *seed)
{
    return bb_shape_fingerprint(BB_SHAPE_EXACT, hash, seed);
}

#endif
