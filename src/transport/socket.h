/* socket.h - what transports that are nothing but a socket have in common: TCP and Unix sockets.
 *
 * What      The functions of their bb_transport_ops. Private to this folder. */
#ifndef BB_TRANSPORT_SOCKET_H
#define BB_TRANSPORT_SOCKET_H

#include "transport/tcp.h"
#include "transport/transport.h"

bb_moved bb_socket_recv(bb_transport *transport, uint8_t *into, size_t room);
bb_moved bb_socket_send(bb_transport *transport, const bb_span *spans, size_t n);
void bb_socket_finish(bb_transport *transport);
void bb_socket_close(bb_transport *transport);

/* Of an open socket: nothing to do, and nothing of its own to wait for. */
bb_moved bb_socket_step(bb_transport *transport);
unsigned bb_socket_wants(const bb_transport *transport);

/* What a failed accept means. */
bb_accept bb_socket_accept_status(int error);

/* strerror in better words, where there are any. */
const char *bb_socket_error_text(int error);
void bb_socket_explain(const bb_transport *transport, int error, bb_text *text);

#endif
