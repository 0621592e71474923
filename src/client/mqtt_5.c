/* mqtt_5.c - the packets of MQTT 5.0, with all that their properties say. */
#include "client/inside.h"

#include "topic/name.h"

/* ---- CONNACK. */

static void take_limits(bb_client *client, const bb_properties *list)
{
    bb_client_server *server = &client->server;
    bb_client_server_default(client);
#define TAKE(name)                    \
    if (list->present & BB_HAS(name)) \
    server->name = list->name
    TAKE(session_expiry_s);
    TAKE(maximum_packet_size);
    TAKE(receive_maximum);
    TAKE(topic_alias_maximum);
    TAKE(maximum_qos);
    TAKE(retain_available);
    TAKE(wildcard_available);
    TAKE(subscription_id_available);
    TAKE(shared_available);
#undef TAKE
    if (list->present & BB_HAS(server_keep_alive_s))
        server->keep_alive_s = list->server_keep_alive_s;
}

/* Keep what must outlive the buffer; 0: it does not fit. */
static size_t keep(bb_client_memory memory, bb_span text)
{
    if (text.len > memory.size || text.len == 0)
        return 0;
    memcpy(memory.at, text.data, text.len);
    return text.len;
}

static void keep_redirect(bb_client *client, uint8_t code, const bb_properties *list)
{
    if ((code != 0x9C && code != 0x9D) || !(list->present & BB_HAS(server_reference)))
        return;
    client->redirect_new = keep(client->options->redirect, list->server_reference);
    client->flags &= ~CLIENT_MOVED;
    if (code == 0x9D)
        client->flags |= CLIENT_MOVED;
}

static bb_span text_of(const bb_properties *list, uint32_t bit, bb_span text)
{
    return list->present & bit ? text : BB_SPAN_NONE;
}

/* The method must be ours, and none must be there if we have none [4.12]. */
static bool is_our_method(const bb_client *client, const bb_properties *list)
{
    bb_span ours = client->options->auth ? client->options->auth->method : BB_SPAN_NONE;
    return bb_span_equal(text_of(list, BB_HAS(auth_method), list->auth_method), ours);
}

/* The server accepts us, in CONNACK or after a re-authentication; do we accept it? */
static bool accepts(bb_client *client, const bb_properties *list)
{
    const bb_client_auth *auth = client->options->auth;
    bb_span reply = BB_SPAN_NONE;
    if (!auth ||
        auth->step(auth->context, BB_CLIENT_AUTH_SUCCESS, text_of(list, BB_HAS(auth_data), list->auth_data), &reply))
        return true;
    bb_client_end_now(client, BB_CLIENT_UNPROVEN, 0);
    return false;
}

static bb_status connack(bb_client *client, client_packet *packet, uint8_t *code)
{
    bb_connack connack;
    bb_status status = bb_connack_decode(packet->body, BB_MQTT_5, &connack, &packet->fault);
    if (status != BB_OK)
        return status;
    const bb_properties *list = &connack.properties;
    packet->event->connected.session_present = connack.session_present;
    packet->event->connected.properties = list->raw;
    *code = connack.code;
    keep_redirect(client, connack.code, list);
    if (connack.code != 0x00)
        return BB_OK;
    if (!is_our_method(client, list))
        return bb_client_refuse(packet, BB_E_PROTOCOL, "4.12");
    take_limits(client, list);
    if (list->present & BB_HAS(assigned_client_id))
        client->assigned_len = keep(client->options->assigned_id, list->assigned_client_id);
    if (client->options->aliases)
        client->options->aliases->functions->begin(client->options->aliases);
    return accepts(client, list) ? BB_OK : BB_E_CREDENTIALS;
}

/* ---- Messages and acknowledgements. */

static bb_status publish(bb_client *client, client_packet *packet)
{
    bb_client_aliases *aliases = client->options->aliases;
    bb_publish publish;
    bb_status status = bb_publish_decode(&packet->header, packet->body, BB_MQTT_5, &publish, &packet->fault);
    if (status != BB_OK)
        return status;
    packet->packet_id = publish.packet_id;
    packet->payload_offset = publish.payload_offset;
    client->message.qos = publish.qos;
    client->message.properties = publish.properties.raw;
    client->message.topic = publish.topic;
    if (!(publish.properties.present & BB_HAS(topic_alias)))
        return BB_OK;
    status = BB_E_TOPIC_ALIAS;
    if (aliases)
        status = aliases->functions->receive(aliases, publish.properties.topic_alias, &client->message.topic);
    return status == BB_OK ? BB_OK : bb_client_refuse(packet, status, "3.3.2.3.4");
}

