/* testing.h - a world for the tests and the fuzz target of this folder: several brokers in one thread, wired to each
 * other by inboxes, with one interest, retained messages in shards, a clock and a memory that the test controls.
 *
 *     world ─┬─ side 0: bb_broker ── outboxes ─┐
 *            ├─ side 1: bb_broker ── outboxes ─┼─► inboxes: delivered by world_settle, or when the test says so
 *            └─ ...                            ┘
 *
 * The port follows port.h: a retained read or write pushes what was posted and takes what others posted before it lets
 * go of the shard. No cmocka here, so that the fuzz target can use it: what must hold is a BB_CHECK. Clients are in
 * testing_client.h. */
#ifndef BB_BROKER_TESTING_H
#define BB_BROKER_TESTING_H

#include <stdio.h>
#include <stdlib.h>

#include "broker/internal.h"
#include "retain/retain.h"

enum { WORLD_SIDES_MAX = 4, WORLD_SHARDS = 4, WORLD_FACT_KINDS = BB_FACT_SESSION_ENDED + 1 };

typedef struct world_post {
    struct world_post *next;
    size_t size;
    uint64_t bytes[];
} world_post;

typedef struct world_posts {
    world_post *first, *last;
} world_posts;

typedef struct world world;

/* One worker. */
typedef struct world_side {
    world *world;
    unsigned number;
    bb_mem mem;
    bb_broker *broker;
    world_post *reserved;
    world_posts out[WORLD_SIDES_MAX]; /* posted, not yet pushed */
    world_posts in;                   /* pushed by others, not yet taken */
    world_posts taken;                /* taken, not yet handed to the broker */
} world_side;

struct world {
    unsigned sides_count;
    world_side sides[WORLD_SIDES_MAX];
    bb_limits limits;
    bb_auth auth;
    bb_seed seed;
    bb_interest *interest;
    bb_retain shards[WORLD_SHARDS];
    uint64_t version;
    _Atomic int64_t sessions, links;
    bb_time now;
    uint64_t random;
    bool manual; /* nothing moves unless the test says so */
    /* Memory that runs out: the allocation with this number fails, and `fail_count` - 1 after it. */
    uint64_t allocations, fail_at, fail_count;
    uint64_t facts[WORLD_FACT_KINDS];
    bb_fact fact; /* the latest; its spans mean nothing any more */
};

/* ---- Memory. */

static inline void world_report(const char *file, int line, const char *expression)
{
    fprintf(stderr, "%s:%d: %s does not hold\n", file, line, expression);
}

/* Blocks of brokers are kept for the next world: they are large, and fresh pages cost more than most tests. */
typedef struct world_kept {
    void *blocks[WORLD_SIDES_MAX];
    unsigned count;
} world_kept;

static inline world_kept *world_kept_for(size_t size)
{
    static world_kept brokers, none;
    return size == sizeof(bb_broker) ? &brokers : &none;
}

static inline void *world_alloc(void *context, size_t size)
{
    world *w = context;
    world_kept *kept = world_kept_for(size);
    uint64_t number = ++w->allocations;
    if (w->fail_at && number >= w->fail_at && number - w->fail_at < w->fail_count)
        return NULL;
    return kept->count ? kept->blocks[--kept->count] : malloc(size);
}

static inline void world_release(void *context, void *block, size_t size)
{
    (void)context;
    world_kept *kept = world_kept_for(size);
    if (size == sizeof(bb_broker) && kept->count < WORLD_SIDES_MAX) {
        kept->blocks[kept->count++] = block;
        return;
    }
    memset(block, 0xDB, size); /* the size must be right, and nobody may still read it */
    free(block);
}

/* Bytes in use over all sides: the only sum that means something, as memory may be given back at another one. */
static inline int64_t world_bytes(const world *w)
{
    int64_t sum = 0;
    for (unsigned i = 0; i < w->sides_count; i++)
        sum += atomic_load(&w->sides[i].mem.bytes_now);
    return sum;
}

static inline void world_free(world *w, void *block, size_t size)
{
    bb_mem_free(&w->sides[0].mem, block, size);
}

/* ---- Posts. */

static inline void posts_append(world_posts *posts, world_post *post)
{
    post->next = NULL;
    if (posts->last)
        posts->last->next = post;
    else
        posts->first = post;
    posts->last = post;
}

static inline world_post *posts_take(world_posts *posts)
{
    world_post *post = posts->first;
    if (post && !(posts->first = post->next))
        posts->last = NULL;
    return post;
}

static inline void posts_move(world_posts *to, world_posts *from)
{
    for (world_post *post; (post = posts_take(from)) != NULL;)
        posts_append(to, post);
}

static inline void *port_post_reserve(void *shell, unsigned worker, size_t size)
{
    world_side *side = shell;
    BB_CHECK(worker < side->world->sides_count && worker != side->number && !side->reserved);
    side->reserved = bb_mem_alloc(&side->mem, sizeof *side->reserved + size);
    if (side->reserved)
        side->reserved->size = size;
    return side->reserved ? side->reserved->bytes : NULL;
}

