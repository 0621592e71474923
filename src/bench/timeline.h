/* timeline.h - what happened when: a run cut into slots of equal length, each with its counts and latencies.
 *
 * What      A slot counts what was published and received in it and holds a histogram of the latencies. A run whose
 *           length is not known beforehand starts with short slots; when they are used up, two neighbours become one
 *           and slots are twice as long. The latencies of the whole run are those of all slots together, so that a
 *           message is counted in one place only.
 * Memory    5 MB, allocated once, before the run; pages of slots that are not used are never touched.
 * Threads   Each thread fills its own; they are merged when all have ended. */
#ifndef BB_BENCH_TIMELINE_H
#define BB_BENCH_TIMELINE_H

#include "base/check.h"
#include "bench/histogram.h"

enum { BB_TIMELINE_SLOTS = 256 };

typedef struct bb_slot {
    uint64_t published, received;
    bb_histogram latency;
} bb_slot;

typedef struct bb_timeline {
    uint64_t start_ns, slot_ns;
    unsigned used; /* slots up to the last one that something happened in */
    bb_slot slots[BB_TIMELINE_SLOTS];
} bb_timeline;

/* Start anew at `start_ns` with slots of `slot_ns`, not 0. The memory is zeroed or an older timeline. */
void bb_timeline_start(bb_timeline *timeline, uint64_t start_ns, uint64_t slot_ns);

/* The slot of a time, which is not before the start. */
bb_slot *bb_timeline_slot(bb_timeline *timeline, uint64_t now_ns);

/* Both have the same start; the lengths of their slots are one of them times a power of two, as always when they began
 * with the same. */
void bb_timeline_merge(bb_timeline *into, bb_timeline *from);

#endif