static bb_status suback(client_packet *packet)
{
    bb_client_ack_event *event = &packet->event->ack;
    bb_suback suback;
    bb_status status =
        bb_suback_decode((bb_packet_type)packet->header.type, packet->body, BB_MQTT_5, &suback, &packet->fault);
    if (status != BB_OK)
        return status;
    event->packet_id = suback.packet_id;
    event->properties = suback.properties.raw;
    event->code = suback.codes.data[0];
    return suback.codes.len == 1 ? BB_OK : bb_client_refuse(packet, BB_E_PROTOCOL, "MQTT-3.8.4-6");
}

static bb_status ack(client_packet *packet)
{
    bb_client_ack_event *event = &packet->event->ack;
    bb_ack ack;
    if (packet->header.type >= BB_SUBACK)
        return suback(packet);
    bb_status status =
        bb_ack_decode((bb_packet_type)packet->header.type, packet->body, BB_MQTT_5, &ack, &packet->fault);
    if (status != BB_OK)
        return status;
    event->packet_id = ack.packet_id;
    event->properties = ack.properties.raw;
    event->code = ack.code;
    return BB_OK;
}

/* ---- AUTH and DISCONNECT. */

static bool say_auth(bb_client *client, uint8_t code, bb_span data)
{
    bb_span method = client->options->auth->method;
    bb_frame frame;
    bb_frame_begin(&frame);
    bb_frame_number(&frame, code, 1);
    bb_frame_varint(&frame, 3 + method.len + (data.len > 0 ? 3 + data.len : 0));
    bb_frame_number(&frame, BB_AUTH_METHOD, 1);
    bb_frame_binary(&frame, method);
    if (data.len > 0) {
        bb_frame_number(&frame, BB_AUTH_DATA, 1);
        bb_frame_binary(&frame, data);
    }
    return bb_frame_end(&frame, BB_AUTH << 4, 0) && bb_client_write(client, &frame);
}

/* One step, and what we say in it; false: the connection ends. */
static bool prove(bb_client *client, bb_client_auth_phase phase, uint8_t code, bb_span data)
{
    const bb_client_auth *auth = client->options->auth;
    bb_span reply = BB_SPAN_NONE;
    if (!auth->step(auth->context, phase, data, &reply)) {
        bb_client_end_now(client, BB_CLIENT_UNPROVEN, 0);
        return false;
    }
    if (say_auth(client, code, reply))
        return true;
    bb_client_end_now(client, BB_CLIENT_NO_ROOM, 0);
    return false;
}

/* Put the packet back: it is taken when the output is empty, so that there is room for the answer. */
static bool waits_for_output(bb_client *client, client_packet *packet)
{
    if (client->out_end == 0 || client->flags & CLIENT_CLOSED)
        return false;
    client->in_start -= packet->header.size + packet->header.remaining;
    return true;
}

static bb_status take_auth(bb_client *client, client_packet *packet)
{
    bb_disconnect auth;
    bb_status status = bb_disconnect_decode(BB_AUTH, packet->body, BB_MQTT_5, false, &auth, &packet->fault);
    if (status != BB_OK)
        return status;
    const bb_properties *list = &auth.properties;
    bool proving = client->state == CLIENT_CONNECTING || client->flags & CLIENT_PROVING;
    bool shortest = packet->header.remaining == 0; /* success, and nothing more to say */
    if (!client->options->auth || !proving || (!shortest && !is_our_method(client, list)))
        return bb_client_refuse(packet, BB_E_PROTOCOL, "4.12");
    if (waits_for_output(client, packet))
        return BB_MORE;
    if (auth.code == 0x18) {
        (void)prove(client, BB_CLIENT_AUTH_CONTINUE, 0x18, text_of(list, BB_HAS(auth_data), list->auth_data));
        return BB_OK;
    }
    if (client->state == CLIENT_CONNECTING)
        return bb_client_refuse(packet, BB_E_PROTOCOL, "4.12"); /* CONNACK would say it */
    client->flags &= ~CLIENT_PROVING;
    if (accepts(client, list))
        packet->event->type = BB_CLIENT_AUTHENTICATED;
    return BB_OK;
}

