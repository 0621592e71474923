/* route.c - from a topic to everyone who wants it, and the memory of such answers.
 *
 * A route is what the own index and the shared interest say about one topic. It is kept in a small set-associative
 * cache with the sums of the generations that it depends on; when one has moved, the route is found anew:
 *
 *     topic ─hash─► set of 4 ways ─hash, name, sums equal?─► route: other workers │ one set, or merged targets │ groups
 *
 * Almost always one set of subscribers matches; the route then only points at it. When several match, subscriptions of
 * one session are merged here once, not for every message. */
#include "broker/internal.h"

/* What matches, while a route is being found. */
typedef struct gathering {
    bb_broker *broker;
    bb_subscribers **sets;
    bb_group **groups;
    bb_interest_group_hit *hits;
    uint32_t sets_count, sets_cap, groups_count, groups_cap, hits_count, hits_cap;
    uint64_t members;
    bool failed;
} gathering;

/* Make room for one more element of `size` bytes. */
static bool grow(gathering *g, void *array, uint32_t *cap, uint32_t count, size_t size)
{
    void **at = array;
    if (count < *cap)
        return true;
    uint32_t more = *cap ? *cap * 2 : 8;
    void *moved = bb_mem_resize(g->broker->mem, *at, *cap * size, more * size);
    if (!moved) {
        g->failed = true;
        return false;
    }
    *at = moved;
    *cap = more;
    return true;
}

static void see_filter(void *context, bb_subscribers *subscribers, bb_group *groups)
{
    gathering *g = context;
    if (subscribers->count && grow(g, &g->sets, &g->sets_cap, g->sets_count, sizeof *g->sets)) {
        g->sets[g->sets_count++] = subscribers;
        g->members += subscribers->count;
    }
    if (g->broker->interest)
        return; /* groups are chosen by what all workers have */
    for (bb_group *group = groups; group; group = group->next)
        if (grow(g, &g->groups, &g->groups_cap, g->groups_count, sizeof *g->groups))
            g->groups[g->groups_count++] = group;
}

static void see_group(void *context, const bb_interest_group_hit *hit)
{
    gathering *g = context;
    if (grow(g, &g->hits, &g->hits_cap, g->hits_count, sizeof *g->hits))
        g->hits[g->hits_count++] = *hit;
}

static void give_up(gathering *g)
{
    bb_mem *mem = g->broker->mem;
    bb_mem_free(mem, g->sets, g->sets_cap * sizeof *g->sets);
    bb_mem_free(mem, g->groups, g->groups_cap * sizeof *g->groups);
    bb_mem_free(mem, g->hits, g->hits_cap * sizeof *g->hits);
}

/* ---- Merging: bring the subscriptions of one session together. */

static bool owner_after(const bb_subscription *a, const bb_subscription *b)
{
    return (uintptr_t)a->owner > (uintptr_t)b->owner;
}

static void sift(const bb_subscription **s, size_t at, size_t count)
{
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && owner_after(s[child + 1], s[child]))
            child++;
        if (!owner_after(s[child], s[at]))
            return;
        const bb_subscription *swap = s[at];
        s[at] = s[child];
        s[child] = swap;
    }
}

static void sort_by_owner(const bb_subscription **s, size_t count)
{
    for (size_t i = count / 2; i-- > 0;)
        sift(s, i, count);
    for (size_t end = count; end > 1; end--) {
        const bb_subscription *last = s[end - 1];
        s[end - 1] = s[0];
        s[0] = last;
        sift(s, 0, end - 1);
    }
}

/* Fill `targets` from the sets; `members` has room for all subscriptions. Returns the number of targets. */
static uint32_t merge(const gathering *g, const bb_subscription **members, bb_target *targets)
{
    size_t n = 0;
    for (uint32_t i = 0; i < g->sets_count; i++)
        for (uint32_t k = 0; k < g->sets[i]->count; k++)
            members[n++] = g->sets[i]->members[k];
    sort_by_owner(members, n);
    uint32_t count = 0;
    for (size_t i = 0; i < n; count++) {
        size_t first = i;
        while (++i < n && members[i]->owner == members[first]->owner)
            ;
        targets[count] = (bb_target){members[first]->owner, members + first, (uint32_t)(i - first)};
    }
    return count;
}

/* ---- Making a route. */

