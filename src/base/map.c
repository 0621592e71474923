#include "base/map.h"

enum { BUCKETS_MIN = 8 };

void bb_map_init(bb_map *map, bb_mem *mem)
{
    *map = (bb_map){.mem = mem};
}

void bb_map_deinit(bb_map *map)
{
    for (unsigned i = 0; i < BB_MAP_PARTS; i++)
        bb_mem_free(map->mem, map->parts[i].buckets, map->parts[i].buckets_count * sizeof(bb_map_node *));
    *map = (bb_map){.mem = map->mem};
}

/* Move a part's elements into `count` buckets. When there is no memory the part stays as it is: slower, not wrong. */
static bool resize(bb_map *map, struct bb_map_part *part, uint32_t count)
{
    bb_map_node **buckets = count ? bb_mem_alloc_zeroed(map->mem, count * sizeof *buckets) : NULL;
    if (count && !buckets)
        return false;
    for (uint32_t i = 0; i < part->buckets_count; i++)
        for (bb_map_node *node = part->buckets[i], *next; node; node = next) {
            next = node->next;
            node->next = buckets[node->hash & (count - 1)];
            buckets[node->hash & (count - 1)] = node;
        }
    bb_mem_free(map->mem, part->buckets, part->buckets_count * sizeof *buckets);
    part->buckets = buckets;
    part->buckets_count = count;
    return true;
}

bool bb_map_add(bb_map *map, bb_map_node *node, uint64_t hash)
{
    struct bb_map_part *part = &map->parts[hash >> 58];
    if (part->count >= part->buckets_count &&
        !resize(map, part, part->buckets_count ? part->buckets_count * 2 : BUCKETS_MIN) && !part->buckets)
        return false;
    bb_map_node **bucket = &part->buckets[hash & (part->buckets_count - 1)];
    node->hash = hash;
    node->next = *bucket;
    *bucket = node;
    part->count++;
    map->count++;
    return true;
}

void bb_map_remove(bb_map *map, bb_map_node *node)
{
    struct bb_map_part *part = &map->parts[node->hash >> 58];
    bb_map_node **at = &part->buckets[node->hash & (part->buckets_count - 1)];
    while (*at != node) {
        BB_CHECK(*at != NULL);
        at = &(*at)->next;
    }
    *at = node->next;
    part->count--;
    map->count--;
    if (map->walking)
        return;
    if (part->count == 0)
        (void)resize(map, part, 0);
    else if (part->buckets_count > BUCKETS_MIN && part->count < part->buckets_count / 8)
        (void)resize(map, part, part->buckets_count / 2);
}

void bb_map_each(bb_map *map, void (*visit)(void *context, bb_map_node *node), void *context)
{
    map->walking = true;
    for (unsigned p = 0; p < BB_MAP_PARTS; p++) {
        struct bb_map_part *part = &map->parts[p];
        for (uint32_t i = 0; i < part->buckets_count; i++)
            for (bb_map_node *node = part->buckets[i], *next; node; node = next) {
                next = node->next;
                visit(context, node);
            }
    }
    map->walking = false;
}
