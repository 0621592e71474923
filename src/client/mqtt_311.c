/* mqtt_311.c - the packets of MQTT 3.1.1. It has no properties, and this file asks for none of what handles them. */
#include "client/inside.h"

/* ---- What comes. */

static bb_status connack(bb_client *client, client_packet *packet, uint8_t *code)
{
    bb_client_connected_event *connected = &packet->event->connected;
    bb_client_server_default(client);
    connected->properties = BB_SPAN_NONE;
    return bb_connack_decode_311(packet->body, &connected->session_present, code, &packet->fault);
}

static bb_status publish(bb_client *client, client_packet *packet)
{
    client->message.qos = packet->header.flags >> 1 & 3;
    return bb_publish_decode_311(&packet->header, packet->body, &client->message.topic, &packet->packet_id,
                                 &packet->payload_offset, &packet->fault);
}

static bb_status ack(client_packet *packet)
{
    bb_client_ack_event *event = &packet->event->ack;
    bb_span codes;
    event->code = 0x00;
    event->properties = BB_SPAN_NONE;
    if (packet->header.type != BB_SUBACK)
        return bb_ack_decode_311(packet->body, &event->packet_id, &packet->fault);
    bb_status status = bb_suback_decode_311(BB_SUBACK, packet->body, &event->packet_id, &codes, &packet->fault);
    if (status == BB_OK)
        event->code = codes.data[0];
    return status;
}

static bb_status other(bb_client *client, client_packet *packet)
{
    return bb_client_refuse(packet, BB_E_PROTOCOL, "2.2.1 (3.1.1)");
}

/* ---- What goes. */

static bool say_connect(bb_client *client)
{
    const bb_client_options *options = client->options;
    const bb_client_message *will = options->will;
    unsigned flags = bb_client_cleans(client) ? 0x02 : 0x00;
    if (will)
        flags |= 0x04u | (unsigned)will->qos << 3 | (unsigned)will->retain << 5;
    if (options->password.data)
        flags |= 0x40;
    if (options->user_name.data)
        flags |= 0x80;

    bb_frame frame;
    bb_frame_begin(&frame);
    bb_frame_bytes(&frame, BB_SPAN_LITERAL("\0\4MQTT\4"));
    bb_frame_number(&frame, flags, 1);
    bb_frame_number(&frame, options->keep_alive_s, 2);
    bb_frame_binary(&frame, options->client_id);
    if (will) {
        bb_frame_binary(&frame, will->topic);
        bb_frame_binary(&frame, will->payload);
    }
    if (options->user_name.data)
        bb_frame_binary(&frame, options->user_name);
    if (options->password.data)
        bb_frame_binary(&frame, options->password);
    return bb_frame_end(&frame, BB_CONNECT << 4, 0) && bb_client_write(client, &frame);
}

static bb_client_result say_subscribe(bb_client *client, bb_packet_type type, const bb_client_subscription *what,
                                      uint16_t packet_id)
{
    bb_frame frame;
    bb_frame_begin(&frame);
    bb_frame_number(&frame, packet_id, 2);
    bb_frame_binary(&frame, what->filter);
    if (type == BB_SUBSCRIBE)
        bb_frame_number(&frame, what->qos, 1);
    return bb_client_write_request(client, &frame, (unsigned)type << 4 | 0x2);
}

static bool say_ack(bb_client *client, bb_packet_type type, uint16_t packet_id, uint8_t code)
{
    bb_frame frame;
    bb_frame_begin(&frame);
    bb_frame_number(&frame, packet_id, 2);
    return bb_client_write_request(client, &frame, (unsigned)type << 4 | (type == BB_PUBREL ? 0x2 : 0x0)) ==
           BB_CLIENT_OK;
}

/* There is only one, which says that all is well; the will is published if we do not say it. */
static void say_disconnect(bb_client *client, uint8_t code)
{
    if (code == 0x00)
        (void)bb_client_write_short(client, BB_DISCONNECT);
}

static bool make_publish(bb_client *client, bb_frame *out, const bb_client_message *message, uint16_t packet_id,
                         uint32_t size)
{
    bb_frame_begin(out);
    bb_frame_binary(out, message->topic);
    if (message->qos > 0)
        bb_frame_number(out, packet_id, 2);
    return bb_frame_end(out, BB_PUBLISH << 4 | (unsigned)message->qos << 1 | message->retain, size);
}

const bb_client_protocol bb_client_mqtt_311 = {
    .version = BB_MQTT_311,
    .connack = connack,
    .publish = publish,
    .ack = ack,
    .other = other,
    .say_connect = say_connect,
    .say_subscribe = say_subscribe,
    .say_ack = say_ack,
    .say_disconnect = say_disconnect,
    .make_publish = make_publish,
};