static size_t align(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

static void fill_groups(const gathering *g, bb_route *route, uint8_t *at)
{
    unsigned workers = g->broker->workers;
    route->groups = (bb_route_group *)(void *)at;
    route->groups_count = g->groups_count + g->hits_count;
    uint32_t *numbers = (uint32_t *)(void *)(at + align(route->groups_count * sizeof *route->groups));
    for (uint32_t i = 0; i < g->groups_count; i++)
        route->groups[i] = (bb_route_group){.hash = g->groups[i]->hash, .own = g->groups[i]};
    for (uint32_t i = 0; i < g->hits_count; i++, numbers += 2 * workers) {
        route->groups[i] = (bb_route_group){.hash = g->hits[i].hash, .online = numbers, .away = numbers + workers};
        memcpy(numbers, g->hits[i].online, workers * sizeof *numbers);
        memcpy(numbers + workers, g->hits[i].away, workers * sizeof *numbers);
    }
}

static bb_route *make_route(gathering *g, bb_span topic, const bb_topic_key *key)
{
    bool merged = g->sets_count > 1;
    uint32_t groups = g->groups_count + g->hits_count;
    size_t topic_at = sizeof(bb_route), targets_at = align(topic_at + topic.len);
    size_t members_at = targets_at + (merged ? g->members * sizeof(bb_target) : 0);
    size_t groups_at = members_at + (merged ? g->members * sizeof(bb_subscription *) : 0);
    size_t size = groups_at + align(groups * sizeof(bb_route_group)) +
                  align(g->hits_count * 2 * g->broker->workers * sizeof(uint32_t));
    bb_route *route = bb_mem_alloc(g->broker->mem, size);
    if (!route)
        return NULL;
    uint8_t *base = (uint8_t *)route;
    *route = (bb_route){
        .hash = key->hash, .key = *key, .size = size, .topic_len = (uint32_t)topic.len, .topic = base + topic_at};
    memcpy(route->topic, topic.data, topic.len);
    if (merged) {
        route->targets = (bb_target *)(void *)(base + targets_at);
        route->targets_count = merge(g, (const bb_subscription **)(void *)(base + members_at), route->targets);
    } else if (g->sets_count) {
        route->set = g->sets[0];
    }
    if (groups)
        fill_groups(g, route, base + groups_at);
    return route;
}

static bb_route *find_anew(bb_broker *broker, bb_span topic, const bb_topic_key *key)
{
    gathering g = {.broker = broker};
    /* The sums first, the look-up second: a change in between makes the answer stale, never silently wrong. */
    uint64_t own_sum = bb_generations_sum(&broker->generations, key), shared_sum = 0, workers = 0;
    bb_index_search search;
    bb_index_search_begin(broker->index, topic, &search);
    if (broker->interest) {
        shared_sum = bb_generations_sum(bb_interest_generations(broker->interest), key);
        workers = bb_interest_lookup(broker->interest, topic, see_group, &g) & ~(1ull << broker->worker);
    }
    bb_index_search_end(&search, see_filter, &g);
    bb_route *route = g.failed ? NULL : make_route(&g, topic, key);
    give_up(&g);
    if (!route)
        return NULL;
    route->own_sum = own_sum;
    route->shared_sum = shared_sum;
    route->workers = workers;
    return route;
}

/* ---- The cache. */

typedef struct bb_route_way way;

static void forget(bb_broker *broker, bb_route **slot)
{
    if (!*slot)
        return;
    broker->routes.bytes -= (*slot)->size;
    bb_mem_free(broker->mem, *slot, (*slot)->size);
    *slot = NULL;
}

static void forget_all(bb_broker *broker)
{
    bb_route_cache *cache = &broker->routes;
    for (uint32_t set = 0; set < cache->sets_count; set++)
        for (unsigned i = 0; i < BB_ROUTE_WAYS; i++)
            forget(broker, &cache->sets[set].ways[i].route);
}

void bb_route_clear(bb_broker *broker)
{
    bb_route_cache *cache = &broker->routes;
    forget_all(broker);
    forget(broker, &cache->lone);
    bb_mem_free(broker->mem, cache->sets, cache->sets_count * sizeof *cache->sets);
    *cache = (bb_route_cache){0};
}

static bb_route_set *set_of(const bb_route_cache *cache, uint64_t hash)
{
    return &cache->sets[(hash >> 20) & (cache->sets_count - 1)];
}

static bool is_fresh(const bb_broker *broker, const bb_route *route)
{
    if (route->own_sum != bb_generations_sum(&broker->generations, &route->key))
        return false;
    return !broker->interest ||
           route->shared_sum == bb_generations_sum(bb_interest_generations(broker->interest), &route->key);
}

static way *way_of(const bb_route_cache *cache, bb_span topic, uint64_t hash)
{
    if (!cache->sets_count)
        return NULL;
    bb_route_set *set = set_of(cache, hash);
    for (unsigned i = 0; i < BB_ROUTE_WAYS; i++) {
        const bb_route *route = set->ways[i].route;
        if (set->ways[i].hash == hash && route && route->topic_len == topic.len &&
            !memcmp(route->topic, topic.data, topic.len))
            return &set->ways[i];
    }
    return NULL;
}

/* Twice as many sets: each old one parts into two, so everything finds a place. Without memory it stays as it is. */
static bool grow_cache(bb_broker *broker)
{
    bb_route_cache *cache = &broker->routes;
    uint32_t count = cache->sets_count ? cache->sets_count * 2 : BB_ROUTE_SETS_MIN;
    bb_route_set *sets = bb_mem_alloc_zeroed(broker->mem, count * sizeof *sets), *old = cache->sets;
    uint32_t old_count = cache->sets_count;
    if (!sets)
        return false;
    cache->sets = sets;
    cache->sets_count = count;
    cache->displaced = 0;
    for (uint32_t s = 0; s < old_count; s++)
        for (unsigned i = 0, k = 0; i < BB_ROUTE_WAYS; i++) {
            if (!old[s].ways[i].route)
                continue;
            bb_route_set *to = set_of(cache, old[s].ways[i].hash);
            for (k = 0; to->ways[k].route; k++)
                ;
            to->ways[k] = old[s].ways[i];
        }
    bb_mem_free(broker->mem, old, old_count * sizeof *old);
    return true;
}

/* way_for will look at what stands where a route with this hash goes: bring it near while the route is being found. */
static void expect_way_for(const bb_route_cache *cache, uint64_t hash)
{
    if (!cache->sets_count)
        return;
    const bb_route_set *set = set_of(cache, hash);
    for (unsigned i = 0; i < BB_ROUTE_WAYS; i++)
        if (set->ways[i].route)
            __builtin_prefetch(set->ways[i].route); /* its sums stand in front */
}

/* Where a new route goes: a free way, then one whose route is out of date, then whose turn it is. */
static way *way_for(bb_broker *broker, uint64_t hash)
{
    bb_route_cache *cache = &broker->routes;
    if (cache->displaced >= cache->sets_count / 4 && cache->sets_count < BB_ROUTE_SETS_MAX)
        (void)grow_cache(broker);
    if (!cache->sets_count)
        return NULL;
    bb_route_set *set = set_of(cache, hash);
    for (unsigned i = 0; i < BB_ROUTE_WAYS; i++)
        if (!set->ways[i].route)
            return &set->ways[i];
    for (unsigned i = 0; i < BB_ROUTE_WAYS; i++)
        if (!is_fresh(broker, set->ways[i].route))
            return &set->ways[i];
    cache->displaced++;
    return &set->ways[cache->turn++ % BB_ROUTE_WAYS];
}

static const bb_route *remember(bb_broker *broker, bb_route *route, way *old)
{
    bb_route_cache *cache = &broker->routes;
    forget(broker, &cache->lone);
    bool large = route->size > BB_ROUTE_BYTES_MAX / 4;
    if (!large && cache->bytes + route->size > BB_ROUTE_BYTES_MAX)
        forget_all(broker);
    way *to = large ? NULL : old ? old : way_for(broker, route->hash);
    cache->bytes += route->size;
    if (!to) {
        cache->lone = route;
        return route;
    }
    forget(broker, &to->route);
    *to = (way){route->hash, route};
    return route;
}

/* The route of a topic, good until the next call; NULL when there is no memory. */
const bb_route *bb_route_find(bb_broker *broker, bb_span topic, uint64_t hash)
{
    way *found = way_of(&broker->routes, topic, hash);
    if (BB_LIKELY(found && is_fresh(broker, found->route))) {
        bb_count(&broker->stats.route_hits, 1);
        return found->route;
    }
    bb_count(&broker->stats.route_misses, 1);
    if (!found)
        expect_way_for(&broker->routes, hash);
    bb_topic_key key = bb_topic_key_with_hash(topic, hash, &broker->seed);
    bb_route *route = find_anew(broker, topic, &key);
    return route ? remember(broker, route, found) : NULL;
}

void bb_route_expect(const bb_broker *broker, uint64_t hash)
{
    if (broker->routes.sets_count)
        __builtin_prefetch(set_of(&broker->routes, hash));
}

void bb_route_expect_soon(const bb_broker *broker, uint64_t hash)
{
    if (!broker->routes.sets_count)
        return;
    const bb_route_set *set = set_of(&broker->routes, hash);
    for (unsigned i = 0; i < BB_ROUTE_WAYS; i++)
        if (set->ways[i].hash == hash && set->ways[i].route)
            __builtin_prefetch(set->ways[i].route);
}