static bb_status other(bb_client *client, client_packet *packet)
{
    bb_disconnect disconnect;
    if (packet->header.type == BB_AUTH)
        return take_auth(client, packet);
    if (packet->header.type != BB_DISCONNECT || client->state != CLIENT_CONNECTED)
        return bb_client_refuse(packet, BB_E_PROTOCOL, "2.1.2");
    bb_status status = bb_disconnect_decode(BB_DISCONNECT, packet->body, BB_MQTT_5, false, &disconnect, &packet->fault);
    if (status != BB_OK)
        return status;
    keep_redirect(client, disconnect.code, &disconnect.properties);
    bb_client_finish(client, packet->event, BB_CLIENT_ENDED, disconnect.code, disconnect.properties.raw);
    return BB_OK;
}

bb_client_result bb_client_reauthenticate(bb_client *client)
{
    if (!client->options->auth)
        return BB_CLIENT_UNSUPPORTED;
    if (client->state != CLIENT_CONNECTED)
        return BB_CLIENT_OFFLINE;
    if (client->flags & CLIENT_PROVING || client->out_end > 0 || !bb_client_between_packets(client))
        return BB_CLIENT_BUSY;
    client->flags |= CLIENT_PROVING;
    (void)prove(client, BB_CLIENT_AUTH_BEGIN, 0x19, BB_SPAN_NONE);
    return BB_CLIENT_OK;
}

/* ---- CONNECT. */

/* Those of CONNECT that are numbers; each is left out where its default holds. */
static void put_numbers(const bb_client_options *options, bb_property_writer *list)
{
    if (options->session_expiry_s)
        bb_property_put_u32(list, BB_SESSION_EXPIRY_S, options->session_expiry_s);
    if (options->receive_maximum)
        bb_property_put_u16(list, BB_RECEIVE_MAXIMUM, options->receive_maximum);
    if (options->maximum_packet_size)
        bb_property_put_u32(list, BB_MAXIMUM_PACKET_SIZE, options->maximum_packet_size);
    if (options->aliases && options->aliases->in_max)
        bb_property_put_u16(list, BB_TOPIC_ALIAS_MAXIMUM, options->aliases->in_max);
    if (options->request_response_info)
        bb_property_put_byte(list, BB_REQUEST_RESPONSE_INFO, 1);
    if (options->refuse_problem_info)
        bb_property_put_byte(list, BB_REQUEST_PROBLEM_INFO, 0);
}

static unsigned connect_flags(const bb_client *client)
{
    const bb_client_options *options = client->options;
    const bb_client_message *will = options->will;
    unsigned flags = bb_client_cleans(client) ? 0x02 : 0x00;
    if (will)
        flags |= 0x04u | (unsigned)will->qos << 3 | (unsigned)will->retain << 5;
    return flags | (options->password.data ? 0x40u : 0) | (options->user_name.data ? 0x80u : 0);
}

static void add_properties(bb_frame *frame, const bb_client_options *options, bb_span data)
{
    uint8_t numbers[24];
    bb_property_writer list = bb_property_writer_on(numbers, sizeof(numbers));
    put_numbers(options, &list);
    size_t size = list.len + options->user_properties.len;
    if (options->auth)
        size += 3 + options->auth->method.len;
    if (data.len > 0)
        size += 3 + data.len;
    bb_frame_varint(frame, size);
    for (size_t i = 0; i < list.len; i++)
        bb_frame_number(frame, numbers[i], 1);
    if (options->auth) {
        bb_frame_number(frame, BB_AUTH_METHOD, 1);
        bb_frame_binary(frame, options->auth->method);
    }
    if (data.len > 0) {
        bb_frame_number(frame, BB_AUTH_DATA, 1);
        bb_frame_binary(frame, data);
    }
    bb_frame_bytes(frame, options->user_properties);
}

static bb_span client_id(const bb_client *client)
{
    const bb_client_options *options = client->options;
    return options->client_id.len > 0 ? options->client_id : bb_span_of(options->assigned_id.at, client->assigned_len);
}

