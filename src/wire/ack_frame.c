#include "wire/wire.h"

void bb_ack_frame(bb_frame *out, bb_packet_type type, bb_version version, uint16_t packet_id, uint8_t code)
{
    bb_frame_begin(out);
    bb_frame_number(out, packet_id, 2);
    if (version == BB_MQTT_5 && code != 0x00)
        bb_frame_number(out, code, 1);
    (void)bb_frame_end(out, (unsigned)type << 4 | (type == BB_PUBREL ? 0x2 : 0x0), 0);
}
