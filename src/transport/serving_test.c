/* Our client against our server, over every stack of filters. */
#include <openssl/evp.h>

#include "transport/dial.h"
#include "transport/identity_test.h"
#include "transport/websocket.h"

enum { DAY_S = 24 * 3600, BYTES = 3 * 1000 * 1000 };

static bb_mem client_mem = {testing_alloc, testing_release, NULL, 0}, mem = {testing_alloc, testing_release, NULL, 0};
static identity authority, first, second;
static bb_tls_context *client_context, *context;
static bb_websocket_rules *rules;
static uint8_t pattern[BYTES], got[BYTES];

static bb_tls_context *make_context(const bb_tls_identity *identities, size_t count,
                                    bb_tls_client_certificate client_certificate)
{
    const bb_tls_server_options options = {.identities = identities,
                                           .identities_count = count,
                                           .alpn = "mqtt",
                                           .resumption = true,
                                           .client_certificate = client_certificate,
                                           .client_ca_file = authority.certificate_file};
    char buffer[256];
    bb_text error = bb_text_on(buffer, sizeof buffer);
    bb_tls_context *made = bb_tls_server_context_new(&options, &error);
    if (!made)
        fail_msg("%.*s", (int)error.len, error.at);
    return made;
}

static bb_tls_context *make_client_context(const identity *who)
{
    const bb_tls_client_options options = {.ca_file = authority.certificate_file,
                                           .certificate_file = who ? who->certificate_file : NULL,
                                           .key_file = who ? who->key_file : NULL};
    char buffer[256];
    bb_text error = bb_text_on(buffer, sizeof buffer);
    bb_tls_context *made = bb_tls_client_context_new(&options, &error);
    if (!made)
        fail_msg("%.*s", (int)error.len, error.at);
    return made;
}

typedef struct pair {
    bb_tcp_listener listener;
    bb_dial_options options;
    bb_dial dial;
    bb_transport server;
    bb_io client_io, server_io;
    bb_moved server_moved;
} pair;

static void begin(pair *p, bool tls, bool web, const char *host)
{
    *p = (pair){.listener = testing_listen()};
    p->options = (bb_dial_options){.addresses = &p->listener.address,
                                   .addresses_count = 1,
                                   .tls = tls ? client_context : NULL,
                                   .web_path = web ? "/mqtt" : NULL,
                                   .host = host,
                                   .port = p->listener.address.port};
    bb_dial_begin(&p->dial, &p->options, &client_mem);
    p->client_io = bb_dial_step(&p->dial);
    bb_address peer;
    testing_wait(p->listener.fd, POLLIN);
    assert_int_equal(bb_tcp_accept(&p->listener, &p->server, &peer), BB_ACCEPT_OK);
    if (tls)
        assert_int_equal(bb_tls_server(context, &mem, &p->server, &p->server), BB_OK);
    if (web)
        assert_int_equal(bb_websocket_server(rules, &mem, &p->server, &p->server), BB_OK);
}

/* Both ends go on until neither waits. */
static void shake_hands(pair *p)
{
    p->server_io = BB_IO_WAIT;
    for (unsigned i = 0; i < 10000 && (p->client_io == BB_IO_WAIT || p->server_io == BB_IO_WAIT); i++) {
        if (p->client_io == BB_IO_WAIT)
            p->client_io = bb_dial_step(&p->dial);
        if (p->server_io == BB_IO_WAIT) {
            p->server_moved = bb_transport_step(&p->server);
            p->server_io = p->server_moved.io;
        }
        usleep(100);
    }
}

static void end(pair *p)
{
    bb_dial_cancel(&p->dial);
    bb_transport_close(&p->server);
    bb_tcp_listener_close(&p->listener);
    assert_int_equal(mem.bytes_now, 0);
    assert_int_equal(client_mem.bytes_now, 0);
}

static void carry(bb_transport *from, bb_transport *to)
{
    size_t sent = 0, received = 0;
    memset(got, 0, sizeof got);
    while (received < BYTES) {
        const bb_span spans[] = {bb_span_of(pattern + sent, (BYTES - sent) / 3),
                                 bb_span_of(pattern + sent + (BYTES - sent) / 3, BYTES - sent - (BYTES - sent) / 3)};
        bb_moved moved = sent < BYTES ? bb_transport_send(from, spans, 2) : (bb_moved){.io = BB_IO_WAIT};
        assert_true(moved.io <= BB_IO_WAIT);
        sent += moved.io == BB_IO_OK ? moved.bytes : 0;
        do {
            moved = bb_transport_recv(to, got + received, BYTES - received < 5000 ? BYTES - received : 5000);
            assert_true(moved.io <= BB_IO_WAIT);
            received += moved.io == BB_IO_OK ? moved.bytes : 0;
        } while (moved.io == BB_IO_OK && !moved.drained && received < BYTES);
    }
    assert_memory_equal(got, pattern, BYTES);
}

