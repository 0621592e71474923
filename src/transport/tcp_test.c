#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "transport/tcp.h"

static const bb_tcp_options options = {
    .keepalive_idle_s = 61, .keepalive_interval_s = 17, .keepalive_probes = 5, .user_timeout_ms = 45000};

static bb_tcp_listener listen_at(const char *where)
{
    bb_address address;
    bb_tcp_listener listener;
    char buffer[128];
    bb_text error = bb_text_on(buffer, sizeof buffer);
    assert_null(bb_address_parse(bb_span_text(where), &address));
    if (!bb_tcp_listen(&address, &options, &listener, &error))
        fail_msg("%.*s", (int)error.len, error.at);
    assert_int_not_equal(listener.address.port, 0);
    return listener;
}

static int connect_to(const bb_tcp_listener *listener)
{
    struct sockaddr_storage system;
    socklen_t size = (socklen_t)bb_address_to_system(&listener->address, &system);
    int fd = socket(system.ss_family, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&system, size), 0);
    return fd;
}

static void wait_for(int fd, short events)
{
    struct pollfd what = {.fd = fd, .events = events};
    assert_int_equal(poll(&what, 1, 5000), 1);
}

/* A listener, one accepted connection, and the peer's socket. */
typedef struct fixture {
    bb_tcp_listener listener;
    bb_transport transport;
    bb_address peer_address;
    int peer;
} fixture;

static void set_up(fixture *f, const char *where)
{
    f->listener = listen_at(where);
    f->peer = connect_to(&f->listener);
    wait_for(f->listener.fd, POLLIN);
    assert_int_equal(bb_tcp_accept(&f->listener, &f->transport, &f->peer_address), BB_ACCEPT_OK);
}

static void tear_down(fixture *f)
{
    bb_transport_close(&f->transport);
    bb_transport_close(&f->transport); /* twice does nothing */
    bb_tcp_listener_close(&f->listener);
    bb_tcp_listener_close(&f->listener);
    close(f->peer);
}

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof value;
    assert_int_equal(getsockopt(fd, level, option, &value, &size), 0);
    return value;
}

static void accepted_sockets_inherit_the_options(void **state)
{
    fixture f;
    set_up(&f, "127.0.0.1:0");
    int fd = f.transport.fd;
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), 61);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), 17);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_KEEPCNT), 5);
    assert_int_equal(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 45000);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    tear_down(&f);
}

static void the_peer_is_known(void **state)
{
    fixture f;
    set_up(&f, "127.0.0.1:0");
    bb_address asked = bb_transport_peer(&f.transport);
    assert_memory_equal(&asked, &f.peer_address, sizeof asked);
    assert_int_equal(asked.family, BB_FAMILY_IPV4);
    assert_int_not_equal(asked.port, f.listener.address.port);
    bb_transport_close(&f.transport);
    assert_int_equal(bb_transport_peer(&f.transport).family, BB_FAMILY_NONE);
    tear_down(&f);
}

static void bytes_go_both_ways(void **state)
{
    fixture f;
    set_up(&f, "127.0.0.1:0");
    uint8_t buffer[16];
    bb_moved moved = bb_transport_recv(&f.transport, buffer, sizeof buffer);
    assert_int_equal(moved.io, BB_IO_WAIT);
    assert_int_equal(write(f.peer, "hello", 5), 5);
    wait_for(f.transport.fd, POLLIN);
    moved = bb_transport_recv(&f.transport, buffer, 3);
    assert_int_equal(moved.io, BB_IO_OK);
    assert_int_equal(moved.bytes, 3);
    assert_false(moved.drained);
    moved = bb_transport_recv(&f.transport, buffer + 3, sizeof buffer - 3);
    assert_int_equal(moved.bytes, 2);
    assert_true(moved.drained);
    assert_memory_equal(buffer, "hello", 5);

    const bb_span spans[] = {BB_SPAN_LITERAL("good"), BB_SPAN_LITERAL("bye")};
    assert_int_equal(bb_transport_send(&f.transport, spans, 2).bytes, 7);
    assert_int_equal(bb_transport_send(&f.transport, spans, 1).bytes, 4);
    assert_int_equal(recv(f.peer, buffer, 11, MSG_WAITALL), 11);
    assert_memory_equal(buffer, "goodbyegood", 11);
    tear_down(&f);
}

static void a_full_socket_says_wait(void **state)
{
    fixture f;
    set_up(&f, "127.0.0.1:0");
    static uint8_t megabyte[1 << 20];
    const bb_span much = bb_span_of(megabyte, sizeof megabyte);
    bb_moved moved;
    size_t sent = 0;
    while ((moved = bb_transport_send(&f.transport, &much, 1)).io == BB_IO_OK)
        sent += moved.bytes;
    assert_int_equal(moved.io, BB_IO_WAIT);
    assert_true(sent > 0);
    tear_down(&f);
}

