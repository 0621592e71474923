#include "transport/socket.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/sender.h"

bb_moved bb_socket_recv(bb_transport *transport, uint8_t *into, size_t room)
{
    ssize_t n;
    do {
        n = recv(transport->fd, into, room, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n > 0)
        return (bb_moved){.bytes = (size_t)n, .io = BB_IO_OK, .drained = (size_t)n < room};
    if (n == 0)
        return (bb_moved){.io = BB_IO_END, .drained = true};
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return (bb_moved){.io = BB_IO_WAIT, .drained = true};
    return (bb_moved){.io = BB_IO_ERROR, .drained = true, .error = errno};
}

bb_moved bb_socket_send(bb_transport *transport, const bb_span *spans, size_t n)
{
    bb_send send = {.spans = spans, .spans_now = (uint32_t)n, .fd = transport->fd};
    bb_send_one(&send);
    return bb_transport_sent(send.result);
}

void bb_socket_finish(bb_transport *transport)
{
    shutdown(transport->fd, SHUT_WR); /* it fails only when the connection is gone, and reading will say so */
}

void bb_socket_close(bb_transport *transport)
{
    close(transport->fd);
    transport->fd = -1;
}

bb_moved bb_socket_step(bb_transport *transport)
{
    return (bb_moved){.io = BB_IO_OK};
}

unsigned bb_socket_wants(const bb_transport *transport)
{
    return 0;
}

const char *bb_socket_error_text(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "address already in use";
    case EADDRNOTAVAIL:
        return "this machine does not have this address";
    case EAFNOSUPPORT:
        return "this machine does not speak this version of IP";
    case EMFILE:
    case ENFILE:
        return "no file descriptors left";
    case ECONNREFUSED:
        return "connection refused (nothing listens there)";
    case ECONNRESET:
        return "the other end has reset the connection";
    case EPIPE:
        return "the other end has closed the connection";
    case ETIMEDOUT:
        return "the other end does not answer";
    case EHOSTUNREACH:
    case ENETUNREACH:
        return "there is no route to this address";
    default:
        return strerror(error);
    }
}

void bb_socket_explain(const bb_transport *transport, int error, bb_text *text)
{
    bb_text_puts(text, bb_socket_error_text(error));
}

bb_accept bb_socket_accept_status(int error)
{
    switch (error) {
    case EAGAIN:
        return BB_ACCEPT_WAIT;
    case EMFILE:
    case ENFILE:
        return BB_ACCEPT_NO_FILES;
    case ENOBUFS:
    case ENOMEM:
        return BB_ACCEPT_NO_MEMORY;
    default: /* accept(2): errors that are already pending on the new socket are passed on here */
        return BB_ACCEPT_ERROR;
    }
}
