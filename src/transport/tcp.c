#include "transport/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/sender.h"

static_assert(sizeof(bb_transport) <= 32, "embedded in every connection");

/* --- the transport */

static bb_moved tcp_recv(bb_transport *transport, uint8_t *into, size_t room)
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

static bb_moved tcp_send(bb_transport *transport, const bb_span *spans, size_t n)
{
    bb_send send = {.spans = spans, .spans_now = (uint32_t)n, .fd = transport->fd};
    bb_send_one(&send);
    return bb_transport_sent(send.result);
}

static void tcp_finish(bb_transport *transport)
{
    shutdown(transport->fd, SHUT_WR); /* it fails only when the connection is gone, and reading will say so */
}

static void tcp_close(bb_transport *transport)
{
    close(transport->fd);
    transport->fd = -1;
}

static const bb_transport_ops tcp_ops = {
    .name = "tcp",
    .raw = true,
    .recv = tcp_recv,
    .send = tcp_send,
    .finish = tcp_finish,
    .close = tcp_close,
};

/* --- listening */

static bool set(int fd, int level, int option, uint32_t value)
{
    int number = value <= INT32_MAX ? (int)value : INT32_MAX;
    return setsockopt(fd, level, option, &number, sizeof number) == 0;
}

/* Accepted sockets inherit all of these. */
static bool set_options(int fd, const bb_tcp_options *options)
{
    bool done = set(fd, SOL_SOCKET, SO_REUSEADDR, 1) && set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (done && options->keepalive_idle_s)
        done = set(fd, SOL_SOCKET, SO_KEEPALIVE, 1) && set(fd, IPPROTO_TCP, TCP_KEEPIDLE, options->keepalive_idle_s) &&
               set(fd, IPPROTO_TCP, TCP_KEEPINTVL, options->keepalive_interval_s) &&
               set(fd, IPPROTO_TCP, TCP_KEEPCNT, options->keepalive_probes);
    if (done && options->user_timeout_ms)
        done = set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, options->user_timeout_ms);
    return done;
}

static bool bind_and_listen(int fd, const bb_address *address)
{
    struct sockaddr_storage system;
    socklen_t size = (socklen_t)bb_address_to_system(address, &system);
    if (address->family == BB_FAMILY_IPV6 && !set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1))
        return false;
    return bind(fd, (struct sockaddr *)&system, size) == 0 && listen(fd, BB_TCP_BACKLOG) == 0;
}

static bb_address bound_address(int fd)
{
    struct sockaddr_storage system = {0};
    socklen_t size = sizeof system;
    bb_address address = {0};
    if (getsockname(fd, (struct sockaddr *)&system, &size) == 0)
        bb_address_from_system(&system, &address);
    return address;
}

static const char *text_of(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "address already in use";
    case EADDRNOTAVAIL:
        return "this machine does not have this address";
    case EAFNOSUPPORT:
        return "this machine does not speak this version of IP";
    case EACCES:
    case EPERM:
        return "permission denied (ports below 1024 usually need the capability CAP_NET_BIND_SERVICE)";
    case EMFILE:
    case ENFILE:
        return "no file descriptors left";
    default:
        return strerror(error);
    }
}

static void put_error(const bb_address *address, int error, bb_text *text)
{
    bb_address_put(address, text);
    bb_text_puts(text, ": ");
    bb_text_puts(text, text_of(error));
}

bool bb_tcp_listen(const bb_address *address, const bb_tcp_options *options, bb_tcp_listener *out, bb_text *error)
{
    int family = address->family == BB_FAMILY_IPV6 ? AF_INET6 : AF_INET;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || !set_options(fd, options) || !bind_and_listen(fd, address)) {
        put_error(address, errno, error);
        if (fd >= 0)
            close(fd);
        return false;
    }
    *out = (bb_tcp_listener){.fd = fd, .address = bound_address(fd)};
    return true;
}

void bb_tcp_listener_close(bb_tcp_listener *listener)
{
    if (listener->fd >= 0)
        close(listener->fd);
    listener->fd = -1;
}

static bb_accept accept_status(int error)
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

bb_accept bb_tcp_accept(const bb_tcp_listener *listener, bb_transport *out, bb_address *peer)
{
    struct sockaddr_storage system = {0};
    socklen_t size = sizeof system;
    int fd = accept4(listener->fd, (struct sockaddr *)&system, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return accept_status(errno);
    *out = (bb_transport){.ops = &tcp_ops, .fd = fd};
    bb_address_from_system(&system, peer);
    return BB_ACCEPT_OK;
}