static void ends_and_errors_are_told_apart(void **state)
{
    fixture f;
    uint8_t buffer[16];
    set_up(&f, "127.0.0.1:0");
    shutdown(f.peer, SHUT_WR);
    wait_for(f.transport.fd, POLLIN);
    assert_int_equal(bb_transport_recv(&f.transport, buffer, sizeof buffer).io, BB_IO_END);
    tear_down(&f);

    set_up(&f, "127.0.0.1:0");
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(f.peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(f.peer);
    f.peer = -1;
    wait_for(f.transport.fd, POLLIN);
    bb_moved moved = bb_transport_recv(&f.transport, buffer, sizeof buffer);
    assert_int_equal(moved.io, BB_IO_ERROR);
    assert_int_equal(moved.error, ECONNRESET);
    const bb_span byte = BB_SPAN_LITERAL("x");
    assert_int_equal(bb_transport_send(&f.transport, &byte, 1).io, BB_IO_ERROR); /* and no SIGPIPE */
    tear_down(&f);
}

/* The peer has written more than we read, and yet sees our last words and an end in good order. */
static void the_last_bytes_reach_a_peer_that_is_still_writing(void **state)
{
    fixture f;
    set_up(&f, "127.0.0.1:0");
    static uint8_t unread[100000], scratch[4096];
    assert_int_equal(send(f.peer, unread, sizeof unread, MSG_DONTWAIT) > 0, 1);
    const bb_span last = BB_SPAN_LITERAL("last words");
    assert_int_equal(bb_transport_send(&f.transport, &last, 1).bytes, 10);
    bb_transport_finish(&f.transport);
    char got[16];
    assert_int_equal(recv(f.peer, got, 10, MSG_WAITALL), 10);
    assert_int_equal(recv(f.peer, got, sizeof got, 0), 0);
    close(f.peer);
    f.peer = -1;
    bb_moved moved;
    do {
        wait_for(f.transport.fd, POLLIN);
        moved = bb_transport_drain(&f.transport, scratch, sizeof scratch);
    } while (moved.io == BB_IO_OK || moved.io == BB_IO_WAIT);
    assert_int_equal(moved.io, BB_IO_END);
    tear_down(&f);
}

static void an_address_in_use_is_named(void **state)
{
    bb_tcp_listener listener = listen_at("127.0.0.1:0"), second = {.fd = -7};
    char buffer[128];
    bb_text error = bb_text_on(buffer, sizeof buffer);
    assert_false(bb_tcp_listen(&listener.address, &options, &second, &error));
    assert_int_equal(second.fd, -7);
    char expected[128];
    int len = snprintf(expected, sizeof expected, "127.0.0.1:%u: address already in use", listener.address.port);
    assert_int_equal(error.len, len);
    assert_memory_equal(error.at, expected, error.len);
    bb_tcp_listener_close(&listener);
}

static void an_address_of_another_machine_is_refused(void **state)
{
    bb_address address;
    bb_tcp_listener listener;
    char buffer[128];
    bb_text error = bb_text_on(buffer, sizeof buffer);
    assert_null(bb_address_parse(BB_SPAN_LITERAL("192.0.2.1:0"), &address));
    assert_false(bb_tcp_listen(&address, &options, &listener, &error));
    assert_true(
        bb_span_equal(bb_text_span(&error), BB_SPAN_LITERAL("192.0.2.1:0: this machine does not have this address")));
}

static void both_versions_of_ip_share_a_port(void **state)
{
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool has_ipv6 = probe >= 0 && bind(probe, (struct sockaddr *)&loopback, sizeof loopback) == 0;
    if (probe >= 0)
        close(probe);
    if (!has_ipv6)
        skip();
    fixture f;
    set_up(&f, "[::1]:0");
    assert_int_equal(f.peer_address.family, BB_FAMILY_IPV6);
    assert_int_equal(option_of(f.listener.fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    tear_down(&f);
}

static void without_files_the_peer_waits(void **state)
{
    bb_tcp_listener listener = listen_at("127.0.0.1:0");
    bb_transport transport;
    bb_address peer;
    assert_int_equal(bb_tcp_accept(&listener, &transport, &peer), BB_ACCEPT_WAIT);
    int client = connect_to(&listener);
    wait_for(listener.fd, POLLIN);
    struct rlimit before, none;
    getrlimit(RLIMIT_NOFILE, &before);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    bb_accept accepted = bb_tcp_accept(&listener, &transport, &peer);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(accepted, BB_ACCEPT_NO_FILES);
    assert_int_equal(bb_tcp_accept(&listener, &transport, &peer), BB_ACCEPT_OK);
    bb_transport_close(&transport);
    bb_tcp_listener_close(&listener);
    close(client);
}

static void a_connection_comes_from_the_chosen_address(void **state)
{
    bb_tcp_listener listener = listen_at("127.0.0.1:0");
    const bb_address from = {.ip = {127, 0, 0, 9}, .port = 4711, .family = BB_FAMILY_IPV4};
    const bb_tcp_options from_there = {.from = &from};
    char buffer[128];
    bb_text error = bb_text_on(buffer, sizeof buffer);
    bb_transport transport, accepted;
    bb_address peer;
    assert_true(bb_tcp_connect(&listener.address, &from_there, &transport, &error));
    wait_for(listener.fd, POLLIN);
    assert_int_equal(bb_tcp_accept(&listener, &accepted, &peer), BB_ACCEPT_OK);
    assert_memory_equal(peer.ip, from.ip, sizeof peer.ip);
    bb_transport_close(&accepted);
    bb_transport_close(&transport);
    bb_tcp_listener_close(&listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted_sockets_inherit_the_options),
        cmocka_unit_test(the_peer_is_known),
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(a_full_socket_says_wait),
        cmocka_unit_test(ends_and_errors_are_told_apart),
        cmocka_unit_test(the_last_bytes_reach_a_peer_that_is_still_writing),
        cmocka_unit_test(an_address_in_use_is_named),
        cmocka_unit_test(an_address_of_another_machine_is_refused),
        cmocka_unit_test(both_versions_of_ip_share_a_port),
        cmocka_unit_test(without_files_the_peer_waits),
        cmocka_unit_test(a_connection_comes_from_the_chosen_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
