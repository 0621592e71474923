#include "loop/inbox.h"

/* Stands in an inbox's head for "empty, and the worker sleeps". Only its address is used. */
static bb_batch asleep_mark;
#define ASLEEP (&asleep_mark)

/* --- batches */

static size_t memory_of(const bb_batch *batch)
{
    return sizeof *batch + batch->cap;
}

void bb_batch_pool_init(bb_batch_pool *pool, bb_mem *mem)
{
    *pool = (bb_batch_pool){.mem = mem};
}

static void keep_or_free(bb_batch_pool *pool, bb_batch *batch)
{
    pool->lent--;
    if (memory_of(batch) != BB_BATCH_BYTES || pool->free_now >= BB_BATCH_POOL_KEEPS) {
        bb_mem_free(pool->mem, batch, memory_of(batch));
        return;
    }
    batch->next = pool->free;
    pool->free = batch;
    pool->free_now++;
}

/* Take back what others have read. */
static void collect(bb_batch_pool *pool)
{
    if (!atomic_load_explicit(&pool->returned, memory_order_relaxed))
        return;
    bb_batch *batch = atomic_exchange_explicit(&pool->returned, NULL, memory_order_acquire);
    while (batch) {
        bb_batch *next = batch->next;
        keep_or_free(pool, batch);
        batch = next;
    }
}

void bb_batch_pool_deinit(bb_batch_pool *pool)
{
    collect(pool);
    BB_CHECK(pool->lent == 0);
    for (bb_batch *batch = pool->free, *next; batch; batch = next) {
        next = batch->next;
        bb_mem_free(pool->mem, batch, memory_of(batch));
    }
    pool->free = NULL;
    pool->free_now = 0;
}

/* An empty batch with room for `need` bytes. */
static bb_batch *take_batch(bb_batch_pool *pool, size_t need)
{
    size_t usual = BB_BATCH_BYTES - sizeof(bb_batch);
    if (need <= usual && !pool->free)
        collect(pool);
    bb_batch *batch = need <= usual ? pool->free : NULL;
    if (batch) {
        pool->free = batch->next;
        pool->free_now--;
    } else {
        size_t cap = need <= usual ? usual : need;
        batch = bb_mem_alloc(pool->mem, sizeof *batch + cap);
        if (!batch)
            return NULL;
        batch->cap = (uint32_t)cap;
        batch->home = pool;
    }
    batch->next = NULL;
    batch->used = 0;
    pool->lent++;
    return batch;
}

void bb_batch_done(bb_batch *batch)
{
    bb_batch_pool *home = batch->home;
    atomic_fetch_sub_explicit(&batch->to->bytes, (int64_t)memory_of(batch), memory_order_relaxed);
    batch->next = atomic_load_explicit(&home->returned, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&home->returned, &batch->next, batch, memory_order_release,
                                                  memory_order_relaxed)) {
    }
}

/* --- the reading side */

void bb_inbox_init(bb_inbox *inbox, bb_loop *loop)
{
    atomic_init(&inbox->head, NULL);
    atomic_init(&inbox->bytes, 0);
    inbox->loop = loop;
}

void bb_inbox_deinit(bb_inbox *inbox)
{
    bb_inbox_awake(inbox);
    for (bb_batch *batch = bb_inbox_take(inbox), *next; batch; batch = next) {
        next = batch->next;
        bb_batch_done(batch);
    }
}

/* `newest` and those before it, the other way round. */
static bb_batch *oldest_first(bb_batch *newest)
{
    bb_batch *first = NULL;
    while (newest) {
        bb_batch *older = newest->next;
        newest->next = first;
        first = newest;
        newest = older;
    }
    return first;
}

bb_batch *bb_inbox_take(bb_inbox *inbox)
{
    if (!atomic_load_explicit(&inbox->head, memory_order_relaxed))
        return NULL;
    bb_batch *newest = atomic_exchange_explicit(&inbox->head, NULL, memory_order_acquire);
    return newest == ASLEEP ? NULL : oldest_first(newest);
}

