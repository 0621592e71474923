#include "wire/codes.h"
#include "wire/property_read.h"
#include "wire/put.h"
#include "wire/wire.h"

/* The return code of 3.1 and 3.1.1 that says what a reason code of 5.0 says. */
static uint8_t return_code(uint8_t code)
{
    switch (code) {
    case 0x00:
        return 0; /* accepted */
    case 0x84:
        return 1; /* unacceptable protocol version */
    case 0x85:
        return 2; /* identifier rejected */
    case 0x86:
        return 4; /* bad user name or password */
    case 0x87:
        return 5; /* not authorized */
    default:
        return 3; /* server unavailable */
    }
}

size_t bb_connack_encode(uint8_t *out, size_t cap, bb_version version, bool session_present, uint8_t code,
                         bb_span properties)
{
    BB_CHECK(properties.len <= BB_PROPERTIES_LEN_MAX);
    size_t list = version == BB_MQTT_5 ? bb_varint_size(properties.len) + properties.len : 0;
    if (bb_packet_size(2 + list) > cap)
        return 0;
    bool present = session_present && code == 0x00 && version != BB_MQTT_31; /* [MQTT-3.2.2-6] */

    uint8_t *at = bb_put_header(out, BB_CONNACK, 0, 2 + list);
    at = bb_put_u8(at, present);
    at = bb_put_u8(at, version == BB_MQTT_5 ? code : return_code(code));
    if (version == BB_MQTT_5)
        at = bb_put_bytes(bb_put_varint(at, properties.len), properties);
    return (size_t)(at - out);
}

/* ---- Decoding. */

/* Reason codes of CONNACK, table 3-1 of the standard. */
static const bb_codes connack_codes = {
    BB_SUCCESS(0x00),
    BB_ERROR(0x80) | BB_ERROR(0x81) | BB_ERROR(0x82) | BB_ERROR(0x83) | BB_ERROR(0x84) | BB_ERROR(0x85) |
        BB_ERROR(0x86) | BB_ERROR(0x87) | BB_ERROR(0x88) | BB_ERROR(0x89) | BB_ERROR(0x8A) | BB_ERROR(0x8C) |
        BB_ERROR(0x90) | BB_ERROR(0x95) | BB_ERROR(0x97) | BB_ERROR(0x99) | BB_ERROR(0x9A) | BB_ERROR(0x9B) |
        BB_ERROR(0x9C) | BB_ERROR(0x9D) | BB_ERROR(0x9F),
};

bb_status bb_connack_decode(bb_span body, bb_version version, bb_connack *out, bb_fault *fault)
{
    if (version != BB_MQTT_5) {
        bb_properties_clear(&out->properties);
        return bb_connack_decode_311(body, &out->session_present, &out->code, fault);
    }
    bb_cursor in = bb_cursor_on(body, 0, fault);
    uint8_t flags;
    BB_TRY(bb_cursor_u8(&in, &flags));
    if (flags > 1)
        return bb_cursor_refuse(&in, in.start, BB_E_MALFORMED, "MQTT-3.2.2-1");
    BB_TRY(bb_cursor_u8(&in, &out->code));
    if (!bb_codes_have(&connack_codes, out->code))
        return bb_cursor_refuse(&in, in.at - 1, BB_E_PROTOCOL, "MQTT-3.2.2-8");
    if (flags == 1 && out->code != 0x00)
        return bb_cursor_refuse(&in, in.start, BB_E_PROTOCOL, "MQTT-3.2.2-6");
    out->session_present = flags == 1;
    BB_TRY(bb_properties_read(&in, BB_IN_CONNACK, &out->properties));
    return bb_cursor_finish(&in);
}
