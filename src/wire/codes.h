/* codes.h - sets of reason codes: "which codes may this packet carry" is one row of a table. Private to wire. */
#ifndef BB_WIRE_CODES_H
#define BB_WIRE_CODES_H

#include <stdbool.h>
#include <stdint.h>

/* All codes that exist are 0x00..0x1F (success) or 0x80..0xBF (errors): one bit each. */
typedef struct bb_codes {
    uint32_t success;
    uint64_t errors;
} bb_codes;

#define BB_SUCCESS(code) (UINT32_C(1) << (code))
#define BB_ERROR(code) (UINT64_C(1) << ((code)-0x80))

static inline bool bb_codes_have(const bb_codes *codes, uint8_t code)
{
    if (code < 0x20)
        return codes->success >> code & 1;
    return code >= 0x80 && code < 0xC0 && (codes->errors >> (code - 0x80) & 1);
}

#endif
