/* auth.c - enhanced authentication of 5.0: AUTH packets, and what CONNECT and CONNACK have of it. Spec: 4.12. */
#include "client/inside.h"

static bb_span data_of(const bb_properties *list)
{
    return list->present & BB_HAS(auth_data) ? list->auth_data : BB_SPAN_NONE;
}

static bool is_our_method(const bb_client *client, const bb_properties *list)
{
    return list->present & BB_HAS(auth_method) && bb_span_equal(list->auth_method, client->options->auth->method);
}

/* ---- What we say. */

static size_t size_of(const bb_client_auth *auth, bb_span data)
{
    return 3 + auth->method.len + (data.len > 0 ? 3 + data.len : 0);
}

static void add(bb_frame *frame, const bb_client_auth *auth, bb_span data)
{
    bb_frame_number(frame, BB_AUTH_METHOD, 1);
    bb_frame_binary(frame, auth->method);
    if (data.len == 0)
        return;
    bb_frame_number(frame, BB_AUTH_DATA, 1);
    bb_frame_binary(frame, data);
}

static bool say_auth(bb_client *client, uint8_t code, bb_span data)
{
    const bb_client_auth *auth = client->options->auth;
    bb_frame frame;
    bb_frame_begin(&frame);
    bb_frame_number(&frame, code, 1);
    bb_frame_varint(&frame, size_of(auth, data));
    add(&frame, auth, data);
    return bb_frame_end(&frame, BB_AUTH << 4, 0) && bb_client_write(client, &frame);
}

/* One step, and what we say in it; if there is nothing more to say, the connection ends. */
static void prove(bb_client *client, bb_client_auth_phase phase, uint8_t code, bb_span data)
{
    const bb_client_auth *auth = client->options->auth;
    bb_span reply = BB_SPAN_NONE;
    if (!auth->step(auth->context, phase, data, &reply))
        bb_client_end_now(client, BB_CLIENT_UNPROVEN, 0);
    else if (!say_auth(client, code, reply))
        bb_client_end_now(client, BB_CLIENT_NO_ROOM, 0);
}

bb_client_result bb_client_reauthenticate(bb_client *client)
{
    if (!client->options->auth || client->options->protocol->version != BB_MQTT_5)
        return BB_CLIENT_UNSUPPORTED;
    if (client->state != CLIENT_CONNECTED)
        return BB_CLIENT_OFFLINE;
    if (client->flags & CLIENT_PROVING || client->out_end > 0 || !bb_client_between_packets(client))
        return BB_CLIENT_BUSY;
    client->flags |= CLIENT_PROVING;
    prove(client, BB_CLIENT_AUTH_BEGIN, 0x19, BB_SPAN_NONE);
    return BB_CLIENT_OK;
}

/* ---- What the server says. */

static bb_status accepts(bb_client *client, client_packet *packet, const bb_properties *list)
{
    const bb_client_auth *auth = client->options->auth;
    bb_span reply = BB_SPAN_NONE;
    if (!is_our_method(client, list))
        return bb_client_refuse(packet, BB_E_PROTOCOL, "MQTT-4.12.0-5");
    if (auth->step(auth->context, BB_CLIENT_AUTH_SUCCESS, data_of(list), &reply))
        return BB_OK;
    bb_client_end_now(client, BB_CLIENT_UNPROVEN, 0);
    return BB_E_CREDENTIALS;
}

/* Put the packet back: it is taken when the output is empty, so that there is room for the answer. */
static bool waits_for_output(bb_client *client, const client_packet *packet)
{
    if (client->out_end == 0 || client->flags & CLIENT_CLOSED)
        return false;
    client->in_start -= packet->header.size + packet->header.remaining;
    return true;
}

static bb_status take(bb_client *client, client_packet *packet)
{
    bb_disconnect auth;
    bool proving = client->state == CLIENT_CONNECTING || client->flags & CLIENT_PROVING;
    bb_status status = bb_disconnect_decode(BB_AUTH, packet->body, BB_MQTT_5, false, &auth, &packet->fault);
    if (status != BB_OK)
        return status;
    if (packet->header.remaining == 0) { /* success, and nothing more to say */
        auth.properties.present = BB_HAS(auth_method);
        auth.properties.auth_method = client->options->auth->method;
    }
    bool too_early = auth.code == 0x00 && client->state == CLIENT_CONNECTING; /* CONNACK would say it */
    if (!proving || too_early || !is_our_method(client, &auth.properties))
        return bb_client_refuse(packet, BB_E_PROTOCOL, "4.12");
    if (waits_for_output(client, packet))
        return BB_MORE;
    if (auth.code == 0x18) {
        prove(client, BB_CLIENT_AUTH_CONTINUE, 0x18, data_of(&auth.properties));
        return BB_OK;
    }
    client->flags &= ~CLIENT_PROVING;
    status = accepts(client, packet, &auth.properties);
    if (status == BB_OK)
        packet->event->type = BB_CLIENT_AUTHENTICATED;
    return status;
}

const struct bb_client_auth_functions bb_client_auth_functions = {
    .size = size_of,
    .add = add,
    .accepts = accepts,
    .take = take,
};
