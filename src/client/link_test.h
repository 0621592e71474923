/* link_test.h - a client on a test bench: its memory, a clock, and the two ends of a link as plain bytes.
 *
 * What the server "sends" is written as a string literal with its length; what the client sends is compared with one.
 */
#ifndef BB_CLIENT_LINK_TEST_H
#define BB_CLIENT_LINK_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "client/inside.h"

enum { BENCH_BUFFER = 256, BENCH_STORE = 1024 };

typedef struct bench {
    bb_client client;
    bb_client_options options;
    bb_client_ram_store store;
    bb_time now;
    bb_client_event event;
    uint8_t in[BENCH_BUFFER], out[BENCH_BUFFER], store_memory[BENCH_STORE], id[32], redirect[32];
} bench;

/* A span over a string literal that may hold zeros. */
#define BYTES(literal) ((bb_span){(const uint8_t *)(literal), sizeof(literal) - 1})

/* 5.0 with QoS 2 and everything that needs memory; change b->options, then call bench_start. */
static inline void bench_init(bench *b, const bb_client_protocol *protocol)
{
    memset(b, 0, sizeof(*b));
    b->now = 1000000;
    bb_client_ram_store_init(&b->store, b->store_memory, sizeof(b->store_memory));
    b->options = (bb_client_options){
        .protocol = protocol,
        .delivery = &bb_client_qos2,
        .store = &b->store.store,
        .in = {b->in, sizeof(b->in)},
        .out = {b->out, sizeof(b->out)},
        .assigned_id = {b->id, sizeof(b->id)},
        .redirect = {b->redirect, sizeof(b->redirect)},
        .client_id = BYTES("c"),
        .keep_alive_s = 60,
        .retry_min_ms = 1000,
        .retry_max_ms = 8000,
    };
}

static inline bool next(bench *b)
{
    memset(&b->event, 0xEE, sizeof(b->event)); /* nobody may rely on what was there */
    return bb_client_next(&b->client, b->now, &b->event);
}

#define expect_event(b, wanted)                    \
    do {                                           \
        assert_true(next(b));                      \
        assert_int_equal((b)->event.type, wanted); \
    } while (0)

#define expect_nothing(b) assert_false(next(b))

/* Take what the client has to send, and compare. */
#define expect_sent(b, literal) expect_sent_bytes(b, BYTES(literal))

static inline void expect_sent_bytes(bench *b, bb_span wanted)
{
    bb_span out = bb_client_output(&b->client);
    if (out.len != wanted.len || (out.len > 0 && memcmp(out.data, wanted.data, out.len) != 0)) {
        for (size_t i = 0; i < out.len; i++)
            fprintf(stderr, "%02x ", out.data[i]);
        fail_msg("the client sends %zu bytes (above), not %zu", out.len, wanted.len);
    }
    bb_client_sent(&b->client, out.len);
}

/* The server sends; what does not fit at once is a mistake of the test. */
static inline void arrives_bytes(bench *b, bb_span bytes)
{
    size_t room;
    uint8_t *at = bb_client_input(&b->client, &room);
    assert_true(bytes.len <= room);
    memcpy(at, bytes.data, bytes.len);
    bb_client_received(&b->client, bytes.len);
}

#define arrives(b, literal) arrives_bytes(b, BYTES(literal))

static inline void drop_output(bench *b)
{
    bb_client_sent(&b->client, bb_client_output(&b->client).len);
}

/* Start, up to the CONNECT in the output. */
static inline void bench_start(bench *b)
{
    assert_int_equal(bb_client_init(&b->client, &b->options), BB_CLIENT_OK);
    bb_client_start(&b->client);
    expect_event(b, BB_CLIENT_OPEN);
    bb_client_opened(&b->client);
    expect_nothing(b);
}

static inline bool is_5(const bench *b)
{
    return b->options.protocol == &bb_client_mqtt_5;
}

/* The CONNECT is answered with yes. */
static inline void bench_accept(bench *b, bool session_present)
{
    drop_output(b);
    if (is_5(b))
        arrives_bytes(b, session_present ? BYTES("\x20\x03\x01\x00\x00") : BYTES("\x20\x03\x00\x00\x00"));
    else
        arrives_bytes(b, session_present ? BYTES("\x20\x02\x01\x00") : BYTES("\x20\x02\x00\x00"));
    expect_event(b, BB_CLIENT_CONNECTED);
    assert_true(bb_client_is_connected(&b->client));
}

static inline void bench_connect(bench *b)
{
    bench_start(b);
    bench_accept(b, false);
}

/* The transport breaks, and the next one is there and has been answered. */
static inline void bench_reconnect(bench *b, bool session_present)
{
    bb_client_closed(&b->client);
    expect_event(b, BB_CLIENT_DISCONNECTED);
    assert_true(b->event.disconnected.retry);
    b->now += b->event.disconnected.retry_ms;
    expect_event(b, BB_CLIENT_OPEN);
    bb_client_opened(&b->client);
    expect_nothing(b);
    bench_accept(b, session_present);
}

static inline bb_client_result publishes(bench *b, const char *topic, const char *payload, uint8_t qos, uint16_t *id)
{
    bb_client_message message = {.topic = bb_span_text(topic), .payload = bb_span_text(payload), .qos = qos};
    return bb_client_publish(&b->client, &message, id);
}

#endif
