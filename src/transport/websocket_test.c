#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/dial.h"
#include "transport/http_upgrade.h"
#include "transport/peer_test.h"

static bb_mem mem = {testing_alloc, testing_release, NULL, 0};

/* A client that dials, and a server that is played by the test on a plain socket. */
typedef struct fixture {
    bb_tcp_listener listener;
    bb_dial_options options;
    bb_dial dial;
    int server;
} fixture;

static void begin(fixture *f)
{
    f->listener = testing_listen();
    f->options = (bb_dial_options){.addresses = &f->listener.address,
                                   .addresses_count = 1,
                                   .web_path = "/mqtt",
                                   .host = "broker.example",
                                   .port = 8080};
    bb_dial_begin(&f->dial, &f->options, &mem);
    assert_int_equal(bb_dial_step(&f->dial), BB_IO_WAIT);
    f->server = testing_accept(&f->listener);
}

static void tear_down(fixture *f)
{
    bb_dial_cancel(&f->dial);
    close(f->server);
    bb_tcp_listener_close(&f->listener);
    assert_int_equal(mem.bytes_now, 0);
}

static bb_io open_to_the_end(fixture *f)
{
    bb_io io;
    while ((io = bb_dial_step(&f->dial)) == BB_IO_WAIT)
        testing_wait(f->dial.transport.fd, testing_poll_events(bb_dial_wants(&f->dial)));
    return io;
}

static void server_says(fixture *f, const void *bytes, size_t len)
{
    assert_int_equal(send(f->server, bytes, len, MSG_NOSIGNAL), len);
}

/* Reads the request and leaves its key in `key`. */
static void server_reads_request(fixture *f, char key[BB_UPGRADE_KEY_TEXT + 1])
{
    char request[1024] = "";
    size_t len = 0;
    while (!strstr(request, "\r\n\r\n")) {
        while (bb_dial_step(&f->dial) == BB_IO_WAIT && bb_dial_wants(&f->dial) & BB_WRITABLE)
            testing_wait(f->dial.transport.fd, POLLOUT);
        testing_wait(f->server, POLLIN);
        ssize_t n = recv(f->server, request + len, sizeof request - len - 1, 0);
        assert_true(n > 0);
        len += (size_t)n;
        request[len] = 0;
    }
    assert_int_equal(strncmp(request, "GET /mqtt HTTP/1.1\r\nHost: broker.example:8080\r\n", 47), 0);
    const char *at = strstr(request, "Sec-WebSocket-Key: ");
    assert_non_null(at);
    snprintf(key, BB_UPGRADE_KEY_TEXT + 1, "%s", at + 19);
}

/* The response, with `more` behind it in the same segment. */
static void server_accepts(fixture *f, const char *key, const void *more, size_t more_len)
{
    char accept[BB_UPGRADE_ACCEPT_TEXT + 1], response[512];
    bb_upgrade_accept(bb_span_text(key), accept);
    int len = snprintf(response, sizeof response,
                       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
                       accept);
    memcpy(response + len, more, more_len);
    server_says(f, response, (size_t)len + more_len);
}

static void set_up(fixture *f)
{
    char key[BB_UPGRADE_KEY_TEXT + 1];
    begin(f);
    server_reads_request(f, key);
    server_accepts(f, key, "", 0);
    assert_int_equal(open_to_the_end(f), BB_IO_OK);
}

static bb_moved receive(fixture *f, uint8_t *into, size_t room)
{
    bb_moved moved;
    while ((moved = bb_transport_recv(&f->dial.transport, into, room)).io == BB_IO_WAIT)
        testing_wait(f->dial.transport.fd, POLLIN);
    return moved;
}

typedef struct frame {
    uint8_t first; /* FIN and opcode */
    size_t len;
    uint8_t payload[20000];
} frame;

static void server_receives_all(fixture *f, void *into, size_t len)
{
    size_t got = 0;
    while (got < len) {
        testing_wait(f->server, POLLIN);
        ssize_t n = recv(f->server, (uint8_t *)into + got, len - got, 0);
        assert_true(n > 0);
        got += (size_t)n;
    }
}

