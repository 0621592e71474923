#include "wire/wire.h"

enum { ANY_FLAGS = 0xFF, NO_FLAGS = 0xFE, DUP_FLAG = 0x8 };

/* The flags that a type must have, by type [MQTT-2.1.3-1]; no flags are right for type 0, which does not exist. */
static const uint8_t flags_of_type[16] = {
    [0] = NO_FLAGS, [BB_PUBLISH] = ANY_FLAGS, [BB_PUBREL] = 0x2, [BB_SUBSCRIBE] = 0x2, [BB_UNSUBSCRIBE] = 0x2,
};

/* Which statement wrong flags break. */
static const char *flags_clause(uint8_t type)
{
    switch (type) {
    case 0:
        return "2.1.2"; /* this type does not exist */
    case BB_PUBREL:
        return "MQTT-3.6.1-1";
    case BB_SUBSCRIBE:
        return "MQTT-3.8.1-1";
    case BB_UNSUBSCRIBE:
        return "MQTT-3.10.1-1";
    case BB_DISCONNECT:
        return "MQTT-3.14.1-1";
    case BB_AUTH:
        return "MQTT-3.15.1-1";
    default:
        return "MQTT-2.1.3-1";
    }
}

static bool flags_allowed(uint8_t first, bool ignore_dup)
{
    uint8_t wanted = flags_of_type[first >> 4];
    uint8_t flags = first & 0xF;
    if (BB_LIKELY(flags == wanted) || wanted == ANY_FLAGS)
        return true;
    return ignore_dup && wanted == 0x2 && (flags & ~DUP_FLAG) == wanted;
}

static inline bb_status decode(bb_span in, bool ignore_dup, bb_header *out, bb_fault *fault)
{
    if (in.len == 0)
        return BB_MORE;
    uint8_t first = in.data[0];
    if (BB_UNLIKELY(!flags_allowed(first, ignore_dup)))
        return bb_fault_set(fault, BB_E_MALFORMED, 0, flags_clause(first >> 4));

    uint32_t remaining = 0;
    for (unsigned i = 1; i <= 4; i++) {
        if (i >= in.len)
            return BB_MORE;
        uint8_t byte = in.data[i];
        remaining |= (uint32_t)(byte & 0x7F) << (7 * (i - 1));
        if (byte & 0x80)
            continue;
        if (byte == 0 && i > 1)
            break; /* the byte before could have been the last */
        *out = (bb_header){first >> 4, first & 0xF, (uint8_t)(i + 1), remaining};
        return BB_OK;
    }
    return bb_fault_set(fault, BB_E_MALFORMED, 0, "MQTT-1.5.5-1");
}

bb_status bb_header_decode(bb_span in, bb_header *out, bb_fault *fault)
{
    return decode(in, false, out, fault);
}

bb_status bb_header_decode_31(bb_span in, bb_header *out, bb_fault *fault)
{
    return decode(in, true, out, fault);
}
