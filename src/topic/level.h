/* level.h - walking the levels of a name or filter: the parts between slashes, which may be empty. */
#ifndef BB_TOPIC_LEVEL_H
#define BB_TOPIC_LEVEL_H

#include "base/span.h"

/* Where the level that starts at `start` ends: at the next slash, or at the end of the text. */
static inline size_t bb_level_end(bb_span text, size_t start)
{
    size_t end = start;
    while (end < text.len && text.data[end] != '/')
        end++;
    return end;
}

/* Where the level starts that ends at `end`. */
static inline size_t bb_level_start(bb_span text, size_t end)
{
    size_t start = end;
    while (start > 0 && text.data[start - 1] != '/')
        start--;
    return start;
}

static inline bool bb_level_is(bb_span level, char wildcard)
{
    return level.len == 1 && level.data[0] == (uint8_t)wildcard;
}

#endif
