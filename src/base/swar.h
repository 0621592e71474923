/* swar.h - eight bytes of text looked at as one 64-bit word ("SIMD within a register").
 *
 * Each test answers for the word as a whole: one bit test a byte, no branch between bytes. The order of the bytes in
 * the word does not matter, so neither does the machine's byte order. */
#ifndef BB_BASE_SWAR_H
#define BB_BASE_SWAR_H

#include "base/span.h"

#define BB_SWAR_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline uint64_t bb_swar_load(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

/* A word made of all of 1 to 7 bytes: some of them twice, or padded with spaces. */
static inline uint64_t bb_swar_load_short(const uint8_t *at, size_t len)
{
    if (len >= 4) {
        uint32_t first, last;
        memcpy(&first, at, sizeof(first));
        memcpy(&last, at + len - sizeof(last), sizeof(last));
        return first | (uint64_t)last << 32;
    }
    return at[0] | (uint64_t)at[len / 2] << 8 | (uint64_t)at[len - 1] << 16 | UINT64_C(0x2020202020000000);
}

/* High bits that are all clear when each byte is printable ASCII, 0x20 to 0x7E. Borrows and carries run into a
 * neighbour only from a byte that is refused itself, so the answer for the word is exact. */
static inline uint64_t bb_swar_unprintable(uint64_t word)
{
    uint64_t below_space = word - BB_SWAR_EACH(0x20);
    uint64_t delete_or_above = word + BB_SWAR_EACH(0x01);
    return (word | below_space | delete_or_above) & BB_SWAR_EACH(0x80);
}

/* The same for the wildcards '+' (0x2B) and '#' (0x23), which differ in one bit. Exact for a word of ASCII only. */
static inline uint64_t bb_swar_wildcard(uint64_t ascii)
{
    uint64_t zero_where_wildcard = (ascii & BB_SWAR_EACH(0xF7)) ^ BB_SWAR_EACH(0x23);
    return (zero_where_wildcard - BB_SWAR_EACH(0x01)) & BB_SWAR_EACH(0x80);
}

#endif
