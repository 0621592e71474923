#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include "transport/dial.h"
#include "transport/identity_test.h"

enum { DAY_S = 24 * 3600 };

static bb_mem mem = {testing_alloc, testing_release, NULL, 0};
static identity authority, other_authority;

/* A server with one certificate, and one client that dials it. */
typedef struct fixture {
    identity server_identity;
    SSL_CTX *server_context;
    bb_tcp_listener listener;
    SSL *server;
    bb_tls_context *context;
    bb_dial_options options;
    bb_dial dial;
} fixture;

typedef struct scenario {
    const char *host;       /* what is dialled; NULL: broker.example */
    identity_options proof; /* what the server has */
    bb_tls_client_options client;
    bool ask_client; /* the server wants a certificate of the client */
    int server_max_version;
} scenario;

static void set_up(fixture *f, const scenario *s)
{
    *f = (fixture){0};
    identity_options proof = s->proof;
    proof.name = proof.name ? proof.name : "broker.example";
    proof.alternatives = proof.alternatives ? proof.alternatives : "DNS:broker.example,IP:127.0.0.1";
    proof.issuer = proof.issuer ? proof.issuer : &authority;
    proof.until_s = proof.until_s ? proof.until_s : DAY_S;
    f->server_identity = identity_new(&proof);
    f->server_context = server_context_new(&f->server_identity, s->ask_client ? &authority : NULL);
    SSL_CTX_set_max_proto_version(f->server_context, s->server_max_version);
    f->listener = testing_listen();

    bb_tls_client_options client = s->client;
    client.ca_file = client.ca_file ? client.ca_file : authority.certificate_file;
    char buffer[256];
    bb_text error = bb_text_on(buffer, sizeof buffer);
    f->context = bb_tls_client_context_new(&client, &error);
    if (!f->context)
        fail_msg("%.*s", (int)error.len, error.at);
    f->options = (bb_dial_options){.addresses = &f->listener.address,
                                   .addresses_count = 1,
                                   .tls = f->context,
                                   .host = s->host ? s->host : "broker.example"};
    bb_dial_begin(&f->dial, &f->options, &mem);
}

static void tear_down(fixture *f)
{
    bb_dial_cancel(&f->dial);
    if (f->server) {
        close(SSL_get_fd(f->server));
        SSL_free(f->server);
    }
    ERR_clear_error();
    bb_tls_context_free(f->context);
    bb_tcp_listener_close(&f->listener);
    SSL_CTX_free(f->server_context);
    identity_free(&f->server_identity);
    assert_int_equal(mem.bytes_now, 0);
}

/* Let both ends go on until the client knows. */
static bb_io shake_hands(fixture *f)
{
    bb_io io = bb_dial_step(&f->dial);
    f->server = SSL_new(f->server_context);
    int fd = testing_accept(&f->listener);
    SSL_set_fd(f->server, fd);
    while (io == BB_IO_WAIT) {
        if (SSL_accept(f->server) != 1)
            ERR_clear_error();
        io = bb_dial_step(&f->dial);
    }
    for (int i = 0; i < 100 && io == BB_IO_OK && SSL_accept(f->server) != 1; i++)
        usleep(1000);
    ERR_clear_error();
    return io;
}

static bb_moved receive(bb_transport *transport, uint8_t *into, size_t room)
{
    bb_moved moved;
    while ((moved = bb_transport_recv(transport, into, room)).io == BB_IO_WAIT)
        testing_wait(transport->fd, POLLIN);
    return moved;
}

static void expect_refusal(const scenario *s, const char *words)
{
    fixture f;
    set_up(&f, s);
    assert_int_equal(shake_hands(&f), BB_IO_ERROR);
    testing_contains(bb_dial_error(&f.dial), words);
    tear_down(&f);
}

