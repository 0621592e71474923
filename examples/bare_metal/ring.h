/* ring.h - bytes between an interrupt and the main loop: one side only writes, the other only reads.
 *
 * The size is a power of two. `head` and `tail` count on for ever; their difference is what is in the ring. */
#ifndef EXAMPLE_RING_H
#define EXAMPLE_RING_H

#include <stddef.h>
#include <stdint.h>

enum { RING_SIZE = 256 };

typedef struct ring {
    volatile uint32_t head, tail; /* written by the writer, written by the reader */
    uint8_t bytes[RING_SIZE];
} ring;

/* Take at most `size` bytes out of the ring; how many there were. */
static inline size_t ring_read(ring *r, uint8_t *out, size_t size)
{
    size_t n = 0;
    while (n < size && r->tail != r->head) {
        out[n++] = r->bytes[r->tail % RING_SIZE];
        r->tail++;
    }
    return n;
}

/* Put at most `size` bytes into the ring; for how many there was room. */
static inline size_t ring_write(ring *r, const uint8_t *bytes, size_t size)
{
    size_t n = 0;
    while (n < size && r->head - r->tail < RING_SIZE) {
        r->bytes[r->head % RING_SIZE] = bytes[n++];
        r->head++;
    }
    return n;
}

#endif
