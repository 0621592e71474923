/* printable.h - bytes that somebody else chose, shown to people without letting them do anything.
 *
 * What      Text for a log line or a message: characters stay as they are, everything that could end a line, drive a
 *           terminal or turn the direction of writing is escaped, and so are bytes that are not UTF-8.
 * Memory    Into the caller's buffer, never past its end; nothing is cut in the middle of a character or an escape.
 * Threads   Pure functions. */
#ifndef BB_BASE_PRINTABLE_H
#define BB_BASE_PRINTABLE_H

#include "base/span.h"

typedef enum bb_printable_style {
    BB_PRINTABLE_TEXT, /* \n \t \" \\ and \x1b for single bytes */
    BB_PRINTABLE_JSON, /* the inside of a JSON string: \n \t \" \\ and \u001b; a byte that is not UTF-8 is \ufffd */
} bb_printable_style;

/* Write as much of `bytes` as fits into out[cap], without a terminating zero; returns the length. `whole` (may be NULL)
 * says whether that was all. */
size_t bb_printable(char *out, size_t cap, bb_span bytes, bb_printable_style style, bool *whole);

/* Would bb_printable leave `bytes` as they are? */
bool bb_printable_as_is(bb_span bytes);

#endif
