#include "session/inflight.h"

enum { SLOTS_MIN = 4 };

/* Where an identifier belongs in a table of `count` slots (a power of two up to 131072). */
static uint32_t home_of(uint16_t packet_id, uint32_t count)
{
    return packet_id * 2654435769u & (count - 1);
}

static bb_delivery *slot_for(bb_delivery *slots, uint32_t count, uint16_t packet_id)
{
    uint32_t i = home_of(packet_id, count);
    while (slots[i].packet_id && slots[i].packet_id != packet_id)
        i = (i + 1) & (count - 1);
    return &slots[i];
}

static bool grow(bb_inflight *inflight, bb_mem *mem)
{
    uint32_t count = inflight->slots_count ? inflight->slots_count * 2 : SLOTS_MIN;
    bb_delivery *slots = bb_mem_alloc_zeroed(mem, count * sizeof *slots);
    if (!slots)
        return false;
    for (uint32_t i = 0; i < inflight->slots_count; i++)
        if (inflight->slots[i].packet_id)
            *slot_for(slots, count, inflight->slots[i].packet_id) = inflight->slots[i];
    bb_mem_free(mem, inflight->slots, inflight->slots_count * sizeof *slots);
    inflight->slots = slots;
    inflight->slots_count = count;
    return true;
}

bool bb_inflight_add(bb_inflight *inflight, bb_mem *mem, const bb_delivery *delivery)
{
    BB_CHECK(delivery->packet_id != 0);
    if (inflight->count * 4 >= inflight->slots_count * 3 && !grow(inflight, mem))
        return false;
    bb_delivery *slot = slot_for(inflight->slots, inflight->slots_count, delivery->packet_id);
    BB_CHECK(slot->packet_id == 0); /* an identifier in flight is never used again [MQTT-2.2.1-4] */
    *slot = *delivery;
    inflight->count++;
    return true;
}

bb_delivery *bb_inflight_find(const bb_inflight *inflight, uint16_t packet_id)
{
    if (!inflight->count || !packet_id)
        return NULL;
    bb_delivery *slot = slot_for(inflight->slots, inflight->slots_count, packet_id);
    return slot->packet_id ? slot : NULL;
}

bb_delivery bb_inflight_take(bb_inflight *inflight, bb_delivery *delivery)
{
    bb_delivery taken = *delivery;
    uint32_t mask = inflight->slots_count - 1, hole = (uint32_t)(delivery - inflight->slots);
    /* Close the hole: move up what probed past it, so that no search stops short. */
    for (uint32_t i = (hole + 1) & mask; inflight->slots[i].packet_id; i = (i + 1) & mask) {
        uint32_t home = home_of(inflight->slots[i].packet_id, inflight->slots_count);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            inflight->slots[hole] = inflight->slots[i];
            hole = i;
        }
    }
    inflight->slots[hole].packet_id = 0;
    inflight->count--;
    return taken;
}

void bb_inflight_trim(bb_inflight *inflight, bb_mem *mem)
{
    if (inflight->count || !inflight->slots)
        return;
    bb_mem_free(mem, inflight->slots, inflight->slots_count * sizeof *inflight->slots);
    *inflight = (bb_inflight){0};
}

/* Heap sort by sequence: no memory, and no worst case that a peer could choose. */
static bool comes_after(const bb_inflight *inflight, uint16_t a, uint16_t b)
{
    return (int32_t)(bb_inflight_find(inflight, a)->sequence - bb_inflight_find(inflight, b)->sequence) > 0;
}

static void sift(const bb_inflight *inflight, uint16_t *ids, uint32_t at, uint32_t count)
{
    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && comes_after(inflight, ids[child + 1], ids[child]))
            child++;
        if (!comes_after(inflight, ids[child], ids[at]))
            return;
        uint16_t swap = ids[at];
        ids[at] = ids[child];
        ids[child] = swap;
    }
}

void bb_inflight_in_order(const bb_inflight *inflight, uint16_t *ids)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < inflight->slots_count; i++)
        if (inflight->slots[i].packet_id)
            ids[count++] = inflight->slots[i].packet_id;
    for (uint32_t i = count / 2; i-- > 0;)
        sift(inflight, ids, i, count);
    for (uint32_t end = count; end > 1; end--) {
        uint16_t last = ids[end - 1];
        ids[end - 1] = ids[0];
        ids[0] = last;
        sift(inflight, ids, 0, end - 1);
    }
}

void bb_inflight_clear(bb_inflight *inflight, bb_mem *mem)
{
    for (uint32_t i = 0; i < inflight->slots_count; i++)
        if (inflight->slots[i].packet_id)
            bb_delivery_drop(&inflight->slots[i], mem);
    inflight->count = 0;
    bb_inflight_trim(inflight, mem);
}
