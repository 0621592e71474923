/* qos2.c - what QoS 2 adds to QoS 1. An outgoing message that the server has (PUBREC) becomes a PUBREL in the store; of
 * one that came in, the packet identifier lies there until the server releases it. Spec: 4.3.3. */
#include "client/inside.h"

enum { PUBREL_FIRST = BB_PUBREL << 4 | 0x2 };

static bool put(bb_client *client, uint32_t key, const void *bytes, size_t len)
{
    const bb_client_store *store = client->options->store;
    bb_span part = bb_span_of(bytes, len);
    return store->put(store->context, key, 0, &part, 1);
}

/* ---- Incoming.
 *
 * A record of one byte: 0 makes sure that there is room before the application is given the message, 1 says that it has
 * it. So a store that is full refuses a message, but never gives it twice. */

static void begin(bb_client *client)
{
    const bb_client_store *store = client->options->store;
    uint32_t key;
    bb_client_begin(client);
    if (!(client->flags & CLIENT_NEW_SESSION))
        return;
    while ((key = store->next(store->context, CLIENT_KEY_RECEIVED)) != 0)
        store->remove(store->context, key);
}

/* Does the server have more under way than we allow? */
static bool has_too_many(const bb_client *client)
{
    const bb_client_store *store = client->options->store;
    uint16_t left = client->options->receive_maximum;
    if (left == 0 || client->options->protocol->version != BB_MQTT_5)
        return false;
    for (uint32_t key = CLIENT_KEY_RECEIVED; left > 0 && (key = store->next(store->context, key)) != 0;)
        left--;
    return left == 0;
}

static bb_status arrives(bb_client *client, client_packet *packet)
{
    static const uint8_t promised = 0;
    uint32_t key = CLIENT_KEY_RECEIVED | packet->packet_id;
    if (bb_client_record_first(client, key) != 0) {
        client->flags |= CLIENT_DISCARD;
        return BB_OK;
    }
    if (has_too_many(client))
        return bb_client_refuse(packet, BB_E_RECEIVE_MAXIMUM, "MQTT-3.3.4-9");
    return put(client, key, &promised, 1) ? BB_OK : BB_E_NO_MEMORY;
}

static bool taken(bb_client *client, uint16_t packet_id)
{
    static const uint8_t there = 1;
    uint32_t key = CLIENT_KEY_RECEIVED | packet_id;
    return bb_client_record_first(client, key) != 0 || put(client, key, &there, 1);
}

static void released(bb_client *client, uint16_t packet_id)
{
    const bb_client_store *store = client->options->store;
    uint32_t key = CLIENT_KEY_RECEIVED | packet_id;
    bool known = bb_client_record_first(client, key) != 0;
    store->remove(store->context, key);
    bb_client_owe(client, BB_PUBCOMP, packet_id, known ? 0x00 : 0x92);
}

/* ---- Outgoing. */

static bb_status received(bb_client *client, client_packet *packet)
{
    bb_client_ack_event *ack = &packet->event->ack;
    uint8_t first = bb_client_record_first(client, ack->packet_id);
    bool published = (first & 0xF6) == (BB_PUBLISH << 4 | 2 << 1);
    if (first != 0 && first != PUBREL_FIRST && !published)
        return bb_client_refuse(packet, BB_E_PROTOCOL, "4.3.3");
    if (ack->code >= 0x80) {
        if (published)
            bb_client_published(client, packet->event);
        return BB_OK;
    }
    const uint8_t pubrel[4] = {PUBREL_FIRST, 2, (uint8_t)(ack->packet_id >> 8), (uint8_t)ack->packet_id};
    if (published && !put(client, ack->packet_id, pubrel, sizeof(pubrel)))
        return BB_E_NO_MEMORY;
    bb_client_owe(client, BB_PUBREL, ack->packet_id, first != 0 ? 0x00 : 0x92);
    return BB_OK;
}

/* The server has had the message since its PUBREC: that it does not know it any more is no failure. */
static void completed(bb_client *client, bb_client_event *event)
{
    if (bb_client_record_first(client, event->ack.packet_id) != PUBREL_FIRST)
        return;
    event->ack.code = 0x00;
    bb_client_published(client, event);
}

static bb_status acknowledged(bb_client *client, client_packet *packet)
{
    switch (packet->header.type) {
    case BB_PUBREC:
        return received(client, packet);
    case BB_PUBREL:
        released(client, packet->event->ack.packet_id);
        return BB_OK;
    case BB_PUBCOMP:
        completed(client, packet->event);
        return BB_OK;
    default:
        return bb_client_puback(client, packet);
    }
}

const bb_client_delivery bb_client_qos2 = {
    .qos_max = 2,
    .begin = begin,
    .publish = bb_client_store_message,
    .send = bb_client_send,
    .acknowledged = acknowledged,
    .arrives = arrives,
    .taken = taken,
};
