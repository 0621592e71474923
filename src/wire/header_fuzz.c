#include "wire/input_fuzz.h"
#include "wire/put.h"

/* What bb_header_decode accepts has one encoding only, and bb_header_decode_31 accepts no less. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bb_span in = bb_span_of(data, size);
    bb_header header, header_31;
    bb_status status = bb_header_decode(in, &header, NULL);
    bb_status status_31 = bb_header_decode_31(in, &header_31, NULL);
    if (status != BB_OK)
        return 0;
    BB_CHECK(status_31 == BB_OK && header_31.remaining == header.remaining);

    uint8_t again[5];
    size_t len = (size_t)(bb_put_header(again, header.type, header.flags, header.remaining) - again);
    BB_CHECK(len == header.size && memcmp(again, data, len) == 0);
    return 0;
}