static void bytes_go_both_ways(void **state)
{
    fixture f;
    uint8_t buffer[64];
    set_up(&f, &(scenario){0});
    assert_int_equal(shake_hands(&f), BB_IO_OK);
    bb_transport *transport = &f.dial.transport;
    assert_string_equal(transport->ops->name, "tls");
    assert_false(transport->ops->raw);
    assert_int_equal(bb_transport_wants(transport), 0);
    assert_int_equal(bb_transport_step(transport).io, BB_IO_OK);
    assert_int_equal(bb_transport_recv(transport, buffer, sizeof buffer).io, BB_IO_WAIT);

    const bb_span spans[] = {BB_SPAN_LITERAL("good"), BB_SPAN_LITERAL(""), BB_SPAN_LITERAL("bye")};
    assert_int_equal(bb_transport_send(transport, spans, 3).bytes, 7);
    testing_wait(SSL_get_fd(f.server), POLLIN);
    assert_int_equal(SSL_read(f.server, buffer, sizeof buffer), 7);
    assert_memory_equal(buffer, "goodbye", 7);

    assert_int_equal(SSL_write(f.server, "hello", 5), 5);
    bb_moved moved = receive(transport, buffer, 3);
    assert_int_equal(moved.bytes, 3);
    assert_false(moved.drained); /* the rest lies in OpenSSL, and no event will come for it */
    moved = bb_transport_recv(transport, buffer + 3, sizeof buffer - 3);
    assert_int_equal(moved.bytes, 2);
    assert_true(moved.drained);
    assert_memory_equal(buffer, "hello", 5);
    tear_down(&f);
}

static void both_ends_can_say_that_they_are_done(void **state)
{
    fixture f;
    uint8_t buffer[16];
    set_up(&f, &(scenario){0});
    assert_int_equal(shake_hands(&f), BB_IO_OK);
    bb_transport_finish(&f.dial.transport);
    testing_wait(SSL_get_fd(f.server), POLLIN);
    assert_int_equal(SSL_read(f.server, buffer, sizeof buffer), 0);
    assert_int_equal(SSL_get_shutdown(f.server), SSL_RECEIVED_SHUTDOWN);
    assert_int_equal(SSL_write(f.server, "last", 4), 4);
    SSL_shutdown(f.server);
    bb_moved moved = receive(&f.dial.transport, buffer, sizeof buffer);
    assert_int_equal(moved.bytes, 4);
    assert_int_equal(receive(&f.dial.transport, buffer, sizeof buffer).io, BB_IO_END);
    tear_down(&f);

    set_up(&f, &(scenario){0}); /* the end of TCP alone is an end, too: MQTT knows where its packets end */
    assert_int_equal(shake_hands(&f), BB_IO_OK);
    shutdown(SSL_get_fd(f.server), SHUT_WR);
    assert_int_equal(receive(&f.dial.transport, buffer, sizeof buffer).io, BB_IO_END);
    tear_down(&f);
}

/* What is written while the socket is full is not lost, not doubled and not reordered. */
static void much_passes_a_full_socket_unchanged(void **state)
{
    enum { TOTAL = 3000000 };
    fixture f;
    static uint8_t out[TOTAL], in[TOTAL];
    set_up(&f, &(scenario){0});
    assert_int_equal(shake_hands(&f), BB_IO_OK);
    testing_shrink(f.dial.transport.fd);
    for (size_t i = 0; i < TOTAL; i++)
        out[i] = (uint8_t)(i * 7 + i / 251);
    size_t sent = 0, got = 0;
    bool waited = false;
    while (got < TOTAL) {
        const bb_span left[] = {bb_span_of(out + sent, (TOTAL - sent) / 3),
                                bb_span_of(out + sent + (TOTAL - sent) / 3, TOTAL - sent - (TOTAL - sent) / 3)};
        bb_moved moved = sent < TOTAL ? bb_transport_send(&f.dial.transport, left, 2) : (bb_moved){.io = BB_IO_WAIT};
        assert_int_not_equal(moved.io, BB_IO_ERROR);
        if (moved.io == BB_IO_OK) {
            sent += moved.bytes;
            continue;
        }
        waited = true;
        assert_true(sent == TOTAL || bb_transport_wants(&f.dial.transport) == BB_WRITABLE);
        testing_wait(SSL_get_fd(f.server), POLLIN);
        for (int n; (n = SSL_read(f.server, in + got, TOTAL - (int)got)) > 0;)
            got += (size_t)n;
        ERR_clear_error();
    }
    assert_true(waited);
    assert_memory_equal(in, out, TOTAL);
    tear_down(&f);
}

