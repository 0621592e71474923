#include "server/large.h"

#include <sys/mman.h>

struct bb_large_block { /* stands in the block itself */
    bb_large_block *next;
    size_t size;
};

void bb_large_init(bb_large *large)
{
    *large = (bb_large){0};
    pthread_mutex_init(&large->mutex, NULL);
}

static void *from_system(size_t size)
{
    void *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return block == MAP_FAILED ? NULL : block;
}

static void to_system(void *block, size_t size)
{
    (void)munmap(block, size);
}

static void count(bb_large *large, size_t added, size_t removed)
{
    size_t bytes = atomic_load_explicit(&large->bytes, memory_order_relaxed);
    atomic_store_explicit(&large->bytes, bytes + added - removed, memory_order_relaxed);
}

/* With the mutex held, and some kept. */
static bb_large_block *take_kept(bb_large *large)
{
    bb_large_block *block = large->kept;
    large->kept = block->next;
    large->kept_now--;
    if (large->kept_now < large->kept_low)
        large->kept_low = large->kept_now;
    count(large, 0, BB_LARGE_KEPT);
    return block;
}

void *bb_large_take(bb_large *large, size_t size)
{
    bb_large_block *block = NULL;
    if (size == BB_LARGE_KEPT && !bb_large_is_empty(large)) {
        pthread_mutex_lock(&large->mutex);
        if (large->kept)
            block = take_kept(large);
        pthread_mutex_unlock(&large->mutex);
    }
    return block ? block : from_system(size);
}

void bb_large_give(bb_large *large, void *given, size_t size)
{
    bb_large_block *block = given;
    pthread_mutex_lock(&large->mutex);
    bb_large_block **list = size == BB_LARGE_KEPT ? &large->kept : &large->others;
    *block = (bb_large_block){*list, size};
    *list = block;
    if (size == BB_LARGE_KEPT)
        large->kept_now++;
    count(large, size, 0);
    pthread_mutex_unlock(&large->mutex);
}

static void begin_period(bb_large *large, bb_time now)
{
    large->surplus = large->kept_low;
    large->kept_low = large->kept_now;
    large->period_until = now + BB_LARGE_PERIOD_MS;
}

/* The end of a block of odd size, or one that is kept too long; NULL when nothing shall go now. With the mutex held. */
static void *next_to_go(bb_large *large, size_t most, size_t *size)
{
    bb_large_block *other = large->others;
    if (other && other->size > most) {
        *size = most;
        other->size -= most;
        count(large, 0, most);
        return (uint8_t *)other + other->size;
    }
    if (other) {
        *size = other->size;
        large->others = other->next;
        count(large, 0, other->size);
        return other;
    }
    if (!large->surplus || !large->kept || most < BB_LARGE_KEPT)
        return NULL;
    large->surplus--;
    *size = BB_LARGE_KEPT;
    return take_kept(large);
}

bb_time bb_large_trim(bb_large *large, bb_time now, bool hurry)
{
    if (bb_large_is_empty(large))
        return BB_NEVER;
    size_t left = BB_LARGE_STEP;
    pthread_mutex_lock(&large->mutex);
    bool due = now >= large->step_at || hurry;
    if (now >= large->period_until)
        begin_period(large, now);
    if (hurry)
        large->surplus = large->kept_now;
    while (due && left) {
        size_t size;
        void *block = next_to_go(large, left, &size);
        if (!block)
            break;
        left -= size;
        pthread_mutex_unlock(&large->mutex);
        to_system(block, size);
        pthread_mutex_lock(&large->mutex);
    }
    if (due)
        large->step_at = now + BB_LARGE_STEP_MS;
    bb_time again = large->others || large->surplus ? large->step_at : large->period_until;
    pthread_mutex_unlock(&large->mutex);
    return bb_large_is_empty(large) ? BB_NEVER : again;
}

static void return_all(bb_large_block *block)
{
    while (block) {
        bb_large_block *next = block->next;
        to_system(block, block->size);
        block = next;
    }
}

void bb_large_deinit(bb_large *large)
{
    return_all(large->kept);
    return_all(large->others);
    pthread_mutex_destroy(&large->mutex);
}
