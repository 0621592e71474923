/* chain.h - bytes on their way out of one link, in order: small things copied, large payloads referenced.
 *
 * What      A queue of chunks. The encoder reserves room at the end and writes into it, the transport peeks spans at
 * the front for one vectored write and consumes what the kernel took. An empty chain owns no memory, so an idle link
 * costs three words. A chunk is a referenced blob (or none) followed by copied bytes (or none): the payload of one
 * message and the head of the next one share a chunk.
 *
 *             head                                                        tail
 *             [ no blob | start..end ) ──► [ blob, blob_sent.. | start..end ) ──► [ no blob | start..end   room ]
 *
 * Memory    Chunks come from a bb_chunk_pool, which keeps some free ones; one pool for each thread.
 * Threads   A chain and its pool belong to one thread; blobs are counted atomically.
 * Start at  bb_chain_reserve. */
#ifndef BB_BASE_CHAIN_H
#define BB_BASE_CHAIN_H

#include "base/blob.h"
#include "base/mem.h"
#include "base/span.h"

/* Bytes of memory of a chunk: the first of a chain is small, each that follows a full one is a size larger. */
enum {
    BB_CHUNK_SMALL = 1024,
    BB_CHUNK_MIDDLE = 4 * 1024,
    BB_CHUNK_LARGE = 16 * 1024,
    BB_CHUNK_SIZES = 3,                    /* how many sizes a pool keeps; larger chunks are made to measure */
    BB_CHUNK_POOL_BYTES = 4 * 1024 * 1024, /* of free chunks that a pool keeps of each size at most */
};

typedef struct bb_chunk {
    struct bb_chunk *next;
    bb_blob *blob;       /* sent before the bytes; NULL when there is none */
    uint32_t blob_sent;  /* bytes of the blob that are done with */
    uint32_t start, end; /* of `bytes`: what is still to be sent */
    uint32_t cap;        /* of `bytes` */
    uint8_t bytes[];
} bb_chunk;

typedef struct bb_chain {
    bb_chunk *head, *tail;
    size_t bytes; /* still to be sent, blobs included */
} bb_chain;

typedef struct bb_chunk_pool {
    bb_mem *mem;
    bb_chunk *free[BB_CHUNK_SIZES];
    uint32_t free_now[BB_CHUNK_SIZES];
} bb_chunk_pool;

void bb_chunk_pool_init(bb_chunk_pool *pool, bb_mem *mem);
void bb_chunk_pool_deinit(bb_chunk_pool *pool);

/* The slow half of bb_chain_reserve: adds a chunk. */
BB_MUST_USE uint8_t *bb_chain_grow(bb_chain *chain, bb_chunk_pool *pool, size_t n);

/* Room for `n` contiguous bytes at the end of the chain; write them, then commit. n is below 1 GB: a packet's head or a
 * small packet; large payloads belong into blobs. Returns NULL when there is no memory; the chain is then unchanged. */
BB_MUST_USE static inline uint8_t *bb_chain_reserve(bb_chain *chain, bb_chunk_pool *pool, size_t n)
{
    bb_chunk *tail = chain->tail;
    if (BB_LIKELY(tail && tail->cap - tail->end >= n))
        return tail->bytes + tail->end;
    return bb_chain_grow(chain, pool, n);
}

/* The first `n` bytes of what was reserved last now belong to the chain. */
static inline void bb_chain_commit(bb_chain *chain, size_t n)
{
    chain->tail->end += (uint32_t)n;
    chain->bytes += n;
}

/* Append `bytes` by copying them into the room at the end and, for the rest, one more chunk. All or nothing. */
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
