/* frame.h - segments and frames of the log, byte by byte. All numbers little-endian. Private to store.
 *
 *     segment  [ head, 64 bytes ][ frame ][ frame ] ... [ zeros, or frames of the segment that the file once was ]
 *     head     magic 8, format version 4, flags 4, number of the segment 8, salt 8, zeros 28, crc32c of these 60: 4
 *     frame    length of the records 4, crc32c 4, position 8, number of the frame 8, the records, zeros up to 8
 *
 * A position is the number of the segment in the upper 32 bits and the offset in the file in the lower: it only grows.
 * Frames are numbered one by one over all segments, so one that is missing is noticed. The checksum begins with the
 * segment's number and its salt, which is random: neither a frame of the file's former life nor bytes that a publisher
 * made look like a frame pass for one. */
#ifndef BB_STORE_FRAME_H
#define BB_STORE_FRAME_H

#include "base/span.h"

enum { BB_SEGMENT_HEAD = 64, BB_FRAME_HEAD = 24, BB_SEGMENT_VERSION = 1, BB_SEGMENT_UNSYNCED = 1 };

typedef struct bb_segment_head {
    uint32_t version, flags;
    uint64_t number, salt;
} bb_segment_head;

void bb_segment_head_put(uint8_t out[BB_SEGMENT_HEAD], const bb_segment_head *head);

/* False when it is not one. */
bool bb_segment_head_take(bb_span in, bb_segment_head *out);

static inline uint64_t bb_position_of(uint64_t segment, uint64_t offset)
{
    return segment << 32 | offset;
}

/* Bytes in the file of a frame with `length` bytes of records. */
static inline uint64_t bb_frame_bytes(uint64_t length)
{
    return (BB_FRAME_HEAD + length + 7) & ~UINT64_C(7);
}

/* Write the head of the frame whose records stand behind it already. */
void bb_frame_seal(uint8_t *frame, const bb_segment_head *segment, uint64_t offset, uint64_t number, size_t length);

typedef struct bb_frame {
    uint64_t number;
    bb_span records;
} bb_frame;

/* The frame at `offset` of `segment`, of which `bytes` are all. False when there is no whole one. */
bool bb_frame_take(bb_span bytes, const bb_segment_head *segment, uint64_t offset, bb_frame *out);

#endif
