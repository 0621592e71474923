/* subscribe.c - SUBSCRIBE and UNSUBSCRIBE: what the application asks for now and then, and what the options list.
 *
 * Each packet has one filter, so each answer has one code. Those of the options have packet identifiers in a row, which
 * tell from the answer which of them it was. */
#include "client/inside.h"

#include "base/utf8.h"
#include "topic/name.h"

uint16_t bb_client_take_ids(bb_client *client, size_t count)
{
    const bb_client_store *store = client->options->store;
    uint32_t first = client->next_id;
    if (first == 0 || first + count > 0x10000)
        first = 1;
    uint32_t used = store ? store->next(store->context, first - 1) : 0;
    if (used != 0 && used < first + count)
        return 0;
    client->next_id = (uint16_t)(first + count);
    return (uint16_t)first;
}

static bb_client_result check(const bb_client *client, const bb_client_subscription *what)
{
    bb_filter parsed;
    if (!bb_utf8_valid(what->filter) || bb_filter_parse(what->filter, UINT32_MAX, UINT16_MAX, &parsed) != BB_OK)
        return BB_CLIENT_INVALID;
    if (what->qos > bb_client_qos_max(client))
        return BB_CLIENT_UNSUPPORTED;
    return BB_CLIENT_OK;
}

/* ---- Now and then. */

static bb_client_result ask(bb_client *client, bb_packet_type type, const bb_client_subscription *what, uint16_t *out)
{
    bb_client_result result = check(client, what);
    if (result != BB_CLIENT_OK)
        return result;
    if (client->state != CLIENT_CONNECTED)
        return BB_CLIENT_OFFLINE;
    uint16_t packet_id = bb_client_take_ids(client, 1);
    if (packet_id == 0)
        return BB_CLIENT_BUSY;
    result = client->options->protocol->say_subscribe(client, type, what, packet_id);
    if (result == BB_CLIENT_OK && out)
        *out = packet_id;
    return result;
}

bb_client_result bb_client_subscribe(bb_client *client, const bb_client_subscription *subscription, uint16_t *packet_id)
{
    return ask(client, BB_SUBSCRIBE, subscription, packet_id);
}

bb_client_result bb_client_unsubscribe(bb_client *client, bb_span filter, uint16_t *packet_id)
{
    bb_client_subscription what = {.filter = filter};
    return ask(client, BB_UNSUBSCRIBE, &what, packet_id);
}

/* ---- What the options list. */

void bb_client_subscribe_begin(bb_client *client)
{
    size_t count = client->options->subscriptions_count;
    client->subscribe_left = client->flags & CLIENT_SUBSCRIBED ? 0 : (uint16_t)count;
    client->subscribe_first = 0;
}

client_step bb_client_subscribe_all(bb_client *client, bb_client_event *event)
{
    const bb_client_options *options = client->options;
    if (client->subscribe_left == 0)
        return STEP_NOTHING;
    if (client->subscribe_first == 0)
        client->subscribe_first = bb_client_take_ids(client, options->subscriptions_count);
    if (client->subscribe_first == 0)
        return STEP_NOTHING; /* messages have them all; when some are acknowledged, there will be */
    size_t index = options->subscriptions_count - client->subscribe_left;
    uint16_t packet_id = (uint16_t)(client->subscribe_first + index);
    const bb_client_subscription *what = &options->subscriptions[index];
    bb_client_result result = options->protocol->say_subscribe(client, BB_SUBSCRIBE, what, packet_id);
    if (result == BB_CLIENT_BUSY)
        return STEP_NOTHING;
    client->subscribe_left--;
    if (result == BB_CLIENT_OK)
        return STEP_DONE;
    event->ack.packet_id = packet_id;
    event->ack.code = result == BB_CLIENT_TOO_LARGE ? 0x95 : 0x83;
    event->ack.properties = BB_SPAN_NONE;
    bb_client_subscribe_answered(client, BB_SUBACK, &event->ack);
    return STEP_EVENT;
}

void bb_client_subscribe_answered(bb_client *client, unsigned type, bb_client_ack_event *event)
{
    event->type = type == BB_SUBACK ? BB_CLIENT_SUBSCRIBED : BB_CLIENT_UNSUBSCRIBED;
    event->subscription = NULL;
    size_t index = (size_t)event->packet_id - client->subscribe_first;
    size_t count = client->options->subscriptions_count;
    if (client->subscribe_first == 0 || index >= count)
        return;
    event->subscription = &client->options->subscriptions[index];
    if (index + 1 == count)
        client->flags |= CLIENT_SUBSCRIBED;
}