static bool say_connect(bb_client *client)
{
    const bb_client_options *options = client->options;
    const bb_client_auth *auth = options->auth;
    bb_span data = BB_SPAN_NONE;
    if (auth && !auth->step(auth->context, BB_CLIENT_AUTH_BEGIN, BB_SPAN_NONE, &data)) {
        client->cause = BB_CLIENT_UNPROVEN;
        return false;
    }

    bb_frame frame;
    bb_frame_begin(&frame);
    bb_frame_binary(&frame, BB_SPAN_LITERAL("MQTT"));
    bb_frame_number(&frame, BB_MQTT_5 << 8 | connect_flags(client), 2);
    bb_frame_number(&frame, options->keep_alive_s, 2);
    add_properties(&frame, options, data);
    bb_frame_binary(&frame, client_id(client));
    if (options->will) {
        bb_frame_varint(&frame, options->will->properties.len);
        bb_frame_bytes(&frame, options->will->properties);
        bb_frame_binary(&frame, options->will->topic);
        bb_frame_binary(&frame, options->will->payload);
    }
    if (options->user_name.data)
        bb_frame_binary(&frame, options->user_name);
    if (options->password.data)
        bb_frame_binary(&frame, options->password);
    return bb_frame_end(&frame, BB_CONNECT << 4, 0) && bb_client_write(client, &frame);
}

/* ---- Everything else that we say. */

static bb_client_result check_filter(const bb_client *client, const bb_client_subscription *what)
{
    const bb_client_server *server = &client->server;
    bb_filter filter;
    if (bb_filter_parse(what->filter, UINT32_MAX, UINT16_MAX, &filter) != BB_OK || what->retain_handling > 2 ||
        (filter.group.len > 0 && what->no_local)) /* MQTT-3.8.3-4 */
        return BB_CLIENT_INVALID;
    if ((what->id && !server->subscription_id_available) || (filter.wildcard && !server->wildcard_available) ||
        (filter.group.len > 0 && !server->shared_available))
        return BB_CLIENT_UNSUPPORTED;
    return BB_CLIENT_OK;
}

static bb_client_result say_subscribe(bb_client *client, bb_packet_type type, const bb_client_subscription *what,
                                      uint16_t packet_id)
{
    uint8_t id[5];
    bb_property_writer list = bb_property_writer_on(id, sizeof(id));
    bb_frame frame;
    bb_client_result result = check_filter(client, what);
    if (result != BB_CLIENT_OK)
        return result;
    if (what->id)
        bb_property_put_varint(&list, BB_SUBSCRIPTION_ID, what->id);
    bb_frame_begin(&frame);
    bb_frame_number(&frame, packet_id, 2);
    bb_frame_varint(&frame, list.len + what->properties.len);
    bb_frame_bytes(&frame, bb_property_list(&list));
    bb_frame_bytes(&frame, what->properties);
    bb_frame_binary(&frame, what->filter);
    if (type == BB_SUBSCRIBE)
        bb_frame_number(&frame,
                        what->qos | (unsigned)what->no_local << 2 | (unsigned)what->retain_as_published << 3 |
                            (unsigned)what->retain_handling << 4,
                        1);
    return bb_client_write_request(client, &frame, (unsigned)type << 4 | 0x2);
}

static bool say_ack(bb_client *client, bb_packet_type type, uint16_t packet_id, uint8_t code)
{
    bb_frame frame;
    bb_ack_frame(&frame, type, BB_MQTT_5, packet_id, code);
    return bb_client_write(client, &frame);
}

static void say_disconnect(bb_client *client, uint8_t code)
{
    bb_frame frame;
    bb_frame_begin(&frame);
    if (code != 0x00)
        bb_frame_number(&frame, code, 1);
    (void)bb_client_write_request(client, &frame, BB_DISCONNECT << 4);
}

static bool make_publish(bb_client *client, bb_frame *out, const bb_client_message *message, uint16_t packet_id,
                         uint32_t size)
{
    bb_client_aliases *aliases = client->options->aliases;
    bb_span topic = message->topic;
    uint16_t alias = 0;
    if (message->qos == 0 && aliases)
        alias = aliases->functions->send(aliases, client->server.topic_alias_maximum, &topic);
    bb_frame_begin(out);
    bb_frame_binary(out, topic);
    if (message->qos > 0)
        bb_frame_number(out, packet_id, 2);
    bb_frame_varint(out, message->properties.len + (alias ? 3 : 0));
    if (alias)
        bb_frame_number(out, (uint32_t)BB_TOPIC_ALIAS << 16 | alias, 3);
    bb_frame_bytes(out, message->properties);
    return bb_frame_end(out, BB_PUBLISH << 4 | (unsigned)message->qos << 1 | message->retain, size);
}

const bb_client_protocol bb_client_mqtt_5 = {
    .version = BB_MQTT_5,
    .connack = connack,
    .publish = publish,
    .ack = ack,
    .other = other,
    .say_connect = say_connect,
    .say_subscribe = say_subscribe,
    .say_ack = say_ack,
    .say_disconnect = say_disconnect,
    .make_publish = make_publish,
    .code_of = bb_status_code,
};
