#include "wire/input_fuzz.h"
#include "wire/roundtrip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input input;
    bb_ack packet;
    bb_fault fault;
    if (!fuzz_input_read(data, size, &input))
        return 0;
    bb_packet_type type = (bb_packet_type)(BB_PUBACK + input.header.type % 4);
    bb_status status = bb_ack_decode(type, input.body, input.version, &packet, &fault);
    BB_CHECK(status != BB_MORE);
    fuzz_check_fault(status, &fault, input.body);
    bb_agree_ack_311(type, input.body);
    if (status == BB_OK)
        bb_roundtrip_ack(type, &packet, input.version);
    return 0;
}
