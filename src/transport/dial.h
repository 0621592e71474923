/* dial.h - open a transport to a server: connect, put TLS and WebSocket on top where they are wanted, shake hands.
 *
 * What      All addresses of a host are tried in turn; the first that takes the connection is the one. Non-blocking:
 *
 *               bb_dial_begin(&dial, &options, mem)
 *               while ((io = bb_dial_step(&dial)) == BB_IO_WAIT)
 *                   wait until dial.transport.fd has an event that bb_dial_wants names  (the fd may be another each
 * time) BB_IO_OK: dial.transport is open; take it      BB_IO_ERROR: bb_dial_error says why; nothing is left open
 *
 * Time      It knows no clock. Where an address takes too long: bb_dial_next goes on with the next one.
 * Memory    What `options` points to must live until the dial has ended; the TLS context as long as the transport. */
#ifndef BB_TRANSPORT_DIAL_H
#define BB_TRANSPORT_DIAL_H

#include "transport/address.h"
#include "transport/tcp.h"
#include "transport/tls.h"
#include "transport/transport.h"

typedef struct bb_dial_options {
    const bb_address *addresses; /* from bb_resolve, or parsed */
    size_t addresses_count;
    const char *unix_path; /* connect to this Unix socket instead; NULL: to the addresses */
    bb_tcp_options tcp;
    bb_tls_context *tls;  /* NULL: no TLS */
    const char *web_path; /* speak WebSocket, and ask for this path; NULL: no WebSocket */
    const char *host;     /* as it was dialled: what the certificate must be for, and for HTTP's Host */
    uint16_t port;        /* for HTTP's Host */
} bb_dial_options;

enum { BB_DIAL_ERROR_MAX = 640 };

typedef struct bb_dial {
    bb_transport transport;
    bb_dial_options options;
    bb_mem *mem;
    size_t next;    /* number of the address to be tried next */
    bool connected; /* the socket below is open, and the filters are on it */
    size_t error_len;
    char error[BB_DIAL_ERROR_MAX];
} bb_dial;

void bb_dial_begin(bb_dial *dial, const bb_dial_options *options, bb_mem *mem);

/* BB_IO_OK, BB_IO_WAIT or BB_IO_ERROR. */
BB_MUST_USE bb_io bb_dial_step(bb_dial *dial);

/* The set of bb_event to wait for. */
unsigned bb_dial_wants(const bb_dial *dial);

/* Give up the address that is being tried, for the reason `why`; go on with bb_dial_step. */
void bb_dial_next(bb_dial *dial, const char *why);

/* Stop; nothing is left open. */
void bb_dial_cancel(bb_dial *dial);

/* Why it failed, for people: one reason for each address that was tried. Lives as long as `dial`. */
bb_span bb_dial_error(const bb_dial *dial);

#endif