/* One frame from the client, which must be masked. */
static void server_reads_frame(fixture *f, frame *out)
{
    uint8_t head[2], more[2], mask[4];
    server_receives_all(f, head, 2);
    out->first = head[0];
    assert_true(head[1] & 0x80);
    out->len = head[1] & 0x7F;
    if (out->len == 126) {
        server_receives_all(f, more, 2);
        out->len = (size_t)more[0] << 8 | more[1];
    }
    assert_true(out->len < sizeof out->payload);
    server_receives_all(f, mask, 4);
    server_receives_all(f, out->payload, out->len);
    for (size_t i = 0; i < out->len; i++)
        out->payload[i] ^= mask[i % 4];
}

static void expect_error(fixture *f, bb_moved moved, const char *words)
{
    char buffer[256];
    bb_text text = bb_text_on(buffer, sizeof buffer);
    assert_int_equal(moved.io, BB_IO_ERROR);
    bb_transport_explain(&f->dial.transport, moved.error, &text);
    testing_contains(bb_text_span(&text), words);
}

static void bytes_go_both_ways(void **state)
{
    fixture f;
    frame got;
    uint8_t buffer[32];
    set_up(&f);
    assert_string_equal(f.dial.transport.ops->name, "websocket");
    assert_int_equal(bb_transport_wants(&f.dial.transport), 0);
    assert_int_equal(bb_transport_step(&f.dial.transport).io, BB_IO_OK);
    assert_int_equal(bb_transport_recv(&f.dial.transport, buffer, sizeof buffer).io, BB_IO_WAIT);
    const bb_span spans[] = {BB_SPAN_LITERAL("good"), BB_SPAN_LITERAL("bye")};
    assert_int_equal(bb_transport_send(&f.dial.transport, spans, 2).bytes, 7);
    server_reads_frame(&f, &got);
    assert_int_equal(got.first, 0x82);
    assert_int_equal(got.len, 7);
    assert_memory_equal(got.payload, "goodbye", 7);

    server_says(&f, "\x82\x05hello", 7);
    bb_moved moved = receive(&f, buffer, 3);
    assert_int_equal(moved.bytes, 3);
    assert_false(moved.drained);
    moved = receive(&f, buffer + 3, sizeof buffer - 3);
    assert_int_equal(moved.bytes, 2);
    assert_memory_equal(buffer, "hello", 5);
    tear_down(&f);
}

static void frames_right_behind_the_response_are_read(void **state)
{
    fixture f;
    char key[BB_UPGRADE_KEY_TEXT + 1];
    uint8_t buffer[32];
    begin(&f);
    server_reads_request(&f, key);
    server_accepts(&f, key, "\x82\x02hi", 4);
    assert_int_equal(open_to_the_end(&f), BB_IO_OK);
    bb_moved moved = bb_transport_recv(&f.dial.transport, buffer, sizeof buffer);
    assert_int_equal(moved.bytes, 2);
    tear_down(&f);
}

/* In fragments, with a ping between them, and byte by byte. */
static void fragments_and_pings_do_not_disturb_the_stream(void **state)
{
    static const char stream[] = "\x02\x02he"
                                 "\x89\x03you"
                                 "\x00\x01l"
                                 "\x80\x02lo"
                                 "\x82\x00"
                                 "\x82\x06 world";
    fixture f;
    frame got;
    uint8_t buffer[32];
    set_up(&f);
    size_t n = 0;
    for (size_t i = 0; i < sizeof stream - 1; i++) {
        server_says(&f, stream + i, 1);
        testing_wait(f.dial.transport.fd, POLLIN);
        bb_moved moved = bb_transport_recv(&f.dial.transport, buffer + n, sizeof buffer - n);
        assert_true(moved.io == BB_IO_OK || moved.io == BB_IO_WAIT);
        n += moved.io == BB_IO_OK ? moved.bytes : 0;
    }
    assert_int_equal(n, 11);
    assert_memory_equal(buffer, "hello world", 11);
    server_reads_frame(&f, &got);
    assert_int_equal(got.first, 0x8A);
    assert_int_equal(got.len, 3);
    assert_memory_equal(got.payload, "you", 3);
    tear_down(&f);
}

