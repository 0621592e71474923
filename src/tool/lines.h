/* lines.h - lines from a descriptor, as they come, of any length up to what a payload may have.
 *
 * Memory    Grows with the longest line; nothing is copied that does not have to move. */
#ifndef BB_TOOL_LINES_H
#define BB_TOOL_LINES_H

#include "base/span.h"

typedef struct bb_lines {
    int fd;
    uint8_t *buffer; /* malloc'ed */
    size_t start, end, cap;
    size_t searched; /* from start: so many bytes have no line end */
    bool ended;      /* nothing more will come */
} bb_lines;

static inline bb_lines bb_lines_of(int fd)
{
    return (bb_lines){.fd = fd};
}

/* The next line, without its end; it lives until bb_lines_fill. What comes after the last line end is a line too.
 * False: there is none at hand. */
bool bb_lines_next(bb_lines *lines, bb_span *line);

/* Read once; blocks where the descriptor does. False: an error (errno), or a line of more than BB_PAYLOAD_MAX bytes
 * (errno EFBIG). */
bool bb_lines_fill(bb_lines *lines);

void bb_lines_close(bb_lines *lines); /* frees the buffer; the descriptor stays open */

#endif
