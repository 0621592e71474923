#include "wire/cursor.h"

#include "base/utf8.h"
#include "wire/wire.h"

bb_status bb_cursor_short(const bb_cursor *in, size_t size)
{
    if (size - bb_cursor_left(in) <= in->missing)
        return BB_MORE;
    return bb_cursor_refuse(in, in->at, BB_E_MALFORMED, NULL);
}

bb_status bb_cursor_varint(bb_cursor *in, uint32_t *out)
{
    const uint8_t *first = in->at;
    uint32_t value = 0;
    for (unsigned shift = 0; shift < 28; shift += 7) {
        uint8_t byte;
        BB_TRY(bb_cursor_u8(in, &byte));
        value |= (uint32_t)(byte & 0x7F) << shift;
        if (byte & 0x80)
            continue;
        if (byte == 0 && shift > 0)
            break; /* the byte before could have been the last */
        *out = value;
        return BB_OK;
    }
    return bb_cursor_refuse(in, first, BB_E_MALFORMED, "MQTT-1.5.5-1");
}

bb_status bb_cursor_bad_text(const bb_cursor *in, bb_span text)
{
    const char *clause = NULL; /* control characters and non-characters: we may refuse them, and do (1.5.4) */
    if (memchr(text.data, 0, text.len))
        clause = "MQTT-1.5.4-2";
    else if (!bb_utf8_well_formed(text))
        clause = "MQTT-1.5.4-1";
    return bb_cursor_refuse(in, text.data, BB_E_MALFORMED, clause);
}

bb_status bb_cursor_text(bb_cursor *in, bb_span *out)
{
    bb_span text;
    BB_TRY(bb_cursor_binary(in, &text));
    if (!bb_utf8_valid(text))
        return bb_cursor_bad_text(in, text);
    *out = text;
    return BB_OK;
}

bool bb_has_wildcard(bb_span text)
{
    return text.len > 0 && (memchr(text.data, '+', text.len) || memchr(text.data, '#', text.len));
}

bb_status bb_cursor_check_odd_topic(const bb_cursor *in, bb_span topic)
{
    if (!bb_utf8_valid(topic))
        return bb_cursor_bad_text(in, topic);
    if (bb_has_wildcard(topic))
        return bb_cursor_refuse(in, topic.data, BB_E_TOPIC_INVALID, "MQTT-3.3.2-2");
    return BB_OK;
}

bb_status bb_cursor_topic(bb_cursor *in, bb_span *out)
{
    bb_span topic;
    BB_TRY(bb_cursor_binary(in, &topic));
    if (topic.len == 0)
        return bb_cursor_refuse(in, topic.data, BB_E_TOPIC_INVALID, "MQTT-4.7.3-1");
    BB_TRY(bb_cursor_check_topic(in, topic));
    *out = topic;
    return BB_OK;
}

bb_status bb_cursor_finish(const bb_cursor *in)
{
    return in->at == in->end ? BB_OK : bb_cursor_refuse(in, in->at, BB_E_MALFORMED, NULL);
}
