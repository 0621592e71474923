/* map.h - a hash table whose links live inside the elements, and whose growth never stalls.
 *
 * What      Chained buckets, cut into BB_MAP_PARTS parts by the top bits of the hash. Each part grows and shrinks by
 *           itself, so one insertion rehashes at most a part's elements (a million elements: some 16,000).
 * Keys      The caller hashes (seeded: hash.h) and compares; equal hashes of different keys are fine.
 * Memory    Bucket arrays come from the bb_mem; elements are the caller's.
 * Threads   One. */
#ifndef BB_BASE_MAP_H
#define BB_BASE_MAP_H

#include <stdbool.h>

#include "base/mem.h"

enum { BB_MAP_PARTS = 64 };

typedef struct bb_map_node {
    struct bb_map_node *next;
    uint64_t hash;
} bb_map_node;

typedef struct bb_map {
    bb_mem *mem;
    struct bb_map_part {
        bb_map_node **buckets;
        uint32_t count, buckets_count; /* buckets_count: a power of two, or 0 */
    } parts[BB_MAP_PARTS];
    uint64_t count;
    bool walking; /* bb_map_each is at work: parts keep their size */
} bb_map;

void bb_map_init(bb_map *map, bb_mem *mem);
void bb_map_deinit(bb_map *map); /* the elements must be gone, or are forgotten */

/* The first element with this hash, or NULL; go on with bb_map_next until the key is right. */
static inline bb_map_node *bb_map_first(const bb_map *map, uint64_t hash)
{
    const struct bb_map_part *part = &map->parts[hash >> 58];
    if (!part->buckets)
        return NULL;
    bb_map_node *node = part->buckets[hash & (part->buckets_count - 1)];
    while (node && node->hash != hash)
        node = node->next;
    return node;
}

static inline bb_map_node *bb_map_next(const bb_map_node *node)
{
    bb_map_node *next = node->next;
    while (next && next->hash != node->hash)
        next = next->next;
    return next;
}

/* Add `node` under `hash`. False: no memory, nothing changed (only the very first buckets of a part can fail). */
BB_MUST_USE bool bb_map_add(bb_map *map, bb_map_node *node, uint64_t hash);

/* Remove an element that is in the map. */
void bb_map_remove(bb_map *map, bb_map_node *node);

/* Visit all elements; `visit` may remove the element it is given. */
void bb_map_each(bb_map *map, void (*visit)(void *context, bb_map_node *node), void *context);

#endif
