#include "wire/input_fuzz.h"
#include "wire/roundtrip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input input;
    bb_connack packet;
    bb_fault fault;
    if (!fuzz_input_read(data, size, &input))
        return 0;
    bb_status status = bb_connack_decode(input.body, input.version, &packet, &fault);
    BB_CHECK(status != BB_MORE);
    fuzz_check_fault(status, &fault, input.body);
    if (status == BB_OK)
        bb_roundtrip_connack(&packet, input.version, input.body);
    return 0;
}
