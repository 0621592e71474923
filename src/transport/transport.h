/* transport.h - one interface for everything that carries a stream of bytes: TCP, Unix sockets, TLS, WebSocket.
 *
 * What      Moves bytes and knows no MQTT. All calls are non-blocking. TLS and WebSocket are filters of the same shape
 *           that are put on top of another transport and own it: WebSocket on TLS on TCP is one bb_transport.
 * Events    The fd is watched with the loop's edge-triggered watch, or with poll for what bb_transport_wants says.
 * Sending   Where `ops->raw` is set, bytes go to the fd as they are, and the caller may hand them to a bb_sender with
 *           those of other links; elsewhere it calls bb_transport_send.
 * Opening   An accepted TCP connection is open. What was dialled (dial.h), and what has a handshake, is not: call
 *           bb_transport_step at every event until it says BB_IO_OK. Afterwards step sends what the transport itself
 *           has to say (the answer to a WebSocket ping): call it when bb_transport_wants asks for BB_WRITABLE.
 * Ending    To let the peer read our last bytes: send them all, bb_transport_finish, then bb_transport_drain at every
 *           event until it says BB_IO_END or BB_IO_ERROR or a timer of the caller comes, then bb_transport_close.
 *           Closing at once while unread bytes of the peer lie in the kernel resets the connection and may destroy what
 *           we sent.
 * Memory    A bb_transport is a plain value, embedded in its connection; it may be copied, also to another worker, as
 *           long as one copy is used.
 * Threads   A transport belongs to one thread at a time. */
#ifndef BB_TRANSPORT_TRANSPORT_H
#define BB_TRANSPORT_TRANSPORT_H

#include <sys/types.h>

#include "base/mem.h"
#include "base/reason.h"
#include "base/span.h"
#include "base/text.h"
#include "loop/loop.h"
#include "transport/address.h"

typedef enum bb_io {
    BB_IO_OK,    /* some bytes were moved */
    BB_IO_WAIT,  /* none can be moved now: an event will come */
    BB_IO_END,   /* the peer has closed its side in good order; reading only */
    BB_IO_ERROR, /* the connection is broken; `error` says how */
} bb_io;

typedef struct bb_moved {
    size_t bytes; /* when BB_IO_OK */
    bb_io io : 8;
    bool drained; /* reading: nothing more was there, so an event will come (unless BB_HANGUP was told: then go on) */
    int error;    /* an errno, when BB_IO_ERROR; bb_transport_explain has more to say */
} bb_moved;

typedef struct bb_transport bb_transport;

typedef struct bb_transport_ops {
    const char *name; /* for people: "tcp", "tls" */
    bool raw;         /* bytes go to the fd as they are */
    bb_moved (*recv)(bb_transport *transport, uint8_t *into, size_t room);
    bb_moved (*send)(bb_transport *transport, const bb_span *spans, size_t n);
    void (*finish)(bb_transport *transport);
    void (*close)(bb_transport *transport);
    bb_moved (*step)(bb_transport *transport);
    unsigned (*wants)(const bb_transport *transport);
    void (*explain)(const bb_transport *transport, int error, bb_text *text);
    /* Of filters; NULL for sockets: */
    const bb_transport *(*below)(const bb_transport *transport);
    bb_status (*reason)(const bb_transport *transport);
    void (*adopt)(bb_transport *transport, bb_mem *mem);
} bb_transport_ops;

struct bb_transport {
    const bb_transport_ops *ops;
    void *state; /* of transports that have more than their fd */
    int fd;      /* -1 once closed */
};

/* Read up to `room` bytes (not 0). */
static inline bb_moved bb_transport_recv(bb_transport *transport, uint8_t *into, size_t room)
{
    return transport->ops->recv(transport, into, room);
}

/* Write the first of the bytes in `spans` (at least one span, at most BB_SEND_SPANS_MAX are looked at). After
 * BB_IO_WAIT the next call must offer the same bytes again first (more may follow them): a filter may have encrypted
 * them. */
static inline bb_moved bb_transport_send(bb_transport *transport, const bb_span *spans, size_t n)
{
    return transport->ops->send(transport, spans, n);
}

/* Go on with opening; afterwards send what the transport itself has to say. BB_IO_OK: it is open and has nothing left
 * to say (`bytes` is 0). BB_IO_WAIT: call again at an event that bb_transport_wants names. BB_IO_ERROR. */
static inline bb_moved bb_transport_step(bb_transport *transport)
{
    return transport->ops->step(transport);
}

/* The set of bb_event that the transport itself waits for, beside what its user wants to read or write; 0 most of the
 * time. */
static inline unsigned bb_transport_wants(const bb_transport *transport)
{
    return transport->ops->wants(transport);
}

/* Append what went wrong, for people, after BB_IO_ERROR with `error`: "the server's certificate expired ...". */
static inline void bb_transport_explain(const bb_transport *transport, int error, bb_text *text)
{
    transport->ops->explain(transport, error, text);
}

/* The row of the table of reasons for a BB_IO_ERROR: what a filter did not accept, or BB_E_LINK_ERROR. */
static inline bb_status bb_transport_reason(const bb_transport *transport)
{
    return transport->ops->reason ? transport->ops->reason(transport) : BB_E_LINK_ERROR;
}

/* It has come to another thread, whose memory it uses and gives back from now on. */
static inline void bb_transport_adopt(bb_transport *transport, bb_mem *mem)
{
    if (transport->ops->adopt)
        transport->ops->adopt(transport, mem);
}

/* What a bb_sender's result means, for raw transports. */
bb_moved bb_transport_sent(ssize_t result);

/* We shall send nothing more: the peer sees the end after our last byte. */
static inline void bb_transport_finish(bb_transport *transport)
{
    transport->ops->finish(transport);
}

/* Read and throw away, a bounded amount for each call, using `scratch`. BB_IO_OK: there may be more, call again. */
bb_moved bb_transport_drain(bb_transport *transport, uint8_t *scratch, size_t room);

/* The part of a stack that has this name: the TLS of a WebSocket on TLS, for instance; NULL where there is none,
 * and of a closed transport. */
const bb_transport *bb_transport_part(const bb_transport *transport, const char *name);

/* Close the fd and give back everything. Twice does nothing. */
static inline void bb_transport_close(bb_transport *transport)
{
    if (transport->fd >= 0)
        transport->ops->close(transport);
}

/* Where the peer is, asked from the system; BB_FAMILY_NONE once the connection is gone. */
bb_address bb_transport_peer(const bb_transport *transport);

#endif
