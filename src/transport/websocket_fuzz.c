/* Whatever a server sends after it has accepted, in whatever pieces: no more comes out than went in, and it ends. */
#include <stdlib.h>

#include "transport/http_upgrade.h"
#include "transport/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A transport below that takes everything and gives the input in pieces. */
typedef struct tape {
    bb_span left;
    size_t piece;
    char key[BB_UPGRADE_KEY_TEXT + 1];
    char response[512];
    size_t response_len;
} tape;

static bb_moved tape_recv(bb_transport *transport, uint8_t *into, size_t room)
{
    tape *t = transport->state;
    bool upgrade = t->response_len > 0;
    bb_span from = upgrade ? bb_span_of(t->response, t->response_len) : t->left;
    size_t n = upgrade ? from.len : (t->piece < from.len ? t->piece : from.len);
    n = n < room ? n : room;
    if (!n)
        return (bb_moved){.io = BB_IO_END, .drained = true};
    memcpy(into, from.data, n);
    if (upgrade)
        t->response_len = 0;
    else
        t->left = bb_span_from(t->left, n);
    return (bb_moved){.bytes = n, .io = BB_IO_OK, .drained = n % 2};
}

static bb_moved tape_send(bb_transport *transport, const bb_span *spans, size_t n)
{
    tape *t = transport->state;
    static const char name[] = "Sec-WebSocket-Key: ";
    const uint8_t *at = memmem(spans->data, spans->len, name, sizeof name - 1);
    if (at && !t->key[0]) {
        memcpy(t->key, at + sizeof name - 1, BB_UPGRADE_KEY_TEXT);
        char accept[BB_UPGRADE_ACCEPT_TEXT + 1];
        bb_upgrade_accept(bb_span_text(t->key), accept);
        bb_text text = bb_text_on(t->response, sizeof t->response);
        bb_text_puts(&text, "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: ");
        bb_text_puts(&text, accept);
        bb_text_puts(&text, "\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n");
        t->response_len = text.len;
    }
    return (bb_moved){.bytes = spans->len, .io = BB_IO_OK};
}

static void tape_finish(bb_transport *transport)
{
}

static void tape_close(bb_transport *transport)
{
    transport->fd = -1;
}

static bb_moved tape_step(bb_transport *transport)
{
    return (bb_moved){.io = BB_IO_OK};
}

static unsigned tape_wants(const bb_transport *transport)
{
    return 0;
}

static void tape_explain(const bb_transport *transport, int error, bb_text *text)
{
}

static const bb_transport_ops tape_ops = {
    .name = "tape",
    .recv = tape_recv,
    .send = tape_send,
    .finish = tape_finish,
    .close = tape_close,
    .step = tape_step,
    .wants = tape_wants,
    .explain = tape_explain,
};

static void *alloc(void *context, size_t size)
{
    return malloc(size);
}

static void release(void *context, void *block, size_t size)
{
    free(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bb_mem mem = {alloc, release, NULL, 0};
    if (size < 2)
        return 0;
    tape t = {.left = bb_span_of(data + 2, size - 2), .piece = data[0] + 1U};
    const bb_websocket_peer peer = {.host = "h", .port = 80, .standard_port = true, .path = "/"};
    bb_transport transport = {.ops = &tape_ops, .state = &t, .fd = 0};
    uint8_t into[256];
    size_t got = 0;
    if (bb_websocket_client(&peer, &mem, &transport, &transport) != BB_OK)
        abort();
    BB_CHECK(bb_transport_step(&transport).io == BB_IO_OK);
    bb_moved moved;
    do {
        moved = bb_transport_recv(&transport, into, data[1] + 1U);
        got += moved.io == BB_IO_OK ? moved.bytes : 0;
        BB_CHECK(got <= size);
    } while (moved.io == BB_IO_OK || moved.io == BB_IO_WAIT);
    bb_transport_finish(&transport);
    bb_transport_close(&transport);
    BB_CHECK(mem.bytes_now == 0);
    return 0;
}
