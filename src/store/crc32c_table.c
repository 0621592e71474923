#include "store/crc32c.h"

#include <stdatomic.h>

enum { POLYNOMIAL = 0x82f63b78 };

static uint32_t table_entry(uint32_t byte)
{
    for (int bit = 0; bit < 8; bit++)
        byte = byte & 1 ? byte >> 1 ^ POLYNOMIAL : byte >> 1;
    return byte;
}

/* Made at first use. Threads that make it at the same time write the same. */
static const _Atomic uint32_t *crc_table(void)
{
    static _Atomic uint32_t table[256];
    static atomic_bool made;
    if (!atomic_load_explicit(&made, memory_order_acquire)) {
        for (uint32_t i = 0; i < 256; i++)
            atomic_store_explicit(&table[i], table_entry(i), memory_order_relaxed);
        atomic_store_explicit(&made, true, memory_order_release);
    }
    return table;
}

uint32_t bb_crc32c_by_table(uint32_t crc, bb_span bytes)
{
    const _Atomic uint32_t *table = crc_table();
    crc = ~crc;
    for (size_t i = 0; i < bytes.len; i++)
        crc = crc >> 8 ^ atomic_load_explicit(&table[(crc ^ bytes.data[i]) & 0xff], memory_order_relaxed);
    return ~crc;
}
