#include "wire/codes.h"
#include "wire/property_read.h"
#include "wire/put.h"
#include "wire/wire.h"

typedef struct code_rule {
    bb_codes codes;
    const char *clause;
} code_rule;

/* Reason codes of PUBACK and PUBREC (tables 3-4 and 3-5 of the standard), and of PUBREL and PUBCOMP (3-6, 3-7). */
#define RECEIVED_CODES                                                                                           \
    {                                                                                                            \
        BB_SUCCESS(0x00) | BB_SUCCESS(0x10), BB_ERROR(0x80) | BB_ERROR(0x83) | BB_ERROR(0x87) | BB_ERROR(0x90) | \
                                                 BB_ERROR(0x91) | BB_ERROR(0x97) | BB_ERROR(0x99)                \
    }
#define RELEASED_CODES                   \
    {                                    \
        BB_SUCCESS(0x00), BB_ERROR(0x92) \
    }

static const code_rule rules[] = {
    [BB_PUBACK - BB_PUBACK] = {RECEIVED_CODES, "MQTT-3.4.2-1"},
    [BB_PUBREC - BB_PUBACK] = {RECEIVED_CODES, "MQTT-3.5.2-1"},
    [BB_PUBREL - BB_PUBACK] = {RELEASED_CODES, "MQTT-3.6.2-1"},
    [BB_PUBCOMP - BB_PUBACK] = {RELEASED_CODES, "MQTT-3.7.2-1"},
};

static bb_status decode_code(bb_packet_type type, bb_cursor *in, uint8_t *out)
{
    const code_rule *rule = &rules[type - BB_PUBACK];
    BB_TRY(bb_cursor_u8(in, out));
    if (!bb_codes_have(&rule->codes, *out))
        return bb_cursor_refuse(in, in->at - 1, BB_E_PROTOCOL, rule->clause);
    return BB_OK;
}

bb_status bb_ack_decode(bb_packet_type type, bb_span body, bb_version version, bb_ack *out, bb_fault *fault)
{
    BB_CHECK(type >= BB_PUBACK && type <= BB_PUBCOMP);
    bb_cursor in = bb_cursor_on(body, 0, fault);

    BB_TRY(bb_cursor_packet_id(&in, &out->packet_id));
    out->code = 0x00;
    bb_properties_clear(&out->properties);
    if (version == BB_MQTT_5 && bb_cursor_left(&in) > 0)
        BB_TRY(decode_code(type, &in, &out->code));
    if (version == BB_MQTT_5 && bb_cursor_left(&in) > 0)
        BB_TRY(bb_properties_read(&in, 1u << type, &out->properties));
    return bb_cursor_finish(&in);
}

/* Bytes after the fixed header: identifier, then as few fields as say what has to be said. */
static size_t remaining_size(bb_version version, uint8_t code, size_t properties)
{
    if (version != BB_MQTT_5 || (code == 0x00 && properties == 0))
        return 2;
    return properties == 0 ? 3 : 3 + bb_varint_size(properties) + properties;
}

size_t bb_ack_encode(uint8_t *out, size_t cap, bb_packet_type type, bb_version version, uint16_t packet_id,
                     uint8_t code, bb_span reason)
{
    BB_CHECK(type >= BB_PUBACK && type <= BB_PUBCOMP && reason.len <= UINT16_MAX);
    size_t properties = reason.len > 0 ? 3 + reason.len : 0;
    size_t remaining = remaining_size(version, code, properties);
    if (bb_packet_size(remaining) > cap)
        return 0;

    uint8_t *at = bb_put_header(out, type, type == BB_PUBREL ? 0x2 : 0x0, remaining);
    at = bb_put_u16(at, packet_id);
    if (remaining > 2)
        at = bb_put_u8(at, code);
    if (remaining > 3) {
        at = bb_put_varint(at, properties);
        at = bb_put_binary(bb_put_u8(at, BB_REASON_STRING), reason);
    }
    return (size_t)(at - out);
}
