/* packet_ids.h - a set of packet identifiers: the QoS 2 messages that a client sent us and has not released. Private
 * part of session. Open addressing, memory only while it holds something. */
#ifndef BB_SESSION_PACKET_IDS_H
#define BB_SESSION_PACKET_IDS_H

#include "base/mem.h"

#include <stdbool.h>

typedef struct bb_packet_ids {
    uint16_t *slots; /* 0: free */
    uint32_t slots_count, count;
} bb_packet_ids;

bool bb_packet_ids_has(const bb_packet_ids *set, uint16_t id);
BB_MUST_USE bool bb_packet_ids_add(bb_packet_ids *set, bb_mem *mem, uint16_t id); /* false: no memory */
bool bb_packet_ids_remove(bb_packet_ids *set, bb_mem *mem, uint16_t id);          /* false: it was not in the set */
void bb_packet_ids_clear(bb_packet_ids *set, bb_mem *mem);

#endif
