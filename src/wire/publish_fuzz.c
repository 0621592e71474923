#include "wire/input_fuzz.h"
#include "wire/roundtrip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input input;
    bb_publish packet;
    bb_fault fault;
    if (!fuzz_input_read(data, size, &input))
        return 0;
    bb_status status = bb_publish_decode(&input.header, input.body, input.version, &packet, &fault);
    BB_CHECK(status != BB_MORE || input.body.len < input.header.remaining);
    fuzz_check_fault(status, &fault, input.body);
    bb_agree_publish_311(&input.header, input.body);
    if (status != BB_OK)
        return 0;
    BB_CHECK(packet.payload_offset + packet.payload.len == input.body.len);
    bb_roundtrip_publish(&packet, &input.header, input.body, input.version);
    return 0;
}
