#include "wire/property_read.h"
#include "wire/put.h"
#include "wire/wire.h"

/* Subscription options, 5.0: bits 0-1 QoS, 2 No Local, 3 Retain As Published, 4-5 Retain Handling, 6-7 reserved. */
enum { NO_LOCAL = 0x04, RETAIN_AS_PUBLISHED = 0x08, HANDLING_SHIFT = 4, RESERVED = 0xC0, RESERVED_311 = 0xFC };

static bb_status check_options(const bb_cursor *in, uint8_t options, bb_version version)
{
    const uint8_t *at = in->at - 1;
    if (version != BB_MQTT_5) {
        if ((options & RESERVED_311) || (options & 3) == 3)
            return bb_cursor_refuse(in, at, BB_E_MALFORMED, "MQTT-3.8.3-4 (3.1.1)");
        return BB_OK;
    }
    if (options & RESERVED)
        return bb_cursor_refuse(in, at, BB_E_MALFORMED, "MQTT-3.8.3-5");
    if ((options & 3) == 3 || (options >> HANDLING_SHIFT & 3) == 3)
        return bb_cursor_refuse(in, at, BB_E_PROTOCOL, "3.8.3.1");
    return BB_OK;
}

static bb_status check_entry(bb_packet_type type, bb_cursor *in, bb_version version)
{
    bb_span filter;
    const uint8_t *at = in->at;
    BB_TRY(bb_cursor_text(in, &filter));
    if (filter.len == 0)
        return bb_cursor_refuse(in, at, BB_E_FILTER_INVALID, "MQTT-4.7.3-1");
    if (type == BB_UNSUBSCRIBE)
        return BB_OK;
    uint8_t options;
    BB_TRY(bb_cursor_u8(in, &options));
    return check_options(in, options, version);
}

bb_status bb_subscribe_decode(bb_packet_type type, bb_span body, bb_version version, bb_subscribe *out, bb_fault *fault)
{
    BB_CHECK(type == BB_SUBSCRIBE || type == BB_UNSUBSCRIBE);
    bb_cursor in = bb_cursor_on(body, 0, fault);

    BB_TRY(bb_cursor_packet_id(&in, &out->packet_id));
    if (version == BB_MQTT_5)
        BB_TRY(bb_properties_read(&in, 1u << type, &out->properties));
    else
        bb_properties_clear(&out->properties);

    out->entries = bb_span_of(in.at, bb_cursor_left(&in));
    if (out->entries.len == 0)
        return bb_cursor_refuse(&in, in.at, BB_E_PROTOCOL, type == BB_SUBSCRIBE ? "MQTT-3.8.3-2" : "MQTT-3.10.3-2");
    while (in.at < in.end)
        BB_TRY(check_entry(type, &in, version));
    return BB_OK;
}

bool bb_filter_next(bb_packet_type type, bb_span *entries, bb_filter_entry *out)
{
    if (entries->len == 0)
        return false;
    bb_cursor in = bb_cursor_on(*entries, 0, NULL);
    uint8_t options = 0;
    bb_status status = bb_cursor_binary(&in, &out->filter);
    if (status == BB_OK && type == BB_SUBSCRIBE)
        status = bb_cursor_u8(&in, &options);
    BB_CHECK(status == BB_OK); /* bb_subscribe_decode has seen these bytes */

    out->qos = options & 3;
    out->no_local = (options & NO_LOCAL) != 0;
    out->retain_as_published = (options & RETAIN_AS_PUBLISHED) != 0;
    out->retain_handling = options >> HANDLING_SHIFT & 3;
    *entries = bb_span_of(in.at, bb_cursor_left(&in));
    return true;
}

static uint8_t options_of(bb_version version, const bb_filter_entry *entry)
{
    if (version != BB_MQTT_5)
        return entry->qos;
    return (uint8_t)(entry->qos | (entry->no_local ? NO_LOCAL : 0) |
                     (entry->retain_as_published ? RETAIN_AS_PUBLISHED : 0) | entry->retain_handling << HANDLING_SHIFT);
}

static size_t subscribe_remaining(bb_packet_type type, bb_version version, bb_span properties,
                                  const bb_filter_entry *entries, size_t count)
{
    size_t size = 2 + (version == BB_MQTT_5 ? bb_varint_size(properties.len) + properties.len : 0);
    for (size_t i = 0; i < count; i++) {
        BB_CHECK(entries[i].filter.len <= UINT16_MAX);
        size += 2 + entries[i].filter.len + (type == BB_SUBSCRIBE ? 1 : 0);
    }
    return size;
}

size_t bb_subscribe_encode(uint8_t *out, size_t cap, bb_packet_type type, bb_version version, uint16_t packet_id,
                           bb_span properties, const bb_filter_entry *entries, size_t count)
{
    BB_CHECK((type == BB_SUBSCRIBE || type == BB_UNSUBSCRIBE) && count > 0);
    size_t remaining = subscribe_remaining(type, version, properties, entries, count);
    if (remaining > BB_REMAINING_MAX || bb_packet_size(remaining) > cap)
        return 0;

    uint8_t *at = bb_put_header(out, type, 0x2, remaining);
    at = bb_put_u16(at, packet_id);
    if (version == BB_MQTT_5)
        at = bb_put_bytes(bb_put_varint(at, properties.len), properties);
    for (size_t i = 0; i < count; i++) {
        at = bb_put_binary(at, entries[i].filter);
        if (type == BB_SUBSCRIBE)
            at = bb_put_u8(at, options_of(version, &entries[i]));
    }
    return (size_t)(at - out);
}

/* Codes as they are in 5.0; before, there is one for failure: 0x80. */
static uint8_t *put_codes(uint8_t *at, bb_version version, bb_span codes)
{
    if (version == BB_MQTT_5)
        return bb_put_bytes(at, codes);
    for (size_t i = 0; i < codes.len; i++)
        at = bb_put_u8(at, codes.data[i] >= 0x80 ? 0x80 : codes.data[i]);
    return at;
}

size_t bb_suback_encode(uint8_t *out, size_t cap, bb_packet_type type, bb_version version, uint16_t packet_id,
                        bb_span codes)
{
    BB_CHECK(type == BB_SUBACK || type == BB_UNSUBACK);
    bool with_codes = type == BB_SUBACK || version == BB_MQTT_5;
    size_t remaining = 2 + (version == BB_MQTT_5 ? 1 : 0) + (with_codes ? codes.len : 0);
    if (remaining > BB_REMAINING_MAX || bb_packet_size(remaining) > cap)
        return 0;

    uint8_t *at = bb_put_header(out, type, 0, remaining);
    at = bb_put_u16(at, packet_id);
    if (version == BB_MQTT_5)
        at = bb_put_varint(at, 0); /* no properties */
    if (with_codes)
        at = put_codes(at, version, codes);
    return (size_t)(at - out);
}
