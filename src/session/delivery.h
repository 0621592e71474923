/* delivery.h - one message owed to one session, and where it came from. Private part of session: others include
 * session/session.h. */
#ifndef BB_SESSION_DELIVERY_H
#define BB_SESSION_DELIVERY_H

#include "message/message.h"

/* Which subscriptions a delivery answers: their identifiers, and the shared group it was taken from, if any.
 *
 * Almost every delivery has no identifier or one, so a bb_origin is one word: 0 is none, an odd value is one identifier
 * (shifted left by one), any other value points to a counted list. */
typedef uint64_t bb_origin;

typedef struct bb_origin_list {
    uint32_t refs;
    uint32_t count;
    uint64_t group; /* bb_group.hash; 0: not shared */
    uint32_t ids[];
} bb_origin_list;

enum { BB_ORIGIN_IDS_MAX = 64 }; /* overlapping subscriptions beyond that share the packet without their identifiers */

static inline bb_origin bb_origin_single(uint32_t subscription_id)
{
    return subscription_id ? (bb_origin)subscription_id << 1 | 1 : 0;
}

/* An origin with several identifiers or a group; 0 when there is no memory (the delivery then goes without them). */
bb_origin bb_origin_new(bb_mem *mem, const uint32_t *ids, uint32_t count, uint64_t group);

bb_origin bb_origin_ref(bb_origin origin);
void bb_origin_unref(bb_origin origin, bb_mem *mem);

/* The identifiers: `single` is the caller's word that a lone identifier is put into. */
const uint32_t *bb_origin_ids(bb_origin origin, uint32_t *single, size_t *count);
uint64_t bb_origin_group(bb_origin origin);

typedef enum bb_delivery_state {
    BB_DELIVERY_SENT,     /* PUBLISH sent, PUBACK or PUBREC awaited */
    BB_DELIVERY_RELEASED, /* PUBREC came, PUBREL sent, PUBCOMP awaited; the message is gone */
} bb_delivery_state;

typedef struct bb_delivery {
    bb_message *message; /* a reference; NULL once released */
    bb_origin origin;
    uint32_t sequence;  /* in the order of sending; wraps, compared by difference */
    uint16_t packet_id; /* 0 while queued */
    uint8_t qos : 2, retain : 1, resend : 1 /* not yet sent again on this link */, state : 1;
} bb_delivery;

static_assert(sizeof(bb_delivery) == 24, "an offline message costs its bytes and 24 more");

/* Give up what a delivery holds. */
void bb_delivery_drop(bb_delivery *delivery, bb_mem *mem);

#endif
