#include "tool/publisher.h"

#include "base/check.h"
#include "tool/say.h"

enum { STREAM_FROM = 16384 }; /* bytes of a payload that is not given in one piece */

void bb_publisher_begin(bb_publisher *p, const bb_client_message *message, bb_payload *payload)
{
    BB_CHECK(!p->busy);
    p->message = *message;
    p->payload = payload;
    p->offset = 0;
    p->busy = true;
    p->streaming = false;
}

static void finish(bb_publisher *p)
{
    p->busy = p->streaming = false;
}

static bool give_up(bb_publisher *p, int code)
{
    p->code = code;
    finish(p);
    return true;
}

static void count(bb_publisher *p)
{
    p->begun++;
    p->progress++;
    if (p->message.qos > 0)
        p->owed++;
}

static const char *shown_topic(const bb_publisher *p, char text[BB_SAY_SHOWN_MAX])
{
    return bb_say_shown(p->message.topic, text);
}

static bool explain_unsupported(bb_publisher *p)
{
    char topic[BB_SAY_SHOWN_MAX];
    const bb_client_server *server = &p->connection->server;
    if (p->message.qos > server->maximum_qos)
        bb_say("%s: the broker takes QoS %u at most", shown_topic(p, topic), server->maximum_qos);
    else if (p->message.retain && !server->retain_available)
        bb_say("%s: the broker does not keep retained messages", shown_topic(p, topic));
    else
        bb_say("%s: the broker does not offer this", shown_topic(p, topic));
    return give_up(p, BB_EXIT_REFUSED);
}

/* What the client said to a message; true: it is settled. */
static bool judge(bb_publisher *p, bb_client_result result)
{
    char topic[BB_SAY_SHOWN_MAX];
    switch (result) {
    case BB_CLIENT_OK:
        count(p);
        return true;
    case BB_CLIENT_BUSY:
    case BB_CLIENT_FULL:
    case BB_CLIENT_OFFLINE: /* the connection comes back, or is noted as ended */
        return false;
    case BB_CLIENT_TOO_LARGE:
        bb_say("%s: %u bytes are more than the broker takes in one message", shown_topic(p, topic), p->payload->size);
        return give_up(p, BB_EXIT_REFUSED);
    case BB_CLIENT_INVALID:
        bb_say("'%s' is no topic to publish to: it must not be empty, and + and # stand in filters only",
               shown_topic(p, topic));
        return give_up(p, BB_EXIT_USAGE);
    case BB_CLIENT_UNSUPPORTED:
        return explain_unsupported(p);
    }
    return false;
}

static bool publish_whole(bb_publisher *p)
{
    bb_span none = BB_SPAN_NONE;
    p->message.payload = p->payload->size ? bb_payload_read(p->payload, 0) : none;
    if (p->message.payload.len != p->payload->size)
        return give_up(p, BB_EXIT_FILE);
    if (!judge(p, bb_client_publish(bb_net_client(p->connection->net), &p->message, NULL)))
        return false;
    finish(p);
    return true;
}

static bool begin_stream(bb_publisher *p)
{
    bb_client *client = bb_net_client(p->connection->net);
    if (!judge(p, bb_client_publish_begin(client, &p->message, p->payload->size, NULL)))
        return false;
    p->streaming = p->busy;
    return true;
}

/* False: not all of it can be taken now. */
static bool stream(bb_publisher *p)
{
    bb_client *client = bb_net_client(p->connection->net);
    while (p->offset < p->payload->size) {
        size_t taken = 0;
        bb_span piece = bb_payload_read(p->payload, p->offset);
        if (piece.len == 0) {
            bb_client_publish_abort(client);
            return give_up(p, BB_EXIT_FILE);
        }
        bb_client_result result = bb_client_publish_chunk(client, piece, &taken);
        p->offset += (uint32_t)taken;
        p->progress += taken;
        if (result == BB_CLIENT_OFFLINE) {
            bb_say("the connection ended in the middle of the payload");
            return give_up(p, BB_EXIT_LOST);
        }
        if (result != BB_CLIENT_OK || taken < piece.len)
            return p->offset == p->payload->size;
    }
    return true;
}

bool bb_publisher_step(bb_publisher *p)
{
    BB_CHECK(p->busy);
    bool wait = p->message.qos > 0 && p->owed >= p->inflight_max;
    if (!p->streaming && (wait || !p->connection->connected))
        return false;
    if (p->payload->size < STREAM_FROM)
        return publish_whole(p);
    if (!p->streaming && !begin_stream(p))
        return false;
    if (!p->busy)
        return true;
    if (!stream(p))
        return false;
    finish(p);
    return true;
}

void bb_publisher_take(bb_publisher *p, const bb_client_event *event)
{
    char text[BB_REFUSAL_MAX];
    if (event->type != BB_CLIENT_PUBLISHED)
        return;
    p->owed--;
    if (event->ack.code >= 0x80) {
        bb_say("the broker refused a message: %s", bb_refusal_text(event->ack.code, event->ack.properties, text));
        p->code = BB_EXIT_REFUSED;
    }
}
