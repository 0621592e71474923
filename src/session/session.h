/* session.h - what we owe one client, and what it owes us: state that outlives a link.
 *
 * What      The subscriptions' list, the queue of messages that wait, the window of those in flight, the inbound QoS 2
 *           identifiers, the will, the expiry. Rules of one session only: who gets which message is broker's.
 * Used by   broker.
 * Memory    From the bb_mem passed in. An idle session is one block: no queue, no window, no buffers.
 * Threads   A session lives on one worker for life.
 * Start at  struct bb_session, then bb_session_enqueue. Spec: MQTT 5.0 4.1, 4.3, 4.4, 4.6, 4.9. */
#ifndef BB_SESSION_SESSION_H
#define BB_SESSION_SESSION_H

#include "base/map.h"
#include "base/timer.h"
#include "session/inflight.h"
#include "session/packet_ids.h"
#include "session/queue.h"
#include "topic/topic.h"

enum { BB_EXPIRY_NEVER = UINT32_MAX };

typedef struct bb_session_limits {
    uint32_t queue_messages_max;
    uint64_t queue_bytes_max;
} bb_session_limits;

typedef struct bb_session_will {
    bb_message *message; /* its expiry interval still counts from publication: `expiry_s` */
    uint32_t expiry_s;   /* UINT32_MAX: none */
    uint32_t delay_s;
    bb_time due;  /* while the client is away: when to publish */
    void *author; /* the broker's: who it is from, in one block; NULL: unknown */
    size_t author_size;
} bb_session_will;

typedef struct bb_session {
    bb_map_node node; /* in the broker's map, by hash of the client id; also the publisher's name in messages */
    void *link;       /* the broker's link, or NULL while the client is away */
    bb_subscription *subscriptions;
    bb_session_will *will;
    bb_queue queue;      /* QoS 1 and 2 that wait for the window or for the client */
    bb_queue queue_qos0; /* QoS 0 that wait for a slow link */
    bb_inflight inflight;
    bb_packet_ids inbound; /* QoS 2 received, not released */
    bb_timer timer;        /* while away: expiry or will, whichever is first */
    bb_time expires;       /* while away */
    uint16_t *resend;      /* packet identifiers to send again on this link, in order; NULL when done */
    uint32_t resend_count, resend_next;
    struct bb_retained_walk *walks; /* the broker's: wildcard subscriptions that still get retained messages */
    uint32_t subscriptions_now, walks_now;
    uint32_t expiry_s; /* 0: ends with the link; BB_EXPIRY_NEVER */
    uint32_t sequence_next;
    uint16_t packet_id_last;
    uint16_t client_id_len;
    bool has_shared; /* was given messages of a shared subscription */
    bool doubtful;   /* the broker's: what waits may not be allowed any more */
    uint64_t judged; /* the broker's: by which access rules its subscriptions were judged, and as whose; 0: by none */
    uint8_t client_id[];
} bb_session;

/* A session without link, subscriptions or messages; NULL: no memory. `hash` is bb_hash of the client id. */
BB_MUST_USE bb_session *bb_session_new(bb_mem *mem, bb_span client_id, uint64_t hash);

/* Free it. Subscriptions and timer must be gone; queued and in-flight messages are dropped. */
void bb_session_free(bb_session *session, bb_mem *mem);

static inline bb_span bb_session_client_id(const bb_session *session)
{
    return bb_span_of(session->client_id, session->client_id_len);
}

/* Put a QoS 1 or 2 delivery at the end of the queue (takes over what it holds) if the limits allow it; when the queue
 * is full, expired messages make room first: `expired` says how many did. BB_E_QUEUE_MESSAGES, BB_E_QUEUE_BYTES,
 * BB_E_NO_MEMORY: the delivery is still the caller's. */
BB_MUST_USE bb_status bb_session_enqueue(bb_session *session, bb_mem *mem, const bb_session_limits *limits, bb_time now,
                                         const bb_delivery *delivery, uint32_t *expired);

/* The same for a QoS 0 delivery: when full, the oldest QoS 0 ones make room; `dropped` says how many did. */
BB_MUST_USE bb_status bb_session_enqueue_qos0(bb_session *session, bb_mem *mem, const bb_session_limits *limits,
                                              const bb_delivery *delivery, uint32_t *dropped);

/* Give a delivery its packet identifier and sequence and put it into the window (a copy; the window takes over what it
 * holds). Identifiers count up from 1 and skip those in flight [MQTT-2.2.1-4]. BB_E_NO_MEMORY; BB_E_RECEIVE_MAXIMUM
 * when all 65,535 are in flight. */
BB_MUST_USE bb_status bb_session_send(bb_session *session, bb_mem *mem, bb_delivery *delivery);

/* A new link resumes the session: everything in flight is to be sent again, in order [MQTT-4.4.0-1, 4.6.0-1].
 * False: no memory. */
BB_MUST_USE bool bb_session_resume(bb_session *session, bb_mem *mem);

/* The next delivery in flight to send again, or NULL. Its `resend` flag is cleared. */
bb_delivery *bb_session_resend_next(bb_session *session, bb_mem *mem);

/* The link is gone: nothing of what was to be sent again remains to do. */
void bb_session_suspend(bb_session *session, bb_mem *mem);

/* Replace the will (NULL: none). */
void bb_session_set_will(bb_session *session, bb_mem *mem, bb_session_will *will);

/* Free a will that no session has (any more), with its message and its author. */
void bb_session_will_free(bb_session_will *will, bb_mem *mem);

#endif
