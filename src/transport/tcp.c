#include "transport/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/socket.h"

static_assert(sizeof(bb_transport) <= 32, "embedded in every connection");

static const bb_transport_ops tcp_ops = {
    .name = "tcp",
    .raw = true,
    .recv = bb_socket_recv,
    .send = bb_socket_send,
    .finish = bb_socket_finish,
    .close = bb_socket_close,
    .step = bb_socket_step,
    .wants = bb_socket_wants,
    .explain = bb_socket_explain,
};

/* --- options and errors that listening and connecting share */

static bool set(int fd, int level, int option, uint32_t value)
{
    int number = value <= INT32_MAX ? (int)value : INT32_MAX;
    return setsockopt(fd, level, option, &number, sizeof number) == 0;
}

/* Accepted sockets inherit all of these. */
static bool set_options(int fd, const bb_tcp_options *options)
{
    bool done =
        set(fd, IPPROTO_TCP, TCP_NODELAY, 1) && set(fd, SOL_SOCKET, SO_KEEPALIVE, options->keepalive_idle_s > 0);
    if (done && options->keepalive_idle_s)
        done = set(fd, IPPROTO_TCP, TCP_KEEPIDLE, options->keepalive_idle_s) &&
               set(fd, IPPROTO_TCP, TCP_KEEPINTVL, options->keepalive_interval_s) &&
               set(fd, IPPROTO_TCP, TCP_KEEPCNT, options->keepalive_probes);
    if (done)
        done = set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, options->user_timeout_ms);
    return done;
}

static int open_socket(const bb_address *address)
{
    int family = address->family == BB_FAMILY_IPV6 ? AF_INET6 : AF_INET;
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* Append "ADDRESS:PORT: what is wrong", close `fd`, and return false. */
static bool refuse(int fd, const bb_address *address, const char *why, bb_text *error)
{
    bb_address_put(address, error);
    bb_text_puts(error, ": ");
    bb_text_puts(error, why);
    if (fd >= 0)
        close(fd);
    return false;
}

/* --- listening */

static bool bind_and_listen(int fd, const bb_address *address)
{
    struct sockaddr_storage system;
    socklen_t size = (socklen_t)bb_address_to_system(address, &system);
    if (!set(fd, SOL_SOCKET, SO_REUSEADDR, 1))
        return false;
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

static const char *listening_error(int error)
{
    return error == EACCES || error == EPERM
               ? "permission denied (ports below 1024 usually need the capability CAP_NET_BIND_SERVICE)"
               : bb_socket_error_text(error);
}

bool bb_tcp_listen(const bb_address *address, const bb_tcp_options *options, bb_tcp_listener *out, bb_text *error)
{
    int fd = open_socket(address);
    if (fd < 0 || !set_options(fd, options) || !bind_and_listen(fd, address))
        return refuse(fd, address, listening_error(errno), error);
    *out = (bb_tcp_listener){.fd = fd, .address = bound_address(fd)};
    return true;
}

void bb_tcp_listener_set(const bb_tcp_listener *listener, const bb_tcp_options *options)
{
    (void)set_options(listener->fd, options); /* what was possible once is possible again */
}

void bb_tcp_listener_close(bb_tcp_listener *listener)
{
    if (listener->fd >= 0)
        close(listener->fd);
    listener->fd = -1;
}

bb_accept bb_tcp_accept(const bb_tcp_listener *listener, bb_transport *out, bb_address *peer)
{
    struct sockaddr_storage system = {0};
    socklen_t size = sizeof system;
    int fd = accept4(listener->fd, (struct sockaddr *)&system, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return bb_socket_accept_status(errno);
    *out = (bb_transport){.ops = &tcp_ops, .fd = fd};
    bb_address_from_system(&system, peer);
    return BB_ACCEPT_OK;
}

/* --- connecting: until it is done the transport has other functions */

static bb_moved connecting_recv(bb_transport *transport, uint8_t *into, size_t room)
{
    return (bb_moved){.io = BB_IO_WAIT, .drained = true};
}

static bb_moved connecting_send(bb_transport *transport, const bb_span *spans, size_t n)
{
    return (bb_moved){.io = BB_IO_WAIT};
}

static unsigned connecting_wants(const bb_transport *transport)
{
    return BB_WRITABLE;
}

static bb_moved connecting_step(bb_transport *transport)
{
    struct pollfd what = {.fd = transport->fd, .events = POLLOUT};
    if (poll(&what, 1, 0) != 1) /* SO_ERROR alone is 0 while the connection is on its way, too */
        return (bb_moved){.io = BB_IO_WAIT};
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(transport->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        error = errno;
    if (error)
        return (bb_moved){.io = BB_IO_ERROR, .error = error};
    transport->ops = &tcp_ops;
    return (bb_moved){.io = BB_IO_OK};
}

static const bb_transport_ops connecting_ops = {
    .name = "tcp",
    .raw = true,
    .recv = connecting_recv,
    .send = connecting_send,
    .finish = bb_socket_finish,
    .close = bb_socket_close,
    .step = connecting_step,
    .wants = connecting_wants,
    .explain = bb_socket_explain,
};

/* The port is chosen when it is known whom we connect to: each pair of addresses has all ports for itself. */
static bool bind_from(int fd, const bb_address *from)
{
    bb_address any_port = *from;
    any_port.port = 0;
    struct sockaddr_storage system;
    socklen_t size = (socklen_t)bb_address_to_system(&any_port, &system);
    return set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1) && bind(fd, (struct sockaddr *)&system, size) == 0;
}

static bool begin_to_connect(int fd, const bb_address *address)
{
    struct sockaddr_storage system;
    socklen_t size = (socklen_t)bb_address_to_system(address, &system);
    return connect(fd, (struct sockaddr *)&system, size) == 0 || errno == EINPROGRESS;
}

bool bb_tcp_connect(const bb_address *address, const bb_tcp_options *options, bb_transport *out, bb_text *error)
{
    int fd = open_socket(address);
    if (fd < 0 || !set_options(fd, options) || (options->from && !bind_from(fd, options->from)) ||
        !begin_to_connect(fd, address))
        return refuse(fd, address, bb_socket_error_text(errno), error);
    *out = (bb_transport){.ops = &connecting_ops, .fd = fd};
    return true;
}
