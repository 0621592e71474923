#include "store/frame.h"

#include "store/crc32c.h"

static const uint8_t magic[8] = "bbjrnl\r\n"; /* the line end is there to notice a copy in text mode */

static uint8_t *put(uint8_t *at, uint64_t number, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        *at++ = (uint8_t)(number >> 8 * i);
    return at;
}

static uint64_t get(const uint8_t *at, unsigned bytes)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < bytes; i++)
        number |= (uint64_t)at[i] << 8 * i;
    return number;
}

void bb_segment_head_put(uint8_t out[BB_SEGMENT_HEAD], const bb_segment_head *head)
{
    memset(out, 0, BB_SEGMENT_HEAD);
    memcpy(out, magic, sizeof magic);
    put(put(put(put(out + 8, head->version, 4), head->flags, 4), head->number, 8), head->salt, 8);
    put(out + 60, bb_crc32c(0, bb_span_of(out, 60)), 4);
}

bool bb_segment_head_take(bb_span in, bb_segment_head *out)
{
    if (in.len < BB_SEGMENT_HEAD || memcmp(in.data, magic, sizeof magic) != 0 ||
        get(in.data + 60, 4) != bb_crc32c(0, bb_span_of(in.data, 60)))
        return false;
    out->version = (uint32_t)get(in.data + 8, 4);
    out->flags = (uint32_t)get(in.data + 12, 4);
    out->number = get(in.data + 16, 8);
    out->salt = get(in.data + 24, 8);
    return true;
}

static uint32_t checksum(const uint8_t *frame, const bb_segment_head *segment, size_t length)
{
    uint8_t seed[16];
    put(put(seed, segment->number, 8), segment->salt, 8);
    uint32_t crc = bb_crc32c(bb_crc32c(0, bb_span_of(seed, sizeof seed)), bb_span_of(frame, 4));
    return bb_crc32c(crc, bb_span_of(frame + 8, BB_FRAME_HEAD - 8 + length));
}

void bb_frame_seal(uint8_t *frame, const bb_segment_head *segment, uint64_t offset, uint64_t number, size_t length)
{
    put(frame, length, 4);
    put(put(frame + 8, bb_position_of(segment->number, offset), 8), number, 8);
    put(frame + 4, checksum(frame, segment, length), 4);
}

bool bb_frame_take(bb_span bytes, const bb_segment_head *segment, uint64_t offset, bb_frame *out)
{
    if (offset > bytes.len || bytes.len - offset < BB_FRAME_HEAD)
        return false;
    const uint8_t *frame = bytes.data + offset;
    uint64_t length = get(frame, 4);
    if (get(frame + 8, 8) != bb_position_of(segment->number, offset) || length == 0 ||
        length > bytes.len - offset - BB_FRAME_HEAD || get(frame + 4, 4) != checksum(frame, segment, length))
        return false;
    out->number = get(frame + 16, 8);
    out->records = bb_span_of(frame + BB_FRAME_HEAD, length);
    return true;
}
