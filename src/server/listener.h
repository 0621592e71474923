/* listener.h - one place where connections are accepted, as the workers share it.
 *
 * What      The listening socket, and what a connection that comes through it gets: filters, and a place among those
 *           that are allowed. A reload changes this for connections to come, adds listeners and takes some away.
 * Life      Counted: the server, each worker that watches the socket and each connection hold a reference. The socket
 *           stops listening when the server closes the listener; the last reference closes the fd.
 * Threads   Any. What may change is under `lock`, which is taken once for a connection. Private part of server. */
#ifndef BB_SERVER_LISTENER_H
#define BB_SERVER_LISTENER_H

#include <pthread.h>
#include <stdatomic.h>

#include "server/settings.h"
#include "transport/tls.h"
#include "transport/unix.h"
#include "transport/websocket.h"

typedef struct bb_listener {
    bb_protocol protocol;
    char text[BB_ENDPOINT_TEXT_MAX]; /* as bound: with the port that the system picked */
    int fd;
    bb_tcp_listener tcp;
    bb_unix_listener unix_socket;
    _Atomic bool closed; /* nobody accepts any more */
    _Atomic uint32_t references;
    _Atomic uint32_t connections_now;

    pthread_mutex_t lock; /* for all that follows */
    bb_listener_settings settings;
    bb_tls_context *tls;     /* NULL: no TLS */
    bb_websocket_rules *web; /* NULL: no WebSocket */
} bb_listener;

/* Open it. On failure appends why to `error`, with the address or file, and returns NULL. */
BB_MUST_USE bb_listener *bb_listener_open(const bb_listener_settings *settings, const bb_tcp_settings *tcp,
                                          bb_text *error);

/* New settings for the same place, and its files read again. On failure appends why to `error`, returns false, and all
 * stays as it was. */
BB_MUST_USE bool bb_listener_renew(bb_listener *listener, const bb_listener_settings *settings,
                                   const bb_tcp_settings *tcp, bb_text *error);

/* Stop listening, and let go of the server's reference. Who waits to be accepted is refused. */
void bb_listener_close(bb_listener *listener);

bb_listener *bb_listener_ref(bb_listener *listener);
void bb_listener_unref(bb_listener *listener);

/* Take one waiting connection, which holds a reference from then on and gives it back with bb_listener_leave. */
BB_MUST_USE bb_accept bb_listener_accept(bb_listener *listener, bb_transport *out, bb_address *peer);

/* What a connection that was accepted needs: a place among those that are allowed, and the filters of its protocol on
 * its transport. On success it holds a reference. BB_E_LISTENER_FULL, BB_E_NO_MEMORY: nothing has changed. */
BB_MUST_USE bb_status bb_listener_enter(bb_listener *listener, bb_mem *mem, bb_transport *transport);

/* What the settings say about TLS, with its files read. On failure appends why, with the file, to `error` and returns
 * NULL. */
BB_MUST_USE bb_tls_context *bb_listener_tls_context(const bb_listener_settings *settings, bb_text *error);

/* A connection is gone. */
void bb_listener_leave(bb_listener *listener);

#endif
