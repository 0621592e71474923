/* large.h - large blocks of memory: taken from the system, kept for a moment when they come back, then returned.
 *
 * What      A payload of 256 MB is a thousand pieces. To return them all at once takes the kernel tens of milliseconds,
 *           in which a worker would do nothing else; so a block that is given back is only put aside, and the workers
 *           return what lies there bit by bit, a little in each turn. Pieces of the next large payload come from there
 *           too, and are spared the faults and the clearing of fresh pages.
 * Memory    What lies aside was in use before, so the process is never larger than it was at its peak; what nobody took
 *           for a moment goes. It is not counted in any bb_mem.
 * Threads   Any thread may call anything; a mutex is held for a few instructions (large blocks are rare).
 * Private   Part of server. */
#ifndef BB_SERVER_LARGE_H
#define BB_SERVER_LARGE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/blob.h"
#include "base/time.h"

enum {
    BB_LARGE_BYTES = 128 * 1024,   /* blocks from this size on are large */
    BB_LARGE_KEPT = BB_BLOB_PIECE, /* those of exactly this size are taken again */
    BB_LARGE_STEP = 512 * 1024,    /* what bb_large_trim returns at most, some 50 us of work, */
    BB_LARGE_STEP_MS = 1,          /* and how often it does */
    BB_LARGE_PERIOD_MS = 100,      /* what was not taken for so long is returned */
};

typedef struct bb_large_block bb_large_block;

typedef struct bb_large {
    pthread_mutex_t mutex;
    bb_large_block *kept;      /* of BB_LARGE_KEPT bytes each, for the next who asks */
    bb_large_block *others;    /* of other sizes, on their way back to the system */
    size_t kept_now, kept_low; /* blocks; the fewest that there were in this period */
    size_t surplus;            /* of them, what the last period did not need */
    bb_time period_until, step_at;
    _Atomic size_t bytes; /* of all that lies here */
} bb_large;

void bb_large_init(bb_large *large);
void bb_large_deinit(bb_large *large); /* returns everything */

/* `size` is at least BB_LARGE_BYTES. NULL when the system has none. The content is arbitrary. */
void *bb_large_take(bb_large *large, size_t size);
void bb_large_give(bb_large *large, void *block, size_t size);

/* Return a bit of what lies here. `hurry`: memory is short, whether it was needed lately does not matter. Returns when
 * to call again; BB_NEVER when nothing is left. */
bb_time bb_large_trim(bb_large *large, bb_time now, bool hurry);

static inline bool bb_large_is_empty(const bb_large *large)
{
    return atomic_load_explicit(&large->bytes, memory_order_relaxed) == 0;
}

#endif
