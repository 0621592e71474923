/* received_311.c - what a client of 3.1.1 receives, decoded without the table of properties. */
#include "wire/cursor.h"
#include "wire/wire.h"

#include "base/utf8.h"

bb_status bb_connack_decode_311(bb_span body, bool *session_present, uint8_t *code, bb_fault *fault)
{
    static const uint8_t reasons[] = {0x00, 0x84, 0x85, 0x88, 0x86, 0x87}; /* by return code */
    bb_cursor in = bb_cursor_on(body, 0, fault);
    uint8_t flags, returned;
    BB_TRY(bb_cursor_u8(&in, &flags));
    BB_TRY(bb_cursor_u8(&in, &returned));
    if (flags > 1)
        return bb_cursor_refuse(&in, in.start, BB_E_MALFORMED, "3.2.2.1 (3.1.1)");
    if (returned >= sizeof(reasons))
        return bb_cursor_refuse(&in, in.at - 1, BB_E_PROTOCOL, "3.2.2.3 (3.1.1)");
    if (flags == 1 && returned != 0)
        return bb_cursor_refuse(&in, in.start, BB_E_PROTOCOL, "MQTT-3.2.2-4 (3.1.1)");
    *session_present = flags == 1;
    *code = reasons[returned];
    return bb_cursor_finish(&in);
}

bb_status bb_ack_decode_311(bb_span body, uint16_t *packet_id, bb_fault *fault)
{
    bb_cursor in = bb_cursor_on(body, 0, fault);
    BB_TRY(bb_cursor_packet_id(&in, packet_id));
    return bb_cursor_finish(&in);
}

bb_status bb_suback_decode_311(bb_packet_type type, bb_span body, uint16_t *packet_id, bb_span *codes, bb_fault *fault)
{
    bb_cursor in = bb_cursor_on(body, 0, fault);
    BB_TRY(bb_cursor_packet_id(&in, packet_id));
    *codes = bb_span_of(in.at, bb_cursor_left(&in));
    if (type == BB_UNSUBACK)
        return bb_cursor_finish(&in);
    if (codes->len == 0)
        return bb_cursor_refuse(&in, in.at, BB_E_PROTOCOL, "MQTT-3.8.4-5 (3.1.1)");
    for (; in.at < in.end; in.at++) {
        if (*in.at > 2 && *in.at != 0x80)
            return bb_cursor_refuse(&in, in.at, BB_E_PROTOCOL, "MQTT-3.9.3-2 (3.1.1)");
    }
    return BB_OK;
}

bb_status bb_publish_decode_311(const bb_header *header, bb_span body, bb_span *topic, uint16_t *packet_id,
                                size_t *payload_offset, bb_fault *fault)
{
    bb_cursor in = bb_cursor_on(body, header->remaining - body.len, fault);
    unsigned qos = header->flags >> 1 & 3;
    if (qos == 3)
        return bb_cursor_refuse(&in, in.start, BB_E_MALFORMED, "MQTT-3.3.1-4");
    if (qos == 0 && header->flags & 0x8) /* DUP is for what is acknowledged */
        return bb_cursor_refuse(&in, in.start, BB_E_MALFORMED, "MQTT-3.3.1-2");
    BB_TRY(bb_cursor_text(&in, topic));
    if (bb_has_wildcard(*topic))
        return bb_cursor_refuse(&in, topic->data, BB_E_TOPIC_INVALID, "MQTT-3.3.2-2");
    *packet_id = 0;
    if (qos > 0)
        BB_TRY(bb_cursor_packet_id(&in, packet_id));
    if (topic->len == 0)
        return bb_cursor_refuse(&in, in.start, BB_E_TOPIC_INVALID, "MQTT-4.7.3-1");
    *payload_offset = bb_cursor_offset(&in);
    return BB_OK;
}
