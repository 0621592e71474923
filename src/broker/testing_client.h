/* testing_client.h - clients for the tests and the fuzz target of this folder: a link, bytes in, bytes out, and the
 * packets that a client sends.
 *
 * What a client sends is handed to its broker in copies of their exact size, so that the address sanitizer sees one
 * byte too many. What its broker sends is gathered in `got` as long as it reads. */
#ifndef BB_BROKER_TESTING_CLIENT_H
#define BB_BROKER_TESTING_CLIENT_H

#include "broker/testing.h"

typedef struct client {
    world *world;
    unsigned side;
    bb_link link;
    bool open;    /* its link is known to the broker */
    bool deaf;    /* does not read: output stays in the link */
    bool direct;  /* large payloads are read to where the broker wants them */
    size_t chunk; /* bytes that arrive at a time; 0: all at once */
    bb_version version;
    uint8_t *rest; /* sent, not used by the broker yet */
    size_t rest_len;
    uint8_t *got; /* received, */
    size_t got_len;
    size_t read; /* of which the test has looked at so many */
} client;

/* ---- A link's life. */

static inline bb_broker *client_broker(const client *c)
{
    return c->world->sides[c->side].broker;
}

/* A connection to one side; nothing is sent yet. */
static inline void client_open(client *c, world *w, unsigned side)
{
    *c = (client){.world = w, .side = side, .open = true, .version = BB_MQTT_5};
    bb_broker_link_open(client_broker(c), &c->link, w->now);
}

/* The transport is gone. */
static inline void client_lost(client *c, bb_status why)
{
    if (!c->open)
        return;
    bb_broker_link_closed(client_broker(c), &c->link, why, c->world->now);
    c->open = false;
}

/* Forget what was received and not looked at. */
static inline void client_forget(client *c)
{
    c->read = c->got_len;
}

static inline void client_end(client *c)
{
    client_lost(c, BB_E_LINK_LOST);
    free(c->rest);
    free(c->got);
    c->rest = c->got = NULL;
    c->rest_len = c->got_len = c->read = 0;
}

/* ---- Output. */

static inline void client_take(client *c)
{
    bb_span span;
    size_t bytes = 0;
    while (bb_chain_peek(&c->link.out, &span, 1)) {
        uint8_t *got = realloc(c->got, c->got_len + span.len);
        BB_CHECK(got != NULL);
        memcpy(got + c->got_len, span.data, span.len);
        c->got = got;
        c->got_len += span.len;
        bytes += span.len;
        bb_chain_consume(&c->link.out, bb_broker_chunks(client_broker(c)), span.len);
    }
    bb_count_bytes_out(client_broker(c), bytes);
    if (c->link.state == BB_LINK_ENDED)
        client_lost(c, c->link.reason);
    else if (bytes)
        bb_broker_link_sent(client_broker(c), &c->link, c->world->now);
}

static inline bool side_flush(world_side *side)
{
    bool any = false;
    for (bb_link *link; (link = bb_broker_take_dirty(side->broker)) != NULL; any = true) {
        client *c = BB_CONTAINER_OF(link, client, link);
        BB_CHECK(c->open && client_broker(c) == side->broker);
        if (!c->deaf)
            client_take(c);
    }
    return any;
}

/* Everything that can happen now, happens: posts arrive, retained walks go on, output is sent. */
static inline void world_settle(world *w)
{
    for (bool any = true; any;) {
        any = false;
        for (unsigned i = 0; i < w->sides_count; i++) {
            world_side *side = &w->sides[i];
            any |= side_receive(side);
            any |= bb_broker_work(side->broker, w->now);
            any |= side_flush(side);
            side_push(side);
        }
        for (unsigned i = 0; i < w->sides_count; i++)
            any |= w->sides[i].in.first != NULL;
    }
}

static inline void world_settle_unless_manual(world *w)
{
    if (!w->manual)
        world_settle(w);
}

/* Time passes. */
static inline void world_pass(world *w, uint64_t ms)
{
    w->now += ms;
    for (unsigned i = 0; i < w->sides_count; i++)
        bb_broker_tick(w->sides[i].broker, w->now);
    world_settle_unless_manual(w);
}

/* The client does not read, and then does again. */
static inline void client_listen(client *c)
{
    c->deaf = false;
    if (c->open)
        bb_broker_link_again(client_broker(c), &c->link);
    world_settle_unless_manual(c->world);
}

