#include "wire/codes.h"
#include "wire/property_read.h"
#include "wire/put.h"
#include "wire/wire.h"

typedef struct code_rule {
    bb_codes from_client, from_server;
    const char *clause;
} code_rule;

/* Reason codes of DISCONNECT that either side may send (table 3-10 of the standard), and those of AUTH (3-11). */
#define EITHER_ERRORS                                                                                      \
    (BB_ERROR(0x80) | BB_ERROR(0x81) | BB_ERROR(0x82) | BB_ERROR(0x83) | BB_ERROR(0x90) | BB_ERROR(0x93) | \
     BB_ERROR(0x94) | BB_ERROR(0x95) | BB_ERROR(0x96) | BB_ERROR(0x97) | BB_ERROR(0x98) | BB_ERROR(0x99))
#define SERVER_ERRORS                                                                                      \
    (BB_ERROR(0x87) | BB_ERROR(0x89) | BB_ERROR(0x8B) | BB_ERROR(0x8C) | BB_ERROR(0x8D) | BB_ERROR(0x8E) | \
     BB_ERROR(0x8F) | BB_ERROR(0x9A) | BB_ERROR(0x9B) | BB_ERROR(0x9C) | BB_ERROR(0x9D) | BB_ERROR(0x9E) | \
     BB_ERROR(0x9F) | BB_ERROR(0xA0) | BB_ERROR(0xA1) | BB_ERROR(0xA2))

static const code_rule disconnect_rule = {
    .from_client = {BB_SUCCESS(0x00) | BB_SUCCESS(0x04), EITHER_ERRORS},
    .from_server = {BB_SUCCESS(0x00), EITHER_ERRORS | SERVER_ERRORS},
    .clause = "MQTT-3.14.2-1",
};

static const code_rule auth_rule = {
    .from_client = {BB_SUCCESS(0x18) | BB_SUCCESS(0x19), 0},
    .from_server = {BB_SUCCESS(0x00) | BB_SUCCESS(0x18), 0},
    .clause = "MQTT-3.15.2-1",
};

static bb_status decode_code(bb_packet_type type, bb_cursor *in, bool from_client, uint8_t *out)
{
    const code_rule *rule = type == BB_AUTH ? &auth_rule : &disconnect_rule;
    *out = 0x00;
    if (bb_cursor_left(in) > 0)
        BB_TRY(bb_cursor_u8(in, out));
    if (!bb_codes_have(from_client ? &rule->from_client : &rule->from_server, *out))
        return bb_cursor_refuse(in, in->start, BB_E_PROTOCOL, rule->clause);
    return BB_OK;
}

/* Properties that only one side may send, and those that must be there. */
static bb_status check_properties(bb_packet_type type, const bb_cursor *in, bool from_client,
                                  const bb_disconnect *packet)
{
    uint32_t present = packet->properties.present;
    if (type == BB_AUTH) {
        bool shortest = in->at == in->start; /* success, with nothing more to say */
        if (!shortest && !(present & BB_HAS(auth_method)))
            return bb_cursor_refuse(in, in->at, BB_E_PROTOCOL, "3.15.2.2.2");
        return BB_OK;
    }
    if (!from_client && (present & BB_HAS(session_expiry_s)))
        return bb_cursor_refuse(in, in->at, BB_E_PROTOCOL, "MQTT-3.14.2-2");
    if (from_client && (present & BB_HAS(server_reference)))
        return bb_cursor_refuse(in, in->at, BB_E_PROTOCOL, "3.14.2.2.5");
    return BB_OK;
}

bb_status bb_disconnect_decode(bb_packet_type type, bb_span body, bb_version version, bool from_client,
                               bb_disconnect *out, bb_fault *fault)
{
    BB_CHECK(type == BB_DISCONNECT || type == BB_AUTH);
    bb_cursor in = bb_cursor_on(body, 0, fault);
    bb_properties_clear(&out->properties);
    if (version != BB_MQTT_5) {
        out->code = 0x00;
        return type == BB_AUTH ? bb_cursor_refuse(&in, in.at, BB_E_MALFORMED, "2.2.1 (3.1.1)") : bb_cursor_finish(&in);
    }

    BB_TRY(decode_code(type, &in, from_client, &out->code));
    /* A DISCONNECT may end after its code; an AUTH with a code also has properties (3.15.2.1). */
    if (bb_cursor_left(&in) > 0 || (type == BB_AUTH && in.at > in.start))
        BB_TRY(bb_properties_read(&in, 1u << type, &out->properties));
    BB_TRY(check_properties(type, &in, from_client, out));
    return bb_cursor_finish(&in);
}

size_t bb_disconnect_encode(uint8_t *out, size_t cap, bb_packet_type type, uint8_t code, bb_span properties)
{
    BB_CHECK(type == BB_DISCONNECT || type == BB_AUTH);
    BB_CHECK(properties.len <= BB_PROPERTIES_LEN_MAX);
    size_t remaining = 0;
    if (properties.len > 0 || (type == BB_AUTH && code != 0x00))
        remaining = 1 + bb_varint_size(properties.len) + properties.len;
    else if (code != 0x00)
        remaining = 1;
    if (bb_packet_size(remaining) > cap)
        return 0;

    uint8_t *at = bb_put_header(out, type, 0, remaining);
    if (remaining > 0)
        at = bb_put_u8(at, code);
    if (remaining > 1)
        at = bb_put_bytes(bb_put_varint(at, properties.len), properties);
    return (size_t)(at - out);
}
