/* hash.c - sixteen bytes a step: two words, each mixed with a secret, are multiplied to 128 bits and folded to 64.
 *
 * The length goes in, so that runs of zeros differ; the tail is read as words that overlap what was read before, which
 * spares a loop over single bytes. Two multiplications are the least for any key: one would let the low bits of the
 * key reach too few bits of the result. */
#include "base/hash.h"

static inline uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t read8(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

static inline uint64_t read4(const uint8_t *at)
{
    uint32_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

uint64_t bb_hash(bb_span bytes, const bb_seed *seed)
{
    const uint8_t *at = bytes.data;
    size_t left = bytes.len;
    uint64_t state = seed->a ^ 0xa0c7e3b5d9184f63ull;
    uint64_t secret = seed->b ^ 0x5b8f21d6c3e97a4dull;
    uint64_t low = 0, high = 0;

    for (; left > 16; left -= 16, at += 16)
        state = fold(read8(at) ^ state, read8(at + 8) ^ secret);
    if (bytes.len > 16) {
        low = read8(at + left - 16);
        high = read8(at + left - 8);
    } else if (left >= 8) {
        low = read8(at);
        high = read8(at + left - 8);
    } else if (left >= 4) {
        low = read4(at);
        high = read4(at + left - 4);
    } else if (left > 0) {
        low = (uint64_t)at[0] << 16 | (uint64_t)at[left / 2] << 8 | at[left - 1];
    }
    return fold(fold(low ^ state, high ^ secret) ^ state, bytes.len ^ secret ^ 0xe6d3a94c178b52f5ull);
}
