/* http_text.h - the head of an HTTP message, as text: lines, headers, lists of words. Private to this folder.
 *
 * What      Pure functions. What they give points into what they were given. */
#ifndef BB_TRANSPORT_HTTP_TEXT_H
#define BB_TRANSPORT_HTTP_TEXT_H

#include "base/span.h"
#include "base/text.h"

/* The length of the head that `bytes` begin with, its empty line included; 0: it is not whole yet. */
size_t bb_http_head_length(bb_span bytes);

/* The next line of a whole head, without its CRLF; empty for the last one. */
bb_span bb_http_take_line(bb_span *rest);

/* Split "Name: value"; false where it is not a header (RFC 9110, 5). */
bool bb_http_header(bb_span line, bb_span *name, bb_span *value);

/* Whether a comma separated list has this word, in capital or small letters. */
bool bb_http_list_has(bb_span list, const char *word);

bool bb_http_text_equal(bb_span span, const char *text); /* in capital or small letters */
bb_span bb_http_trimmed(bb_span span);

#endif
