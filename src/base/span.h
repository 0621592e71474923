/* span.h - a run of bytes that somebody else owns.
 *
 * What      A pointer and a length. A span is borrowed for the call it is passed to; to keep it, copy the bytes.
 * Threads   A plain value. */
#ifndef BB_BASE_SPAN_H
#define BB_BASE_SPAN_H

#include <string.h>

#include <busbar/types.h> /* the type itself: libbusbar's users have it too */

#define BB_SPAN_NONE ((bb_span){NULL, 0})

/* A span over a string literal, without its terminating zero. */
#define BB_SPAN_LITERAL(text) ((bb_span){(const uint8_t *)("" text), sizeof(text) - 1})

static inline bb_span bb_span_of(const void *data, size_t len)
{
    return (bb_span){(const uint8_t *)data, len};
}

static inline bool bb_span_equal(bb_span a, bb_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* The part of `whole` from `offset` on; `offset` is at most its length. */
static inline bb_span bb_span_from(bb_span whole, size_t offset)
{
    return (bb_span){whole.data ? whole.data + offset : NULL, whole.len - offset};
}

#endif
