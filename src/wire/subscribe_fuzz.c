#include "wire/input_fuzz.h"
#include "wire/roundtrip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input input;
    bb_subscribe packet;
    bb_fault fault;
    if (!fuzz_input_read(data, size, &input))
        return 0;
    bb_packet_type type = input.header.type == BB_UNSUBSCRIBE ? BB_UNSUBSCRIBE : BB_SUBSCRIBE;
    bb_status status = bb_subscribe_decode(type, input.body, input.version, &packet, &fault);
    BB_CHECK(status != BB_MORE);
    fuzz_check_fault(status, &fault, input.body);
    if (status != BB_OK)
        return 0;
    bb_roundtrip_subscribe(type, &packet);
    bb_roundtrip_subscribe_again(type, input.version, &packet, input.body);
    return 0;
}
