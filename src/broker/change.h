/* change.h - the one place that every change of state passes which will have to survive the process.
 *
 * What      What a persistent session gains or loses, told to the shell as it happens: it is what a journal writes
 * down. The retained messages need no place here: they pass retain_store of the port. Changes of sessions that end with
 *           their link are not told, but for their end. What expires in a queue is not told either: its expiry was.
 * Threads   Called on the broker's thread. What a change points to lives for the call. */
#ifndef BB_BROKER_CHANGE_H
#define BB_BROKER_CHANGE_H

#include "session/session.h"

typedef enum bb_change_kind {
    BB_CHANGE_SESSION,      /* it exists, with this expiry and this will (or none) */
    BB_CHANGE_ENDED,        /* it is gone, with all that it held */
    BB_CHANGE_SUBSCRIBED,   /* `subscription` is new or has new options */
    BB_CHANGE_UNSUBSCRIBED, /* `subscription` goes */
    BB_CHANGE_OWED,         /* `delivery` waits in the queue */
    BB_CHANGE_SENT,         /* `delivery` is in flight under its packet identifier; it may have been owed before */
    BB_CHANGE_RELEASED,     /* `delivery`: PUBREC came */
    BB_CHANGE_SETTLED,      /* `delivery` is done with: acknowledged, expired, or dropped for a reason */
    BB_CHANGE_RECEIVED,     /* QoS 2 message `packet_id` came from the client and was handed on */
    BB_CHANGE_FORGOTTEN,    /* PUBREL for `packet_id` came */
} bb_change_kind;

typedef struct bb_change {
    bb_change_kind kind;
    const bb_session *session;
    const bb_subscription *subscription;
    const bb_delivery *delivery;
    uint16_t packet_id;
} bb_change;

#endif
