/* crc32c_plain.c - a processor of which we know no instruction for it. */
#include "store/crc32c.h"

uint32_t bb_crc32c(uint32_t crc, bb_span bytes)
{
    return bb_crc32c_by_table(crc, bytes);
}
