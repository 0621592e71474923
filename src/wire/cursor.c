#include "wire/cursor.h"

#include "base/swar.h"
#include "base/utf8.h"

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

/* True when `topic` is printable ASCII without wildcards, which is what nearly every topic is. */
static bool is_plain(bb_span topic)
{
    const uint8_t *at = topic.data;
    if (topic.len < 8) {
        uint64_t word = bb_swar_load_short(at, topic.len);
        return (bb_swar_unprintable(word) | bb_swar_wildcard(word)) == 0;
    }
    uint64_t last = bb_swar_load(at + topic.len - 8);
    uint64_t refused = bb_swar_unprintable(last) | bb_swar_wildcard(last);
    for (size_t left = topic.len; left > 8; left -= 8, at += 8) {
        uint64_t word = bb_swar_load(at);
        refused |= bb_swar_unprintable(word) | bb_swar_wildcard(word);
    }
    return refused == 0;
}

bb_status bb_cursor_check_topic(const bb_cursor *in, bb_span topic)
{
    if (topic.len == 0 || BB_LIKELY(is_plain(topic)))
        return BB_OK;
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

bb_status bb_cursor_packet_id(bb_cursor *in, uint16_t *out)
{
    uint16_t id;
    BB_TRY(bb_cursor_u16(in, &id));
    if (id == 0)
        return bb_cursor_refuse(in, in->at - 2, BB_E_PROTOCOL, "MQTT-2.2.1-3");
    *out = id;
    return BB_OK;
}
