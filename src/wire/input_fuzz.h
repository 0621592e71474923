/* input_fuzz.h - how the fuzz targets of wire read their input: one byte for the version of the link, then one packet
 * with its fixed header. tools/vectors_to_seeds.py writes the vectors in this form. */
#ifndef BB_WIRE_INPUT_FUZZ_H
#define BB_WIRE_INPUT_FUZZ_H

#include "wire/wire.h"

typedef struct fuzz_input {
    bb_version version;
    bb_header header;
    bb_span body; /* at most header.remaining bytes; fewer when the packet is cut */
} fuzz_input;

/* False when there is no packet in it. */
static inline bool fuzz_input_read(const uint8_t *data, size_t size, fuzz_input *out)
{
    if (size < 1)
        return false;
    out->version = (bb_version)(BB_MQTT_31 + data[0] % 3);
    bb_span packet = bb_span_of(data + 1, size - 1);
    if (bb_header_decode(packet, &out->header, NULL) != BB_OK)
        return false;
    out->body = bb_span_from(packet, out->header.size);
    if (out->body.len > out->header.remaining)
        out->body.len = out->header.remaining;
    return true;
}

/* What holds for every decoder: a failure that names itself, and lies inside the packet. */
static inline void fuzz_check_fault(bb_status status, const bb_fault *fault, bb_span body)
{
    if (status == BB_OK || status == BB_MORE)
        return;
    BB_CHECK(fault->status == status && fault->offset <= body.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
