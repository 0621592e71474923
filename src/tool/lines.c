#include "tool/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "tool/payload.h"

enum { FIRST_BYTES = 65536 };

bool bb_lines_next(bb_lines *lines, bb_span *line)
{
    if (!lines->buffer)
        return false;
    size_t len = lines->end - lines->start;
    const uint8_t *start = lines->buffer + lines->start;
    const uint8_t *found = len > lines->searched ? memchr(start + lines->searched, '\n', len - lines->searched) : NULL;
    lines->searched = len;
    if (!found && !(lines->ended && len))
        return false;
    *line = bb_span_of(start, found ? (size_t)(found - start) : len);
    lines->start += line->len + (found ? 1 : 0);
    lines->searched = 0;
    return true;
}

/* Room behind the bytes that are still needed. */
static bool make_room(bb_lines *lines)
{
    size_t len = lines->end - lines->start;
    if (lines->start) {
        memmove(lines->buffer, lines->buffer + lines->start, len);
        lines->start = 0;
        lines->end = len;
    }
    if (len < lines->cap)
        return true;
    if (len > BB_PAYLOAD_MAX) {
        errno = EFBIG;
        return false;
    }
    size_t cap = lines->cap ? 2 * lines->cap : FIRST_BYTES;
    uint8_t *grown = realloc(lines->buffer, cap);
    if (!grown)
        return false;
    lines->buffer = grown;
    lines->cap = cap;
    return true;
}

bool bb_lines_fill(bb_lines *lines)
{
    ssize_t got;
    if (!make_room(lines))
        return false;
    do
        got = read(lines->fd, lines->buffer + lines->end, lines->cap - lines->end);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return false;
    lines->ended = got == 0;
    lines->end += (size_t)got;
    return true;
}

void bb_lines_close(bb_lines *lines)
{
    free(lines->buffer);
    lines->buffer = NULL;
}
