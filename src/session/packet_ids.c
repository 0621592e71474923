#include "session/packet_ids.h"

enum { SLOTS_MIN = 8 };

/* As in inflight.c: identifiers that count up are scattered by the golden ratio. */
static uint32_t home_of(uint16_t id, uint32_t count)
{
    return id * 2654435769u & (count - 1);
}

static uint32_t slot_for(const uint16_t *slots, uint32_t count, uint16_t id)
{
    uint32_t i = home_of(id, count);
    while (slots[i] && slots[i] != id)
        i = (i + 1) & (count - 1);
    return i;
}

bool bb_packet_ids_has(const bb_packet_ids *set, uint16_t id)
{
    return set->count && set->slots[slot_for(set->slots, set->slots_count, id)] == id;
}

static bool grow(bb_packet_ids *set, bb_mem *mem)
{
    uint32_t count = set->slots_count ? set->slots_count * 2 : SLOTS_MIN;
    uint16_t *slots = bb_mem_alloc_zeroed(mem, count * sizeof *slots);
    if (!slots)
        return false;
    for (uint32_t i = 0; i < set->slots_count; i++)
        if (set->slots[i])
            slots[slot_for(slots, count, set->slots[i])] = set->slots[i];
    bb_mem_free(mem, set->slots, set->slots_count * sizeof *slots);
    set->slots = slots;
    set->slots_count = count;
    return true;
}

bool bb_packet_ids_add(bb_packet_ids *set, bb_mem *mem, uint16_t id)
{
    BB_CHECK(id != 0);
    if (set->count * 4 >= set->slots_count * 3 && !grow(set, mem))
        return false;
    uint32_t i = slot_for(set->slots, set->slots_count, id);
    set->count += set->slots[i] == 0;
    set->slots[i] = id;
    return true;
}

bool bb_packet_ids_remove(bb_packet_ids *set, bb_mem *mem, uint16_t id)
{
    if (!bb_packet_ids_has(set, id))
        return false;
    uint32_t mask = set->slots_count - 1, hole = slot_for(set->slots, set->slots_count, id);
    for (uint32_t i = (hole + 1) & mask; set->slots[i]; i = (i + 1) & mask)
        if (((i - home_of(set->slots[i], set->slots_count)) & mask) >= ((i - hole) & mask)) {
            set->slots[hole] = set->slots[i];
            hole = i;
        }
    set->slots[hole] = 0;
    if (--set->count == 0 && set->slots_count > 64)
        bb_packet_ids_clear(set, mem);
    return true;
}

void bb_packet_ids_clear(bb_packet_ids *set, bb_mem *mem)
{
    bb_mem_free(mem, set->slots, set->slots_count * sizeof *set->slots);
    *set = (bb_packet_ids){0};
}
