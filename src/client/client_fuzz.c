/* client_fuzz.c - a client in every state, against a server that sends anything, in any pieces, and an application that
 * does anything the interface allows.
 *
 * The input is a program: each byte says what happens next. What the client sends is read by the decoders of the
 * broker: whatever comes, it must stay a sequence of packets that a client may send. */
#include "client/inside.h"

#include "base/utf8.h"

enum { BUFFER = 96, STORE = 256, SENT_MAX = 1 << 16 };

typedef struct rig {
    const uint8_t *at, *end;
    bb_client client;
    bb_client_options options;
    bb_client_ram_store store;
    bb_client_aliases aliases;
    bb_client_auth auth;
    bb_client_birth birth;
    bb_client_message will;
    bb_time now;
    bool open;
    uint8_t in[BUFFER], out[BUFFER], store_memory[STORE], id[8], redirect[8], alias_in[40], alias_out[40];
    uint8_t sent[SENT_MAX]; /* what the server has got of this connection */
    size_t sent_len;
    uint32_t payload_at; /* of the message that comes in pieces */
} rig;

static uint8_t byte(rig *r)
{
    return r->at < r->end ? *r->at++ : 0;
}

static bool prove(void *context, bb_client_auth_phase phase, bb_span data, bb_span *reply)
{
    rig *r = context;
    *reply = phase == BB_CLIENT_AUTH_CONTINUE ? bb_span_of(r->id, data.len % sizeof(r->id)) : BB_SPAN_NONE;
    return data.len < 4 || data.data[0] != 'X';
}

/* ---- What the client sends. */

static void check_body(const rig *r, const bb_header *header, bb_span body, bool first)
{
    bb_version version = r->options.protocol->version;
    bb_connect connect;
    bb_publish publish;
    bb_subscribe subscribe;
    bb_disconnect disconnect;
    bb_ack ack;
    BB_CHECK(first == (header->type == BB_CONNECT)); /* MQTT-3.1.0-1, MQTT-3.1.0-2 */
    switch (header->type) {
    case BB_CONNECT:
        BB_CHECK(bb_connect_decode(body, &connect, NULL) == BB_OK && connect.version == version);
        break;
    case BB_PUBLISH:
        BB_CHECK(bb_publish_decode(header, body, version, &publish, NULL) == BB_OK);
        break;
    case BB_PUBACK:
    case BB_PUBREC:
    case BB_PUBREL:
    case BB_PUBCOMP:
        BB_CHECK(bb_ack_decode((bb_packet_type)header->type, body, version, &ack, NULL) == BB_OK);
        break;
    case BB_SUBSCRIBE:
    case BB_UNSUBSCRIBE:
        BB_CHECK(bb_subscribe_decode((bb_packet_type)header->type, body, version, &subscribe, NULL) == BB_OK);
        break;
    case BB_DISCONNECT:
    case BB_AUTH:
        BB_CHECK(bb_disconnect_decode((bb_packet_type)header->type, body, version, true, &disconnect, NULL) == BB_OK);
        break;
    default:
        BB_CHECK(header->type == BB_PINGREQ && header->remaining == 0);
    }
}

/* All whole packets of a connection. */
static void check_sent(rig *r)
{
    bb_span rest = bb_span_of(r->sent, r->sent_len);
    for (bool first = true; rest.len > 0; first = false) {
        bb_header header;
        bb_status status = bb_header_decode(rest, &header, NULL);
        BB_CHECK(status == BB_OK || status == BB_MORE);
        if (status == BB_MORE || rest.len < header.size + (size_t)header.remaining)
            break;
        check_body(r, &header, bb_span_of(rest.data + header.size, header.remaining), first);
        rest = bb_span_from(rest, header.size + (size_t)header.remaining);
    }
    r->sent_len = 0;
}

static void send(rig *r, size_t most)
{
    bb_span out = bb_client_output(&r->client);
    BB_CHECK(out.data >= r->out && out.data + out.len <= r->out + r->options.out.size);
    size_t len = out.len < most ? out.len : most;
    if (!r->open || len > SENT_MAX - r->sent_len)
        return;
    memcpy(r->sent + r->sent_len, out.data, len);
    r->sent_len += len;
    bb_client_sent(&r->client, len);
}

