/* crc32c_x86.c - SSE 4.2 has an instruction for it; processors older than 2008 do not. */
#include "store/crc32c.h"

#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, bb_span bytes)
{
    uint64_t state = (uint32_t)~crc;
    const uint8_t *at = bytes.data;
    size_t left = bytes.len;
    for (uint64_t word; left >= 8; left -= 8, at += 8) {
        memcpy(&word, at, sizeof word);
        state = _mm_crc32_u64(state, word);
    }
    for (; left > 0; left--)
        state = _mm_crc32_u8((uint32_t)state, *at++);
    return ~(uint32_t)state;
}

uint32_t bb_crc32c(uint32_t crc, bb_span bytes)
{
    return __builtin_cpu_supports("sse4.2") ? by_instruction(crc, bytes) : bb_crc32c_by_table(crc, bytes);
}
