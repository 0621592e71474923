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
