/* inflight.h - deliveries that were sent and are not yet acknowledged, found by packet identifier. Private part of
 * session.
 *
 * An open-addressing table. Identifiers count up, so they are scattered by the golden ratio: neighbours never pile up
 * into one long run, and taking one out stays cheap. It grows with the window and is given back when the link is idle.
 */
#ifndef BB_SESSION_INFLIGHT_H
#define BB_SESSION_INFLIGHT_H

#include "session/delivery.h"

typedef struct bb_inflight {
    bb_delivery *slots;   /* packet_id 0: free */
    uint32_t slots_count; /* a power of two, or 0 */
    uint32_t count;
} bb_inflight;

/* Add a delivery under its packet_id, which must not be in the table. False: no memory, nothing changed. */
BB_MUST_USE bool bb_inflight_add(bb_inflight *inflight, bb_mem *mem, const bb_delivery *delivery);

bb_delivery *bb_inflight_find(const bb_inflight *inflight, uint16_t packet_id);

/* Take a delivery that bb_inflight_find gave out of the table; what it holds is the caller's. Keeps the memory for the
 * next one; bb_inflight_trim gives it back. */
bb_delivery bb_inflight_take(bb_inflight *inflight, bb_delivery *delivery);
void bb_inflight_trim(bb_inflight *inflight, bb_mem *mem);

/* Write the packet identifiers in order of their sequence into `ids` (room for count). */
void bb_inflight_in_order(const bb_inflight *inflight, uint16_t *ids);

/* Drop everything. */
void bb_inflight_clear(bb_inflight *inflight, bb_mem *mem);

#endif