static void a_connection_that_breaks_is_an_error_without_a_signal(void **state)
{
    fixture f;
    uint8_t buffer[16];
    set_up(&f, &(scenario){0});
    assert_int_equal(shake_hands(&f), BB_IO_OK);
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(SSL_get_fd(f.server), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(SSL_get_fd(f.server));
    SSL_set_fd(f.server, -1);
    bb_moved moved = receive(&f.dial.transport, buffer, sizeof buffer);
    assert_int_equal(moved.io, BB_IO_ERROR);
    assert_int_equal(moved.error, ECONNRESET);
    char text[256];
    bb_text why = bb_text_on(text, sizeof text);
    bb_transport_explain(&f.dial.transport, moved.error, &why);
    testing_contains(bb_text_span(&why), "reset the connection");
    const bb_span byte = BB_SPAN_LITERAL("x");
    assert_int_equal(bb_transport_send(&f.dial.transport, &byte, 1).io, BB_IO_ERROR);
    tear_down(&f);
}

static void what_was_agreed_on_can_be_asked(void **state)
{
    fixture f;
    bb_tls_certificate certificate;
    set_up(&f, &(scenario){0});
    assert_null(bb_tls_version(&f.dial.transport));
    assert_int_equal(shake_hands(&f), BB_IO_OK);
    assert_string_equal(bb_tls_version(&f.dial.transport), "TLSv1.3");
    assert_non_null(bb_tls_cipher(&f.dial.transport));
    assert_true(bb_tls_alpn_agreed(&f.dial.transport));
    assert_string_equal(SSL_get_servername(f.server, TLSEXT_NAMETYPE_host_name), "broker.example");
    assert_int_equal(bb_tls_certificates(&f.dial.transport), 1);
    bb_tls_certificate_get(&f.dial.transport, 0, &certificate);
    assert_string_equal(certificate.subject, "CN=broker.example");
    assert_string_equal(certificate.issuer, "CN=Authority of the test");
    assert_true(certificate.not_after - certificate.not_before == DAY_S);
    tear_down(&f);

    set_up(&f, &(scenario){.server_max_version = TLS1_2_VERSION});
    assert_int_equal(shake_hands(&f), BB_IO_OK);
    assert_string_equal(bb_tls_version(&f.dial.transport), "TLSv1.2");
    tear_down(&f);
}

static void an_ip_address_can_be_dialled(void **state)
{
    fixture f;
    set_up(&f, &(scenario){.host = "127.0.0.1"});
    assert_int_equal(shake_hands(&f), BB_IO_OK);
    assert_null(SSL_get_servername(f.server, TLSEXT_NAMETYPE_host_name)); /* RFC 6066, 3 */
    tear_down(&f);
    expect_refusal(&(scenario){.host = "127.0.0.2"},
                   "the server's certificate is not for 127.0.0.2, but for broker.example, the IP address 127.0.0.1");
}

static void what_is_wrong_with_a_certificate_is_said(void **state)
{
    expect_refusal(
        &(scenario){.host = "other.example"},
        "the server's certificate is not for other.example, but for broker.example, the IP address 127.0.0.1");
    expect_refusal(&(scenario){.client.ca_file = other_authority.certificate_file},
                   "the server's certificate is not trusted: its issuer is not among the authorities that are trusted "
                   "here (CN=broker.example, issued by CN=Authority of the test)");
    expect_refusal(&(scenario){.proof = {.from_s = -2L * DAY_S, .until_s = -DAY_S}},
                   "the server's certificate (CN=broker.example) expired at 2");
    expect_refusal(&(scenario){.proof = {.from_s = DAY_S, .until_s = 2L * DAY_S}},
                   "the server's certificate (CN=broker.example) is not valid before 2");
    identity_options alone = {.name = "broker.example", .until_s = DAY_S};
    identity self = identity_new(&alone);
    expect_refusal(&(scenario){.proof = {.issuer = &self, .name = "broker.example"}}, "is not trusted");
    identity_free(&self);
}

static void checks_can_be_switched_off(void **state)
{
    static const scenario lenient[] = {
        {.host = "other.example", .client.any_name = true},
        {.host = "other.example", .client.any_certificate = true},
        {.proof = {.from_s = -2L * DAY_S, .until_s = -DAY_S}, .client.any_certificate = true},
    };
    for (size_t i = 0; i < sizeof lenient / sizeof *lenient; i++) {
        fixture f;
        set_up(&f, &lenient[i]);
        assert_int_equal(shake_hands(&f), BB_IO_OK);
        tear_down(&f);
    }
    expect_refusal(&(scenario){.client = {.any_name = true, .ca_file = other_authority.certificate_file}}, "trusted");
}

static void a_client_certificate_is_shown(void **state)
{
    fixture f;
    uint8_t buffer[16];
    const identity_options options = {.name = "a client", .issuer = &authority, .until_s = DAY_S};
    identity client = identity_new(&options);
    scenario with = {.ask_client = true,
                     .client = {.certificate_file = client.certificate_file, .key_file = client.key_file}};
    set_up(&f, &with);
    assert_int_equal(shake_hands(&f), BB_IO_OK);
    X509 *shown = SSL_get1_peer_certificate(f.server);
    assert_int_equal(X509_cmp(shown, client.certificate), 0);
    X509_free(shown);
    tear_down(&f);
    identity_free(&client);

    set_up(&f, &(scenario){.ask_client = true}); /* with 1.3 the refusal comes after the handshake */
    assert_int_equal(shake_hands(&f), BB_IO_OK);
    bb_moved moved = receive(&f.dial.transport, buffer, sizeof buffer);
    assert_int_equal(moved.io, BB_IO_ERROR);
    char text[256];
    bb_text why = bb_text_on(text, sizeof text);
    bb_transport_explain(&f.dial.transport, moved.error, &why);
    testing_contains(bb_text_span(&why), "the server wants a client certificate");
    tear_down(&f);
    expect_refusal(&(scenario){.ask_client = true, .server_max_version = TLS1_2_VERSION}, "client certificate");
}

static void a_server_that_speaks_something_else_is_recognised(void **state)
{
    fixture f;
    set_up(&f, &(scenario){0});
    assert_int_equal(bb_dial_step(&f.dial), BB_IO_WAIT);
    int peer = testing_accept(&f.listener);
    assert_int_equal(write(peer, "HTTP/1.1 400 Bad Request\r\n\r\n", 28), 28);
    bb_io io;
    while ((io = bb_dial_step(&f.dial)) == BB_IO_WAIT)
        testing_wait(f.dial.transport.fd, testing_poll_events(bb_dial_wants(&f.dial)));
    assert_int_equal(io, BB_IO_ERROR);
    testing_contains(bb_dial_error(&f.dial), "the server does not speak TLS on this port");
    close(peer);
    tear_down(&f);

    set_up(&f, &(scenario){0});
    assert_int_equal(bb_dial_step(&f.dial), BB_IO_WAIT);
    close(testing_accept(&f.listener));
    while ((io = bb_dial_step(&f.dial)) == BB_IO_WAIT)
        testing_wait(f.dial.transport.fd, testing_poll_events(bb_dial_wants(&f.dial)));
    assert_int_equal(io, BB_IO_ERROR);
    tear_down(&f);
    expect_refusal(&(scenario){.client.tls_1_3_only = true, .server_max_version = TLS1_2_VERSION},
                   "no version of TLS in common");
}

static void files_that_cannot_be_used_are_named(void **state)
{
    const identity_options options = {.name = "another", .issuer = &authority, .until_s = DAY_S};
    identity another = identity_new(&options);
    const struct {
        bb_tls_client_options options;
        const char *words;
    } bad[] = {
        {{.ca_file = "/nowhere/ca.pem"}, "/nowhere/ca.pem: No such file"},
        {{.ca_folder = "/nowhere"}, "/nowhere: No such file"},
        {{.ca_file = authority.key_file}, "not a PEM file of certificates"},
        {{.certificate_file = "/nowhere/cert.pem"}, "/nowhere/cert.pem: No such file"},
        {{.certificate_file = authority.key_file}, "not a PEM file with a certificate"},
        {{.certificate_file = authority.certificate_file}, "not a PEM file with the key"},
        {{.certificate_file = authority.certificate_file, .key_file = another.key_file},
         "the key is not that of the certificate"},
        {{.key_file = authority.key_file}, "no certificate to go with it"},
        {{.ciphers = "nonsense"}, "nonsense: not a list of ciphers"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char buffer[256];
        bb_text error = bb_text_on(buffer, sizeof buffer);
        assert_null(bb_tls_client_context_new(&bad[i].options, &error));
        testing_contains(bb_text_span(&error), bad[i].words);
    }
    identity_free(&another);
}

static void an_encrypted_key_needs_its_password(void **state)
{
    char path[TEMPORARY_MAX], buffer[256];
    FILE *file = open_temporary(path, "/tmp/busbar-test-enc-XXXXXX");
    PEM_write_PrivateKey(file, authority.key, EVP_aes_128_cbc(), NULL, 0, NULL, (void *)(uintptr_t) "secret");
    fclose(file);
    static const char *const passwords[] = {NULL, "wrong", "secret"};
    for (size_t i = 0; i < 3; i++) {
        const bb_tls_client_options options = {
            .certificate_file = authority.certificate_file, .key_file = path, .key_password = passwords[i]};
        bb_text error = bb_text_on(buffer, sizeof buffer);
        bb_tls_context *context = bb_tls_client_context_new(&options, &error);
        assert_int_equal(context != NULL, i == 2);
        if (!context)
            testing_contains(bb_text_span(&error), "password is missing or wrong");
        bb_tls_context_free(context);
    }
    unlink(path);
}

static int make_authorities(void **state)
{
    const identity_options one = {.name = "Authority of the test", .authority = true, .until_s = DAY_S};
    const identity_options two = {.name = "Another authority", .authority = true, .until_s = DAY_S};
    authority = identity_new(&one);
    other_authority = identity_new(&two);
    signal(SIGPIPE, SIG_DFL);
    return 0;
}

static int forget_authorities(void **state)
{
    identity_free(&authority);
    identity_free(&other_authority);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(both_ends_can_say_that_they_are_done),
        cmocka_unit_test(much_passes_a_full_socket_unchanged),
        cmocka_unit_test(a_connection_that_breaks_is_an_error_without_a_signal),
        cmocka_unit_test(what_was_agreed_on_can_be_asked),
        cmocka_unit_test(an_ip_address_can_be_dialled),
        cmocka_unit_test(what_is_wrong_with_a_certificate_is_said),
        cmocka_unit_test(checks_can_be_switched_off),
        cmocka_unit_test(a_client_certificate_is_shown),
        cmocka_unit_test(a_server_that_speaks_something_else_is_recognised),
        cmocka_unit_test(files_that_cannot_be_used_are_named),
        cmocka_unit_test(an_encrypted_key_needs_its_password),
    };
    return cmocka_run_group_tests(tests, make_authorities, forget_authorities);
}