static void a_small_buffer_gets_a_large_frame_piece_by_piece(void **state)
{
    enum { LEN = 50000 };
    fixture f;
    static uint8_t sent[4 + LEN] = {0x82, 126, LEN >> 8, LEN & 0xFF}, got[LEN];
    set_up(&f);
    for (size_t i = 0; i < LEN; i++)
        sent[4 + i] = (uint8_t)(i * 31 + i / 256);
    server_says(&f, sent, sizeof sent);
    for (size_t n = 0; n < LEN;) {
        size_t room = 1 + n % 977;
        bb_moved moved = receive(&f, got + n, room < LEN - n ? room : LEN - n);
        assert_int_equal(moved.io, BB_IO_OK);
        n += moved.bytes;
    }
    assert_memory_equal(got, sent + 4, LEN);
    tear_down(&f);
}

/* Take the masks off the whole frames that `raw` begins with; returns how many bytes of payload there are in `out`. */
static size_t unframe(const uint8_t *raw, size_t len, uint8_t *out)
{
    size_t at = 0, n = 0;
    while (len - at >= 8) {
        size_t payload = raw[at + 1] & 0x7F, head = payload == 126 ? 4 : 2;
        payload = payload == 126 ? (size_t)raw[at + 2] << 8 | raw[at + 3] : payload;
        if (len - at < head + 4 + payload)
            break;
        for (size_t i = 0; i < payload; i++)
            out[n++] = raw[at + head + 4 + i] ^ raw[at + head + i % 4];
        at += head + 4 + payload;
    }
    return n;
}

/* Bytes count as sent when the kernel has them; nothing is lost or doubled. */
static void much_passes_a_full_socket_unchanged(void **state)
{
    enum { TOTAL = 3000000 };
    fixture f;
    static uint8_t out[TOTAL], raw[TOTAL + TOTAL / 100], got[TOTAL];
    set_up(&f);
    testing_shrink(f.dial.transport.fd);
    for (size_t i = 0; i < TOTAL; i++)
        out[i] = (uint8_t)(i * 7 + i / 251);
    size_t sent = 0, raw_len = 0;
    bool waited = false;
    while (sent < TOTAL) {
        const bb_span left[] = {bb_span_of(out + sent, (TOTAL - sent) / 3),
                                bb_span_of(out + sent + (TOTAL - sent) / 3, TOTAL - sent - (TOTAL - sent) / 3)};
        bb_moved moved = bb_transport_send(&f.dial.transport, left, 2);
        assert_int_not_equal(moved.io, BB_IO_ERROR);
        sent += moved.io == BB_IO_OK ? moved.bytes : 0;
        if (moved.io == BB_IO_WAIT) {
            waited = true;
            assert_int_equal(bb_transport_wants(&f.dial.transport), BB_WRITABLE);
            testing_wait(f.server, POLLIN);
            raw_len += (size_t)recv(f.server, raw + raw_len, sizeof raw - raw_len, 0);
        }
    }
    assert_true(waited);
    while (unframe(raw, raw_len, got) < TOTAL) {
        testing_wait(f.server, POLLIN);
        raw_len += (size_t)recv(f.server, raw + raw_len, sizeof raw - raw_len, 0);
    }
    assert_memory_equal(got, out, TOTAL);
    tear_down(&f);
}

static void the_closing_handshake_is_done(void **state)
{
    fixture f;
    frame got;
    uint8_t buffer[16];
    set_up(&f);
    bb_transport_finish(&f.dial.transport);
    server_reads_frame(&f, &got);
    assert_int_equal(got.first, 0x88);
    assert_memory_equal(got.payload, "\x03\xe8", 2);
    server_says(&f, "\x82\x04last\x88\x02\x03\xe8", 10);
    assert_int_equal(receive(&f, buffer, sizeof buffer).bytes, 4);
    assert_int_equal(receive(&f, buffer, sizeof buffer).io, BB_IO_END);
    tear_down(&f);

    set_up(&f); /* and when the server begins it */
    server_says(&f, "\x88\x02\x03\xe9", 4);
    assert_int_equal(receive(&f, buffer, sizeof buffer).io, BB_IO_END);
    server_reads_frame(&f, &got);
    assert_int_equal(got.first, 0x88);
    tear_down(&f);

    set_up(&f); /* and when there is none */
    shutdown(f.server, SHUT_WR);
    assert_int_equal(receive(&f, buffer, sizeof buffer).io, BB_IO_END);
    tear_down(&f);
}

