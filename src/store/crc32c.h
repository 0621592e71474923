/* crc32c.h - the checksum of frames: CRC-32C (Castagnoli), by the processor's own instruction where it has one. Private
 * to store. Threads   Pure functions. */
#ifndef BB_STORE_CRC32C_H
#define BB_STORE_CRC32C_H

#include "base/span.h"

/* Go on from `crc` (0 at the start, or a seed) over `bytes`. */
uint32_t bb_crc32c(uint32_t crc, bb_span bytes);

/* The same by table: what a processor without the instruction does, and what tests compare with. */
uint32_t bb_crc32c_by_table(uint32_t crc, bb_span bytes);

#endif