/* ---- What the client tells. */

static void check_message(rig *r, const bb_client_message_event *message)
{
    BB_CHECK(message->offset == r->payload_at && message->payload.len <= message->size - message->offset);
    BB_CHECK(message->qos <= 2 && message->topic.len > 0 && bb_utf8_valid(message->topic));
    bb_property property;
    for (bb_span list = message->properties; bb_property_next(&list, &property);)
        BB_CHECK(property.encoded.len > 0);
    r->payload_at = message->offset + (uint32_t)message->payload.len;
    if (r->payload_at == message->size)
        r->payload_at = 0;
}

static void take_event(rig *r, const bb_client_event *event)
{
    switch (event->type) {
    case BB_CLIENT_OPEN:
        BB_CHECK(!r->open);
        if (byte(r) % 8 != 0) {
            r->open = true;
            bb_client_opened(&r->client);
        } else {
            bb_client_closed(&r->client);
        }
        break;
    case BB_CLIENT_DISCONNECTED:
        check_sent(r);
        r->open = false;
        r->payload_at = 0;
        break;
    case BB_CLIENT_MESSAGE:
        check_message(r, &event->message);
        break;
    case BB_CLIENT_CONNECTED:
        BB_CHECK(r->open && bb_client_is_connected(&r->client));
        break;
    default:
        BB_CHECK(event->type >= BB_CLIENT_PUBLISHED && event->type <= BB_CLIENT_AUTHENTICATED);
    }
}

static void run(rig *r)
{
    bb_client_event event;
    for (unsigned i = 0; bb_client_next(&r->client, r->now, &event); i++) {
        BB_CHECK(i < 10000);
        take_event(r, &event);
    }
    bb_time deadline = bb_client_deadline(&r->client);
    BB_CHECK(deadline >= r->now);
    BB_CHECK(r->client.out_end <= r->options.out.size && r->client.in_end <= r->options.in.size);
}

/* ---- What happens. */

static void arrives(rig *r)
{
    size_t room, len = byte(r);
    uint8_t *at = bb_client_input(&r->client, &room);
    BB_CHECK(at >= r->in && at + room <= r->in + r->options.in.size);
    if (len > room)
        len = room;
    if (len > (size_t)(r->end - r->at))
        len = (size_t)(r->end - r->at);
    if (!r->open)
        return;
    memcpy(at, r->at, len);
    r->at += len;
    bb_client_received(&r->client, len);
}

static void publishes(rig *r)
{
    static const uint8_t payload[200];
    uint8_t how = byte(r), size = byte(r);
    uint8_t topic[2] = {'t', (uint8_t)('a' + how % 4)};
    bb_client_message message = {.topic = {topic, 2}, .payload = {payload, size % 200}, .qos = how >> 2 & 3};
    message.retain = how >> 4 & 1;
    if (how & 0x80)
        (void)bb_client_publish_begin(&r->client, &message, size, NULL);
    else
        (void)bb_client_publish(&r->client, &message, NULL);
}

static void gives_chunk(rig *r)
{
    static const uint8_t payload[64];
    size_t taken, len = byte(r) % 64;
    if (len == 63)
        bb_client_publish_abort(&r->client);
    else if (bb_client_publish_chunk(&r->client, bb_span_of(payload, len), &taken) == BB_CLIENT_OK)
        BB_CHECK(taken <= len);
}

static void subscribes(rig *r)
{
    static const char *const filters[] = {"a", "+/b/#", "$share/g/x", "bad/#/x"};
    uint8_t how = byte(r);
    bb_client_subscription what = {.filter = bb_span_text(filters[how % 4]), .qos = how >> 2 & 3, .id = how >> 5};
    if (how & 0x10)
        (void)bb_client_unsubscribe(&r->client, what.filter, NULL);
    else
        (void)bb_client_subscribe(&r->client, &what, NULL);
}