/* ---- Input. */

static inline void client_move(client *c, unsigned home)
{
    BB_CHECK(home < c->world->sides_count && home != c->side);
    bb_broker_link_detach(client_broker(c), &c->link);
    c->side = home;
    bb_broker_link_attach(client_broker(c), &c->link, c->world->now);
}

static inline void client_run(client *c)
{
    bb_receive result = BB_RECEIVE_AGAIN;
    while (c->open && c->link.state != BB_LINK_ENDED && (result == BB_RECEIVE_AGAIN || result == BB_RECEIVE_MOVE)) {
        size_t used = 0, len = c->rest_len;
        unsigned home = 0;
        uint8_t *exact = malloc(len ? len : 1);
        BB_CHECK(exact != NULL);
        if (len)
            memcpy(exact, c->rest, len);
        result = bb_broker_receive(client_broker(c), &c->link, bb_span_of(exact, len), c->world->now, &used, &home);
        free(exact);
        BB_CHECK(used <= len);
        BB_CHECK((result == BB_RECEIVE_ENDED) == (c->link.state == BB_LINK_ENDED));
        c->rest_len -= used;
        if (used)
            memmove(c->rest, c->rest + used, c->rest_len);
        if (result == BB_RECEIVE_MOVE)
            client_move(c, home);
    }
}

/* As much as fits goes straight to where the broker wants it; 0: there is no such place now. */
static inline size_t client_give_direct(client *c, const uint8_t *bytes, size_t len)
{
    uint8_t *at;
    size_t room;
    if (!c->direct || c->rest_len || !bb_broker_receive_direct(client_broker(c), &c->link, &at, &room))
        return 0;
    BB_CHECK(room > 0);
    size_t n = len < room ? len : room;
    memcpy(at, bytes, n);
    (void)bb_broker_received_direct(client_broker(c), &c->link, n, c->world->now);
    return n;
}

/* At most `piece` bytes, unless they go straight to their place. */
static inline size_t client_give(client *c, const uint8_t *bytes, size_t len, size_t piece)
{
    size_t n = client_give_direct(c, bytes, len);
    if (n)
        return n;
    n = piece < len ? piece : len;
    uint8_t *rest = realloc(c->rest, c->rest_len + n);
    BB_CHECK(rest != NULL);
    memcpy(rest + c->rest_len, bytes, n);
    c->rest = rest;
    c->rest_len += n;
    bb_count_bytes_in(client_broker(c), n);
    client_run(c);
    return n;
}

static inline void client_send(client *c, const void *bytes, size_t len)
{
    enum { PIECES_MAX = 512 }; /* what is not whole is copied for each piece, so many small ones take minutes */
    size_t least = len / PIECES_MAX + 1, piece = !c->chunk ? len : c->chunk > least ? c->chunk : least;
    for (size_t done = 0; done < len && c->open && c->link.state != BB_LINK_ENDED;)
        done += client_give(c, (const uint8_t *)bytes + done, len - done, piece);
    world_settle_unless_manual(c->world);
}

/* ---- Packets that a client sends. */

/* Bytes being put together; what is too long is a mistake of the test. */
typedef struct packet {
    size_t len;
    uint8_t bytes[4096];
} packet;

static inline void packet_raw(packet *p, const void *bytes, size_t len)
{
    BB_CHECK(p->len + len <= sizeof p->bytes);
    if (len)
        memcpy(p->bytes + p->len, bytes, len);
    p->len += len;
}

static inline void packet_u8(packet *p, unsigned number)
{
    packet_raw(p, &(uint8_t){(uint8_t)number}, 1);
}

static inline void packet_u16(packet *p, unsigned number)
{
    packet_u8(p, number >> 8);
    packet_u8(p, number);
}

static inline void packet_varint(packet *p, size_t number)
{
    for (; number >= 0x80; number >>= 7)
        packet_u8(p, 0x80 | (number & 0x7F));
    packet_u8(p, (unsigned)number);
}

static inline void packet_text(packet *p, const char *text)
{
    packet_u16(p, (unsigned)strlen(text));
    packet_raw(p, text, strlen(text));
}

/* A list of properties, passed by value so that it can be written in one expression. */
typedef struct properties {
    uint16_t len;
    uint8_t bytes[256];
} properties;

