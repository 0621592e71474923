/* output.c - the bytes that are to be sent. They lie in one piece in the caller's buffer; what was sent makes room only
 * when room is needed. */
#include "client/inside.h"

uint8_t *bb_client_reserve(bb_client *client, size_t size)
{
    uint8_t *out = client->options->out.at;
    if (size > bb_client_room(client))
        return NULL;
    if (size > client->options->out.size - client->out_end) {
        client->out_end -= client->out_start;
        memmove(out, out + client->out_start, client->out_end);
        client->out_start = 0;
    }
    return out + client->out_end;
}

bool bb_client_between_packets(const bb_client *client)
{
    return client->send_left == 0 && (client->stream_left == 0 || client->stream_id != 0);
}

bool bb_client_write(bb_client *client, const bb_frame *frame)
{
    uint8_t *at = bb_client_reserve(client, frame->size);
    if (!at || !bb_client_between_packets(client))
        return false;
    client->out_end += frame->size;
    bb_frame_copy(frame, at);
    return true;
}

bool bb_client_write_short(bb_client *client, bb_packet_type type)
{
    bb_frame frame;
    bb_frame_begin(&frame);
    return bb_frame_end(&frame, (unsigned)type << 4, 0) && bb_client_write(client, &frame);
}

bb_client_result bb_client_write_request(bb_client *client, bb_frame *frame, unsigned first)
{
    if (!bb_frame_end(frame, first, 0) || frame->size > client->options->out.size ||
        frame->size > client->server.maximum_packet_size)
        return BB_CLIENT_TOO_LARGE;
    return bb_client_write(client, frame) ? BB_CLIENT_OK : BB_CLIENT_BUSY;
}

size_t bb_client_room(const bb_client *client)
{
    return client->options->out.size - (client->out_end - client->out_start);
}

bb_span bb_client_output(const bb_client *client)
{
    return bb_span_of(client->options->out.at + client->out_start, client->out_end - client->out_start);
}

void bb_client_sent(bb_client *client, size_t len)
{
    BB_CHECK(len <= client->out_end - client->out_start);
    client->out_start += len;
    if (client->out_start == client->out_end)
        client->out_start = client->out_end = 0;
    if (len > 0)
        client->flags |= CLIENT_SENT;
}
