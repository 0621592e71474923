/* put.h - writes the fields of a packet into memory that is known to be large enough. Private to wire.
 *
 * Each function writes at `at` and returns where the next field goes. */
#ifndef BB_WIRE_PUT_H
#define BB_WIRE_PUT_H

#include "base/span.h"

static inline uint8_t *bb_put_u8(uint8_t *at, uint8_t value)
{
    *at = value;
    return at + 1;
}

static inline uint8_t *bb_put_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return at + 2;
}

static inline uint8_t *bb_put_u32(uint8_t *at, uint32_t value)
{
    at = bb_put_u16(at, (uint16_t)(value >> 16));
    return bb_put_u16(at, (uint16_t)value);
}

static inline size_t bb_varint_size(size_t value)
{
    return value < 128 ? 1 : value < 16384 ? 2 : value < 2097152 ? 3 : 4;
}

static inline uint8_t *bb_put_varint(uint8_t *at, size_t value)
{
    while (value >= 128) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    return bb_put_u8(at, (uint8_t)value);
}

static inline uint8_t *bb_put_bytes(uint8_t *at, bb_span bytes)
{
    if (bytes.len > 0)
        memcpy(at, bytes.data, bytes.len);
    return at + bytes.len;
}

/* A length of two bytes, then the bytes: text and binary data. */
static inline uint8_t *bb_put_binary(uint8_t *at, bb_span bytes)
{
    return bb_put_bytes(bb_put_u16(at, (uint16_t)bytes.len), bytes);
}

/* The first byte and the remaining length. */
static inline uint8_t *bb_put_header(uint8_t *at, unsigned type, unsigned flags, size_t remaining)
{
    return bb_put_varint(bb_put_u8(at, (uint8_t)(type << 4 | flags)), remaining);
}

static inline size_t bb_packet_size(size_t remaining)
{
    return 1 + bb_varint_size(remaining) + remaining;
}

#endif
