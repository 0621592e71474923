/* queue.h - deliveries that wait for their turn, first in, first out. Private part of session.
 *
 *   head ──► [ . . d d d d ] ──► [ d d d d d d ] ──► [ d d . . . . ] ◄── tail
 *
 * Chunks of a fixed size, so that a long queue grows without moving and an empty one owns nothing. */
#ifndef BB_SESSION_QUEUE_H
#define BB_SESSION_QUEUE_H

#include "session/delivery.h"

enum { BB_QUEUE_CHUNK = 32 };

typedef struct bb_queue_chunk bb_queue_chunk;

typedef struct bb_queue {
    bb_queue_chunk *head, *tail;
    uint64_t bytes; /* of the messages in it */
    uint32_t count;
    bool may_expire;     /* some message in it had an expiry interval when it came */
    uint16_t calls_left; /* of bb_queue_expire, before it goes through all of them again */
    bb_time next_expiry; /* with may_expire: no message expires before that */
} bb_queue;

/* Append; the queue takes over what the delivery holds. False: no memory, the delivery is still the caller's. */
BB_MUST_USE bool bb_queue_push(bb_queue *queue, bb_mem *mem, const bb_delivery *delivery);

/* The oldest delivery, or NULL; it stays in the queue. */
bb_delivery *bb_queue_peek(const bb_queue *queue);

/* Take the oldest one out; what it holds is the caller's. */
bool bb_queue_pop(bb_queue *queue, bb_mem *mem, bb_delivery *out);

/* Drop messages that have expired; returns how many. Costs nothing while none can have. Those at the front always go,
 * others when it is time to go through the whole queue again: that a call is cheap in the long run counts more. */
uint32_t bb_queue_expire(bb_queue *queue, bb_mem *mem, bb_time now);

#endif