static inline void port_post_commit(void *shell, unsigned worker, size_t size)
{
    world_side *side = shell;
    BB_CHECK(side->reserved && side->reserved->size == size);
    posts_append(&side->out[worker], side->reserved);
    side->reserved = NULL;
}

/* What this side has posted reaches the other inboxes. */
static inline void side_push(world_side *side)
{
    for (unsigned i = 0; i < side->world->sides_count; i++)
        posts_move(&side->world->sides[i].in, &side->out[i]);
}

/* Hand the broker what was taken; false: there was nothing. */
static inline bool side_drain(world_side *side)
{
    bool any = side->taken.first != NULL;
    for (world_post *post; (post = posts_take(&side->taken)) != NULL;) {
        bb_broker_take_post(side->broker, post->bytes, post->size, side->world->now);
        bb_mem_free(&side->mem, post, sizeof *post + post->size);
    }
    return any;
}

/* Take the inbox and hand it to the broker. */
static inline bool side_receive(world_side *side)
{
    posts_move(&side->taken, &side->in);
    return side_drain(side);
}

static inline void side_throw_away(world_side *side, world_posts *posts)
{
    for (world_post *post; (post = posts_take(posts)) != NULL;) {
        bb_broker_drop_post(side->broker, post->bytes, post->size);
        bb_mem_free(&side->mem, post, sizeof *post + post->size);
    }
}

/* ---- The rest of the port. */

static inline uint64_t port_random(void *shell)
{
    world *w = ((world_side *)shell)->world;
    w->random = w->random * 6364136223846793005ull + 1442695040888963407ull;
    return w->random ^ w->random >> 29;
}

static inline void port_fact(void *shell, const bb_fact *fact)
{
    world *w = ((world_side *)shell)->world;
    BB_CHECK((unsigned)fact->kind < WORLD_FACT_KINDS && fact->status < BB_STATUS_COUNT);
    w->facts[fact->kind] += fact->kind == BB_FACT_DROPPED ? fact->count : 1;
    w->fact = *fact;
}

static inline bb_retain *world_shard(world *w, uint64_t topic_hash)
{
    return &w->shards[(topic_hash >> 40) % WORLD_SHARDS];
}

static inline void side_exchange(world_side *side)
{
    side_push(side);
    posts_move(&side->taken, &side->in);
}

static inline bb_status port_retain_store(void *shell, const bb_content *content, void **ticket)
{
    world_side *side = shell;
    world *w = side->world;
    bb_retain *shard = world_shard(w, content->topic_hash);
    bb_retain_limits limits = {w->limits.retained_messages_max, w->limits.retained_bytes_max};
    for (unsigned i = 0; i < WORLD_SHARDS; i++)
        if (&w->shards[i] != shard) {
            limits.count_max -= limits.count_max < w->shards[i].count ? limits.count_max : w->shards[i].count;
            limits.bytes_max -= limits.bytes_max < w->shards[i].bytes ? limits.bytes_max : w->shards[i].bytes;
        }
    *ticket = shard;
    return bb_retain_set(shard, &side->mem, &limits, content, ++w->version);
}

static inline void port_retain_unlock(void *shell, void *ticket)
{
    (void)ticket;
    side_exchange(shell);
}

static inline void port_retain_read(void *shell, bb_span topic, uint64_t topic_hash, bb_time now, bb_port_visit *visit,
                                    void *context)
{
    world_side *side = shell;
    bb_content content;
    if (bb_retain_get(world_shard(side->world, topic_hash), topic, now, &content))
        (void)visit(context, &content);
    side_exchange(side);
}

struct bb_port_walk {
    unsigned shard;
    bb_retain_cursor cursor;
};

static inline bb_port_walk *port_walk_open(void *shell)
{
    return bb_mem_alloc_zeroed(&((world_side *)shell)->mem, sizeof(bb_port_walk));
}

static inline bool port_walk_step(void *shell, bb_port_walk *walk, bb_span filter, bb_time now, bb_port_visit *visit,
                                  void *context, bb_status *status)
{
    world_side *side = shell;
    bb_retain_walked walked =
        bb_retain_walk(&side->world->shards[walk->shard], &side->mem, filter, &walk->cursor, now, 7, visit, context);
    side_exchange(side);
    if (walked == BB_RETAIN_NO_MEMORY)
        *status = BB_E_NO_MEMORY;
    if (walked != BB_RETAIN_DONE)
        return walked == BB_RETAIN_NO_MEMORY;
    bb_retain_cursor_deinit(&walk->cursor, &side->mem);
    return ++walk->shard == WORLD_SHARDS;
}

static inline void port_walk_close(void *shell, bb_port_walk *walk)
{
    world_side *side = shell;
    bb_retain_cursor_deinit(&walk->cursor, &side->mem);
    bb_mem_free(&side->mem, walk, sizeof *walk);
}

