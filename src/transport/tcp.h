/* tcp.h - TCP: listening, accepting, connecting, and a transport that is nothing but a socket.
 *
 * What      Options are set once, on the listening socket; Linux hands them to every accepted one, so accepting costs
 *           one system call. TCP_NODELAY is always on: what belongs together is sent together already, and waiting for
 *           an acknowledgement would add 40 ms.
 * Errors    bb_tcp_listen and bb_tcp_connect say what is wrong in words; the rest are statuses.
 * Threads   A listener may be accepted from by several threads. */
#ifndef BB_TRANSPORT_TCP_H
#define BB_TRANSPORT_TCP_H

#include "base/text.h"
#include "transport/address.h"
#include "transport/transport.h"

enum { BB_TCP_BACKLOG = 4096 };

typedef struct bb_tcp_options {
    uint32_t keepalive_idle_s;     /* probe a silent peer after this time; 0: never */
    uint32_t keepalive_interval_s; /* and again after this */
    uint32_t keepalive_probes;     /* so often, then the connection is broken */
    uint32_t user_timeout_ms; /* a peer that acknowledges nothing of what we sent is gone after this; 0: the system's */
    const bb_address *from;   /* connecting: our own address; its port is not looked at. NULL: the system chooses */
} bb_tcp_options;

typedef enum bb_accept {
    BB_ACCEPT_OK,
    BB_ACCEPT_WAIT,      /* nobody is waiting: an event will come */
    BB_ACCEPT_NO_FILES,  /* the process or the system has no fd left; the peer still waits, and no event will come for
                          * it:  try again when a link has closed, or after a while */
    BB_ACCEPT_NO_MEMORY, /* the same for the kernel's memory */
    BB_ACCEPT_ERROR,     /* this one connection failed before it was accepted: go on */
} bb_accept;

typedef struct bb_tcp_listener {
    int fd;
    bb_address address; /* as bound: with the port that the system picked */
} bb_tcp_listener;

/* Listen at `address`, for IPv6 on IPv6 only. On failure appends "ADDRESS:PORT: what is wrong" to `error`, returns
 * false and leaves `out` untouched. */
BB_MUST_USE bool bb_tcp_listen(const bb_address *address, const bb_tcp_options *options, bb_tcp_listener *out,
                               bb_text *error);
/* Other options, for connections that are accepted from now on; `from` is not looked at. */
void bb_tcp_listener_set(const bb_tcp_listener *listener, const bb_tcp_options *options);
void bb_tcp_listener_close(bb_tcp_listener *listener);

/* Begin to connect to `address`. `out` is then a transport that bb_transport_step opens. On failure appends
 * "ADDRESS:PORT: what is wrong" to `error`, returns false and leaves `out` untouched. */
BB_MUST_USE bool bb_tcp_connect(const bb_address *address, const bb_tcp_options *options, bb_transport *out,
                                bb_text *error);

/* Take one waiting connection. `out` and `peer` are written on BB_ACCEPT_OK only. */
BB_MUST_USE bb_accept bb_tcp_accept(const bb_tcp_listener *listener, bb_transport *out, bb_address *peer);

#endif
