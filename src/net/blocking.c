#include <limits.h>

#include "net/inside.h"

/* Every call here is a loop of turns: do what can be done, look at what happened, wait. Messages that happen while
 * something else is waited for go to the mailbox; the one that has no room there is `unread`, and stops everything but
 * bb_net_receive. */

/* What would make waiting pointless. */
typedef bool (*condition)(const bb_net *net);

static bool never(const bb_net *net)
{
    return false;
}

static bool is_connected(const bb_net *net)
{
    return bb_client_is_connected(&net->client);
}

static bb_time due_after(int timeout_ms)
{
    return timeout_ms < 0 ? BB_NEVER : bb_net_now() + (bb_time)timeout_ms;
}

static int left_ms(bb_time due, bb_time now)
{
    if (due == BB_NEVER)
        return -1;
    return due - now < INT_MAX ? (int)(due - now) : INT_MAX;
}

/* One turn. OK: `happened` says whether there is an event, which is no message. */
static bb_net_result turn(bb_net *net, bb_time due, condition ready, bb_client_event *event, bool *happened)
{
    *happened = false;
    if (net->has_unread)
        return BB_NET_INBOX;
    if (bb_net_next(net, event)) {
        if (event->type != BB_CLIENT_MESSAGE) {
            *happened = true;
            return BB_NET_OK;
        }
        if (bb_mailbox_put(&net->mailbox, &event->message))
            return BB_NET_OK;
        net->unread = *event;
        net->has_unread = true;
        return BB_NET_INBOX;
    }
    if (ready(net))
        return BB_NET_OK;
    if (net->over && !net->holding)
        return BB_NET_LOST;
    bb_time now = bb_net_now();
    if (now >= due)
        return BB_NET_TIMEOUT;
    bb_net_wait(net, left_ms(due, now));
    return BB_NET_OK;
}

/* Wait for an event that is no message. LOST: the connection ended, and no other will be tried. */
static bb_net_result next_event(bb_net *net, bb_time due, bb_client_event *event)
{
    bb_net_result result;
    bool happened = false;
    do {
        result = turn(net, due, never, event, &happened);
    } while (result == BB_NET_OK && !happened);
    if (happened && event->type == BB_CLIENT_DISCONNECTED && !event->disconnected.retry)
        return BB_NET_LOST;
    return result;
}

/* --- results in words */

static const char *client_result_text(bb_client_result result)
{
    switch (result) {
    case BB_CLIENT_OK:
        return "";
    case BB_CLIENT_BUSY:
        return "another message is being published piece by piece";
    case BB_CLIENT_OFFLINE:
        return "there is no connection";
    case BB_CLIENT_FULL:
        return "the store for messages of QoS 1 and 2 is full";
    case BB_CLIENT_TOO_LARGE:
        return "larger than the server accepts, than MQTT allows, or than the buffer holds";
    case BB_CLIENT_INVALID:
        return "MQTT does not allow it: look at topic, filter and QoS";
    case BB_CLIENT_UNSUPPORTED:
        return "the server does not offer it, or this client was built without it";
    }
    return "unknown";
}

/* Put into words what has none yet. */
static bb_net_result told(bb_net *net, bb_net_result result)
{
    bool connected = is_connected(net);
    if (result == BB_NET_INVALID)
        bb_net_set_error(net, client_result_text(net->client_result));
    else if (result == BB_NET_INBOX)
        bb_net_set_error(net, "more messages have come than the inbox holds: receive them first");
    else if (result == BB_NET_TIMEOUT && (connected || !net->error[0]))
        bb_net_set_error(net, "the server did not answer in time");
    else if (result == BB_NET_LOST && !net->error[0])
        bb_net_set_error(net, "there is no connection");
    return result;
}

/* --- asking the client for something */

typedef struct request {
    const bb_client_message *message;
    const bb_client_subscription *subscription;
    bb_span unsubscribe;
    bool stream;
    uint32_t size; /* of a stream */
} request;

static bb_client_result ask(bb_net *net, const request *what, uint16_t *packet_id)
{
    if (what->stream)
        return bb_client_publish_begin(&net->client, what->message, what->size, packet_id);
    if (what->message)
        return bb_client_publish(&net->client, what->message, packet_id);
    if (what->subscription)
        return bb_client_subscribe(&net->client, what->subscription, packet_id);
    return bb_client_unsubscribe(&net->client, what->unsubscribe, packet_id);
}

/* What stands in the way of a try that gave `result`. */
static condition way_out(bb_client_result result)
{
    switch (result) {
    case BB_CLIENT_BUSY:
        return bb_net_all_sent;
    case BB_CLIENT_OFFLINE:
        return is_connected;
    default:
        return never;
    }
}

static bool passes(bb_client_result result)
{
    return result == BB_CLIENT_BUSY || result == BB_CLIENT_OFFLINE || result == BB_CLIENT_FULL;
}

