/* inbox.h - what threads hand to each other: one inbox for each worker, one outbox for each thread that posts.
 *
 * What      Items are copied into batches; what one thread has for another in a tick goes over with one atomic
 * operation. Posting never blocks and never fails but for memory. Whatever one thread posts to one inbox arrives in the
 * order of posting.
 *
 *               outbox of thread A                 inbox of worker B
 *               to B: [batch][batch] ──flush──►    head ──► newest ──► ... ──► oldest
 *                                                  taken all at once, and turned round
 *
 * Sleep     The head has a third state beside "empty" and "batches": "empty, and the worker sleeps". Who finds it
 * replaces it by the batch and wakes the worker, so exactly one thread does, only when it is needed, and none is
 * missed: falling asleep is the exchange of "empty" for "asleep", which fails when a batch came first. Memory Batches
 * come from the posting thread's pool and go back to it when they are read, so no block is freed by another thread than
 * the one that allocated it. They are counted by that pool's bb_mem as long as they live. Threads   An outbox and its
 * pool belong to one thread. Of an inbox, the worker calls take, sleep, awake; anyone flushes into it; bb_inbox_bytes
 * and bb_batch_done (once for each batch) may be called by any thread. Start at  bb_outbox_reserve, bb_outbox_flush,
 * bb_inbox_take. */
#ifndef BB_LOOP_INBOX_H
#define BB_LOOP_INBOX_H

#include <stdatomic.h>

#include "base/mem.h"
#include "base/span.h"
#include "loop/loop.h"

enum {
    BB_BATCH_BYTES = 16 * 1024, /* of memory of a batch; one that holds a single larger item is made to measure */
    BB_BATCH_POOL_KEEPS = 64,   /* free batches that a pool keeps */
    BB_OUTBOX_AHEAD = 4,        /* full batches that wait for the end of the tick; more are pushed at once */
};

typedef struct bb_item {
    uint32_t size; /* of `bytes`, as committed; the next item starts at the next multiple of 8 */
    uint32_t kind; /* the poster's */
    uint8_t bytes[];
} bb_item;

typedef struct bb_batch_pool bb_batch_pool;
typedef struct bb_inbox bb_inbox;

typedef struct bb_batch {
    struct bb_batch *next;
    bb_batch_pool *home;
    bb_inbox *to;
    uint32_t from;      /* number of the outbox that it came from */
    uint32_t cap, used; /* of `bytes` */
    uint32_t unused;
    uint8_t bytes[]; /* the items */
} bb_batch;

/* --- batches: where they come from and go back to */

struct bb_batch_pool {
    bb_mem *mem;
    bb_batch *free;
    uint32_t free_now;
    uint32_t lent;              /* batches that exist and are not in `free` */
    char apart[64];             /* other threads write behind here: keep them off the cache line above */
    bb_batch *_Atomic returned; /* read by other threads, not yet taken back */
};

void bb_batch_pool_init(bb_batch_pool *pool, bb_mem *mem);

/* When every batch has come back: after the threads that read them have ended. */
void bb_batch_pool_deinit(bb_batch_pool *pool);

/* --- the reading side */

struct bb_inbox {
    bb_batch *_Atomic head;
    _Atomic int64_t bytes; /* memory of the batches that were pushed and not yet given back */
    bb_loop *loop;         /* the worker to wake */
};

void bb_inbox_init(bb_inbox *inbox, bb_loop *loop);

/* Give back what still lies in the inbox, unread; after all posting threads have ended and before their pools. */
void bb_inbox_deinit(bb_inbox *inbox);

/* Everything that was pushed up to now, oldest first, linked by `next`; NULL when there is nothing. Never blocks, so it
 * may be called with locks held. Each batch is the caller's until bb_batch_done. */
bb_batch *bb_inbox_take(bb_inbox *inbox);

/* The batch was read (look at `next` before). */
void bb_batch_done(bb_batch *batch);

