#include "base/chain.h"

/* The sizes that a pool keeps, as numbers: 0 small, 1 middle, 2 large. BB_CHUNK_SIZES stands for "made to measure". */
static const uint32_t chunk_bytes[BB_CHUNK_SIZES] = {BB_CHUNK_SMALL, BB_CHUNK_MIDDLE, BB_CHUNK_LARGE};

static_assert(sizeof(bb_chunk) == 32, "half a cache line before the bytes");

void bb_chunk_pool_init(bb_chunk_pool *pool, bb_mem *mem)
{
    *pool = (bb_chunk_pool){.mem = mem};
}

void bb_chunk_pool_deinit(bb_chunk_pool *pool)
{
    for (unsigned size = 0; size < BB_CHUNK_SIZES; size++) {
        for (bb_chunk *chunk = pool->free[size], *next; chunk; chunk = next) {
            next = chunk->next;
            bb_mem_free(pool->mem, chunk, chunk_bytes[size]);
        }
        pool->free[size] = NULL;
        pool->free_now[size] = 0;
    }
}

static unsigned size_of(const bb_chunk *chunk)
{
    size_t bytes = sizeof *chunk + chunk->cap;
    return bytes == BB_CHUNK_SMALL ? 0 : bytes == BB_CHUNK_MIDDLE ? 1 : bytes == BB_CHUNK_LARGE ? 2 : BB_CHUNK_SIZES;
}

/* A chunk with room for `n` bytes and of at least the size `size`, or NULL. */
static bb_chunk *take_chunk(bb_chunk_pool *pool, unsigned size, size_t n)
{
    while (size < BB_CHUNK_SIZES && chunk_bytes[size] - sizeof(bb_chunk) < n)
        size++;
    size_t bytes = size < BB_CHUNK_SIZES ? chunk_bytes[size] : sizeof(bb_chunk) + n;
    bb_chunk *chunk;
    if (size < BB_CHUNK_SIZES && pool->free[size]) {
        chunk = pool->free[size];
        pool->free[size] = chunk->next;
        pool->free_now[size]--;
    } else {
        chunk = bb_mem_alloc(pool->mem, bytes);
        if (!chunk)
            return NULL;
    }
    *chunk = (bb_chunk){.cap = (uint32_t)(bytes - sizeof *chunk)};
    return chunk;
}

static void give_chunk(bb_chunk_pool *pool, bb_chunk *chunk)
{
    if (chunk->blob)
        bb_blob_unref(chunk->blob, pool->mem);
    unsigned size = size_of(chunk);
    if (size == BB_CHUNK_SIZES || pool->free_now[size] >= BB_CHUNK_POOL_BYTES / chunk_bytes[size]) {
        bb_mem_free(pool->mem, chunk, sizeof *chunk + chunk->cap);
        return;
    }
    chunk->next = pool->free[size];
    pool->free[size] = chunk;
    pool->free_now[size]++;
}

static void link_chunk(bb_chain *chain, bb_chunk *chunk)
{
    if (chain->tail)
        chain->tail->next = chunk;
    else
        chain->head = chunk;
    chain->tail = chunk;
}

/* The size of the chunk after `tail`: one more than that of a full chunk, small again where a blob cut the chunk short.
 */
static unsigned next_size(const bb_chunk *tail)
{
    if (!tail || tail->end < tail->cap / 2)
        return 0;
    unsigned size = size_of(tail);
    return size < BB_CHUNK_SIZES - 1 ? size + 1 : BB_CHUNK_SIZES - 1;
}

uint8_t *bb_chain_grow(bb_chain *chain, bb_chunk_pool *pool, size_t n)
{
    BB_CHECK(n < 1u << 30);
    bb_chunk *chunk = take_chunk(pool, next_size(chain->tail), n);
    if (!chunk)
        return NULL;
    link_chunk(chain, chunk);
    return chunk->bytes;
}

bool bb_chain_append(bb_chain *chain, bb_chunk_pool *pool, bb_span bytes)
{
    if (!bytes.len)
        return true;
    bb_chunk *tail = chain->tail;
    size_t room = tail ? tail->cap - tail->end : 0;
    size_t here = bytes.len < room ? bytes.len : room;
    uint8_t *rest = NULL;
    if (here < bytes.len && !(rest = bb_chain_grow(chain, pool, bytes.len - here)))
        return false;
    if (here) {
        memcpy(tail->bytes + tail->end, bytes.data, here);
        tail->end += (uint32_t)here;
        chain->bytes += here;
    }
    if (rest) {
        memcpy(rest, bytes.data + here, bytes.len - here);
        bb_chain_commit(chain, bytes.len - here);
    }
    return true;
}

bool bb_chain_append_blob(bb_chain *chain, bb_chunk_pool *pool, bb_blob *blob)
{
    size_t size = bb_blob_size(blob);
    BB_CHECK(size <= UINT32_MAX);
    if (!size)
        return true;
    bb_chunk *chunk = take_chunk(pool, 0, 0);
    if (!chunk)
        return false;
    chunk->blob = bb_blob_ref(blob);
    link_chunk(chain, chunk);
    chain->bytes += size;
    return true;
}

size_t bb_chain_peek(const bb_chain *chain, bb_span *spans, size_t max)
{
    size_t n = 0;
    for (const bb_chunk *chunk = chain->head; chunk && n < max; chunk = chunk->next) {
        if (chunk->blob)
            n += bb_blob_peek(chunk->blob, chunk->blob_sent, spans + n, max - n);
        if (chunk->start < chunk->end && n < max)
            spans[n++] = bb_span_of(chunk->bytes + chunk->start, chunk->end - chunk->start);
    }
    return n;
}

/* Take up to `n` bytes from the front of `chunk`; returns how many were there to take. */
static size_t consume_chunk(bb_chunk *chunk, size_t n)
{
    size_t blob_left = chunk->blob ? bb_blob_size(chunk->blob) - chunk->blob_sent : 0;
    if (n < blob_left) {
        chunk->blob_sent += (uint32_t)n;
        return n;
    }
    if (chunk->blob)
        chunk->blob_sent += (uint32_t)blob_left;
    size_t bytes_left = chunk->end - chunk->start;
    size_t taken = n - blob_left < bytes_left ? n - blob_left : bytes_left;
    chunk->start += (uint32_t)taken;
    return blob_left + taken;
}

static bool chunk_is_done(const bb_chunk *chunk)
{
    return chunk->start == chunk->end && (!chunk->blob || chunk->blob_sent == bb_blob_size(chunk->blob));
}

void bb_chain_consume(bb_chain *chain, bb_chunk_pool *pool, size_t n)
{
    BB_CHECK(n <= chain->bytes);
    if (n == chain->bytes) {
        bb_chain_clear(chain, pool);
        return;
    }
    chain->bytes -= n;
    while (n) {
        bb_chunk *head = chain->head;
        n -= consume_chunk(head, n);
        if (chunk_is_done(head)) { /* never the tail: bytes are left */
            chain->head = head->next;
            give_chunk(pool, head);
        }
    }
}

void bb_chain_clear(bb_chain *chain, bb_chunk_pool *pool)
{
    for (bb_chunk *chunk = chain->head, *next; chunk; chunk = next) {
        next = chunk->next;
        give_chunk(pool, chunk);
    }
    *chain = (bb_chain){0};
}
