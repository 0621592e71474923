/* hash.h - seeded hashes for tables whose keys a peer chooses.
 *
 * What      64-bit hashes that mix fully and depend on a 128-bit seed drawn once per process, so that a client can
 *           neither choose collisions nor learn the seed from what it sees. Not a cryptographic hash.
 * Memory    None. Threads: pure functions. */
#ifndef BB_BASE_HASH_H
#define BB_BASE_HASH_H

#include "base/span.h"

typedef struct bb_seed {
    uint64_t a, b;
} bb_seed;

uint64_t bb_hash(bb_span bytes, const bb_seed *seed);

/* Mix two words into one: for combining hashes of parts, in order. */
static inline uint64_t bb_hash_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)(a ^ 0x9e3779b97f4a7c15ull) * (b ^ 0xd1b54a32d192ed03ull);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

#endif
