/* frame.h - a packet that is being written, in pieces: short fields lie in the frame, long ones stay where they are.
 *
 * What      The parts of a frame, one behind the other, are the packet. So it can go into a buffer, into a vectored
 *           write, or into a store, without a copy in between; and its size is known before anything is copied.
 * Memory    A frame lives on the stack; spans that were given to it must live as long.
 * Start at  bb_frame_begin, then fields in their order, then bb_frame_end. Private part of wire: others include
 *           wire/wire.h. */
#ifndef BB_WIRE_FRAME_H
#define BB_WIRE_FRAME_H

#include "base/check.h"
#include "base/span.h"

/* What the packet with the most fields needs, which is CONNECT. */
enum { BB_FRAME_PARTS_MAX = 18, BB_FRAME_SCRATCH = 72 };

typedef struct bb_frame {
    bb_span parts[BB_FRAME_PARTS_MAX];
    size_t count; /* of parts; the one that starts with the fixed header is the first */
    size_t size;  /* of all parts together */
    size_t used;  /* of the scratch memory */
    uint8_t scratch[BB_FRAME_SCRATCH];
} bb_frame;

void bb_frame_begin(bb_frame *frame);

/* Add a number of `width` bytes, at most 4. */
void bb_frame_number(bb_frame *frame, uint32_t number, unsigned width);

/* Add a variable byte integer. */
void bb_frame_varint(bb_frame *frame, size_t number);

/* Add bytes as they are; and text or binary data, with their length in front. */
void bb_frame_bytes(bb_frame *frame, bb_span bytes);
void bb_frame_binary(bb_frame *frame, bb_span bytes);

/* Put the fixed header in front: `first` is its first byte, and `more` bytes will follow that are not in the frame.
 * False: the packet, or one of its binary fields, is larger than MQTT allows. */
bool bb_frame_end(bb_frame *frame, unsigned first, size_t more);

/* Copy all parts to `out`, which has room for frame->size bytes. */
void bb_frame_copy(const bb_frame *frame, uint8_t *out);

#endif
