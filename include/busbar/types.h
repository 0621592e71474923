/* types.h - the few types that all installed headers of busbar share.
 *
 * C99, usable from C++. Including it costs nothing: no function of the C library is asked for. */
#ifndef BUSBAR_TYPES_H
#define BUSBAR_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is installed is visible in the shared library; everything else is hidden there. */
#if defined(__GNUC__)
#define BB_API __attribute__((visibility("default")))
#else
#define BB_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A run of bytes that somebody else owns. A span is borrowed for the call it is passed to; to keep it, copy the bytes.
 * Text in a span has no terminating zero. */
typedef struct bb_span {
    const uint8_t *data; /* may be NULL when len is 0 */
    size_t len;
} bb_span;

/* An initialiser for a span over a string literal: static const bb_span topic = BB_TEXT("site/power"); */
#define BB_TEXT(literal)                                   \
    {                                                      \
        (const uint8_t *)("" literal), sizeof(literal) - 1 \
    }

/* A span over a zero-terminated string, without the zero. */
static inline bb_span bb_span_text(const char *text)
{
    bb_span span;
    span.data = (const uint8_t *)text;
    span.len = 0;
    while (text[span.len] != '\0')
        span.len++;
    return span;
}

/* Milliseconds on a clock that never goes back, and from any point: since the start of the device will do. */
typedef uint64_t bb_time;

/* After every other time. */
#define BB_NEVER UINT64_MAX

#ifdef __cplusplus
}
#endif

#endif
