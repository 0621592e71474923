#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "transport/dial.h"
#include "transport/resolve.h"
#include "transport/peer_test.h"
#include "transport/unix.h"

static bb_mem mem = {testing_alloc, testing_release, NULL, 0};

/* An address on which nothing listens. */
static bb_address closed_address(void)
{
    bb_tcp_listener listener = testing_listen();
    bb_tcp_listener_close(&listener);
    return listener.address;
}

static bb_io dial_to_the_end(bb_dial *dial)
{
    bb_io io;
    while ((io = bb_dial_step(dial)) == BB_IO_WAIT)
        testing_wait(dial->transport.fd, testing_poll_events(bb_dial_wants(dial)));
    return io;
}

static void a_listener_is_reached(void **state)
{
    bb_tcp_listener listener = testing_listen();
    const bb_dial_options options = {.addresses = &listener.address, .addresses_count = 1, .host = "127.0.0.1"};
    bb_dial dial;
    bb_dial_begin(&dial, &options, &mem);
    assert_int_equal(dial_to_the_end(&dial), BB_IO_OK);
    assert_string_equal(dial.transport.ops->name, "tcp");
    assert_true(dial.transport.ops->raw);
    assert_int_equal(bb_dial_wants(&dial), 0);
    int peer = testing_accept(&listener);
    const bb_span hello = BB_SPAN_LITERAL("hello");
    char got[8];
    assert_int_equal(bb_transport_send(&dial.transport, &hello, 1).bytes, 5);
    assert_int_equal(recv(peer, got, 5, MSG_WAITALL), 5);
    bb_dial_cancel(&dial);
    bb_dial_cancel(&dial); /* twice does nothing */
    close(peer);
    bb_tcp_listener_close(&listener);
}

static void all_addresses_are_tried_in_turn(void **state)
{
    bb_tcp_listener listener = testing_listen();
    const bb_address addresses[] = {closed_address(), closed_address(), listener.address};
    const bb_dial_options options = {.addresses = addresses, .addresses_count = 3, .host = "127.0.0.1"};
    bb_dial dial;
    bb_dial_begin(&dial, &options, &mem);
    assert_int_equal(dial_to_the_end(&dial), BB_IO_OK);
    assert_int_equal(bb_transport_peer(&dial.transport).port, listener.address.port);
    bb_dial_cancel(&dial);
    bb_tcp_listener_close(&listener);
}

static void every_address_that_failed_is_named(void **state)
{
    const bb_address addresses[] = {closed_address(), closed_address()};
    const bb_dial_options options = {.addresses = addresses, .addresses_count = 2, .host = "127.0.0.1"};
    bb_dial dial;
    bb_dial_begin(&dial, &options, &mem);
    assert_int_equal(dial_to_the_end(&dial), BB_IO_ERROR);
    assert_int_equal(dial.transport.fd, -1);
    for (size_t i = 0; i < 2; i++) {
        char expected[96];
        snprintf(expected, sizeof expected, "127.0.0.1:%u: connection refused", addresses[i].port);
        testing_contains(bb_dial_error(&dial), expected);
    }
    assert_int_equal(bb_dial_step(&dial), BB_IO_ERROR);
}

static void an_address_that_takes_too_long_is_given_up(void **state)
{
    bb_tcp_listener silent = testing_listen(), listener = testing_listen();
    const bb_address addresses[] = {silent.address, listener.address};
    const bb_dial_options options = {.addresses = addresses, .addresses_count = 2, .host = "127.0.0.1"};
    bb_dial dial;
    bb_dial_begin(&dial, &options, &mem);
    bb_io io = bb_dial_step(&dial);
    assert_true(io == BB_IO_WAIT || io == BB_IO_OK);
    bb_dial_next(&dial, "no answer within 10 s");
    assert_int_equal(dial.transport.fd, -1);
    assert_int_equal(bb_dial_wants(&dial), 0);
    assert_int_equal(dial_to_the_end(&dial), BB_IO_OK);
    assert_int_equal(bb_transport_peer(&dial.transport).port, listener.address.port);
    testing_contains(bb_dial_error(&dial), "no answer within 10 s");
    bb_dial_cancel(&dial);
    bb_tcp_listener_close(&silent);
    bb_tcp_listener_close(&listener);
}

static void a_unix_socket_is_reached(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char folder[] = "/tmp/busbar-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", folder);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 1), 0);

    const bb_dial_options options = {.unix_path = address.sun_path};
    bb_dial dial;
    bb_dial_begin(&dial, &options, &mem);
    assert_int_equal(bb_dial_step(&dial), BB_IO_OK);
    assert_string_equal(dial.transport.ops->name, "unix");
    bb_dial_cancel(&dial);

    close(listener);
    bb_dial_begin(&dial, &options, &mem);
    assert_int_equal(bb_dial_step(&dial), BB_IO_ERROR);
    testing_contains(bb_dial_error(&dial), "/socket: connection refused");
    unlink(address.sun_path);
    bb_dial_begin(&dial, &options, &mem);
    assert_int_equal(bb_dial_step(&dial), BB_IO_ERROR);
    testing_contains(bb_dial_error(&dial), "there is no such socket");
    rmdir(folder);
}

static void a_path_too_long_for_a_unix_socket_is_refused(void **state)
{
    char path[BB_UNIX_PATH_MAX + 2];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = 0;
    const bb_dial_options options = {.unix_path = path};
    bb_dial dial;
    bb_dial_begin(&dial, &options, &mem);
    assert_int_equal(bb_dial_step(&dial), BB_IO_ERROR);
    testing_contains(bb_dial_error(&dial), "at most 107 bytes");
}

static void names_are_looked_up(void **state)
{
    bb_address found[BB_RESOLVE_MAX];
    char buffer[256];
    bb_text error = bb_text_on(buffer, sizeof buffer);
    assert_int_equal(bb_resolve("127.0.0.1", 1883, found, BB_RESOLVE_MAX, &error), 1);
    assert_int_equal(found[0].family, BB_FAMILY_IPV4);
    assert_int_equal(found[0].port, 1883);
    assert_int_equal(bb_resolve("::1", 1883, found, BB_RESOLVE_MAX, &error), 1);
    assert_int_equal(found[0].family, BB_FAMILY_IPV6);
    assert_true(bb_resolve("localhost", 1, found, BB_RESOLVE_MAX, &error) >= 1);
    assert_int_equal(error.len, 0);
    assert_true(bb_resolve_digits("::1", 1883, found) && found[0].family == BB_FAMILY_IPV6);
    assert_false(bb_resolve_digits("localhost", 1883, found));
    assert_int_equal(bb_resolve("no such host", 1, found, BB_RESOLVE_MAX, &error), 0);
    testing_contains(bb_text_span(&error), "no such host: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listener_is_reached),
        cmocka_unit_test(all_addresses_are_tried_in_turn),
        cmocka_unit_test(every_address_that_failed_is_named),
        cmocka_unit_test(an_address_that_takes_too_long_is_given_up),
        cmocka_unit_test(a_unix_socket_is_reached),
        cmocka_unit_test(a_path_too_long_for_a_unix_socket_is_refused),
        cmocka_unit_test(names_are_looked_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