/* Wait until a new try after `result` makes sense. `stuck` counts those for which nothing changed. */
static bb_net_result make_way(bb_net *net, bb_client_result result, bb_time due, unsigned *stuck)
{
    enum { STUCK_MAX = 3 };
    bb_client_event event;
    bool happened;
    net->client_result = result;
    if (!passes(result) || *stuck > STUCK_MAX)
        return BB_NET_INVALID;
    bool sent_before = bb_net_all_sent(net);
    bb_net_result waited = turn(net, due, way_out(result), &event, &happened);
    *stuck = result == BB_CLIENT_BUSY && sent_before && !happened ? *stuck + 1 : 0;
    if (happened && event.type == BB_CLIENT_DISCONNECTED && !event.disconnected.retry)
        return BB_NET_LOST;
    return waited;
}

/* Ask until the client takes it. */
static bb_net_result hand_over(bb_net *net, const request *what, bb_time due, uint16_t *packet_id)
{
    unsigned stuck = 0;
    if (net->has_unread)
        return BB_NET_INBOX;
    for (;;) {
        bb_client_result result = ask(net, what, packet_id);
        if (result == BB_CLIENT_OK)
            return BB_NET_OK;
        bb_net_result waited = make_way(net, result, due, &stuck);
        if (waited != BB_NET_OK)
            return waited;
    }
}

/* --- waiting for answers */

static bb_net_result judge(bb_net *net, const bb_client_ack_event *ack)
{
    net->code = ack->code;
    if (ack->code < 0x80)
        return BB_NET_OK;
    bb_text text = bb_net_error_begin(net);
    bb_text_puts(&text, "the server refused it: ");
    bb_net_put_code(&text, ack->code, ack->properties);
    bb_net_error_end(net, &text);
    return BB_NET_REFUSED;
}

/* Wait for the answer to packet `packet_id`. `lost`: the connection broke; ask anew where that is not done for us. */
static bb_net_result wait_for_answer(bb_net *net, bb_client_event_type type, uint16_t packet_id, bb_time due,
                                     bool *lost)
{
    bb_client_event event;
    *lost = false;
    for (;;) {
        bb_net_result result = next_event(net, due, &event);
        if (result != BB_NET_OK)
            return result;
        if (event.type == type && event.ack.packet_id == packet_id)
            return judge(net, &event.ack);
        if (event.type == BB_CLIENT_DISCONNECTED && type != BB_CLIENT_PUBLISHED) {
            *lost = true;
            return BB_NET_OK;
        }
    }
}

/* Wait until what was published with QoS 0 is the system's. */
static bb_net_result wait_until_sent(bb_net *net, bb_time due)
{
    bb_client_event event;
    bool happened;
    do {
        bb_net_result result = turn(net, due, bb_net_all_sent, &event, &happened);
        if (result != BB_NET_OK)
            return result;
        if (happened && event.type == BB_CLIENT_DISCONNECTED)
            return BB_NET_LOST; /* nobody knows whether it arrived */
    } while (!bb_net_all_sent(net));
    return BB_NET_OK;
}

static bb_net_result wait_until_published(bb_net *net, uint16_t packet_id, bb_time due)
{
    bool lost;
    return packet_id ? wait_for_answer(net, BB_CLIENT_PUBLISHED, packet_id, due, &lost) : wait_until_sent(net, due);
}

/* --- the calls */

bb_net_result bb_net_connect(bb_net *net, int timeout_ms)
{
    bb_client_event event;
    bb_time due = due_after(timeout_ms);
    if (is_connected(net))
        return BB_NET_OK;
    net->error[0] = 0;
    bb_client_start(&net->client);
    for (;;) {
        bb_net_result result = next_event(net, due, &event);
        bool ended = (result == BB_NET_OK || result == BB_NET_LOST) && event.type == BB_CLIENT_DISCONNECTED;
        if (ended && event.disconnected.cause == BB_CLIENT_REFUSED)
            return BB_NET_REFUSED;
        if (result != BB_NET_OK)
            return told(net, result);
        if (event.type == BB_CLIENT_CONNECTED)
            return BB_NET_OK;
    }
}

bb_net_result bb_net_publish(bb_net *net, const bb_client_message *message, int timeout_ms)
{
    const request what = {.message = message};
    bb_time due = due_after(timeout_ms);
    uint16_t packet_id = 0;
    bb_net_result result = hand_over(net, &what, due, &packet_id);
    return told(net, result == BB_NET_OK ? wait_until_published(net, packet_id, due) : result);
}

