/* field.h - whole numbers in a field of a struct of which only the place and the width are known: what tables of
 * options write to and read from. */
#ifndef BB_BASE_FIELD_H
#define BB_BASE_FIELD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"

/* `width` is 1, 2, 4 or 8 bytes; what does not fit is cut, so the caller has checked it. */
static inline void bb_field_store(void *at, size_t width, uint64_t value)
{
    switch (width) {
    case 1:
        *(uint8_t *)at = (uint8_t)value;
        return;
    case 2:
        memcpy(at, &(uint16_t){(uint16_t)value}, sizeof(uint16_t));
        return;
    case 4:
        memcpy(at, &(uint32_t){(uint32_t)value}, sizeof(uint32_t));
        return;
    default:
        BB_CHECK(width == sizeof value);
        memcpy(at, &value, sizeof value);
        return;
    }
}

#endif
