/* peer_test.h - what the tests of this folder share: memory that is counted, a listener, and waiting for events. */
#ifndef BB_TRANSPORT_PEER_TEST_H
#define BB_TRANSPORT_PEER_TEST_H

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "base/mem.h"
#include "transport/tcp.h"

enum { TESTING_PATIENCE_MS = 10000 };

static inline void *testing_alloc(void *context, size_t size)
{
    return malloc(size);
}

static inline void testing_release(void *context, void *block, size_t size)
{
    free(block);
}

static inline bb_mem testing_mem(void)
{
    return (bb_mem){.alloc = testing_alloc, .release = testing_release};
}

static inline void testing_wait(int fd, short events)
{
    struct pollfd what = {.fd = fd, .events = events};
    assert_int_equal(poll(&what, 1, TESTING_PATIENCE_MS), 1);
}

static inline short testing_poll_events(unsigned wants)
{
    return (short)((wants & BB_READABLE ? POLLIN : 0) | (wants & BB_WRITABLE ? POLLOUT : 0));
}

static inline bb_tcp_listener testing_listen(void)
{
    const bb_tcp_options options = {0};
    bb_address address;
    bb_tcp_listener listener;
    char buffer[128];
    bb_text error = bb_text_on(buffer, sizeof buffer);
    assert_null(bb_address_parse(BB_SPAN_LITERAL("127.0.0.1:0"), &address));
    if (!bb_tcp_listen(&address, &options, &listener, &error))
        fail_msg("%.*s", (int)error.len, error.at);
    return listener;
}

/* The next connection of `listener`, waited for. */
static inline int testing_accept(const bb_tcp_listener *listener)
{
    bb_transport transport;
    bb_address peer;
    testing_wait(listener->fd, POLLIN);
    assert_int_equal(bb_tcp_accept(listener, &transport, &peer), BB_ACCEPT_OK);
    return transport.fd;
}

/* Let the kernel hold little on its way out of `fd`, so that it is full soon. */
static inline void testing_shrink(int fd)
{
    int bytes = 32 * 1024;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0);
}

static inline void testing_contains(bb_span text, const char *what)
{
    char copy[1024];
    snprintf(copy, sizeof copy, "%.*s", (int)text.len, (const char *)text.data);
    if (!strstr(copy, what))
        fail_msg("'%s' does not contain '%s'", copy, what);
}

#endif
