#include "wire/codes.h"
#include "wire/property_read.h"
#include "wire/wire.h"

/* Reason codes of SUBACK (table 3-8 of the standard) and of UNSUBACK (3-9). */
static const bb_codes suback_codes = {
    BB_SUCCESS(0x00) | BB_SUCCESS(0x01) | BB_SUCCESS(0x02),
    BB_ERROR(0x80) | BB_ERROR(0x83) | BB_ERROR(0x87) | BB_ERROR(0x8F) | BB_ERROR(0x91) | BB_ERROR(0x97) |
        BB_ERROR(0x9E) | BB_ERROR(0xA1) | BB_ERROR(0xA2),
};
static const bb_codes unsuback_codes = {
    BB_SUCCESS(0x00) | BB_SUCCESS(0x11),
    BB_ERROR(0x80) | BB_ERROR(0x83) | BB_ERROR(0x87) | BB_ERROR(0x8F) | BB_ERROR(0x91),
};

static bb_status check_codes(bb_packet_type type, const bb_cursor *in)
{
    const bb_codes *codes = type == BB_SUBACK ? &suback_codes : &unsuback_codes;
    if (in->at == in->end)
        return bb_cursor_refuse(in, in->at, BB_E_PROTOCOL, type == BB_SUBACK ? "MQTT-3.8.4-6" : "MQTT-3.11.3-1");
    for (const uint8_t *at = in->at; at < in->end; at++) {
        if (!bb_codes_have(codes, *at))
            return bb_cursor_refuse(in, at, BB_E_PROTOCOL, type == BB_SUBACK ? "MQTT-3.9.3-2" : "MQTT-3.11.3-2");
    }
    return BB_OK;
}

bb_status bb_suback_decode(bb_packet_type type, bb_span body, bb_version version, bb_suback *out, bb_fault *fault)
{
    BB_CHECK(type == BB_SUBACK || type == BB_UNSUBACK);
    if (version != BB_MQTT_5) {
        bb_properties_clear(&out->properties);
        return bb_suback_decode_311(type, body, &out->packet_id, &out->codes, fault);
    }
    bb_cursor in = bb_cursor_on(body, 0, fault);
    BB_TRY(bb_cursor_packet_id(&in, &out->packet_id));
    BB_TRY(bb_properties_read(&in, 1u << type, &out->properties));
    BB_TRY(check_codes(type, &in));
    return bb_cursor_bytes(&in, bb_cursor_left(&in), &out->codes);
}