static void what_a_server_may_not_send_is_an_error(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *says;
    } bad[] = {
        {"\x81\x02hi", 4, "a text frame"},
        {"\x82\x82\x01\x02\x03\x04xx", 8, "break the protocol"}, /* masked: RFC 6455, 5.1 */
        {"\xC2\x02hi", 4, "break the protocol"},                 /* a reserved bit */
        {"\x83\x02hi", 4, "break the protocol"},                 /* an opcode that does not exist */
        {"\x80\x02hi", 4, "break the protocol"},                 /* a continuation of nothing */
        {"\x09\x00", 2, "break the protocol"},                   /* a ping in fragments */
        {"\x02\x00\x82\x00", 4, "break the protocol"},           /* a message inside another */
        {"\x88\x02\x03\xf0", 4, "closed the WebSocket with code 1008"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        fixture f;
        uint8_t buffer[16];
        set_up(&f);
        server_says(&f, bad[i].bytes, bad[i].len);
        expect_error(&f, receive(&f, buffer, sizeof buffer), bad[i].says);
        tear_down(&f);
    }
}

static void a_flood_of_pings_ends_the_connection(void **state)
{
    fixture f;
    uint8_t buffer[16], pings[4000];
    set_up(&f);
    for (size_t i = 0; i < sizeof pings; i += 2)
        memcpy(pings + i, "\x89", 2);
    bb_moved moved = {.io = BB_IO_WAIT};
    for (size_t i = 0; i < 5000 && moved.io == BB_IO_WAIT; i++) { /* and nobody reads the answers */
        if (send(f.server, pings, sizeof pings, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            assert_int_equal(errno, EAGAIN);
        moved = bb_transport_recv(&f.dial.transport, buffer, sizeof buffer);
    }
    expect_error(&f, moved, "asks for more pongs than it reads");
    tear_down(&f);
}

static void expect_no_opening(const char *response, bool end, const char *words)
{
    fixture f;
    char key[BB_UPGRADE_KEY_TEXT + 1];
    begin(&f);
    server_reads_request(&f, key);
    server_says(&f, response, strlen(response));
    if (end)
        shutdown(f.server, SHUT_WR);
    assert_int_equal(open_to_the_end(&f), BB_IO_ERROR);
    testing_contains(bb_dial_error(&f.dial), words);
    tear_down(&f);
}

static void a_server_that_does_not_want_is_understood(void **state)
{
    static char long_response[BB_UPGRADE_RESPONSE_MAX + 1];
    expect_no_opening("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", false, "it answered: 403 Forbidden");
    expect_no_opening("\x20\x02", false, "does not speak HTTP/1.1");
    expect_no_opening("HTTP/1.1 101 Switch", true, "closed the connection instead of answering");
    expect_no_opening("HTTP/1.1 101 x\r\nSec-WebSocket-Accept: stale\r\n\r\n", false, "does not upgrade");
    int begin_len = snprintf(long_response, sizeof long_response, "HTTP/1.1 101 ");
    memset(long_response + begin_len, 'x', sizeof long_response - 1 - (size_t)begin_len);
    expect_no_opening(long_response, false, "too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(frames_right_behind_the_response_are_read),
        cmocka_unit_test(fragments_and_pings_do_not_disturb_the_stream),
        cmocka_unit_test(a_small_buffer_gets_a_large_frame_piece_by_piece),
        cmocka_unit_test(much_passes_a_full_socket_unchanged),
        cmocka_unit_test(the_closing_handshake_is_done),
        cmocka_unit_test(what_a_server_may_not_send_is_an_error),
        cmocka_unit_test(a_flood_of_pings_ends_the_connection),
        cmocka_unit_test(a_server_that_does_not_want_is_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
