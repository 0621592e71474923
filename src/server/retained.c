#include "server/retained.h"

void bb_retained_init(bb_retained *retained, unsigned workers)
{
    *retained = (bb_retained){.shards_count = 1};
    while (workers > 1 && retained->shards_count < 4 * workers && retained->shards_count < BB_RETAINED_SHARDS_MAX)
        retained->shards_count *= 2;
    for (unsigned i = 0; i < retained->shards_count; i++)
        pthread_mutex_init(&retained->shards[i].mutex, NULL);
}

void bb_retained_deinit(bb_retained *retained, bb_mem *mem)
{
    for (unsigned i = 0; i < retained->shards_count; i++) {
        bb_retain_clear(&retained->shards[i].store, mem);
        pthread_mutex_destroy(&retained->shards[i].mutex);
    }
}

bb_retained_shard *bb_retained_lock_number(bb_retained *retained, unsigned number)
{
    bb_retained_shard *shard = &retained->shards[number];
    pthread_mutex_lock(&shard->mutex);
    return shard;
}

bb_retained_shard *bb_retained_lock(bb_retained *retained, uint64_t topic_hash)
{
    return bb_retained_lock_number(retained, (unsigned)(topic_hash >> 40) & (retained->shards_count - 1));
}

void bb_retained_unlock(bb_retained_shard *shard)
{
    pthread_mutex_unlock(&shard->mutex);
}

static uint64_t left_of(uint64_t max, uint64_t used)
{
    return max > used ? max - used : 0;
}

/* The limits are of the whole process and of its clients: what is left of them may come to what this shard holds. */
static bb_retain_limits limits_for(const bb_retained *retained, const bb_retained_shard *shard, const bb_limits *limits)
{
    uint64_t count = atomic_load_explicit(&retained->count, memory_order_relaxed) -
                     atomic_load_explicit(&retained->own_count, memory_order_relaxed);
    uint64_t bytes = atomic_load_explicit(&retained->bytes, memory_order_relaxed) -
                     atomic_load_explicit(&retained->own_bytes, memory_order_relaxed);
    return (bb_retain_limits){
        .count_max = shard->store.count + left_of(limits->retained_messages_max, count),
        .bytes_max = shard->store.bytes + left_of(limits->retained_bytes_max, bytes),
    };
}

/* The shard held `count` messages of `bytes` before. */
static void count_change(bb_retained *retained, const bb_retained_shard *shard, uint64_t count, uint64_t bytes,
                         bool own)
{
    count = shard->store.count - count;
    bytes = shard->store.bytes - bytes;
    atomic_fetch_add_explicit(&retained->count, count, memory_order_relaxed);
    atomic_fetch_add_explicit(&retained->bytes, bytes, memory_order_relaxed);
    if (!own)
        return;
    atomic_fetch_add_explicit(&retained->own_count, count, memory_order_relaxed);
    atomic_fetch_add_explicit(&retained->own_bytes, bytes, memory_order_relaxed);
}

bb_status bb_retained_store(bb_retained *retained, bb_retained_shard *shard, bb_mem *mem, const bb_limits *limits,
                            const bb_content *content)
{
    bool own = content->topic.data[0] == '$';
    bb_retain_limits left = own ? (bb_retain_limits){UINT64_MAX, UINT64_MAX} : limits_for(retained, shard, limits);
    uint64_t count = shard->store.count, bytes = shard->store.bytes;
    uint64_t version = atomic_fetch_add_explicit(&retained->version, 1, memory_order_relaxed) + 1;
    bb_status status = bb_retain_set(&shard->store, mem, &left, content, version);
    count_change(retained, shard, count, bytes, own);
    return status;
}

void bb_retained_sweep(bb_retained *retained, bb_mem *mem, unsigned *number, bb_retain_cursor *cursor, bb_time now)
{
    enum { STEPS = 256 };
    uint64_t removed = 0;
    bb_retained_shard *shard = bb_retained_lock_number(retained, *number);
    uint64_t count = shard->store.count, bytes = shard->store.bytes;
    bb_retain_walked walked = bb_retain_sweep(&shard->store, mem, cursor, now, STEPS, &removed);
    count_change(retained, shard, count, bytes, false); /* $SYS never expires */
    bb_retained_unlock(shard);
    if (walked != BB_RETAIN_STOPPED) {
        bb_retain_cursor_deinit(cursor, mem);
        *number = (*number + 1) % retained->shards_count;
    }
}