static void breaks(rig *r)
{
    if (!r->open)
        return;
    check_sent(r);
    bb_client_closed(&r->client);
}

/* Power is lost: what is left is the store. */
static void resets(rig *r)
{
    check_sent(r);
    r->open = false;
    r->payload_at = 0;
    BB_CHECK(bb_client_init(&r->client, &r->options) == BB_CLIENT_OK);
    bb_client_restore(&r->client);
    bb_client_start(&r->client);
}

static void happens(rig *r)
{
    switch (byte(r) % 16) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
        arrives(r);
        break;
    case 5:
    case 6:
        send(r, SIZE_MAX);
        break;
    case 7:
        send(r, byte(r));
        break;
    case 8:
    case 9:
        publishes(r);
        break;
    case 10:
        gives_chunk(r);
        break;
    case 11:
        subscribes(r);
        break;
    case 12:
        r->now += (bb_time)byte(r) << 9;
        break;
    case 13:
        breaks(r);
        break;
    case 14:
        if (byte(r) % 4 == 0)
            bb_client_stop(&r->client, false);
        else
            bb_client_start(&r->client);
        break;
    default:
        if (byte(r) % 8 == 0)
            resets(r);
        else
            (void)bb_client_reauthenticate(&r->client);
    }
    run(r);
}

static void set_up(rig *r)
{
    static const bb_client_subscription subscriptions[] = {
        {.filter = {(const uint8_t *)"a", 1}, .qos = 1},
        {.filter = {(const uint8_t *)"$share/g/#", 10}, .id = 300, .retain_handling = 2},
    };
    uint8_t how = byte(r), with = byte(r);
    bb_client_ram_store_init(&r->store, r->store_memory, sizeof(r->store_memory));
    bb_client_aliases_init(&r->aliases, r->alias_in, sizeof(r->alias_in), 3, r->alias_out, sizeof(r->alias_out), 3);
    r->will = (bb_client_message){.topic = BB_SPAN_LITERAL("w"), .payload = BB_SPAN_LITERAL("off"), .qos = 1};
    r->birth = (bb_client_birth){&bb_client_birth_functions, r->will};
    r->auth = (bb_client_auth){&bb_client_auth_functions, BB_SPAN_LITERAL("M"), r, prove};
    r->options = (bb_client_options){
        .protocol = how & 1 ? &bb_client_mqtt_5 : &bb_client_mqtt_311,
        .delivery = how & 2   ? &bb_client_qos2
                    : how & 4 ? &bb_client_qos1
                              : NULL,
        .store = &r->store.store,
        .in = {r->in, 64 + (how >> 3)},
        .out = {r->out, 64 + (with & 31)},
        .client_id = with & 0x20 ? BB_SPAN_LITERAL("c") : BB_SPAN_NONE,
        .clean_start = !(with & 0x20), /* without an identifier, 3.1.1 demands it */
        .keep_alive_s = 20,
        .will = with & 0x40 ? &r->will : NULL,
        .birth = with & 0x40 ? &r->birth : NULL,
        .subscriptions = subscriptions,
        .subscriptions_count = 2,
        .retry_min_ms = 100,
        .retry_max_ms = 1000,
        .receive_maximum = with & 1 ? 2 : 0,
        .maximum_packet_size = with & 2 ? 150 : 0,
        .aliases = with & 4 ? &r->aliases : NULL,
        .auth = with & 0x80 ? &r->auth : NULL,
        .assigned_id = {r->id, sizeof(r->id)},
        .redirect = {r->redirect, sizeof(r->redirect)},
    };
    if (!r->options.delivery)
        r->birth.message.qos = 0;
    BB_CHECK(bb_client_init(&r->client, &r->options) == BB_CLIENT_OK);
    bb_client_start(&r->client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static rig r;
    memset(&r, 0, sizeof(r));
    r.at = data;
    r.end = data + size;
    set_up(&r);
    run(&r);
    while (r.at < r.end)
        happens(&r);
    check_sent(&r);
    return 0;
}
