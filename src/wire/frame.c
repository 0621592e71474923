#include "wire/frame.h"

#include "wire/wire.h"

enum { FIXED_HEADER_MAX = 5, TOO_LARGE = BB_REMAINING_MAX + 1 };

void bb_frame_begin(bb_frame *frame)
{
    frame->parts[0] = bb_span_of(frame->scratch + FIXED_HEADER_MAX, 0);
    frame->count = 1;
    frame->size = 0;
    frame->used = FIXED_HEADER_MAX;
}

static void add_part(bb_frame *frame, const uint8_t *at, size_t len)
{
    bb_span *last = &frame->parts[frame->count - 1];
    frame->size += len;
    if (last->data + last->len == at) {
        last->len += len;
        return;
    }
    BB_CHECK(frame->count < BB_FRAME_PARTS_MAX);
    frame->parts[frame->count++] = bb_span_of(at, len);
}

void bb_frame_number(bb_frame *frame, uint32_t number, unsigned width)
{
    uint8_t *at = frame->scratch + frame->used;
    frame->used += width;
    BB_CHECK(frame->used <= BB_FRAME_SCRATCH);
    for (unsigned i = width; i > 0; number >>= 8)
        at[--i] = (uint8_t)number;
    add_part(frame, at, width);
}

void bb_frame_varint(bb_frame *frame, size_t number)
{
    for (; number >= 0x80; number >>= 7)
        bb_frame_number(frame, (number & 0x7F) | 0x80, 1);
    bb_frame_number(frame, (uint32_t)number, 1);
}

void bb_frame_bytes(bb_frame *frame, bb_span bytes)
{
    if (bytes.len > BB_REMAINING_MAX)
        frame->size = TOO_LARGE;
    else if (bytes.len > 0)
        add_part(frame, bytes.data, bytes.len);
}

void bb_frame_binary(bb_frame *frame, bb_span bytes)
{
    bb_frame_number(frame, (uint32_t)bytes.len, 2);
    bb_frame_bytes(frame, bytes);
    if (bytes.len > UINT16_MAX)
        frame->size = TOO_LARGE;
}

bool bb_frame_end(bb_frame *frame, unsigned first, size_t more)
{
    if (frame->size > BB_REMAINING_MAX || more > BB_REMAINING_MAX - frame->size)
        return false;
    uint8_t header[FIXED_HEADER_MAX];
    size_t size = 0;
    size_t remaining = frame->size + more;
    header[size++] = (uint8_t)first;
    for (; remaining >= 0x80; remaining >>= 7)
        header[size++] = (uint8_t)(remaining | 0x80);
    header[size++] = (uint8_t)remaining;

    uint8_t *at = frame->scratch + FIXED_HEADER_MAX - size;
    memcpy(at, header, size);
    frame->parts[0] = bb_span_of(at, frame->parts[0].len + size);
    frame->size += size;
    return true;
}

void bb_frame_copy(const bb_frame *frame, uint8_t *out)
{
    for (size_t i = 0; i < frame->count; i++) {
        memcpy(out, frame->parts[i].data, frame->parts[i].len);
        out += frame->parts[i].len;
    }
}
