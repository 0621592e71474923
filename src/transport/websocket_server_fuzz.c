/* Whatever a client sends after its request was accepted, in whatever pieces: no more comes out than went in, and it
 * ends. */
#include <stdlib.h>

#include "transport/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
                              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                              "Sec-WebSocket-Protocol: mqtt\r\n\r\n";

/* A transport below that takes everything and gives first the request, then the input in pieces. */
typedef struct tape {
    bb_span request, left;
    size_t piece;
} tape;

static bb_moved tape_recv(bb_transport *transport, uint8_t *into, size_t room)
{
    tape *t = transport->state;
    bb_span *from = t->request.len ? &t->request : &t->left;
    size_t n = t->request.len || t->piece > from->len ? from->len : t->piece;
    n = n < room ? n : room;
    if (!n)
        return (bb_moved){.io = BB_IO_END, .drained = true};
    memcpy(into, from->data, n);
    *from = bb_span_from(*from, n);
    return (bb_moved){.bytes = n, .io = BB_IO_OK, .drained = n % 2};
}

static bb_moved tape_send(bb_transport *transport, const bb_span *spans, size_t n)
{
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
    static bb_websocket_rules *rules;
    if (size < 2)
        return 0;
    tape t = {.request = bb_span_text(request), .left = bb_span_of(data + 2, size - 2), .piece = data[0] + 1U};
    if (!rules)
        rules = bb_websocket_rules_new(NULL, NULL);
    bb_transport transport = {.ops = &tape_ops, .state = &t, .fd = 0};
    uint8_t into[256];
    size_t got = 0;
    if (bb_websocket_server(rules, &mem, &transport, &transport) != BB_OK)
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
