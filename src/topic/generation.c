/* generation.c - which counters a topic depends on, and which one a filter's change bumps. */
#include "topic/topic.h"

#include "topic/level.h"

static uint16_t slot_of(uint64_t hash)
{
    return (uint16_t)(hash >> 32) % BB_GENERATION_SLOTS;
}

static uint16_t prefix_slot(bb_span text, size_t end, const bb_seed *seed)
{
    return slot_of(bb_hash(bb_span_of(text.data, end), seed));
}

bb_topic_key bb_topic_key_with_hash(bb_span topic, uint64_t hash, const bb_seed *seed)
{
    size_t first = bb_level_end(topic, 0);
    size_t second = first < topic.len ? bb_level_end(topic, first + 1) : first;
    return (bb_topic_key){.hash = hash,
                          .first = prefix_slot(topic, first, seed),
                          .second = prefix_slot(topic, second, seed),
                          .exact = slot_of(hash)};
}

bb_topic_key bb_topic_key_of(bb_span topic, const bb_seed *seed)
{
    return bb_topic_key_with_hash(topic, bb_hash(topic, seed), seed);
}

static bool level_is_literal(bb_span text, size_t start, size_t end)
{
    bb_span level = bb_span_of(text.data + start, end - start);
    return !bb_level_is(level, '+') && !bb_level_is(level, '#');
}

/* The one counter that every topic matched by `filter` depends on and that fewest others do. */
static _Atomic uint32_t *counter_of(bb_generations *g, bb_span filter, const bb_seed *seed)
{
    bool wildcard = memchr(filter.data, '+', filter.len) || memchr(filter.data, '#', filter.len);
    if (!wildcard)
        return &g->exact[slot_of(bb_hash(filter, seed))];

    size_t first = bb_level_end(filter, 0);
    if (!level_is_literal(filter, 0, first))
        return &g->all;
    size_t second = bb_level_end(filter, first + 1); /* there is one: the wildcard is not in the first level */
    if (!level_is_literal(filter, first + 1, second))
        return &g->first[prefix_slot(filter, first, seed)];
    return &g->second[prefix_slot(filter, second, seed)];
}

void bb_generations_bump(bb_generations *generations, bb_span filter, const bb_seed *seed)
{
    atomic_fetch_add_explicit(counter_of(generations, filter, seed), 1, memory_order_release);
}
