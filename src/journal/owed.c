/* owed.c - the entries of the list of deliveries, of which a PUBLISH to many sessions has many. */
#include "journal/owed.h"

#include "journal/number.h"

enum { FLAG_QOS = 0x03, FLAG_RETAIN = 0x04, FLAG_PACKET_ID = 0x08, FLAG_IDS = 0x10, FLAGS_ALL = 0x1f };
enum { SUBSCRIPTION_ID_MAX = 268435455 };

size_t bb_owed_size(const bb_owed *owed)
{
    size_t size = bb_number_size(owed->session) + bb_number_size(owed->sequence) + 1;
    if (owed->packet_id)
        size += bb_number_size(owed->packet_id);
    if (owed->ids_count)
        size += bb_number_size(owed->ids_count);
    for (unsigned i = 0; i < owed->ids_count; i++)
        size += bb_number_size(owed->ids[i]);
    return size;
}

uint8_t *bb_owed_put(uint8_t *at, const bb_owed *owed)
{
    BB_CHECK(owed->session && owed->sequence && owed->qos && owed->qos <= 2 && owed->ids_count <= BB_OWED_IDS_MAX);
    at = bb_number_put(bb_number_put(at, owed->session), owed->sequence);
    *at++ = (uint8_t)(owed->qos | (owed->retain ? FLAG_RETAIN : 0) | (owed->packet_id ? FLAG_PACKET_ID : 0) |
                      (owed->ids_count ? FLAG_IDS : 0));
    if (owed->packet_id)
        at = bb_number_put(at, owed->packet_id);
    if (owed->ids_count)
        at = bb_number_put(at, owed->ids_count);
    for (unsigned i = 0; i < owed->ids_count; i++)
        at = bb_number_put(at, owed->ids[i]);
    return at;
}

static bool take_bounded(bb_span *rest, uint64_t most, uint64_t *out)
{
    return bb_number_take(rest, out) && *out != 0 && *out <= most;
}

static bool take_ids(bb_span *rest, bb_owed *out)
{
    uint64_t count, id;
    if (!take_bounded(rest, BB_OWED_IDS_MAX, &count))
        return false;
    for (out->ids_count = 0; out->ids_count < count; out->ids_count++) {
        if (!take_bounded(rest, SUBSCRIPTION_ID_MAX, &id))
            return false;
        out->ids[out->ids_count] = (uint32_t)id;
    }
    return true;
}

bool bb_owed_take(bb_span *rest, bb_owed *out)
{
    bb_span in = *rest;
    uint64_t packet_id = 0;
    if (!take_bounded(&in, UINT64_MAX, &out->session) || !take_bounded(&in, UINT64_MAX, &out->sequence) || in.len == 0)
        return false;
    uint8_t flags = in.data[0];
    in = bb_span_from(in, 1);
    out->qos = flags & FLAG_QOS;
    if (flags & ~FLAGS_ALL || out->qos == 0 || out->qos == 3)
        return false;
    if (flags & FLAG_PACKET_ID && !take_bounded(&in, UINT16_MAX, &packet_id))
        return false;
    out->packet_id = (uint16_t)packet_id;
    out->retain = flags & FLAG_RETAIN;
    out->ids_count = 0;
    if (flags & FLAG_IDS && !take_ids(&in, out))
        return false;
    *rest = in;
    return true;
}

bool bb_owed_next(bb_span *rest, bb_owed *out)
{
    return rest->len > 0 && bb_owed_take(rest, out);
}
