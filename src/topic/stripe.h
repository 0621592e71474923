/* stripe.h - a small hash table that keeps its entries in the order of their keys; many of them make a large table.
 *
 * What      Open addressing in which an entry's home grows with its key, so that the entries lie sorted, with gaps:
 *
 *               home 0   1   2   3   4   5   6   7 | room for what is pushed past the end
 *                  [03][0a][0c][  ][41][  ][7e][80][81][  ]
 *
 *           A search walks from the key's home to the first larger key or gap; that is short even when a stripe is
 *           full, also when the key is not there. Growing copies the entries in order, no hash is computed again, so
 *           the table can grow by a quarter at a time, and stays dense.
 * Keys      Uniform in their upper 16 bits (they come from a seeded hash); never zero, which marks a gap.
 * Memory    An empty stripe owns none. The pieces of a large table are small, so no single insertion takes long.
 * Threads   As its owner's; but bb_stripe_prefetch may be called beside everything else. */
#ifndef BB_TOPIC_STRIPE_H
#define BB_TOPIC_STRIPE_H

#include "base/mem.h"

enum { BB_STRIPE_AHEAD = 8 }; /* places that may be read from any home on */

typedef struct bb_stripe {
    uint64_t *entries; /* places of `stride` words each; the first word of an entry is its key */
    uint32_t count;
    uint32_t capacity; /* homes; a few more places follow, of which the last stays a gap */
} bb_stripe;

static inline uint64_t *bb_stripe_home(const bb_stripe *stripe, unsigned stride, uint64_t key)
{
    return stripe->entries + ((key >> 48) * stripe->capacity >> 16) * stride;
}

/* Ask for the memory that a search for `key` will read. It needs no lock: what it reads of the stripe may be outdated,
 * then it asks in vain. */
static inline void bb_stripe_prefetch(const bb_stripe *stripe, unsigned stride, uint64_t key)
{
    enum { LINE = 64 };
    uintptr_t entries = (uintptr_t)__atomic_load_n(&stripe->entries, __ATOMIC_RELAXED);
    uint64_t home = (key >> 48) * __atomic_load_n(&stripe->capacity, __ATOMIC_RELAXED) >> 16;
    uintptr_t at = entries + home * stride * sizeof(uint64_t);
    __builtin_prefetch((const void *)at);
    __builtin_prefetch((const void *)(at + LINE - 1)); /* BB_STRIPE_AHEAD words mostly lie across two lines */
}

/* The entry with the smallest key that is at least `key` among those that a search for `key` meets, or a gap. The
 * caller compares. Only where count is not 0. */
static inline uint64_t *bb_stripe_seek(const bb_stripe *stripe, unsigned stride, uint64_t key)
{
    uint64_t *at = bb_stripe_home(stripe, stride, key);
    while (*at != 0 && *at < key)
        at += stride;
    return at;
}

/* The entry with this key, or NULL. */
static inline uint64_t *bb_stripe_find(const bb_stripe *stripe, unsigned stride, uint64_t key)
{
    if (stripe->count == 0)
        return NULL;
    uint64_t *at = bb_stripe_seek(stripe, stride, key);
    return *at == key ? at : NULL;
}

/* Insert a key that is not there; the other words of its entry are zero. NULL: no memory. Entries may move. */
BB_MUST_USE uint64_t *bb_stripe_insert(bb_stripe *stripe, bb_mem *mem, unsigned stride, uint64_t key);

/* Remove `entry`. Entries may move. */
void bb_stripe_remove(bb_stripe *stripe, bb_mem *mem, unsigned stride, uint64_t *entry);

void bb_stripe_clear(bb_stripe *stripe, bb_mem *mem, unsigned stride);

#endif
