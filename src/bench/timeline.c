#include "bench/timeline.h"

#include <string.h>

void bb_timeline_start(bb_timeline *timeline, uint64_t start_ns, uint64_t slot_ns)
{
    BB_CHECK(slot_ns > 0);
    memset(timeline->slots, 0, timeline->used * sizeof timeline->slots[0]);
    timeline->start_ns = start_ns;
    timeline->slot_ns = slot_ns;
    timeline->used = 0;
}

static void merge_slot(bb_slot *into, const bb_slot *from)
{
    into->published += from->published;
    into->received += from->received;
    bb_histogram_merge(&into->latency, &from->latency);
}

static void double_slots(bb_timeline *timeline)
{
    bb_slot *slots = timeline->slots;
    for (unsigned i = 0; i < timeline->used; i++) {
        bb_slot *into = &slots[i / 2];
        if (i % 2) {
            merge_slot(into, &slots[i]);
        } else if (i) {
            *into = slots[i];
        }
    }
    unsigned half = (timeline->used + 1) / 2;
    memset(&slots[half], 0, (timeline->used - half) * sizeof slots[0]);
    timeline->used = half;
    timeline->slot_ns *= 2;
}

bb_slot *bb_timeline_slot(bb_timeline *timeline, uint64_t now_ns)
{
    uint64_t at = (now_ns - timeline->start_ns) / timeline->slot_ns;
    while (at >= BB_TIMELINE_SLOTS) {
        double_slots(timeline);
        at /= 2;
    }
    if (at >= timeline->used)
        timeline->used = (unsigned)at + 1;
    return &timeline->slots[at];
}

void bb_timeline_merge(bb_timeline *into, bb_timeline *from)
{
    BB_CHECK(into->start_ns == from->start_ns);
    while (into->slot_ns < from->slot_ns)
        double_slots(into);
    while (from->slot_ns < into->slot_ns)
        double_slots(from);
    BB_CHECK(into->slot_ns == from->slot_ns);
    for (unsigned i = 0; i < from->used; i++)
        merge_slot(&into->slots[i], &from->slots[i]);
    if (from->used > into->used)
        into->used = from->used;
}
