#include "wire/input_fuzz.h"
#include "wire/roundtrip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input input;
    bb_suback packet;
    bb_fault fault;
    if (!fuzz_input_read(data, size, &input))
        return 0;
    bb_packet_type type = input.header.type == BB_UNSUBACK ? BB_UNSUBACK : BB_SUBACK;
    bb_status status = bb_suback_decode(type, input.body, input.version, &packet, &fault);
    BB_CHECK(status != BB_MORE);
    fuzz_check_fault(status, &fault, input.body);
    if (status == BB_OK)
        bb_roundtrip_suback(type, &packet, input.version, input.body);
    return 0;
}
