#include "wire/input_fuzz.h"
#include "wire/roundtrip.h"

static void decode(const fuzz_input *input, bool from_client)
{
    bb_packet_type type = input->header.type == BB_AUTH ? BB_AUTH : BB_DISCONNECT;
    bb_disconnect packet;
    bb_fault fault;
    bb_status status = bb_disconnect_decode(type, input->body, input->version, from_client, &packet, &fault);
    BB_CHECK(status != BB_MORE);
    fuzz_check_fault(status, &fault, input->body);
    if (status == BB_OK && input->version == BB_MQTT_5)
        bb_roundtrip_disconnect(type, &packet, from_client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input input;
    if (!fuzz_input_read(data, size, &input))
        return 0;
    decode(&input, true);
    decode(&input, false);
    return 0;
}