bool bb_inbox_sleep(bb_inbox *inbox)
{
    bb_batch *expected = NULL;
    return atomic_compare_exchange_strong_explicit(&inbox->head, &expected, ASLEEP, memory_order_relaxed,
                                                   memory_order_relaxed);
}

void bb_inbox_awake(bb_inbox *inbox)
{
    bb_batch *expected = ASLEEP;
    atomic_compare_exchange_strong_explicit(&inbox->head, &expected, NULL, memory_order_relaxed, memory_order_relaxed);
}

/* --- the posting side */

bool bb_outbox_init(bb_outbox *outbox, bb_batch_pool *pool, uint32_t from, bb_inbox *const *inboxes, uint32_t n)
{
    bb_outbox_slot *slots = bb_mem_alloc_zeroed(pool->mem, n * sizeof *slots);
    if (!slots)
        return false;
    for (uint32_t i = 0; i < n; i++)
        slots[i].to = inboxes[i];
    *outbox = (bb_outbox){.pool = pool, .slots = slots, .slots_now = n, .from = from};
    return true;
}

void bb_outbox_deinit(bb_outbox *outbox)
{
    BB_CHECK(!outbox->dirty);
    bb_mem_free(outbox->pool->mem, outbox->slots, outbox->slots_now * sizeof *outbox->slots);
    *outbox = (bb_outbox){0};
}

/* Put the batches from `newest` down to `oldest` on top of the inbox, in one step. Returns whether the worker slept. */
static bool push(bb_inbox *inbox, bb_batch *newest, bb_batch *oldest)
{
    bb_batch *head = atomic_load_explicit(&inbox->head, memory_order_relaxed);
    do {
        oldest->next = head == ASLEEP ? NULL : head;
    } while (!atomic_compare_exchange_weak_explicit(&inbox->head, &head, newest, memory_order_release,
                                                    memory_order_relaxed));
    return head == ASLEEP;
}

void bb_outbox_flush(bb_outbox *outbox, uint32_t to)
{
    bb_outbox_slot *slot = &outbox->slots[to];
    bb_batch *newest = slot->newest;
    if (!newest)
        return;
    int64_t bytes = 0; /* counted before the push: the reader counts down at once */
    for (const bb_batch *batch = newest; batch; batch = batch->next)
        bytes += (int64_t)memory_of(batch);
    bb_inbox *inbox = slot->to;
    bb_batch *oldest = slot->oldest;
    slot->newest = slot->oldest = NULL;
    slot->batches = 0;
    atomic_fetch_add_explicit(&inbox->bytes, bytes, memory_order_relaxed);
    if (!push(inbox, newest, oldest))
        return;
    if (outbox->asleep)
        outbox->asleep(outbox->asleep_context, to);
    else
        bb_loop_wake(inbox->loop);
}

void bb_outbox_flush_all(bb_outbox *outbox)
{
    if (outbox->dirty)
        for (uint32_t to = 0; to < outbox->slots_now; to++)
            bb_outbox_flush(outbox, to);
    outbox->dirty = false;
    collect(outbox->pool);
}

void *bb_outbox_grow(bb_outbox *outbox, uint32_t to, uint32_t size_max)
{
    BB_CHECK(size_max < 1u << 30);
    bb_outbox_slot *slot = &outbox->slots[to];
    bb_batch *batch = take_batch(outbox->pool, sizeof(bb_item) + size_max + 7u);
    if (!batch)
        return NULL;
    if (slot->batches >= BB_OUTBOX_AHEAD)
        bb_outbox_flush(outbox, to);
    batch->from = outbox->from;
    batch->to = slot->to;
    batch->next = slot->newest;
    slot->newest = batch;
    if (!slot->oldest)
        slot->oldest = batch;
    slot->batches++;
    outbox->dirty = true;
    return batch->bytes + sizeof(bb_item);
}

bool bb_outbox_post(bb_outbox *outbox, uint32_t to, uint32_t kind, bb_span bytes)
{
    void *at = bb_outbox_reserve(outbox, to, (uint32_t)bytes.len);
    if (!at)
        return false;
    if (bytes.len)
        memcpy(at, bytes.data, bytes.len);
    bb_outbox_commit(outbox, to, kind, (uint32_t)bytes.len);
    return true;
}
