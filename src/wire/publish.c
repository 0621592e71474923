#include "wire/property_read.h"
#include "wire/put.h"
#include "wire/wire.h"

enum { RETAIN_FLAG = 0x1, QOS_SHIFT = 1, DUP_FLAG = 0x8, ALIAS_SIZE = 3 };

/* ---- Decoding. */

static bb_status decode_flags(const bb_cursor *in, uint8_t flags, bb_publish *out)
{
    out->qos = flags >> QOS_SHIFT & 3;
    out->retain = flags & RETAIN_FLAG;
    out->dup = (flags & DUP_FLAG) != 0;
    if (BB_UNLIKELY(out->qos == 3))
        return bb_cursor_refuse(in, in->start, BB_E_MALFORMED, "MQTT-3.3.1-4");
    if (BB_UNLIKELY(out->dup && out->qos == 0))
        return bb_cursor_refuse(in, in->start, BB_E_MALFORMED, "MQTT-3.3.1-2");
    return BB_OK;
}

/* An empty topic is only right where an alias stands for it, and an alias is never 0. */
static bb_status check_alias(const bb_cursor *in, bb_version version, const bb_publish *packet)
{
    bool has_alias = (packet->properties.present & BB_HAS(topic_alias)) != 0;
    if (BB_UNLIKELY(has_alias && packet->properties.topic_alias == 0))
        return bb_cursor_refuse(in, packet->properties.raw.data + packet->properties.alias_at, BB_E_TOPIC_ALIAS,
                                "MQTT-3.3.2-8");
    if (BB_LIKELY(packet->topic.len > 0 || has_alias))
        return BB_OK;
    if (version == BB_MQTT_5)
        return bb_cursor_refuse(in, in->start, BB_E_PROTOCOL, "3.3.2.1");
    return bb_cursor_refuse(in, in->start, BB_E_TOPIC_INVALID, "MQTT-4.7.3-1");
}

bb_status bb_publish_decode(const bb_header *header, bb_span body, bb_version version, bb_publish *out, bb_fault *fault)
{
    BB_CHECK(body.len <= header->remaining);
    bb_cursor in = bb_cursor_on(body, header->remaining - body.len, fault);

    BB_TRY(decode_flags(&in, header->flags, out));
    BB_TRY(bb_cursor_binary(&in, &out->topic));
    BB_TRY(bb_cursor_check_topic(&in, out->topic));
    out->packet_id = 0;
    if (out->qos > 0)
        BB_TRY(bb_cursor_packet_id(&in, &out->packet_id));
    if (version == BB_MQTT_5)
        BB_TRY(bb_properties_read(&in, BB_IN_PUBLISH, &out->properties));
    else
        bb_properties_clear(&out->properties);
    BB_TRY(check_alias(&in, version, out));

    out->payload_offset = bb_cursor_offset(&in);
    out->payload = bb_span_of(in.at, bb_cursor_left(&in));
    return BB_OK;
}

/* ---- Encoding. */

static size_t properties_size(const bb_publish_head *head)
{
    size_t size = head->properties.len + (head->alias ? ALIAS_SIZE : 0);
    for (size_t i = 0; i < head->ids_count; i++)
        size += 1 + bb_varint_size(head->ids[i]);
    return size;
}

/* Bytes between the fixed header and the payload. */
static size_t variable_size(bb_version version, const bb_publish_head *head, size_t properties)
{
    size_t size = 2 + head->topic.len + (head->qos > 0 ? 2 : 0);
    return version == BB_MQTT_5 ? size + bb_varint_size(properties) + properties : size;
}

size_t bb_publish_size(bb_version version, const bb_publish_head *head, size_t *head_size)
{
    size_t properties = version == BB_MQTT_5 ? properties_size(head) : 0;
    size_t variable = variable_size(version, head, properties);
    size_t remaining = variable + head->payload_len;
    if (BB_UNLIKELY(remaining > BB_REMAINING_MAX))
        return SIZE_MAX;
    size_t whole = bb_packet_size(remaining);
    if (head_size)
        *head_size = whole - head->payload_len;
    return whole;
}

static uint8_t *put_properties(uint8_t *at, const bb_publish_head *head, size_t size)
{
    at = bb_put_varint(at, size);
    if (size == 0)
        return at;
    uint8_t *list = at;
    at = bb_put_bytes(at, head->properties);
    if (head->expiry_at)
        bb_put_u32(list + head->expiry_at, head->expiry_s);
    for (size_t i = 0; i < head->ids_count; i++)
        at = bb_put_varint(bb_put_u8(at, BB_SUBSCRIPTION_ID), head->ids[i]);
    if (head->alias)
        at = bb_put_u16(bb_put_u8(at, BB_TOPIC_ALIAS), head->alias);
    return at;
}

size_t bb_publish_encode(uint8_t *out, bb_version version, const bb_publish_head *head)
{
    BB_CHECK(head->qos <= 2 && head->topic.len <= UINT16_MAX);
    BB_CHECK(head->expiry_at == 0 || head->expiry_at + 4 <= head->properties.len);
    size_t properties = version == BB_MQTT_5 ? properties_size(head) : 0;
    size_t remaining = variable_size(version, head, properties) + head->payload_len;
    unsigned flags = (head->dup ? DUP_FLAG : 0u) | (unsigned)head->qos << QOS_SHIFT | (head->retain ? RETAIN_FLAG : 0u);

    uint8_t *at = bb_put_header(out, BB_PUBLISH, flags, remaining);
    at = bb_put_binary(at, head->topic);
    if (head->qos > 0)
        at = bb_put_u16(at, head->packet_id);
    if (version == BB_MQTT_5)
        at = put_properties(at, head, properties);
    return (size_t)(at - out);
}
