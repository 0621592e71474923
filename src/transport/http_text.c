#include "transport/http_text.h"

#include <strings.h>

#include "base/check.h"

bool bb_http_text_equal(bb_span span, const char *text)
{
    return span.len == strlen(text) && strncasecmp((const char *)span.data, text, span.len) == 0;
}

bb_span bb_http_trimmed(bb_span span)
{
    while (span.len && (span.data[0] == ' ' || span.data[0] == '\t'))
        span = bb_span_from(span, 1);
    while (span.len && (span.data[span.len - 1] == ' ' || span.data[span.len - 1] == '\t'))
        span.len--;
    return span;
}

bool bb_http_list_has(bb_span list, const char *word)
{
    while (list.len) {
        const uint8_t *comma = memchr(list.data, ',', list.len);
        size_t len = comma ? (size_t)(comma - list.data) : list.len;
        if (bb_http_text_equal(bb_http_trimmed(bb_span_of(list.data, len)), word))
            return true;
        list = bb_span_from(list, comma ? len + 1 : len);
    }
    return false;
}

static bool is_token(bb_span name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t byte = name.data[i], letter = byte | 0x20;
        bool good = (letter >= 'a' && letter <= 'z') || (byte >= '0' && byte <= '9') ||
                    (byte && strchr("!#$%&'*+-.^_`|~", byte));
        if (!good)
            return false;
    }
    return name.len > 0;
}

static bool is_value(bb_span value)
{
    for (size_t i = 0; i < value.len; i++) {
        if ((value.data[i] < ' ' && value.data[i] != '\t') || value.data[i] == 0x7F)
            return false;
    }
    return true;
}

bb_span bb_http_take_line(bb_span *rest)
{
    const uint8_t *end = memmem(rest->data, rest->len, "\r\n", 2);
    BB_CHECK(end);
    bb_span line = bb_span_of(rest->data, (size_t)(end - rest->data));
    *rest = bb_span_from(*rest, line.len + 2);
    return line;
}

bool bb_http_header(bb_span line, bb_span *name, bb_span *value)
{
    const uint8_t *colon = line.len ? memchr(line.data, ':', line.len) : NULL;
    if (!colon)
        return false;
    *name = bb_span_of(line.data, (size_t)(colon - line.data));
    *value = bb_http_trimmed(bb_span_from(line, name->len + 1));
    return is_token(*name) && is_value(*value); /* a line that begins with a space continues another: nobody may */
}

size_t bb_http_head_length(bb_span bytes)
{
    const uint8_t *end = bytes.len ? memmem(bytes.data, bytes.len, "\r\n\r\n", 4) : NULL;
    return end ? (size_t)(end - bytes.data) + 4 : 0;
}
