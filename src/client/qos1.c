/* qos1.c - messages that are acknowledged. Outgoing ones lie in the caller's store as the packets that they are, from
 * bb_client_publish until the server acknowledges them; what is sent, and sent again, is read from there.
 *
 * The key of a record is its packet identifier. Identifiers are given out in order, so the order of the messages is
 * that of their identifiers, counted from the next one that will be given out:
 *
 *     identifiers   1 ... 7   8 9 10 11 12      ... 65534   65535
 *                    newest   free: next is 8        oldest
 *
 * So neither the order nor what is in flight needs memory beside the store, and both survive a reset. Spec: 4.4, 4.6.
 */
#include "client/inside.h"

enum { DUP = 0x8 };

static uint32_t next_record(const bb_client *client, uint32_t key)
{
    const bb_client_store *store = client->options->store;
    uint32_t next = store->next(store->context, key);
    return next < CLIENT_KEY_RECEIVED ? next : 0;
}

/* How far an identifier is from the oldest that there could be. */
static uint16_t age_of(const bb_client *client, uint16_t packet_id)
{
    return (uint16_t)(packet_id - client->next_id);
}

/* The next record to send on this connection, in the order of publishing; 0: there is none. */
static uint16_t next_to_send(const bb_client *client)
{
    uint16_t last = client->send_begun ? client->send_id : (uint16_t)(client->next_id - 1);
    uint32_t key = next_record(client, last);
    if (key == 0)
        key = next_record(client, 0);
    bool is_older = client->send_begun && age_of(client, (uint16_t)key) <= age_of(client, last);
    return is_older ? 0 : (uint16_t)key;
}

uint8_t bb_client_record_first(const bb_client *client, uint32_t key)
{
    const bb_client_store *store = client->options->store;
    uint8_t first;
    return store->get(store->context, key, 0, &first, 1) == 1 ? first : 0;
}

static void forget(bb_client *client, uint32_t key)
{
    const bb_client_store *store = client->options->store;
    store->remove(store->context, key);
}

/* ---- The session. */

static bool read_header(const bb_client *client, uint16_t packet_id, bb_header *out)
{
    const bb_client_store *store = client->options->store;
    uint8_t bytes[5];
    size_t len = store->get(store->context, packet_id, 0, bytes, sizeof(bytes));
    return bb_header_decode(bb_span_of(bytes, len), out, NULL) == BB_OK;
}

/* Is the last byte of the record there? A message that was being published piece by piece when power went is not. */
static bool is_whole(const bb_client *client, uint16_t packet_id)
{
    const bb_client_store *store = client->options->store;
    bb_header header;
    uint8_t last;
    return read_header(client, packet_id, &header) &&
           store->get(store->context, packet_id, header.size + header.remaining - 1, &last, 1) == 1;
}

/* The next identifier comes after the newest record: the one before the largest gap. */
void bb_client_restore(bb_client *client)
{
    if (!client->options->store)
        return;
    uint32_t first = next_record(client, 0), gap = 0;
    for (uint32_t key = first, next; key != 0; key = next) {
        next = next_record(client, key);
        uint32_t here = next != 0 ? next - key : first + 0x10000 - key;
        if (here > gap) {
            gap = here;
            client->next_id = (uint16_t)(key + 1);
            client->sent_until = (uint16_t)key;
        }
        if (!is_whole(client, (uint16_t)key))
            forget(client, key);
    }
}

void bb_client_begin(bb_client *client)
{
    client->quota = client->server.receive_maximum;
    client->send_begun = false;
}

/* ---- The application publishes. */

bb_client_result bb_client_store_message(bb_client *client, const bb_client_message *message, uint32_t size, bool whole,
                                         uint16_t *packet_id)
{
    const bb_client_store *store = client->options->store;
    bb_frame frame;
    uint16_t taken = bb_client_take_ids(client, 1);
    if (taken == 0)
        return BB_CLIENT_FULL;
    if (!client->options->protocol->make_publish(client, &frame, message, taken, size))
        return BB_CLIENT_TOO_LARGE;
    if (whole)
        bb_frame_bytes(&frame, message->payload);
    if (!store->put(store->context, taken, 0, frame.parts, frame.count))
        return BB_CLIENT_FULL;
    client->stream_offset = (uint32_t)frame.size;
    *packet_id = taken;
    return BB_CLIENT_OK;
}