static inline void port_drain(void *shell)
{
    (void)side_drain(shell);
}

static inline void port_catch_up(void *shell)
{
    side_exchange(shell);
}

/* ---- The life of a world. */

static inline bool side_start(world *w, unsigned number)
{
    world_side *side = &w->sides[number];
    bb_port port = {
        .shell = side,
        .random = port_random,
        .fact = port_fact,
        .post_reserve = port_post_reserve,
        .post_commit = port_post_commit,
        .retain_store = port_retain_store,
        .retain_unlock = port_retain_unlock,
        .retain_read = port_retain_read,
        .walk_open = port_walk_open,
        .walk_step = port_walk_step,
        .walk_close = port_walk_close,
        .drain = port_drain,
        .catch_up = port_catch_up,
    };
    bb_broker_options options = {
        .mem = &side->mem,
        .limits = &w->limits,
        .auth = &w->auth,
        .seed = &w->seed,
        .port = &port,
        .interest = w->interest,
        .sessions_all = &w->sessions,
        .links_all = &w->links,
        .worker = number,
        .workers = w->sides_count,
    };
    side->broker = bb_broker_new(&options, w->now);
    return side->broker != NULL;
}

static inline void world_end(world *w)
{
    for (unsigned i = 0; i < w->sides_count; i++) {
        world_side *side = &w->sides[i];
        if (!side->broker)
            continue;
        side_push(side);
        side_throw_away(side, &side->in);
        side_throw_away(side, &side->taken);
    }
    for (unsigned i = 0; i < w->sides_count; i++)
        if (w->sides[i].broker) {
            side_throw_away(&w->sides[i], &w->sides[i].in); /* a later side pushed them */
            bb_broker_free(w->sides[i].broker);
            w->sides[i].broker = NULL;
        }
    for (unsigned i = 0; i < w->sides_count; i++)
        for (unsigned k = 0; k < w->sides_count; k++)
            BB_CHECK(!w->sides[i].out[k].first); /* a broker that is freed has nothing left to tell */
    for (unsigned i = 0; i < WORLD_SHARDS; i++)
        bb_retain_clear(&w->shards[i], &w->sides[0].mem);
    if (w->interest)
        bb_interest_free(w->interest, &w->sides[0].mem);
    BB_CHECK(world_bytes(w) == 0);
    BB_CHECK(atomic_load(&w->sessions) == 0 && atomic_load(&w->links) == 0);
}

/* Start `sides` brokers. The limits are the defaults; change w->limits and call world_set_limits for others. False:
 * memory was set to run out, and nothing is left of the world. */
static inline bool world_start_failing(world *w, unsigned sides, uint64_t fail_at, uint64_t fail_count)
{
    *w = (world){.sides_count = sides,
                 .auth = {.anonymous = true},
                 .seed = {0x5eed0123456789ab, 0xfedcba9876543210},
                 .now = 1000000,
                 .random = 88172645463325252ull,
                 .fail_at = fail_at,
                 .fail_count = fail_count};
    bb_check_report = world_report;
    bb_limits_default(&w->limits);
    for (unsigned i = 0; i < sides; i++) {
        w->sides[i].world = w;
        w->sides[i].number = i;
        w->sides[i].mem = (bb_mem){.alloc = world_alloc, .release = world_release, .context = w};
    }
    bool started = true;
    if (sides > 1) {
        w->interest = bb_interest_new(&w->sides[0].mem, &w->seed, sides, (bb_locks){0});
        started = w->interest != NULL;
    }
    for (unsigned i = 0; started && i < sides; i++)
        started = side_start(w, i);
    if (!started)
        world_end(w);
    return started;
}

static inline void world_start(world *w, unsigned sides)
{
    BB_CHECK(world_start_failing(w, sides, 0, 0));
}

static inline void world_set_limits(world *w)
{
    for (unsigned i = 0; i < w->sides_count; i++)
        bb_broker_set_limits(w->sides[i].broker, &w->limits);
}

static inline void world_set_pressure(world *w, bb_pressure pressure)
{
    for (unsigned i = 0; i < w->sides_count; i++)
        bb_broker_set_pressure(w->sides[i].broker, pressure, w->now);
}

/* A counter over all sides, by its name in BB_STATS_MAP; and the publishes that were dropped for one reason. */
#define WORLD_COUNTED(w, name) world_sum((w), offsetof(bb_stats, name))

static inline uint64_t world_sum(const world *w, size_t offset)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < w->sides_count; i++) {
        const char *stats = (const char *)bb_broker_stats(w->sides[i].broker);
        sum += bb_counted((const _Atomic uint64_t *)(const void *)(stats + offset));
    }
    return sum;
}

static inline uint64_t world_dropped(const world *w, bb_status why)
{
    return world_sum(w, offsetof(bb_stats, dropped) + why * sizeof(uint64_t));
}

static inline uint64_t world_refused(const world *w, bb_status why)
{
    return world_sum(w, offsetof(bb_stats, refused) + why * sizeof(uint64_t));
}

#endif