static void goes_both_ways(bool tls, bool web)
{
    pair p;
    begin(&p, tls, web, "one.example");
    shake_hands(&p);
    assert_int_equal(p.client_io, BB_IO_OK);
    assert_int_equal(p.server_io, BB_IO_OK);
    carry(&p.dial.transport, &p.server);
    carry(&p.server, &p.dial.transport);
    bb_mem other = {testing_alloc, testing_release, NULL, 0};
    bb_transport_adopt(&p.server, &other); /* as if it had moved to another worker */
    carry(&p.server, &p.dial.transport);
    bb_transport_finish(&p.server);
    uint8_t byte;
    bb_moved moved;
    while ((moved = bb_transport_recv(&p.dial.transport, &byte, 1)).io == BB_IO_WAIT)
        testing_wait(p.dial.transport.fd, POLLIN);
    assert_int_equal(moved.io, BB_IO_END);
    bb_dial_cancel(&p.dial);
    bb_transport_close(&p.server);
    bb_tcp_listener_close(&p.listener);
    assert_int_equal(mem.bytes_now + other.bytes_now, 0); /* what one gave, the other took back */
    mem.bytes_now = 0;
}

static void over_tls(void **state)
{
    goes_both_ways(true, false);
}

static void over_websocket(void **state)
{
    goes_both_ways(false, true);
}

static void the_name_chooses_the_certificate(void **state)
{
    static const char *const names[] = {"one.example", "a.two.example"}, *const subjects[] = {"CN=one", "CN=two"};
    for (unsigned i = 0; i < 2; i++) {
        pair p;
        bb_tls_certificate seen;
        begin(&p, true, false, names[i]);
        shake_hands(&p);
        assert_int_equal(p.client_io, BB_IO_OK);
        bb_tls_certificate_get(&p.dial.transport, 0, &seen);
        assert_string_equal(seen.subject, subjects[i]);
        assert_string_equal(bb_tls_version(&p.server), "TLSv1.3");
        assert_true(bb_tls_alpn_agreed(&p.server));
        end(&p);
    }
}

static void a_context_may_go_while_handshakes_are_under_way(void **state)
{
    pair p;
    const bb_tls_identity both[] = {{first.certificate_file, first.key_file},
                                    {second.certificate_file, second.key_file}};
    begin(&p, true, false, "a.two.example");
    bb_tls_context_free(context);
    context = make_context(both, 2, BB_TLS_CLIENT_NONE);
    shake_hands(&p);
    assert_int_equal(p.client_io, BB_IO_OK);
    end(&p);
}

static void clients_prove_themselves_where_they_must(void **state)
{
    pair p;
    char buffer[512];
    bb_text text = bb_text_on(buffer, sizeof buffer);
    bb_tls_context *none = client_context, *open = context;
    const bb_tls_identity one = {first.certificate_file, first.key_file};
    context = make_context(&one, 1, BB_TLS_CLIENT_REQUIRED);
    begin(&p, true, false, "one.example");
    shake_hands(&p);
    assert_int_equal(p.server_io, BB_IO_ERROR);
    assert_int_equal(bb_transport_reason(&p.server), BB_E_CLIENT_CERTIFICATE);
    bb_transport_explain(&p.server, p.server_moved.error, &text);
    testing_contains(bb_text_span(&text), "the client has sent no certificate");
    assert_false(bb_tls_peer_subject(&p.server, &text));
    end(&p);

    client_context = make_client_context(&second);
    begin(&p, true, false, "one.example");
    shake_hands(&p);
    assert_int_equal(p.server_io, BB_IO_OK);
    text.len = 0;
    assert_true(bb_tls_peer_subject(&p.server, &text));
    assert_true(bb_span_equal(bb_text_span(&text), BB_SPAN_LITERAL("CN=two")));
    end(&p);
    bb_tls_context_free(client_context);
    bb_tls_context_free(context);
    client_context = none;
    context = open;
}

static int set_up(void **state)
{
    authority = identity_new(&(identity_options){.name = "authority", .authority = true, .until_s = DAY_S});
    first = identity_new(
        &(identity_options){.name = "one", .alternatives = "DNS:one.example", .issuer = &authority, .until_s = DAY_S});
    second = identity_new(&(identity_options){
        .name = "two", .alternatives = "DNS:*.two.example", .issuer = &authority, .until_s = DAY_S});
    const bb_tls_identity both[] = {{first.certificate_file, first.key_file},
                                    {second.certificate_file, second.key_file}};
    context = make_context(both, 2, BB_TLS_CLIENT_NONE);
    client_context = make_client_context(NULL);
    rules = bb_websocket_rules_new("/mqtt", NULL);
    for (size_t i = 0; i < BYTES; i++)
        pattern[i] = (uint8_t)(i * 2654435761U >> 13);
    return 0;
}

static int tear_down(void **state)
{
    bb_tls_context_free(context);
    bb_tls_context_free(client_context);
    bb_websocket_rules_unref(rules);
    identity_free(&authority);
    identity_free(&first);
    identity_free(&second);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_tls),
        cmocka_unit_test(over_websocket),
        cmocka_unit_test(the_name_chooses_the_certificate),
        cmocka_unit_test(a_context_may_go_while_handshakes_are_under_way),
        cmocka_unit_test(clients_prove_themselves_where_they_must),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