/* ---- Sending. */

void bb_client_published(bb_client *client, bb_client_event *event)
{
    forget(client, event->ack.packet_id);
    event->ack.type = BB_CLIENT_PUBLISHED;
    event->ack.subscription = NULL;
    if (client->quota < client->server.receive_maximum)
        client->quota++;
}

/* A record that is not to be sent: the server would not take it, or had it already, in a session that is lost. */
static client_step drop(bb_client *client, uint16_t packet_id, uint8_t code, bb_client_event *event)
{
    event->ack.type = BB_CLIENT_PUBLISHED;
    event->ack.packet_id = packet_id;
    event->ack.code = code;
    event->ack.subscription = NULL;
    event->ack.properties = BB_SPAN_NONE;
    forget(client, packet_id);
    return STEP_EVENT;
}

/* Has a connection carried this message? */
static bool is_again(const bb_client *client, uint16_t packet_id)
{
    return age_of(client, packet_id) <= age_of(client, client->sent_until);
}

static client_step begin_record(bb_client *client, uint16_t packet_id, bb_client_event *event)
{
    bb_header header;
    if (!read_header(client, packet_id, &header))
        return drop(client, packet_id, 0x80, event);
    bool publish = header.type == BB_PUBLISH;
    uint32_t size = header.size + header.remaining;
    uint8_t refusal = publish ? bb_client_refusal(client, header.flags, size) : 0x00;
    if (refusal != 0x00 || (!publish && client->flags & CLIENT_NEW_SESSION))
        return drop(client, packet_id, refusal, event);
    if (publish && client->quota == 0)
        return STEP_NOTHING;
    client->quota -= publish;
    client->send_dup = publish && is_again(client, packet_id) && !(client->flags & CLIENT_NEW_SESSION) ? DUP : 0;
    client->send_offset = 0;
    client->send_left = size;
    return STEP_DONE;
}

/* Copy as much of the record as there is room for. */
static client_step go_on(bb_client *client)
{
    const bb_client_store *store = client->options->store;
    size_t room = bb_client_room(client);
    size_t wanted = client->send_left < room ? client->send_left : room;
    uint8_t *at = bb_client_reserve(client, wanted);
    if (wanted == 0)
        return STEP_NOTHING;
    if (store->get(store->context, client->send_id, client->send_offset, at, wanted) != wanted) {
        bb_client_end_now(client, BB_CLIENT_NO_ROOM, 0); /* half a packet is out, and there is no other half */
        return STEP_NOTHING;
    }
    if (client->send_offset == 0)
        *at |= client->send_dup;
    client->out_end += wanted;
    client->send_offset += (uint32_t)wanted;
    client->send_left -= (uint32_t)wanted;
    if (client->send_left == 0 && !is_again(client, client->send_id))
        client->sent_until = client->send_id;
    return STEP_DONE;
}

client_step bb_client_send(bb_client *client, bb_client_event *event)
{
    if (client->send_left > 0)
        return go_on(client);
    if (!bb_client_between_packets(client))
        return STEP_NOTHING;
    uint16_t packet_id = next_to_send(client);
    if (packet_id == 0 || (packet_id == client->stream_id && client->stream_left > 0))
        return STEP_NOTHING;
    client_step begun = begin_record(client, packet_id, event);
    if (begun != STEP_NOTHING) {
        client->send_begun = true;
        client->send_id = packet_id;
    }
    return begun;
}

bb_status bb_client_puback(bb_client *client, client_packet *packet)
{
    uint8_t first = bb_client_record_first(client, packet->event->ack.packet_id);
    bool published = (first & 0xF6) == (BB_PUBLISH << 4 | 1 << 1);
    if (packet->header.type != BB_PUBACK || (first != 0 && !published))
        return bb_client_refuse(packet, BB_E_PROTOCOL, "4.3");
    if (published)
        bb_client_published(client, packet->event);
    return BB_OK;
}

const bb_client_delivery bb_client_qos1 = {
    .qos_max = 1,
    .begin = bb_client_begin,
    .publish = bb_client_store_message,
    .send = bb_client_send,
    .acknowledged = bb_client_puback,
};
