/* chain.h - bytes on their way out of one link, in order: small things copied, large payloads referenced.
 *
 * What      A queue of chunks. The encoder reserves room at the end and writes into it, the transport peeks spans at the
 *           front for one vectored write and consumes what the kernel took. An empty chain owns no memory, so an idle
 *           link costs three words.
 *
 *             head                                            tail
 *             [start..end) ──► [blob 0xb10b, offset, left] ──► [start..end  | room ]
 *
 * Memory    Chunks come from a bb_chunk_pool, which keeps some free ones; one pool for each thread.
 * Threads   A chain and its pool belong to one thread; blobs are counted atomically.
 * Start at  bb_chain_reserve. */
#ifndef BB_BASE_CHAIN_H
#define BB_BASE_CHAIN_H

#include "base/blob.h"
#include "base/mem.h"
#include "base/span.h"

enum {
    BB_CHUNK_SMALL = 1024,      /* bytes of memory of a chain's first chunk */
    BB_CHUNK_LARGE = 16 * 1024, /* and of those that follow it */
};

typedef struct bb_chunk bb_chunk;

typedef struct bb_chain {
    bb_chunk *head, *tail;
    size_t bytes; /* still to be sent, blobs included */
} bb_chain;

typedef struct bb_chunk_pool {
    bb_mem *mem;
    bb_chunk *free_small, *free_large;
    uint32_t small_now, large_now; /* chunks in the two free lists */
} bb_chunk_pool;

void bb_chunk_pool_init(bb_chunk_pool *pool, bb_mem *mem);
void bb_chunk_pool_deinit(bb_chunk_pool *pool);

/* Room for `n` contiguous bytes at the end of the chain; write them, then commit. n is at most 1 MB (a packet's head).
 * Returns NULL when there is no memory; the chain is then unchanged. */
BB_MUST_USE uint8_t *bb_chain_reserve(bb_chain *chain, bb_chunk_pool *pool, size_t n);

/* The first `n` bytes of what was reserved last now belong to the chain. */
void bb_chain_commit(bb_chain *chain, size_t n);

/* Append `bytes` by copying them, over as many chunks as it takes. All or nothing. */
BB_MUST_USE bool bb_chain_append(bb_chain *chain, bb_chunk_pool *pool, bb_span bytes);

/* Append the whole of `blob` by reference (takes a reference of its own). */
BB_MUST_USE bool bb_chain_append_blob(bb_chain *chain, bb_chunk_pool *pool, bb_blob *blob);

/* Up to `max` spans from the front, in order; returns how many. They stay valid until bytes are consumed. */
size_t bb_chain_peek(const bb_chain *chain, bb_span *spans, size_t max);

/* The first `n` bytes are done with; n is at most chain->bytes. */
void bb_chain_consume(bb_chain *chain, bb_chunk_pool *pool, size_t n);

/* Drop everything. */
void bb_chain_clear(bb_chain *chain, bb_chunk_pool *pool);

#endif
