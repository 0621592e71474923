/* number.h - numbers as the journal writes them: 7 bits a byte, the lowest first, no more bytes than needed. Private to
 * journal. */
#ifndef BB_JOURNAL_NUMBER_H
#define BB_JOURNAL_NUMBER_H

#include "base/span.h"

static inline size_t bb_number_size(uint64_t number)
{
    size_t size = 1;
    for (; number >= 128; number >>= 7)
        size++;
    return size;
}

static inline uint8_t *bb_number_put(uint8_t *at, uint64_t number)
{
    for (; number >= 128; number >>= 7)
        *at++ = (uint8_t)(number | 0x80);
    *at++ = (uint8_t)number;
    return at;
}

/* Take a number from the front. False: the bytes end before it does, it has more than 64 bits, or needless bytes. */
static inline bool bb_number_take(bb_span *rest, uint64_t *out)
{
    uint64_t number = 0;
    for (size_t i = 0; i < rest->len && i < 10; i++) {
        uint8_t byte = rest->data[i];
        if (i == 9 && byte > 1)
            return false;
        number |= (uint64_t)(byte & 0x7f) << 7 * i;
        if (byte & 0x80)
            continue;
        if (byte == 0 && i > 0)
            return false;
        *rest = bb_span_from(*rest, i + 1);
        *out = number;
        return true;
    }
    return false;
}

#endif
