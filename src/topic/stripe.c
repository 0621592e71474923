#include "topic/stripe.h"

#include <stdbool.h>

enum { CAPACITY_MIN = 4 };

/* Places beyond the homes. At seven eighths full, what is pushed past the end is rarely more than a dozen entries. */
static uint32_t overhang(uint32_t capacity)
{
    return BB_STRIPE_AHEAD - 1 + (capacity < 64 ? capacity / 4 : 16);
}

static size_t places(uint32_t capacity)
{
    return capacity == 0 ? 0 : (size_t)capacity + overhang(capacity);
}

static size_t bytes_of(uint32_t capacity, unsigned stride)
{
    return places(capacity) * stride * sizeof(uint64_t);
}

/* An insertion walks to the next gap: a dozen places on average when a stripe fills from seven tenths to seven eighths,
 * three times as many at nine tenths. */
static bool is_full(const bb_stripe *stripe)
{
    return stripe->count >= stripe->capacity - stripe->capacity / 8;
}

/* A stripe grows by a quarter: an eighth would save 2 bytes an entry at best, and copy each entry twice as often. */
static uint32_t larger(uint32_t capacity)
{
    return capacity + capacity / 4 + 1;
}

/* Entries are a few words: calls of memcpy would take longer than the copying. */
static void copy_entry(uint64_t *to, const uint64_t *from, unsigned stride)
{
    for (unsigned i = 0; i < stride; i++)
        to[i] = from[i];
}

/* bb_stripe_prefetch may read where the entries are at the same time. */
static void become(bb_stripe *stripe, const bb_stripe *now)
{
    stripe->count = now->count;
    __atomic_store_n(&stripe->entries, now->entries, __ATOMIC_RELAXED);
    __atomic_store_n(&stripe->capacity, now->capacity, __ATOMIC_RELAXED);
}

/* Copy all entries of `from` to `to`, whose places are all gaps. False when they do not fit. */
static bool copy_in_order(const bb_stripe *from, bb_stripe *to, unsigned stride)
{
    if (from->capacity == 0)
        return true;
    uint64_t *next = to->entries; /* the first place that is free for a larger key */
    uint64_t *last = to->entries + (places(to->capacity) - 1) * stride;
    const uint64_t *end = from->entries + places(from->capacity) * stride;
    for (const uint64_t *at = from->entries; at < end; at += stride) {
        if (*at == 0)
            continue;
        uint64_t *home = bb_stripe_home(to, stride, *at);
        uint64_t *place = home > next ? home : next;
        if (place >= last)
            return false;
        copy_entry(place, at, stride);
        next = place + stride;
    }
    return true;
}

/* Give `stripe` at least `capacity` homes; more where entries would be pushed past the end. */
static bool resize(bb_stripe *stripe, bb_mem *mem, unsigned stride, uint32_t capacity)
{
    for (;; capacity = larger(capacity)) {
        bb_stripe moved = {.count = stripe->count, .capacity = capacity};
        moved.entries = bb_mem_alloc_zeroed(mem, bytes_of(capacity, stride));
        if (!moved.entries)
            return false;
        bool fits = copy_in_order(stripe, &moved, stride);
        bb_stripe *spent = fits ? stripe : &moved;
        bb_mem_free(mem, spent->entries, bytes_of(spent->capacity, stride));
        if (!fits)
            continue;
        become(stripe, &moved);
        return true;
    }
}

static bool grow(bb_stripe *stripe, bb_mem *mem, unsigned stride)
{
    return resize(stripe, mem, stride, stripe->capacity == 0 ? CAPACITY_MIN : larger(stripe->capacity));
}

/* The first gap at or after `at`; NULL when it is the last place, which must stay one. */
static uint64_t *gap_after(const bb_stripe *stripe, unsigned stride, uint64_t *at)
{
    uint64_t *last = stripe->entries + (places(stripe->capacity) - 1) * stride;
    while (*at != 0)
        at += stride;
    return at == last ? NULL : at;
}

uint64_t *bb_stripe_insert(bb_stripe *stripe, bb_mem *mem, unsigned stride, uint64_t key)
{
    BB_CHECK(key != 0);
    if (stripe->capacity == 0 || is_full(stripe)) {
        if (!grow(stripe, mem, stride))
            return NULL;
    }
    for (;;) {
        uint64_t *at = bb_stripe_seek(stripe, stride, key);
        BB_CHECK(*at != key);
        uint64_t *gap = gap_after(stripe, stride, at);
        if (gap) {
            memmove(at + stride, at, (size_t)(gap - at) * sizeof(uint64_t));
            memset(at, 0, stride * sizeof(uint64_t));
            *at = key;
            stripe->count++;
            return at;
        }
        if (!grow(stripe, mem, stride))
            return NULL;
    }
}

void bb_stripe_remove(bb_stripe *stripe, bb_mem *mem, unsigned stride, uint64_t *entry)
{
    uint64_t *end = entry + stride; /* the first entry that stays where it is: a gap, or one that is at home */
    while (*end != 0 && bb_stripe_home(stripe, stride, *end) < end)
        end += stride;
    memmove(entry, entry + stride, (size_t)(end - entry - stride) * sizeof(uint64_t));
    memset(end - stride, 0, stride * sizeof(uint64_t));
    stripe->count--;

    if (stripe->count == 0)
        bb_stripe_clear(stripe, mem, stride);
    else if (stripe->capacity > 2 * CAPACITY_MIN && stripe->count < stripe->capacity / 2)
        (void)!resize(stripe, mem, stride, stripe->count + stripe->count / 4 + 2); /* no memory: stay large */
}

void bb_stripe_clear(bb_stripe *stripe, bb_mem *mem, unsigned stride)
{
    bb_mem_free(mem, stripe->entries, bytes_of(stripe->capacity, stride));
    become(stripe, &(bb_stripe){0});
}
