/* lane.c - the worker's side: records into blocks, blocks to the commit thread, empty blocks back. */
#include "store/lane.h"

static bb_block asleep_mark; /* its address is the third state of `head`, beside NULL and a block */

bb_lane *bb_store_lane(bb_store *store, unsigned number)
{
    BB_CHECK(number < store->options.lanes);
    return &store->lanes[number];
}

static void take_back(bb_lane *lane)
{
    bb_block *block = atomic_exchange_explicit(&lane->returned, NULL, memory_order_acquire);
    for (bb_block *next; block; block = next) {
        next = block->next;
        if (block->cap == BB_BLOCK_BYTES && lane->free_now < BB_BLOCKS_KEPT) {
            block->next = lane->free;
            lane->free = block;
            lane->free_now++;
        } else {
            bb_mem_free(&lane->mem, block, sizeof *block + block->cap);
        }
    }
}

/* An empty block that holds `size` bytes becomes the newest. */
static bb_block *open_block(bb_lane *lane, size_t size)
{
    bb_block *block = NULL;
    if (size <= BB_BLOCK_BYTES) {
        if (!lane->free)
            take_back(lane);
        block = lane->free;
    }
    if (block) {
        lane->free = block->next;
        lane->free_now--;
    } else {
        size_t cap = size > BB_BLOCK_BYTES ? size : BB_BLOCK_BYTES;
        block = bb_mem_alloc(&lane->mem, sizeof *block + cap);
        if (!block)
            return NULL;
        block->cap = cap;
        block->lane = lane;
    }
    block->used = 0;
    block->next = lane->newest;
    lane->newest = block;
    if (!lane->oldest)
        lane->oldest = block;
    return block;
}

uint64_t bb_lane_append(bb_lane *lane, const bb_record *record)
{
    size_t size = bb_record_size(record);
    bb_block *block = lane->newest;
    if (size == 0)
        return 0;
    if (!block || block->cap - block->used < size)
        block = open_block(lane, size);
    if (!block)
        return 0;
    bb_record_encode(block->bytes + block->used, record, size);
    block->used += size;
    lane->bytes += size;
    return block->ticket = ++lane->appended;
}

/* Without a log, what is appended is as durable as it gets. */
static void forget_all(bb_lane *lane)
{
    for (bb_block *block = lane->newest, *next; block; block = next) {
        next = block->next;
        block->next = lane->free;
        lane->free = block;
        lane->free_now++;
    }
    lane->newest = lane->oldest = NULL;
    lane->bytes = 0;
    atomic_store_explicit(&lane->durable, lane->appended, memory_order_release);
}

static void push(bb_store *store, bb_block *newest, bb_block *oldest)
{
    bb_block *head = atomic_load_explicit(&store->head, memory_order_relaxed);
    do {
        oldest->next = head == &asleep_mark ? NULL : head;
    } while (!atomic_compare_exchange_weak_explicit(&store->head, &head, newest, memory_order_acq_rel,
                                                    memory_order_relaxed));
    if (head == &asleep_mark)
        sem_post(&store->commit_wake);
}

void bb_lane_flush(bb_lane *lane)
{
    bb_store *store = lane->store;
    if (!lane->newest)
        return;
    if (!store->wal) {
        forget_all(lane);
        if (store->options.committed)
            store->options.committed(store->options.context, lane->number);
        return;
    }
    atomic_fetch_add_explicit(&store->pending_bytes, (int64_t)lane->bytes, memory_order_relaxed);
    push(store, lane->newest, lane->oldest);
    lane->newest = lane->oldest = NULL;
    lane->bytes = 0;
}

uint64_t bb_lane_durable(const bb_lane *lane)
{
    return atomic_load_explicit(&lane->durable, memory_order_acquire);
}

uint64_t bb_lane_tabled(const bb_lane *lane)
{
    return atomic_load_explicit(&lane->tabled, memory_order_acquire);
}

/* --- the commit thread's side */

bb_block *bb_blocks_take(bb_store *store)
{
    bb_block *head = atomic_exchange_explicit(&store->head, NULL, memory_order_acquire), *oldest = NULL;
    if (head == &asleep_mark)
        return NULL;
    for (bb_block *next; head; head = next) {
        next = head->next;
        head->next = oldest;
        oldest = head;
    }
    return oldest;
}

bool bb_blocks_sleep(bb_store *store)
{
    bb_block *empty = NULL;
    return atomic_compare_exchange_strong_explicit(&store->head, &empty, &asleep_mark, memory_order_acq_rel,
                                                   memory_order_relaxed);
}

void bb_blocks_awake(bb_store *store)
{
    bb_block *mark = &asleep_mark;
    atomic_compare_exchange_strong_explicit(&store->head, &mark, NULL, memory_order_acq_rel, memory_order_relaxed);
}

void bb_block_return(bb_block *block)
{
    bb_lane *lane = block->lane;
    block->next = atomic_load_explicit(&lane->returned, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&lane->returned, &block->next, block, memory_order_acq_rel,
                                                  memory_order_relaxed))
        ;
}

void bb_lane_clear(bb_lane *lane)
{
    take_back(lane);
    for (bb_block **list = &lane->newest;; list = &lane->free) {
        for (bb_block *block; (block = *list) != NULL;) {
            *list = block->next;
            bb_mem_free(&lane->mem, block, sizeof *block + block->cap);
        }
        if (list == &lane->free)
            return;
    }
}
