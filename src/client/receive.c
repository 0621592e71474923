/* receive.c - the bytes that came: which packet they are, and what follows from it.
 *
 * The caller's buffer holds, while a message comes in pieces, its head at the start; then what was not looked at yet:
 *
 *     | head of the message | payload that was given | not looked at | room |
 *     0                  in_kept                   in_start        in_end   size
 *
 * bb_client_input moves what was not looked at to the left. */
#include "client/inside.h"

/* ---- The buffer. */

static void compact(bb_client *client)
{
    uint8_t *at = client->options->in.at;
    size_t len = client->in_end - client->in_start;
    if (client->in_start == client->in_kept)
        return;
    memmove(at + client->in_kept, at + client->in_start, len);
    client->in_start = client->in_kept;
    client->in_end = client->in_kept + len;
}

uint8_t *bb_client_input(bb_client *client, size_t *room)
{
    compact(client);
    *room = client->options->in.size - client->in_end;
    return client->options->in.at + client->in_end;
}

void bb_client_received(bb_client *client, size_t len)
{
    BB_CHECK(len <= client->options->in.size - client->in_end);
    client->in_end += len;
    if (len > 0)
        client->flags |= CLIENT_HEARD;
}

static bb_span unread(const bb_client *client)
{
    return bb_span_of(client->options->in.at + client->in_start, client->in_end - client->in_start);
}

/* ---- Answers. */

/* The server broke the protocol, or sent what we have no room for: tell it, and end. */
static client_step refuse(bb_client *client, bb_status status, const char *clause)
{
    const bb_client_protocol *protocol = client->options->protocol;
    if (client->state == CLIENT_ENDING)
        return STEP_DONE; /* the cause is known already */
    bool room = status == BB_E_NO_MEMORY || status == BB_E_TOO_LARGE_FOR_CLIENT;
    uint8_t code = 0x00;
    if (protocol->code_of && client->state == CLIENT_CONNECTED) {
        code = protocol->code_of(status);
        protocol->say_disconnect(client, code);
    }
    client->clause = clause;
    bb_client_end(client, room ? BB_CLIENT_NO_ROOM : BB_CLIENT_PROTOCOL, code);
    return STEP_DONE;
}

bool bb_client_flush_answer(bb_client *client)
{
    const bb_client_options *options = client->options;
    if (client->answer == 0)
        return true;
    if (client->answer == BB_PUBREC && !options->delivery->taken(client, client->answer_id)) {
        (void)refuse(client, BB_E_NO_MEMORY, NULL);
        return false;
    }
    if (!options->protocol->say_ack(client, (bb_packet_type)client->answer, client->answer_id, client->answer_code) &&
        !(client->flags & CLIENT_CLOSED))
        return false;
    client->answer = 0;
    return true;
}

/* ---- Messages. */

/* Give as much of the payload as is there. With its last byte, the message is acknowledged in the next step. */
static client_step give_piece(bb_client *client, bb_client_event *event)
{
    bb_client_message_event *message = &client->message;
    bool discard = (client->flags & CLIENT_DISCARD) != 0;
    size_t here = client->in_end - client->in_start;
    if (here >= client->message_left) {
        here = client->message_left;
        client->in_kept = 0;
        client->flags &= ~CLIENT_DISCARD;
        if (message->qos > 0)
            bb_client_owe(client, message->qos == 1 ? BB_PUBACK : BB_PUBREC, message->packet_id, 0x00);
    } else if (here == 0) {
        return STEP_NOTHING;
    }
    message->payload = bb_span_of(client->options->in.at + client->in_start, here);
    message->offset = message->size - client->message_left;
    client->in_start += here;
    client->message_left -= (uint32_t)here;
    event->message = *message;
    return discard ? STEP_DONE : STEP_EVENT;
}

static bb_status begin_message(bb_client *client, client_packet *packet)
{
    const bb_client_delivery *delivery = client->options->delivery;
    bb_client_message_event *message = &client->message;
    bb_status status = client->options->protocol->publish(client, packet);
    if (status != BB_OK)
        return status;
    if (message->qos > bb_client_qos_max(client))
        return bb_client_refuse(packet, BB_E_PROTOCOL, "MQTT-3.8.4-8"); /* nobody asked for it */
    if (message->qos == 2)
        status = delivery->arrives(client, packet);
    if (status != BB_OK)
        return status;

    message->type = BB_CLIENT_MESSAGE;
    message->retain = packet->header.flags & 1;
    message->dup = packet->header.flags >> 3 & 1;
    message->size = client->message_left = packet->header.remaining - (uint32_t)packet->payload_offset;
    message->packet_id = packet->packet_id;
    client->in_kept = client->in_start += packet->header.size + packet->payload_offset;
    bool no_room = client->in_kept == client->options->in.size && client->message_left > 0;
    return no_room ? BB_E_TOO_LARGE_FOR_CLIENT : BB_OK; /* the head fills the buffer: no payload can follow */
}

