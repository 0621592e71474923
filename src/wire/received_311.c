/* received_311.c - what a client of 3.1.1 receives, decoded without the table of properties, and with few bytes of code
 * rather than in little time. */
#include "wire/wire.h"

#include "base/utf8.h"
#include "wire/cursor.h"

bb_status bb_connack_decode_311(bb_span body, bool *session_present, uint8_t *code, bb_fault *fault)
{
    static const uint8_t reasons[] = {0x00, 0x84, 0x85, 0x88, 0x86, 0x87}; /* by return code */
    if (body.len != 2)
        return bb_fault_set(fault, BB_E_MALFORMED, body.len, NULL);
    unsigned flags = body.data[0], returned = body.data[1];
    if (flags > 1)
        return bb_fault_set(fault, BB_E_MALFORMED, 0, "3.2.2.1 (3.1.1)");
    if (returned >= sizeof(reasons))
        return bb_fault_set(fault, BB_E_PROTOCOL, 1, "3.2.2.3 (3.1.1)");
    if (flags == 1 && returned != 0)
        return bb_fault_set(fault, BB_E_PROTOCOL, 0, "MQTT-3.2.2-4 (3.1.1)");
    *session_present = flags == 1;
    *code = reasons[returned];
    return BB_OK;
}

bb_status bb_ack_decode_311(bb_span body, uint16_t *packet_id, bb_fault *fault)
{
    if (body.len < 2)
        return bb_fault_set(fault, BB_E_MALFORMED, body.len, NULL);
    *packet_id = (uint16_t)(body.data[0] << 8 | body.data[1]);
    if (*packet_id == 0)
        return bb_fault_set(fault, BB_E_PROTOCOL, 0, "MQTT-2.2.1-3");
    return body.len == 2 ? BB_OK : bb_fault_set(fault, BB_E_MALFORMED, 2, NULL);
}

bb_status bb_suback_decode_311(bb_packet_type type, bb_span body, uint16_t *packet_id, bb_span *codes, bb_fault *fault)
{
    size_t head = type == BB_SUBACK && body.len > 2 ? 2 : body.len;
    bb_status status = bb_ack_decode_311(bb_span_of(body.data, head), packet_id, fault);
    *codes = bb_span_of(body.data + head, body.len - head);
    if (status != BB_OK || type == BB_UNSUBACK)
        return status;
    if (codes->len == 0)
        return bb_fault_set(fault, BB_E_PROTOCOL, 2, "MQTT-3.8.4-5 (3.1.1)");
    for (size_t i = 2; i < body.len; i++) {
        if (body.data[i] > 2 && body.data[i] != 0x80)
            return bb_fault_set(fault, BB_E_PROTOCOL, i, "MQTT-3.9.3-2 (3.1.1)");
    }
    return BB_OK;
}

/* What to say when `size` bytes are not there: do they come, or does the packet end before them? */
static bb_status too_short(const bb_header *header, size_t size, bb_fault *fault)
{
    return size <= header->remaining ? BB_MORE : bb_fault_set(fault, BB_E_MALFORMED, 0, NULL);
}

bb_status bb_publish_decode_start(const bb_header *header, bb_span body, bb_span *topic, uint16_t *packet_id,
                                  size_t *used, bb_fault *fault)
{
    unsigned qos = header->flags >> 1 & 3;
    if (qos == 3)
        return bb_fault_set(fault, BB_E_MALFORMED, 0, "MQTT-3.3.1-4");
    if (qos == 0 && header->flags & 0x8) /* DUP is for what is acknowledged */
        return bb_fault_set(fault, BB_E_MALFORMED, 0, "MQTT-3.3.1-2");
    if (body.len < 2)
        return too_short(header, 2, fault);
    size_t len = (size_t)(body.data[0] << 8 | body.data[1]), offset = 2 + len;
    if (body.len < offset)
        return too_short(header, offset, fault);
    *topic = bb_span_of(body.data + 2, len);
    if (!bb_utf8_valid(*topic))
        return bb_fault_set(fault, BB_E_MALFORMED, 2, "MQTT-1.5.4-1");
    if (bb_has_wildcard(*topic))
        return bb_fault_set(fault, BB_E_TOPIC_INVALID, 2, "MQTT-3.3.2-2");

    *packet_id = 0;
    if (qos > 0) {
        offset += 2;
        if (body.len < offset)
            return too_short(header, offset, fault);
        *packet_id = (uint16_t)(body.data[offset - 2] << 8 | body.data[offset - 1]);
        if (*packet_id == 0)
            return bb_fault_set(fault, BB_E_PROTOCOL, offset - 2, "MQTT-2.2.1-3");
    }
    *used = offset;
    return BB_OK;
}

bb_status bb_publish_decode_311(const bb_header *header, bb_span body, bb_span *topic, uint16_t *packet_id,
                                size_t *payload_offset, bb_fault *fault)
{
    bb_status status = bb_publish_decode_start(header, body, topic, packet_id, payload_offset, fault);
    if (status == BB_OK && topic->len == 0)
        return bb_fault_set(fault, BB_E_TOPIC_INVALID, 0, "MQTT-4.7.3-1");
    return status;
}
