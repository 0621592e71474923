/* roundtrip.h - what tests and fuzz targets hold against each decoded packet: encoded again, it is the same packet. */
#ifndef BB_WIRE_ROUNDTRIP_H
#define BB_WIRE_ROUNDTRIP_H

#include "wire/wire.h"

/* The scratch memory that a round trip writes into; larger packets are not tried. */
enum { BB_ROUNDTRIP_MAX = 1 << 16 };

/* Walk a raw list: its pieces put together are the list, and a filtered copy has exactly the rest. */
static inline void bb_roundtrip_properties(const bb_properties *list)
{
    static uint8_t copy[BB_ROUNDTRIP_MAX];
    if (list->raw.len > sizeof(copy))
        return;
    uint32_t seen = 0, pairs = 0;
    bb_span rest = list->raw;
    bb_property property;
    while (bb_property_next(&rest, &property)) {
        seen |= 1u << bb_property_index(property.id);
        pairs += property.id == BB_USER_PROPERTY;
    }
    BB_CHECK(seen == list->present);
    BB_CHECK(pairs == 0 || pairs == list->user_property);
    BB_CHECK(bb_span_equal(bb_span_of(copy, bb_properties_copy(list->raw, 0, copy)), list->raw));
    BB_CHECK(bb_properties_copy(list->raw, seen, copy) == 0);
    if (seen & BB_HAS(message_expiry_s)) {
        const uint8_t *at = list->raw.data + list->expiry_at;
        BB_CHECK(list->expiry_at > 0 && at[-1] == 0x02);
        BB_CHECK(((uint32_t)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3]) == list->message_expiry_s);
    }
    if (seen & BB_HAS(topic_alias))
        BB_CHECK(list->raw.data[list->alias_at] == BB_TOPIC_ALIAS);
    if (seen & BB_HAS(will_delay_s))
        BB_CHECK(list->raw.data[list->delay_at] == 0x18);
}

/* The head that forwards `packet` as it came, properties unchanged. */
static inline bb_publish_head bb_roundtrip_head(const bb_publish *packet)
{
    bb_publish_head head = {
        .qos = packet->qos,
        .retain = packet->retain,
        .dup = packet->dup,
        .packet_id = packet->packet_id,
        .topic = packet->topic,
        .properties = packet->properties.raw,
    };
    if (packet->properties.present & BB_HAS(message_expiry_s)) {
        head.expiry_at = packet->properties.expiry_at;
        head.expiry_s = packet->properties.message_expiry_s;
    }
    return head;
}

/* A publish that was decoded from `header` and `body`; of its payload some may be missing. */
static inline void bb_roundtrip_publish(const bb_publish *packet, const bb_header *header, bb_span body,
                                        bb_version version)
{
    static uint8_t out[BB_ROUNDTRIP_MAX];
    bb_publish_head head = bb_roundtrip_head(packet);
    head.payload_len = header->remaining - packet->payload_offset;
    size_t head_size, size = bb_publish_size(version, &head, &head_size);
    BB_CHECK(size == head_size + head.payload_len);
    if (head_size > sizeof(out))
        return;
    BB_CHECK(bb_publish_encode(out, version, &head) == head_size);

    bb_header again;
    BB_CHECK(bb_header_decode(bb_span_of(out, head_size), &again, NULL) == BB_OK);
    BB_CHECK(again.flags == header->flags && again.remaining == header->remaining);
    BB_CHECK(head_size - again.size == packet->payload_offset);
    BB_CHECK(memcmp(out + again.size, body.data, packet->payload_offset) == 0);
    bb_roundtrip_properties(&packet->properties);
}

static inline void bb_roundtrip_ack(bb_packet_type type, const bb_ack *packet, bb_version version)
{
    static uint8_t out[BB_ROUNDTRIP_MAX + 16];
    bb_span reason = BB_SPAN_NONE;
    if (packet->properties.present & BB_HAS(reason_string))
        reason = packet->properties.reason_string;
    size_t size = bb_ack_encode(out, sizeof(out), type, version, packet->packet_id, packet->code, reason);
    bb_header header;
    bb_ack again;
    BB_CHECK(size > 0 && bb_header_decode(bb_span_of(out, size), &header, NULL) == BB_OK);
    BB_CHECK(header.type == type && header.size + header.remaining == size);
    BB_CHECK(bb_ack_decode(type, bb_span_of(out + header.size, header.remaining), version, &again, NULL) == BB_OK);
    BB_CHECK(again.packet_id == packet->packet_id && again.code == packet->code);
    if (reason.len > 0)
        BB_CHECK(bb_span_equal(again.properties.reason_string, reason));
    bb_roundtrip_properties(&packet->properties);
}

static inline void bb_roundtrip_disconnect(bb_packet_type type, const bb_disconnect *packet, bool from_client)
{
    static uint8_t out[BB_ROUNDTRIP_MAX + 16];
    if (packet->properties.raw.len > BB_ROUNDTRIP_MAX)
        return;
    size_t size = bb_disconnect_encode(out, sizeof(out), type, packet->code, packet->properties.raw);
    bb_header header;
    bb_disconnect again;
    BB_CHECK(size > 0 && bb_header_decode(bb_span_of(out, size), &header, NULL) == BB_OK);
    bb_span body = bb_span_of(out + header.size, header.remaining);
    BB_CHECK(bb_disconnect_decode(type, body, BB_MQTT_5, from_client, &again, NULL) == BB_OK);
    BB_CHECK(again.code == packet->code && bb_span_equal(again.properties.raw, packet->properties.raw));
    bb_roundtrip_properties(&packet->properties);
}

