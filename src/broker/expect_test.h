/* expect_test.h - what a test of this folder expects to have come: packet by packet, in order. Each fails the test when
 * something else has come, or nothing. */
#ifndef BB_BROKER_EXPECT_TEST_H
#define BB_BROKER_EXPECT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "broker/testing_client.h"

static inline received expect_type(client *c, bb_packet_type type)
{
    received in;
    if (!client_next(c, &in))
        fail_msg("packet type %d is missing", type);
    assert_int_equal(in.header.type, type);
    return in;
}

static inline void expect_nothing(client *c)
{
    received in;
    if (client_next(c, &in))
        fail_msg("unexpected packet of type %d", in.header.type);
}

static inline void expect_closed(client *c)
{
    expect_nothing(c);
    assert_false(c->open);
}

static inline bb_properties expect_properties(bb_span list, uint32_t where)
{
    bb_properties out = {0};
    size_t used;
    if (list.len)
        assert_int_equal(bb_properties_decode(list, where, &out, &used, NULL), BB_OK);
    return out;
}

static inline bb_properties expect_connack(client *c, bool present, uint8_t code)
{
    received in = expect_type(c, BB_CONNACK);
    assert_true(in.body.len >= 2);
    assert_int_equal(in.body.data[1], code);
    assert_int_equal(in.body.data[0], present);
    return expect_properties(bb_span_from(in.body, 2), BB_IN_CONNACK);
}

static inline bb_publish expect_any_publish(client *c)
{
    received in = expect_type(c, BB_PUBLISH);
    bb_publish out;
    assert_int_equal(bb_publish_decode(&in.header, in.body, c->version, &out, NULL), BB_OK);
    return out;
}

/* A PUBLISH with this topic, payload and QoS. */
static inline bb_publish expect_publish(client *c, const char *topic, const char *payload, uint8_t qos)
{
    bb_publish out = expect_any_publish(c);
    assert_int_equal(out.topic.len, strlen(topic));
    assert_memory_equal(out.topic.data, topic, out.topic.len);
    assert_int_equal(out.payload.len, strlen(payload));
    if (out.payload.len)
        assert_memory_equal(out.payload.data, payload, out.payload.len);
    assert_int_equal(out.qos, qos);
    assert_int_equal(out.packet_id != 0, qos != 0);
    return out;
}

/* A PUBLISH whose payload is `len` bytes of `fill`. */
static inline bb_publish expect_publish_large(client *c, size_t len, uint8_t fill)
{
    bb_publish out = expect_any_publish(c);
    assert_int_equal(out.payload.len, len);
    for (size_t i = 0; i < len; i++)
        if (out.payload.data[i] != fill)
            fail_msg("byte %zu is %02x", i, out.payload.data[i]);
    return out;
}

static inline void expect_ack(client *c, bb_packet_type type, uint16_t id, uint8_t code)
{
    received in = expect_type(c, type);
    bb_ack ack;
    assert_int_equal(bb_ack_decode(type, in.body, c->version, &ack, NULL), BB_OK);
    assert_int_equal(ack.packet_id, id);
    assert_int_equal(ack.code, code);
}

/* A SUBACK or UNSUBACK for one filter. */
static inline void expect_suback(client *c, bb_packet_type type, uint16_t id, uint8_t code)
{
    received in = expect_type(c, type);
    assert_true(in.body.len >= 2);
    assert_int_equal(in.body.data[0] << 8 | in.body.data[1], id);
    if (type == BB_SUBACK || c->version == BB_MQTT_5)
        assert_int_equal(in.body.data[in.body.len - 1], code);
}

/* DISCONNECT with this code, and then the end. */
static inline void expect_disconnect(client *c, uint8_t code)
{
    received in = expect_type(c, BB_DISCONNECT);
    bb_disconnect out;
    assert_int_equal(bb_disconnect_decode(BB_DISCONNECT, in.body, BB_MQTT_5, false, &out, NULL), BB_OK);
    assert_int_equal(out.code, code);
    expect_closed(c);
}

static inline bb_disconnect expect_auth(client *c, uint8_t code, const char *data)
{
    received in = expect_type(c, BB_AUTH);
    bb_disconnect out;
    assert_int_equal(bb_disconnect_decode(BB_AUTH, in.body, BB_MQTT_5, false, &out, NULL), BB_OK);
    assert_int_equal(out.code, code);
    assert_true(bb_span_equal(out.properties.auth_data, data ? bb_span_text(data) : BB_SPAN_NONE));
    return out;
}

/* ---- What most tests begin with. */

/* A client that connects to side 0 and is accepted. */
static inline void joins_with(client *c, world *w, connecting with, bool present)
{
    client_open(c, w, 0);
    client_connect(c, with);
    (void)expect_connack(c, present, 0);
}

static inline void joins(client *c, world *w, const char *id)
{
    joins_with(c, w, (connecting){.id = id}, false);
}

/* A client whose session stays when it goes. */
static inline connecting lasting(const char *id)
{
    return (connecting){.id = id, .resume = true, .properties = with_u32(NO_PROPERTIES, SESSION_EXPIRY, 3600)};
}

static inline void subscribes(client *c, const char *filter, unsigned options)
{
    client_subscribe(c, 77, filter, options);
    expect_suback(c, BB_SUBACK, 77, options & 3);
}

/* The name of a client id that is at home on side `home`, with this letter in front. */
static inline const char *id_at_home(const world *w, unsigned home, char letter, char out[16])
{
    for (unsigned i = 0;; i++) {
        out[0] = letter;
        out[1] = (char)('a' + i / 26 % 26);
        out[2] = (char)('a' + i % 26);
        out[3] = '\0';
        if (bb_hash(bb_span_text(out), &w->seed) % w->sides_count == home)
            return out;
    }
}

#endif
