/* gather.h - the pieces of a payload, put together as they arrive.
 *
 * Memory    Grows with the bytes that have come, never by an announced size. */
#ifndef BB_TOOL_GATHER_H
#define BB_TOOL_GATHER_H

#include "base/check.h"
#include "base/span.h"

typedef struct bb_gather {
    uint8_t *at; /* malloc'ed */
    size_t len, cap;
} bb_gather;

/* Put `piece` at `offset`, which is where the last one ended; 0 begins anew. False: there is no memory. */
BB_MUST_USE bool bb_gather_add(bb_gather *gather, size_t offset, bb_span piece);

static inline bb_span bb_gather_span(const bb_gather *gather)
{
    return bb_span_of(gather->at, gather->len);
}

void bb_gather_free(bb_gather *gather);

#endif