/* Give all of `piece` to the message that is being published. */
static bb_net_result give_piece(bb_net *net, bb_span piece, bb_time due)
{
    unsigned stuck = 0;
    while (piece.len) {
        size_t taken = 0;
        bb_client_result result = bb_client_publish_chunk(&net->client, piece, &taken);
        piece = bb_span_from(piece, taken);
        if (result == BB_CLIENT_OFFLINE) /* it is no more: the connection was lost */
            return BB_NET_LOST;
        if (result == BB_CLIENT_OK && taken) {
            stuck = 0;
            continue;
        }
        bb_net_result waited = make_way(net, result == BB_CLIENT_OK ? BB_CLIENT_BUSY : result, due, &stuck);
        if (waited != BB_NET_OK)
            return waited;
    }
    return BB_NET_OK;
}

static bb_net_result give_all(bb_net *net, uint32_t size, bb_net_read read, void *context, bb_time due)
{
    uint8_t buffer[16 * 1024];
    while (size) {
        size_t room = size < sizeof buffer ? size : sizeof buffer;
        size_t got = read(context, buffer, room);
        if (!got || got > room) {
            net->client_result = BB_CLIENT_INVALID;
            return BB_NET_INVALID;
        }
        bb_net_result result = give_piece(net, bb_span_of(buffer, got), due);
        if (result != BB_NET_OK)
            return result;
        size -= (uint32_t)got;
    }
    return BB_NET_OK;
}

bb_net_result bb_net_publish_stream(bb_net *net, const bb_client_message *message, uint32_t size, bb_net_read read,
                                    void *context, int timeout_ms)
{
    const request what = {.message = message, .stream = true, .size = size};
    bb_time due = due_after(timeout_ms);
    uint16_t packet_id = 0;
    bb_net_result result = hand_over(net, &what, due, &packet_id);
    if (result != BB_NET_OK)
        return told(net, result);
    result = give_all(net, size, read, context, due);
    if (result != BB_NET_OK) {
        bb_client_publish_abort(&net->client);
        return told(net, result);
    }
    return told(net, wait_until_published(net, packet_id, due));
}

/* Ask, wait for the answer, and ask once more where the connection was lost between. */
static bb_net_result ask_and_wait(bb_net *net, const request *what, bb_client_event_type answer, int timeout_ms)
{
    bb_time due = due_after(timeout_ms);
    bool lost;
    do {
        uint16_t packet_id = 0;
        bb_net_result result = hand_over(net, what, due, &packet_id);
        if (result == BB_NET_OK)
            result = wait_for_answer(net, answer, packet_id, due, &lost);
        if (result != BB_NET_OK)
            return told(net, result);
    } while (lost);
    return BB_NET_OK;
}

bb_net_result bb_net_subscribe(bb_net *net, const bb_client_subscription *subscription, int timeout_ms)
{
    const request what = {.subscription = subscription};
    return ask_and_wait(net, &what, BB_CLIENT_SUBSCRIBED, timeout_ms);
}

bb_net_result bb_net_unsubscribe(bb_net *net, bb_span filter, int timeout_ms)
{
    const request what = {.unsubscribe = filter};
    return ask_and_wait(net, &what, BB_CLIENT_UNSUBSCRIBED, timeout_ms);
}

/* What was put aside comes first. */
static bool take_waiting(bb_net *net, bb_client_message_event *event)
{
    if (bb_mailbox_take(&net->mailbox, event))
        return true;
    if (!net->has_unread)
        return false;
    *event = net->unread.message;
    net->has_unread = false;
    return true;
}

bb_net_result bb_net_receive(bb_net *net, bb_client_message_event *event, int timeout_ms)
{
    bb_client_event any;
    bb_time due = due_after(timeout_ms);
    bool happened;
    for (;;) {
        if (take_waiting(net, event))
            return BB_NET_OK;
        size_t limit = net->mailbox.bytes_max;
        net->mailbox.bytes_max = 0; /* give it as it lies in the buffer, without a copy */
        bb_net_result result = turn(net, due, never, &any, &happened);
        net->mailbox.bytes_max = limit;
        if (result != BB_NET_OK && result != BB_NET_INBOX)
            return told(net, result);
        if (happened && any.type == BB_CLIENT_DISCONNECTED && !any.disconnected.retry)
            return told(net, BB_NET_LOST);
        if (happened && any.type == BB_CLIENT_SUBSCRIBED && any.ack.code >= 0x80)
            return judge(net, &any.ack); /* one of options.client.subscriptions: nobody waited for it */
    }
}

bb_net_result bb_net_disconnect(bb_net *net, int timeout_ms)
{
    bb_client_event event;
    bb_time due = due_after(timeout_ms);
    bb_client_stop(&net->client, false);
    for (;;) {
        bb_net_result result = next_event(net, due, &event);
        if (result == BB_NET_LOST)
            return BB_NET_OK; /* that is what was wanted */
        if (result != BB_NET_OK)
            return told(net, result);
    }
}
