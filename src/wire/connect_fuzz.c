#include "wire/input_fuzz.h"
#include "wire/roundtrip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input input;
    bb_connect packet;
    bb_fault fault;
    if (!fuzz_input_read(data, size, &input))
        return 0;
    bb_status status = bb_connect_decode(input.body, &packet, &fault);
    BB_CHECK(status != BB_MORE);
    fuzz_check_fault(status, &fault, input.body);
    if (status != BB_OK)
        return 0;
    BB_CHECK(packet.version >= BB_MQTT_31 && packet.version <= BB_MQTT_5);
    BB_CHECK(!packet.has_will || (packet.will.topic.len > 0 && packet.will.qos <= 2));
    bb_roundtrip_properties(&packet.properties);
    bb_roundtrip_properties(&packet.will.properties);
    bb_roundtrip_connect(&packet, input.body);
    return 0;
}