static inline bb_property_writer properties_writer(properties *list)
{
    return (bb_property_writer){list->bytes, list->len, sizeof list->bytes, false};
}

static inline properties properties_done(properties list, const bb_property_writer *w)
{
    BB_CHECK(!w->full);
    list.len = (uint16_t)w->len;
    return list;
}

static inline properties with_byte(properties list, uint8_t id, uint8_t value)
{
    bb_property_writer w = properties_writer(&list);
    bb_property_put_byte(&w, id, value);
    return properties_done(list, &w);
}

static inline properties with_u16(properties list, uint8_t id, uint16_t value)
{
    bb_property_writer w = properties_writer(&list);
    bb_property_put_u16(&w, id, value);
    return properties_done(list, &w);
}

static inline properties with_u32(properties list, uint8_t id, uint32_t value)
{
    bb_property_writer w = properties_writer(&list);
    bb_property_put_u32(&w, id, value);
    return properties_done(list, &w);
}

static inline properties with_varint(properties list, uint8_t id, uint32_t value)
{
    bb_property_writer w = properties_writer(&list);
    bb_property_put_varint(&w, id, value);
    return properties_done(list, &w);
}

static inline properties with_text(properties list, uint8_t id, const char *value)
{
    bb_property_writer w = properties_writer(&list);
    bb_property_put_bytes(&w, id, bb_span_text(value));
    return properties_done(list, &w);
}

#define NO_PROPERTIES ((properties){0})

enum { /* the properties that these tests send */
       MESSAGE_EXPIRY = 0x02,
       SUBSCRIPTION_ID = 0x0B,
       SESSION_EXPIRY = 0x11,
       AUTH_METHOD = 0x15,
       AUTH_DATA = 0x16,
       REQUEST_PROBLEM_INFO = 0x17,
       WILL_DELAY = 0x18,
       REQUEST_RESPONSE_INFO = 0x19,
       RECEIVE_MAXIMUM = 0x21,
       TOPIC_ALIAS_MAXIMUM = 0x22,
       TOPIC_ALIAS = 0x23,
       MAXIMUM_PACKET_SIZE = 0x27,
};

static inline void packet_properties(packet *p, bb_version version, const properties *list)
{
    if (version != BB_MQTT_5)
        return;
    packet_varint(p, list->len);
    packet_raw(p, list->bytes, list->len);
}

/* Send a packet with this body. */
static inline void client_packet(client *c, unsigned type_and_flags, const packet *body)
{
    packet whole = {0};
    packet_u8(&whole, type_and_flags);
    packet_varint(&whole, body->len);
    packet_raw(&whole, body->bytes, body->len);
    client_send(c, whole.bytes, whole.len);
}

/* What a CONNECT says; everything that is left out is the usual. */
typedef struct connecting {
    const char *id;
    bb_version version; /* 0: 5.0 */
    bool resume;        /* Clean Start 0 */
    uint16_t keep_alive_s;
    properties properties;
    const char *will_topic, *will_payload; /* a topic of NULL: no will */
    uint8_t will_qos;
    bool will_retain;
    properties will_properties;
    const char *user_name;
} connecting;

static inline unsigned connect_flags(const connecting *with)
{
    unsigned flags = with->resume ? 0 : 0x02;
    if (with->will_topic)
        flags |= 0x04u | with->will_qos << 3 | with->will_retain << 5;
    return flags | (with->user_name ? 0x80 : 0);
}

static inline void client_connect(client *c, connecting with)
{
    packet body = {0};
    c->version = with.version ? with.version : BB_MQTT_5;
    packet_text(&body, c->version == BB_MQTT_31 ? "MQIsdp" : "MQTT");
    packet_u8(&body, c->version);
    packet_u8(&body, connect_flags(&with));
    packet_u16(&body, with.keep_alive_s);
    packet_properties(&body, c->version, &with.properties);
    packet_text(&body, with.id ? with.id : "");
    if (with.will_topic) {
        packet_properties(&body, c->version, &with.will_properties);
        packet_text(&body, with.will_topic);
        packet_text(&body, with.will_payload ? with.will_payload : "");
    }
    if (with.user_name)
        packet_text(&body, with.user_name);
    client_packet(c, 0x10, &body);
}

