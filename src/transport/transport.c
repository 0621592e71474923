#include "transport/transport.h"

#include <errno.h>
#include <sys/socket.h>

enum { DRAIN_READS = 16 }; /* of one bb_transport_drain */

bb_moved bb_transport_sent(ssize_t result)
{
    if (result >= 0)
        return (bb_moved){.bytes = (size_t)result, .io = BB_IO_OK};
    if (result == -EAGAIN || result == -EWOULDBLOCK)
        return (bb_moved){.io = BB_IO_WAIT};
    return (bb_moved){.io = BB_IO_ERROR, .error = (int)-result};
}

bb_moved bb_transport_drain(bb_transport *transport, uint8_t *scratch, size_t room)
{
    bb_moved moved = {.io = BB_IO_OK};
    for (unsigned i = 0; i < DRAIN_READS && moved.io == BB_IO_OK; i++)
        moved = bb_transport_recv(transport, scratch, room);
    return moved;
}

const bb_transport *bb_transport_part(const bb_transport *transport, const char *name)
{
    if (transport->fd < 0)
        return NULL;
    while (transport && strcmp(transport->ops->name, name) != 0)
        transport = transport->ops->below ? transport->ops->below(transport) : NULL;
    return transport;
}

bb_address bb_transport_peer(const bb_transport *transport)
{
    struct sockaddr_storage system = {0};
    socklen_t size = sizeof system;
    bb_address address = {0};
    if (transport->fd >= 0 && getpeername(transport->fd, (struct sockaddr *)&system, &size) == 0)
        bb_address_from_system(&system, &address);
    return address;
}
