/* connection.h - one accepted connection: its transport, its link, and the bytes of a packet that is not complete.
 *
 * Life      accepted → (handshakes of TLS and WebSocket) → (moved to the home of its session) → read and written →
 * lingering, when we ended it and the peer has still to read why → closed. Private part of server. Threads   The worker
 * that it is at. */
#ifndef BB_SERVER_CONNECTION_H
#define BB_SERVER_CONNECTION_H

#include "server/listener.h"
#include "server/worker.h"

typedef struct bb_connection {
    bb_watch watch;
    bb_link link;
    bb_transport transport;
    bb_address peer;
    bb_worker *worker;
    bb_listener *listener; /* through which it came */
    bb_list in;            /* the worker's connections, or its lingering ones */
    bb_list waiting;       /* the worker's paused ones or arrivals */
    bb_list giant;         /* the worker's list of large payloads on their way, oldest first */
    uint8_t *rest;         /* received, not handled: the start of a packet */
    uint32_t rest_len, rest_cap;
    bb_time linger_until;
    int trouble;         /* of the transport, where it has failed: bb_transport_explain says more */
    bool hangup : 1;     /* the kernel said so: read to the end, whatever a short read looks like */
    bool rest_ready : 1; /* `rest` holds whole packets: handle it before reading more */
    bool unread : 1;     /* its output is stuffed with answers: read on when they are sent */
    bool finished : 1;   /* our last byte was sent: wait for the peer's end */
    bool filtered : 1;   /* bytes do not go to the fd as they are: TLS, WebSocket */
    bool opening : 1;    /* its handshake is not done */
    bool link_closed : 1;
} bb_connection;

/* Take over a transport that `listener` has accepted. BB_E_LISTENER_FULL, BB_E_NO_MEMORY: it stays the caller's. */
BB_MUST_USE bb_status bb_connection_open(bb_worker *worker, bb_listener *listener, bb_transport *transport,
                                         const bb_address *peer);

/* A connection that was handed over by another worker. */
void bb_connection_arrive(bb_worker *worker, bb_connection *connection);

/* Close and free at once. `why` is for the link, if it is still open. */
void bb_connection_close(bb_connection *connection, bb_status why);

/* Send what the links have, and close those that ended: the end of a turn. */
void bb_connections_flush(bb_worker *worker);

/* On another worker's thread, with this one's turn: send for at most `max` links that have nothing special about them.
 * False: something is left for the worker itself. Never closes a connection. */
bool bb_connections_flush_few(bb_worker *worker, unsigned max, bb_time now);

/* Lingering connections whose time is up, paused ones that may be read again. Returns when to look again. */
bb_time bb_connections_tick(bb_worker *worker, bb_time now);

/* Memory is not short any more: read all that were paused. */
void bb_connections_resume(bb_worker *worker);

/* The connection that a link belongs to. */
static inline bb_connection *bb_connection_of(const bb_link *link)
{
    return BB_CONTAINER_OF((bb_link *)(uintptr_t)link, bb_connection, link);
}

#endif