/* True when the worker may sleep: the inbox was empty, and from now on a push wakes the loop. */
bool bb_inbox_sleep(bb_inbox *inbox);

/* The worker is up: pushes need not wake it. */
void bb_inbox_awake(bb_inbox *inbox);

static inline int64_t bb_inbox_bytes(const bb_inbox *inbox)
{
    return atomic_load_explicit(&inbox->bytes, memory_order_relaxed);
}

/* Walk the items: for (bb_item *item = bb_batch_first(batch); item; item = bb_batch_after(batch, item)) */
static inline bb_item *bb_batch_first(bb_batch *batch)
{
    return batch->used ? (bb_item *)(void *)batch->bytes : NULL;
}

static inline bb_item *bb_batch_after(bb_batch *batch, bb_item *item)
{
    uint8_t *after = item->bytes + ((item->size + 7u) & ~7u);
    return after < batch->bytes + batch->used ? (bb_item *)(void *)after : NULL;
}

/* --- the posting side */

typedef struct bb_outbox_slot {
    bb_inbox *to;
    bb_batch *newest, *oldest; /* what this tick has for it; newest is the one being filled; NULL when nothing */
    uint32_t batches;
} bb_outbox_slot;

typedef struct bb_outbox {
    bb_batch_pool *pool;
    bb_outbox_slot *slots; /* one for each destination */
    uint32_t slots_now;
    uint32_t from;
    bool dirty; /* some slot has something */
    /* Called when a push finds its worker asleep, which must then be woken (bb_loop_wake) or have its work done for it.
     * NULL: it is woken at once. */
    void (*asleep)(void *context, uint32_t to);
    void *asleep_context;
} bb_outbox;

/* `inboxes` are the destinations, by number; NULL where there is none (oneself). `from` is told to the readers. */
BB_MUST_USE bool bb_outbox_init(bb_outbox *outbox, bb_batch_pool *pool, uint32_t from, bb_inbox *const *inboxes,
                                uint32_t n);

/* After the last flush. */
void bb_outbox_deinit(bb_outbox *outbox);

/* The slow half of bb_outbox_reserve: opens a batch. */
BB_MUST_USE void *bb_outbox_grow(bb_outbox *outbox, uint32_t to, uint32_t size_max);

/* Room for an item of up to `size_max` bytes (below 1 GB) for destination `to`, aligned to 8; fill it and commit it
 * before the next reserve for `to`. NULL when there is no memory. */
BB_MUST_USE static inline void *bb_outbox_reserve(bb_outbox *outbox, uint32_t to, uint32_t size_max)
{
    bb_batch *batch = outbox->slots[to].newest;
    if (BB_LIKELY(batch && batch->cap - batch->used >= sizeof(bb_item) + size_max + 7u))
        return batch->bytes + batch->used + sizeof(bb_item);
    return bb_outbox_grow(outbox, to, size_max);
}

/* What was reserved last for `to` is an item of `kind` with `size` bytes. It stays with us until a flush. */
static inline void bb_outbox_commit(bb_outbox *outbox, uint32_t to, uint32_t kind, uint32_t size)
{
    bb_batch *batch = outbox->slots[to].newest;
    bb_item *item = (bb_item *)(void *)(batch->bytes + batch->used);
    item->size = size;
    item->kind = kind;
    batch->used += (uint32_t)sizeof *item + ((size + 7u) & ~7u);
}

/* Reserve, copy, commit. False when there is no memory. */
BB_MUST_USE bool bb_outbox_post(bb_outbox *outbox, uint32_t to, uint32_t kind, bb_span bytes);

/* Push what is there for `to`, and wake it if it sleeps. */
void bb_outbox_flush(bb_outbox *outbox, uint32_t to);

/* The end of a tick: push everything, and take back the batches that others have read. */
void bb_outbox_flush_all(bb_outbox *outbox);

#endif