/* ---- Everything else. */

static bb_status take_connack(bb_client *client, client_packet *packet)
{
    const bb_client_options *options = client->options;
    bb_client_connected_event *connected = &packet->event->connected;
    uint8_t code;
    if (client->state != CLIENT_CONNECTING || packet->header.type != BB_CONNACK)
        return bb_client_refuse(packet, BB_E_PROTOCOL, "MQTT-3.2.0-1");
    bb_status status = options->protocol->connack(client, packet, &code);
    if (status != BB_OK)
        return status;
    if (connected->session_present && bb_client_cleans(client))
        return bb_client_refuse(packet, BB_E_PROTOCOL, "MQTT-3.2.2-2");
    if (code != 0x00) {
        bb_client_finish(client, packet->event, BB_CLIENT_REFUSED, code, connected->properties);
        return BB_OK;
    }

    client->state = CLIENT_CONNECTED;
    client->connected_at = client->sent_at = (uint32_t)client->now;
    client->flags |= CLIENT_WAS_CONNECTED | CLIENT_BEGUN;
    if (!connected->session_present)
        client->flags = (client->flags | CLIENT_NEW_SESSION) & ~CLIENT_SUBSCRIBED;
    bb_client_subscribe_begin(client);
    if (options->delivery)
        options->delivery->begin(client);
    connected->type = BB_CLIENT_CONNECTED;
    connected->server = client->server;
    connected->birth = options->birth ? options->birth->functions->publish(client) : BB_CLIENT_OK;
    return BB_OK;
}

static bb_status take_ack(bb_client *client, client_packet *packet)
{
    const bb_client_options *options = client->options;
    bb_status status = options->protocol->ack(packet);
    if (status != BB_OK)
        return status;
    if (packet->header.type >= BB_SUBACK) {
        bb_client_subscribe_answered(client, packet->header.type, &packet->event->ack);
        return BB_OK;
    }
    if (!options->delivery)
        return bb_client_refuse(packet, BB_E_PROTOCOL, "4.3");
    return options->delivery->acknowledged(client, packet);
}

/* Types of packets that acknowledge something. */
enum { ACKS = 1 << BB_PUBACK | 1 << BB_PUBREC | 1 << BB_PUBREL | 1 << BB_PUBCOMP | 1 << BB_SUBACK | 1 << BB_UNSUBACK };

static bb_status take_packet(bb_client *client, client_packet *packet)
{
    unsigned type = packet->header.type;
    client->in_start += packet->header.size + packet->header.remaining;
    packet->event->type = (bb_client_event_type)0;
    if (type == BB_CONNACK || (client->state == CLIENT_CONNECTING && type < BB_DISCONNECT))
        return take_connack(client, packet);
    if (ACKS >> type & 1)
        return take_ack(client, packet);
    if (type == BB_PINGRESP && packet->header.remaining == 0)
        return BB_OK;
    return client->options->protocol->other(client, packet);
}

/* The next packet: all of it, or all that the buffer can hold of a large PUBLISH. BB_MORE: it is still to come. */
static bb_status next_packet(bb_client *client, client_packet *packet)
{
    const bb_client_options *options = client->options;
    bb_status status = bb_header_decode(unread(client), &packet->header, &packet->fault);
    if (status != BB_OK)
        return status;
    size_t size = packet->header.size + packet->header.remaining;
    if (size > options->in.size) {
        if (packet->header.type != BB_PUBLISH || client->state != CLIENT_CONNECTED)
            return BB_E_TOO_LARGE_FOR_CLIENT;
        compact(client); /* the head must lie at the start */
    }
    bb_span here = unread(client);
    if (here.len < size && size <= options->in.size)
        return BB_MORE;
    packet->body.data = here.data + packet->header.size;
    packet->body.len = (here.len < size ? here.len : size) - packet->header.size;
    return BB_OK;
}

client_step bb_client_receive(bb_client *client, bb_client_event *event)
{
    client_packet packet;
    if (client->in_kept > 0)
        return give_piece(client, event);
    packet.event = event;
    packet.fault.clause = NULL;
    packet.header.type = 0;
    bb_status status = next_packet(client, &packet);
    bool publish = packet.header.type == BB_PUBLISH && client->state == CLIENT_CONNECTED;
    if (status == BB_OK)
        status = publish ? begin_message(client, &packet) : take_packet(client, &packet);
    if (status == BB_OK && publish)
        return give_piece(client, event);
    if (status == BB_OK)
        return event->type ? STEP_EVENT : STEP_DONE;
    if (status != BB_MORE)
        return refuse(client, status, packet.fault.clause);
    if (packet.header.type == BB_PUBLISH && client->in_end == client->options->in.size && client->in_start == 0)
        return refuse(client, BB_E_TOO_LARGE_FOR_CLIENT, NULL);
    return STEP_NOTHING;
}
