/* mqtt_5.c - the packets of MQTT 5.0, with all that their properties say. */
#include "client/inside.h"

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

/* A redirection is followed at once, and forgotten when it led nowhere, or when it was for one connection. */
static bool redirect(bb_client *client)
{
    unsigned max = client->options->redirects_max ? client->options->redirects_max : 3;
    size_t len = client->redirect_new;
    client->redirect_new = 0;
    if (len > 0 && client->redirects < max) {
        client->redirects++;
        client->redirect_len = len;
        return true;
    }
    if (len > 0 || (~client->flags & (CLIENT_MOVED | CLIENT_WAS_CONNECTED)) != 0)
        client->redirect_len = 0;
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
    const bb_client_auth *auth = client->options->auth;
    if (!auth && list->present & BB_HAS(auth_method))
        return bb_client_refuse(packet, BB_E_PROTOCOL, "4.12");
    take_limits(client, list);
    if (list->present & BB_HAS(assigned_client_id))
        client->assigned_len = keep(client->options->assigned_id, list->assigned_client_id);
    if (client->options->aliases)
        client->options->aliases->functions->begin(client->options->aliases);
    return auth ? auth->functions->accepts(client, packet, list) : BB_OK;
}

/* ---- Messages and acknowledgements. */

static bb_status publish(bb_client *client, client_packet *packet)
{
    bb_client_aliases *aliases = client->options->aliases;
    uint32_t max = client->options->maximum_packet_size;
    bb_client_message_event *message = &client->message;
    bb_properties list;
    size_t used;
    if (max && packet->header.size + packet->header.remaining > max)
        return bb_client_refuse(packet, BB_E_PACKET_TOO_LARGE, "MQTT-3.1.2-24");
    bb_status status = bb_publish_decode_start(&packet->header, packet->body, &message->topic, &packet->packet_id,
                                               &packet->payload_offset, &packet->fault);
    if (status == BB_OK)
        status = bb_properties_decode(bb_span_from(packet->body, packet->payload_offset), BB_IN_PUBLISH, &list, &used,
                                      &packet->fault);
    if (status == BB_MORE && packet->body.len == packet->header.remaining)
        return bb_client_refuse(packet, BB_E_MALFORMED, "2.2.2.1");
    if (status != BB_OK)
        return status;
    packet->payload_offset += used;
    message->qos = packet->header.flags >> 1 & 3;
    message->properties = list.raw;
    if (list.present & BB_HAS(topic_alias)) {
        status = BB_E_TOPIC_ALIAS;
        if (aliases && list.topic_alias > 0)
            status = aliases->functions->receive(aliases, list.topic_alias, &message->topic);
    } else if (message->topic.len == 0) {
        status = BB_E_PROTOCOL;
    }
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

/* ---- DISCONNECT. */

static bb_status other(bb_client *client, client_packet *packet)
{
    bb_disconnect disconnect;
    if (packet->header.type == BB_AUTH && client->options->auth)
        return client->options->auth->functions->take(client, packet);
    if (packet->header.type != BB_DISCONNECT || client->state != CLIENT_CONNECTED)
        return bb_client_refuse(packet, BB_E_PROTOCOL, "2.1.2");
    bb_status status = bb_disconnect_decode(BB_DISCONNECT, packet->body, BB_MQTT_5, false, &disconnect, &packet->fault);
    if (status != BB_OK)
        return status;
    keep_redirect(client, disconnect.code, &disconnect.properties);
    bb_client_finish(client, packet->event, BB_CLIENT_ENDED, disconnect.code, disconnect.properties.raw);
    return BB_OK;
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

static void add_properties(bb_frame *frame, const bb_client_options *options, bb_span auth_data)
{
    uint8_t numbers[24];
    bb_property_writer list = bb_property_writer_on(numbers, sizeof(numbers));
    const bb_client_auth *auth = options->auth;
    put_numbers(options, &list);
    size_t size = list.len + options->user_properties.len;
    bb_frame_varint(frame, size + (auth ? auth->functions->size(auth, auth_data) : 0));
    for (size_t i = 0; i < list.len; i++)
        bb_frame_number(frame, numbers[i], 1);
    if (auth)
        auth->functions->add(frame, auth, auth_data);
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

/* Does this server do what the subscription asks for? */
static bb_client_result check_server(const bb_client_server *server, const bb_client_subscription *what)
{
    static const bb_span share = BB_TEXT("$share/");
    bool shared = what->filter.len > share.len && bb_span_equal(bb_span_of(what->filter.data, share.len), share);
    if ((shared && what->no_local) || what->retain_handling > 2)
        return BB_CLIENT_INVALID; /* MQTT-3.8.3-4 */
    if ((what->id && !server->subscription_id_available) || (shared && !server->shared_available) ||
        (!server->wildcard_available && bb_has_wildcard(what->filter)))
        return BB_CLIENT_UNSUPPORTED;
    return BB_CLIENT_OK;
}

static bb_client_result say_subscribe(bb_client *client, bb_packet_type type, const bb_client_subscription *what,
                                      uint16_t packet_id)
{
    uint8_t id[5];
    bb_property_writer list = bb_property_writer_on(id, sizeof(id));
    bb_frame frame;
    bb_client_result result = check_server(&client->server, what);
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

static uint8_t refusal(const bb_client_server *server, unsigned flags, size_t size)
{
    if ((flags >> 1 & 3) > server->maximum_qos)
        return 0x9B;
    if (flags & 1 && !server->retain_available)
        return 0x9A;
    return size > server->maximum_packet_size ? 0x95 : 0x00;
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
    .refusal = refusal,
    .redirect = redirect,
    .code_of = bb_status_code,
};
