/* property_read.h - how the other decoders of wire read a property list from where their cursor stands. Private. */
#ifndef BB_WIRE_PROPERTY_READ_H
#define BB_WIRE_PROPERTY_READ_H

#include "wire/cursor.h"
#include "wire/property.h"

/* A packet without a property list: nothing is present. */
static inline void bb_properties_clear(bb_properties *out)
{
    out->present = 0;
    out->expiry_at = 0;
    out->alias_at = 0;
    out->raw = BB_SPAN_NONE;
}

/* As bb_properties_decode, at the cursor. Never inlined: it is large, and each of its callers would get a copy. */
__attribute__((noinline)) bb_status bb_properties_read_list(bb_cursor *in, uint32_t where, bb_properties *out);

/* The same; most packets have an empty list, and are done at once. */
static inline bb_status bb_properties_read(bb_cursor *in, uint32_t where, bb_properties *out)
{
    if (BB_UNLIKELY(in->at == in->end || *in->at != 0))
        return bb_properties_read_list(in, where, out);
    in->at++;
    bb_properties_clear(out);
    return BB_OK;
}

#endif
