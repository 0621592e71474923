/* table.h - a hash table of pointers, cut into stripes so that it never grows all at once.
 *
 * What      One word for each object: 16 bits of its hash above its address. The objects keep neither hash nor link.
 *           Several objects may have the same hash; the user looks at each that bb_table_first and _next name.
 *
 *               hash   [ stripe: 10 bits | tag: 16 bits | unused ]
 *               word   [ tag: 16 bits | address: 48 bits ]
 *
 * Memory    9 to 12 bytes an entry, and 16 KB.
 * Threads   As its owner's. */
#ifndef BB_TOPIC_TABLE_H
#define BB_TOPIC_TABLE_H

#include "topic/stripe.h"

enum { BB_TABLE_STRIPES = 1024 };

typedef struct bb_table {
    bb_stripe stripes[BB_TABLE_STRIPES];
} bb_table;

typedef struct bb_table_cursor {
    const uint64_t *at;
    uint64_t tag; /* in its place in the word */
} bb_table_cursor;

static inline const bb_stripe *bb_table_stripe(const bb_table *table, uint64_t hash)
{
    return &table->stripes[hash >> 54];
}

static inline uint64_t bb_table_tag(uint64_t hash)
{
    return hash << 10 >> 48 << 48;
}

static inline void *bb_table_address(uint64_t word)
{
    return (void *)(uintptr_t)(word << 16 >> 16);
}

/* Ask for the memory that a search for `hash` will read. */
static inline void bb_table_prefetch(const bb_table *table, uint64_t hash)
{
    bb_stripe_prefetch(bb_table_stripe(table, hash), 1, bb_table_tag(hash));
}

static inline void *bb_table_next(bb_table_cursor *cursor)
{
    uint64_t word = *cursor->at;
    if (word == 0 || word >> 48 != cursor->tag >> 48)
        return NULL;
    cursor->at++;
    return bb_table_address(word);
}

/* bb_stripe_seek without a branch for each step: how far a search goes is not to be predicted. Between the home of a
 * tag and the next larger word or gap lie only smaller words, and behind that none, so it is enough to count them. */
static inline const uint64_t *bb_table_seek(const bb_stripe *stripe, uint64_t tag)
{
    const uint64_t *at = bb_stripe_home(stripe, 1, tag);
    unsigned smaller = 0;
    for (unsigned i = 0; i < BB_STRIPE_AHEAD; i++)
        smaller += at[i] - 1 < tag; /* a gap becomes the largest word */
    at += smaller;
    if (BB_UNLIKELY(smaller == BB_STRIPE_AHEAD)) {
        while (*at != 0 && *at < tag)
            at++;
    }
    return at;
}

/* The first object that may have this hash, or NULL; the others by bb_table_next. */
static inline void *bb_table_first(const bb_table *table, uint64_t hash, bb_table_cursor *cursor)
{
    const bb_stripe *stripe = bb_table_stripe(table, hash);
    *cursor = (bb_table_cursor){.tag = bb_table_tag(hash)};
    if (stripe->count == 0)
        return NULL;
    cursor->at = bb_table_seek(stripe, cursor->tag);
    return bb_table_next(cursor);
}

BB_MUST_USE static inline int bb_table_insert(bb_table *table, bb_mem *mem, uint64_t hash, void *object)
{
    uint64_t address = (uintptr_t)object;
    BB_CHECK(address >> 48 == 0 && address != 0);
    return bb_stripe_insert(&table->stripes[hash >> 54], mem, 1, bb_table_tag(hash) | address) != NULL;
}

static inline void bb_table_remove(bb_table *table, bb_mem *mem, uint64_t hash, void *object)
{
    bb_stripe *stripe = &table->stripes[hash >> 54];
    uint64_t *entry = bb_stripe_find(stripe, 1, bb_table_tag(hash) | (uintptr_t)object);
    BB_CHECK(entry != NULL);
    bb_stripe_remove(stripe, mem, 1, entry);
}

#endif
