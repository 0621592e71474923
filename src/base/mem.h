/* mem.h - memory as a parameter: who allocates, and how much is in use.
 *
 * What      Every allocation of the core goes through a bb_mem that was handed in. The size is told again when memory
 * is given back, so that the sum in use is known exactly and no header is needed. Errors    bb_mem_alloc returns NULL
 * when the allocator fails; callers turn that into BB_E_NO_MEMORY. The limits on memory are enforced above, by those
 * who know what to refuse (broker); this only counts. Threads   One bb_mem belongs to one thread. Memory may be freed
 * through another thread's bb_mem than it came from: only the sum over all of them is meaningful, therefore it is
 * signed. */
#ifndef BB_BASE_MEM_H
#define BB_BASE_MEM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"

typedef struct bb_mem {
    void *(*alloc)(void *context, size_t size);               /* not zeroed; NULL on failure */
    void (*release)(void *context, void *block, size_t size); /* `size` as it was asked for */
    void *context;
    _Atomic int64_t bytes_now; /* written by the owner only, read by anyone */
} bb_mem;

static inline void bb_mem_count(bb_mem *mem, int64_t bytes)
{
    int64_t now = atomic_load_explicit(&mem->bytes_now, memory_order_relaxed);
    atomic_store_explicit(&mem->bytes_now, now + bytes, memory_order_relaxed);
}

BB_MUST_USE static inline void *bb_mem_alloc(bb_mem *mem, size_t size)
{
    void *block = mem->alloc(mem->context, size);
    if (BB_LIKELY(block != NULL))
        bb_mem_count(mem, (int64_t)size);
    return block;
}

BB_MUST_USE static inline void *bb_mem_alloc_zeroed(bb_mem *mem, size_t size)
{
    void *block = bb_mem_alloc(mem, size);
    if (block)
        memset(block, 0, size);
    return block;
}

/* Give `block` back; NULL is allowed and does nothing. `size` must be what was asked for. */
static inline void bb_mem_free(bb_mem *mem, void *block, size_t size)
{
    if (!block)
        return;
    bb_mem_count(mem, -(int64_t)size);
    mem->release(mem->context, block, size);
}

/* Move `block` of `old_size` to `new_size` bytes, copying what fits. On failure the old block stays valid. */
BB_MUST_USE static inline void *bb_mem_resize(bb_mem *mem, void *block, size_t old_size, size_t new_size)
{
    void *moved = bb_mem_alloc(mem, new_size);
    if (!moved)
        return NULL;
    if (block)
        memcpy(moved, block, old_size < new_size ? old_size : new_size);
    bb_mem_free(mem, block, old_size);
    return moved;
}

#endif
