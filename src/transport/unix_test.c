#include "transport/unix.h"

#include <errno.h>
#include <sys/un.h>
#include <unistd.h>

#include "transport/peer_test.h"

static char folder[] = "/tmp/busbar-test-XXXXXX", path[64];

static bb_unix_listener listen_well(mode_t mode)
{
    bb_unix_listener listener;
    char buffer[256];
    bb_text error = bb_text_on(buffer, sizeof buffer);
    if (!bb_unix_listen(path, mode, &listener, &error))
        fail_msg("%.*s", (int)error.len, error.at);
    return listener;
}

static void expect_refusal(const char *at, const char *words)
{
    bb_unix_listener listener;
    char buffer[256];
    bb_text error = bb_text_on(buffer, sizeof buffer);
    assert_false(bb_unix_listen(at, 0600, &listener, &error));
    testing_contains(bb_text_span(&error), words);
}

static mode_t mode_now(void)
{
    struct stat file;
    assert_int_equal(lstat(path, &file), 0);
    return file.st_mode & 0777;
}

static void bytes_and_who_sends_them_arrive(void **state)
{
    bb_unix_listener listener = listen_well(0600);
    bb_transport client, server;
    bb_address peer;
    char buffer[64];
    bb_text error = bb_text_on(buffer, sizeof buffer);
    assert_int_equal(mode_now(), 0600);
    assert_int_equal(bb_unix_accept(&listener, &server, &peer), BB_ACCEPT_WAIT);
    assert_true(bb_unix_connect(path, &client, &error));
    assert_int_equal(bb_unix_accept(&listener, &server, &peer), BB_ACCEPT_OK);
    assert_int_equal(peer.family, BB_FAMILY_PROCESS);
    assert_int_equal(peer.process.pid, getpid());
    assert_int_equal(peer.process.uid, getuid());
    bb_address_put(&peer, &error);
    testing_contains(bb_text_span(&error), "pid ");
    const bb_span hello = BB_SPAN_LITERAL("hello");
    assert_int_equal(bb_transport_send(&client, &hello, 1).bytes, 5);
    assert_int_equal(bb_transport_recv(&server, (uint8_t *)buffer, sizeof buffer).bytes, 5);
    bb_transport_close(&client);
    bb_transport_close(&server);
    bb_unix_listener_close(&listener, path);
    assert_int_equal(access(path, F_OK), -1);
    bb_unix_listener_close(&listener, path);
}

static void the_mode_holds_whatever_the_umask_says_and_can_change(void **state)
{
    mode_t before = umask(0077);
    bb_unix_listener listener = listen_well(0666);
    char buffer[256];
    bb_text error = bb_text_on(buffer, sizeof buffer);
    umask(before);
    assert_int_equal(mode_now(), 0666);
    assert_true(bb_unix_listener_allow(&listener, path, 0640, &error));
    assert_int_equal(mode_now(), 0640);
    bb_unix_listener_close(&listener, path);
}

static void a_stale_socket_is_replaced_and_a_live_one_is_not(void **state)
{
    bb_unix_listener first = listen_well(0600);
    expect_refusal(path, "/socket: somebody listens on this socket already");
    close(first.fd); /* as if its process had been killed */
    bb_unix_listener second = listen_well(0600);
    assert_int_equal(unlink(path), 0);
    bb_unix_listener third = listen_well(0600);
    bb_unix_listener_close(&second, path); /* the file is not its own any more */
    assert_int_equal(access(path, F_OK), 0);
    bb_unix_listener_close(&third, path);
}

static void what_is_no_socket_stays(void **state)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    expect_refusal(path, "there is a file of this name, which is not a socket");
    assert_int_equal(unlink(path), 0);
    expect_refusal("/no/such/folder/socket", "the folder does not exist");
    expect_refusal("", "a Unix socket needs a path");
}

static void an_abstract_socket_has_no_file(void **state)
{
    char name[64], buffer[128];
    bb_text error = bb_text_on(buffer, sizeof buffer);
    bb_unix_listener listener;
    bb_transport client;
    snprintf(name, sizeof name, "@busbar-test-%d", (int)getpid());
    assert_true(bb_unix_listen(name, 0600, &listener, &error));
    assert_true(bb_unix_connect(name, &client, &error));
    expect_refusal(name, "somebody listens");
    bb_transport_close(&client);
    bb_unix_listener_close(&listener, name);
}

static int make_folder(void **state)
{
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/socket", folder);
    return 0;
}

static int remove_folder(void **state)
{
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_and_who_sends_them_arrive),
        cmocka_unit_test(the_mode_holds_whatever_the_umask_says_and_can_change),
        cmocka_unit_test(a_stale_socket_is_replaced_and_a_live_one_is_not),
        cmocka_unit_test(what_is_no_socket_stays),
        cmocka_unit_test(an_abstract_socket_has_no_file),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
