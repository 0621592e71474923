/* generation.c - which counters a topic depends on, and which one a filter's change bumps. */
#include "topic/topic.h"

#include "topic/level.h"
#include "topic/shape.h"

enum { ALL = 0, FIRST = 1, SECOND = FIRST + BB_GENERATION_SLOTS, EXACT = SECOND + BB_GENERATION_SLOTS };

/* One of the counters that begin at `row`. */
static uint16_t counter_of(unsigned row, uint64_t hash)
{
    return (uint16_t)(row + (hash >> 32) % BB_GENERATION_SLOTS);
}

static uint16_t prefix_counter(unsigned row, bb_span text, size_t end, const bb_seed *seed)
{
    return counter_of(row, bb_hash(bb_span_of(text.data, end), seed));
}

bb_topic_key bb_topic_key_with_hash(bb_span topic, uint64_t hash, const bb_seed *seed)
{
    size_t first = bb_level_end(topic, 0);
    size_t second = first < topic.len ? bb_level_end(topic, first + 1) : first;
    return (bb_topic_key){.hash = hash,
                          .first = prefix_counter(FIRST, topic, first, seed),
                          .second = prefix_counter(SECOND, topic, second, seed),
                          .exact = counter_of(EXACT, hash)};
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

uint16_t bb_generation_of_exact(uint64_t hash)
{
    return counter_of(EXACT, hash);
}

uint16_t bb_generation_of_wildcard(bb_span filter, const bb_seed *seed)
{
    size_t first = bb_level_end(filter, 0);
    if (!level_is_literal(filter, 0, first))
        return ALL;
    size_t second = bb_level_end(filter, first + 1); /* there is one: the wildcard is not in the first level */
    if (!level_is_literal(filter, first + 1, second))
        return prefix_counter(FIRST, filter, first, seed);
    return prefix_counter(SECOND, filter, second, seed);
}

void bb_generations_bump(bb_generations *generations, const bb_filter_key *key)
{
    atomic_fetch_add_explicit(&generations->counters[key->counter], 1, memory_order_release);
}
