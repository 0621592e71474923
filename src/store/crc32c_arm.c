/* crc32c_arm.c - 64-bit ARM has an instruction for it in nearly all processors; the kernel says which. */
#include "store/crc32c.h"

#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>

__attribute__((target("+crc"))) static uint32_t by_instruction(uint32_t crc, bb_span bytes)
{
    crc = ~crc;
    const uint8_t *at = bytes.data;
    size_t left = bytes.len;
    for (uint64_t word; left >= 8; left -= 8, at += 8) {
        memcpy(&word, at, sizeof word);
        crc = __crc32cd(crc, word);
    }
    for (; left > 0; left--)
        crc = __crc32cb(crc, *at++);
    return ~crc;
}

uint32_t bb_crc32c(uint32_t crc, bb_span bytes)
{
    return getauxval(AT_HWCAP) & HWCAP_CRC32 ? by_instruction(crc, bytes) : bb_crc32c_by_table(crc, bytes);
}