/* What a PUBLISH says beside topic and payload. */
typedef struct publishing {
    uint8_t qos;
    bool retain, dup;
    uint16_t id;
    properties properties;
} publishing;

static inline void client_publish(client *c, const char *topic, const char *payload, publishing with)
{
    packet body = {0};
    packet_text(&body, topic);
    if (with.qos)
        packet_u16(&body, with.id);
    packet_properties(&body, c->version, &with.properties);
    packet_raw(&body, payload, strlen(payload));
    client_packet(c, 0x30u | with.dup << 3 | with.qos << 1 | with.retain, &body);
}

/* A payload of `len` bytes that are all `fill`. */
static inline void client_publish_large(client *c, const char *topic, size_t len, uint8_t fill, publishing with)
{
    packet head = {0}, body = {0};
    packet_text(&body, topic);
    if (with.qos)
        packet_u16(&body, with.id);
    packet_properties(&body, c->version, &with.properties);
    packet_u8(&head, 0x30u | with.dup << 3 | with.qos << 1 | with.retain);
    packet_varint(&head, body.len + len);
    packet_raw(&head, body.bytes, body.len);
    uint8_t *whole = malloc(head.len + len);
    BB_CHECK(whole != NULL);
    memcpy(whole, head.bytes, head.len);
    memset(whole + head.len, fill, len);
    client_send(c, whole, head.len + len);
    free(whole);
}

/* Options of a subscription as SUBSCRIBE encodes them. */
enum { NO_LOCAL = 0x04, RETAIN_AS_PUBLISHED = 0x08, RETAIN_IF_NEW = 0x10, RETAIN_NEVER = 0x20 };

static inline void client_subscribe_with(client *c, uint16_t id, const char *filter, unsigned options, properties list)
{
    packet body = {0};
    packet_u16(&body, id);
    packet_properties(&body, c->version, &list);
    packet_text(&body, filter);
    packet_u8(&body, options);
    client_packet(c, 0x82, &body);
}

static inline void client_subscribe(client *c, uint16_t id, const char *filter, unsigned options)
{
    client_subscribe_with(c, id, filter, options, NO_PROPERTIES);
}

static inline void client_unsubscribe(client *c, uint16_t id, const char *filter)
{
    packet body = {0};
    packet_u16(&body, id);
    packet_properties(&body, c->version, &NO_PROPERTIES);
    packet_text(&body, filter);
    client_packet(c, 0xA2, &body);
}

static inline void client_ack(client *c, bb_packet_type type, uint16_t id, uint8_t code)
{
    packet body = {0};
    packet_u16(&body, id);
    if (code)
        packet_u8(&body, code);
    client_packet(c, (unsigned)type << 4 | (type == BB_PUBREL ? 2 : 0), &body);
}

static inline void client_auth(client *c, uint8_t code, const char *method, const char *data)
{
    packet body = {0};
    properties list = with_text(NO_PROPERTIES, AUTH_METHOD, method);
    if (data)
        list = with_text(list, AUTH_DATA, data);
    packet_u8(&body, code);
    packet_properties(&body, BB_MQTT_5, &list);
    client_packet(c, 0xF0, &body);
}

static inline void client_ping(client *c)
{
    client_packet(c, 0xC0, &(packet){0});
}

static inline void client_disconnect_with(client *c, uint8_t code, properties list)
{
    packet body = {0};
    if (c->version == BB_MQTT_5 && (code || list.len)) {
        packet_u8(&body, code);
        packet_properties(&body, BB_MQTT_5, &list);
    }
    client_packet(c, 0xE0, &body);
}

static inline void client_disconnect(client *c)
{
    client_disconnect_with(c, 0, NO_PROPERTIES);
}

/* ---- Packets that a client receives. */

typedef struct received {
    bb_header header;
    bb_span body;
} received;

/* The next packet that was not looked at; false: there is none. What the broker sends must be whole packets. */
static inline bool client_next(client *c, received *out)
{
    bb_span rest = bb_span_from(bb_span_of(c->got, c->got_len), c->read);
    if (!rest.len)
        return false;
    BB_CHECK(bb_header_decode(rest, &out->header, NULL) == BB_OK);
    BB_CHECK((size_t)out->header.size + out->header.remaining <= rest.len);
    out->body = bb_span_of(rest.data + out->header.size, out->header.remaining);
    c->read += out->header.size + out->header.remaining;
    return true;
}

#endif
