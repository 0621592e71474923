/* publish.c - messages of the application on their way out. Those of QoS 0 go to the output at once; those of QoS 1 and
 * 2 belong to delivery. */
#include "client/inside.h"

#include "base/utf8.h"

static bb_client_result check(const bb_client *client, const bb_client_message *message)
{
    if (message->topic.len == 0 || bb_has_wildcard(message->topic) || !bb_utf8_valid(message->topic))
        return BB_CLIENT_INVALID;
    return message->qos > bb_client_qos_max(client) ? BB_CLIENT_UNSUPPORTED : BB_CLIENT_OK;
}

/* Write what has QoS 0: the head, and the payload if it is there as a whole. */
static bb_client_result write_at_once(bb_client *client, const bb_client_message *message, uint32_t size, bool whole)
{
    bb_frame frame;
    if (client->state != CLIENT_CONNECTED)
        return BB_CLIENT_OFFLINE;
    if (!client->options->protocol->make_publish(client, &frame, message, 0, size))
        return BB_CLIENT_TOO_LARGE;
    uint8_t refusal = bb_client_refusal(client, message->retain, frame.size + size);
    if (whole)
        bb_frame_bytes(&frame, message->payload);
    if (refusal == 0x95 || frame.size > client->options->out.size)
        return BB_CLIENT_TOO_LARGE;
    if (refusal != 0x00)
        return BB_CLIENT_UNSUPPORTED;
    return bb_client_write(client, &frame) ? BB_CLIENT_OK : BB_CLIENT_BUSY;
}

static bb_client_result write_and_settle(bb_client *client, const bb_client_message *message, uint32_t size, bool whole)
{
    bb_client_aliases *aliases = client->options->aliases;
    bb_client_result result = write_at_once(client, message, size, whole);
    if (aliases)
        aliases->functions->settle(aliases, result == BB_CLIENT_OK);
    return result;
}

static bb_client_result publish(bb_client *client, const bb_client_message *message, uint32_t size, bool whole,
                                uint16_t *packet_id)
{
    bb_client_result result = check(client, message);
    if (result != BB_CLIENT_OK)
        return result;
    if (client->stream_left > 0)
        return BB_CLIENT_BUSY;
    uint16_t taken = 0;
    if (message->qos > 0)
        result = client->options->delivery->publish(client, message, size, whole, &taken);
    else
        result = write_and_settle(client, message, size, whole);
    if (result == BB_CLIENT_OK && packet_id)
        *packet_id = taken;
    return result;
}

bb_client_result bb_client_publish(bb_client *client, const bb_client_message *message, uint16_t *packet_id)
{
    if (message->payload.len > BB_REMAINING_MAX)
        return BB_CLIENT_TOO_LARGE;
    return publish(client, message, (uint32_t)message->payload.len, true, packet_id);
}

/* ---- Piece by piece. */

bb_client_result bb_client_publish_begin(bb_client *client, const bb_client_message *message, uint32_t size,
                                         uint16_t *packet_id)
{
    uint16_t taken = 0;
    bb_client_result result = publish(client, message, size, false, &taken);
    if (result != BB_CLIENT_OK)
        return result;
    client->stream_left = size;
    client->stream_id = taken;
    if (packet_id)
        *packet_id = taken;
    return BB_CLIENT_OK;
}

bb_client_result bb_client_publish_chunk(bb_client *client, bb_span bytes, size_t *taken)
{
    *taken = 0;
    if (client->stream_left == 0)
        return BB_CLIENT_OFFLINE;
    if (bytes.len > client->stream_left)
        return BB_CLIENT_INVALID;
    if (client->stream_id != 0) {
        const bb_client_store *store = client->options->store;
        if (!store->put(store->context, client->stream_id, client->stream_offset, &bytes, 1))
            return BB_CLIENT_FULL;
        client->stream_offset += (uint32_t)bytes.len;
    } else {
        size_t room = bb_client_room(client);
        if (bytes.len > room)
            bytes.len = room;
        if (bytes.len > 0)
            memcpy(bb_client_reserve(client, bytes.len), bytes.data, bytes.len);
        client->out_end += bytes.len;
    }
    client->stream_left -= (uint32_t)bytes.len;
    *taken = bytes.len;
    return BB_CLIENT_OK;
}

void bb_client_publish_abort(bb_client *client)
{
    if (client->stream_left == 0)
        return;
    if (client->stream_id != 0) {
        const bb_client_store *store = client->options->store;
        store->remove(store->context, client->stream_id);
    } else {
        bb_client_end_now(client, BB_CLIENT_STOPPED, 0);
    }
    client->stream_left = 0;
}
