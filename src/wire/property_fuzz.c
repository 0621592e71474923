#include "wire/input_fuzz.h"
#include "wire/roundtrip.h"

/* The first byte chooses the packet that the list stands in; the list follows, with its length. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    uint32_t where = 1u << (data[0] % 17);
    bb_span in = bb_span_of(data + 1, size - 1);
    bb_properties list;
    bb_fault fault;
    size_t used;
    bb_status status = bb_properties_decode(in, where, &list, &used, &fault);
    fuzz_check_fault(status, &fault, in);
    if (status != BB_OK)
        return 0;
    BB_CHECK(used <= in.len && list.raw.len < used);
    bb_roundtrip_properties(&list);
    return 0;
}