/* All entries can be taken, and together they are what was there. */
static inline void bb_roundtrip_subscribe(bb_packet_type type, const bb_subscribe *packet)
{
    bb_span rest = packet->entries;
    bb_filter_entry entry;
    size_t bytes = 0, count = 0;
    for (; bb_filter_next(type, &rest, &entry); count++) {
        BB_CHECK(entry.filter.len > 0 && entry.qos <= 2 && entry.retain_handling <= 2);
        bytes += 2 + entry.filter.len + (type == BB_SUBSCRIBE ? 1 : 0);
    }
    BB_CHECK(count > 0 && bytes == packet->entries.len);
    bb_roundtrip_properties(&packet->properties);
}

/* Entries and properties encoded again are the same packet; of many entries, the first are tried. */
static inline void bb_roundtrip_subscribe_again(bb_packet_type type, bb_version version, const bb_subscribe *packet,
                                                bb_span body)
{
    static uint8_t out[BB_ROUNDTRIP_MAX];
    bb_filter_entry entries[16];
    bb_span rest = packet->entries;
    size_t count = 0;
    while (count < 16 && bb_filter_next(type, &rest, &entries[count]))
        count++;
    size_t size =
        bb_subscribe_encode(out, sizeof(out), type, version, packet->packet_id, packet->properties.raw, entries, count);
    bb_header header;
    if (size == 0)
        return;
    BB_CHECK(bb_header_decode(bb_span_of(out, size), &header, NULL) == BB_OK);
    BB_CHECK(header.type == type && header.remaining == body.len - rest.len);
    BB_CHECK(memcmp(out + header.size, body.data, header.remaining) == 0);
}

/* A CONNECT of 3.1.1 or 5.0, encoded again. */
static inline void bb_roundtrip_connect(const bb_connect *packet, bb_span body)
{
    static uint8_t out[BB_ROUNDTRIP_MAX];
    bb_connect_parts parts = {
        .version = packet->version,
        .clean_start = packet->clean_start,
        .keep_alive_s = packet->keep_alive_s,
        .client_id = packet->client_id,
        .user_name = packet->has_user_name ? packet->user_name : BB_SPAN_NONE,
        .password = packet->has_password ? packet->password : BB_SPAN_NONE,
        .properties = packet->properties.raw,
        .will_topic = packet->has_will ? packet->will.topic : BB_SPAN_NONE,
        .will_payload = packet->will.payload,
        .will_properties = packet->will.properties.raw,
        .will_qos = packet->will.qos,
        .will_retain = packet->will.retain,
    };
    if (packet->version == BB_MQTT_31)
        return;
    size_t size = bb_connect_encode(out, sizeof(out), &parts);
    bb_header header;
    if (size == 0)
        return;
    BB_CHECK(bb_connect_encode(out, size - 1, &parts) == 0);
    BB_CHECK(bb_header_decode(bb_span_of(out, size), &header, NULL) == BB_OK);
    BB_CHECK(header.type == BB_CONNECT && header.remaining == body.len);
    BB_CHECK(memcmp(out + header.size, body.data, body.len) == 0);
}

/* A CONNACK of 5.0, encoded again. */
static inline void bb_roundtrip_connack(const bb_connack *packet, bb_version version, bb_span body)
{
    static uint8_t out[BB_ROUNDTRIP_MAX];
    size_t size =
        bb_connack_encode(out, sizeof(out), version, packet->session_present, packet->code, packet->properties.raw);
    bb_header header;
    if (size == 0 || version == BB_MQTT_31)
        return;
    BB_CHECK(bb_header_decode(bb_span_of(out, size), &header, NULL) == BB_OK);
    BB_CHECK(bb_span_equal(bb_span_from(bb_span_of(out, size), header.size), body));
    bb_roundtrip_properties(&packet->properties);
}

/* A SUBACK or UNSUBACK without properties, encoded again. */
static inline void bb_roundtrip_suback(bb_packet_type type, const bb_suback *packet, bb_version version, bb_span body)
{
    static uint8_t out[BB_ROUNDTRIP_MAX];
    bb_roundtrip_properties(&packet->properties);
    if (packet->properties.raw.len > 0)
        return;
    size_t size = bb_suback_encode(out, sizeof(out), type, version, packet->packet_id, packet->codes);
    bb_header header;
    if (size == 0)
        return;
    BB_CHECK(bb_header_decode(bb_span_of(out, size), &header, NULL) == BB_OK && header.type == type);
    BB_CHECK(bb_span_equal(bb_span_from(bb_span_of(out, size), header.size), body));
}

/* Those that know nothing of properties say what the others say of 3.1.1. */
static inline void bb_agree_publish_311(const bb_header *header, bb_span body)
{
    bb_publish packet;
    bb_span topic;
    uint16_t packet_id;
    size_t payload_offset;
    bb_status status = bb_publish_decode(header, body, BB_MQTT_311, &packet, NULL);
    BB_CHECK(status == bb_publish_decode_311(header, body, &topic, &packet_id, &payload_offset, NULL));
    if (status == BB_OK)
        BB_CHECK(bb_span_equal(topic, packet.topic) && packet_id == packet.packet_id &&
                 payload_offset == packet.payload_offset);
}

static inline void bb_agree_ack_311(bb_packet_type type, bb_span body)
{
    bb_ack packet;
    uint16_t packet_id;
    bb_status status = bb_ack_decode(type, body, BB_MQTT_311, &packet, NULL);
    BB_CHECK(status == bb_ack_decode_311(body, &packet_id, NULL));
    BB_CHECK(status != BB_OK || packet_id == packet.packet_id);
}

#endif
