/* client.c - the life of a connection: when to open one, when to ping, when to give up, when to try again.
 *
 * Inside, times are the low 32 bits of the caller's: they are only ever compared with ones less than 24 days away. */
#include "client/inside.h"

enum { BUFFER_LEAST = 64, TIMEOUT_MS = 10000, RETRY_MIN_MS = 1000 };

bb_client_result bb_client_init(bb_client *client, const bb_client_options *options)
{
    if (!options->protocol || (options->delivery && !options->store))
        return BB_CLIENT_INVALID;
    if (options->in.size < BUFFER_LEAST || options->out.size < BUFFER_LEAST)
        return BB_CLIENT_TOO_LARGE;
    memset(client, 0, sizeof(*client));
    client->options = options;
    client->random = options->seed;
    client->next_id = 1;
    return BB_CLIENT_OK;
}

void bb_client_start(bb_client *client)
{
    if (client->state != CLIENT_STOPPED)
        return;
    client->state = CLIENT_WAITING;
    client->retry_ms = 0;
    client->step_ms = client->attempt = client->redirects = 0;
    client->redirect_len = 0;
    client->flags &= CLIENT_SUBSCRIBED;
    client->flags |= CLIENT_SENT; /* the wait, which is none, begins with the next call of bb_client_next */
}

/* When no packet is half sent, and there is room. */
static void say_good_bye(bb_client *client)
{
    enum { DISCONNECT_SIZE = 4 };
    if (!bb_client_between_packets(client) || bb_client_room(client) < DISCONNECT_SIZE)
        return;
    client->options->protocol->say_disconnect(client, client->stop_code);
    bb_client_end(client, BB_CLIENT_STOPPED, 0);
}

void bb_client_stop(bb_client *client, bool with_will)
{
    if (client->state == CLIENT_STOPPED)
        return;
    client->stop = say_good_bye;
    client->stop_code = with_will || client->options->birth ? 0x04 : 0x00;
    bool half_given = client->stream_left > 0 && client->stream_id == 0; /* no packet can follow it */
    if (client->state != CLIENT_CONNECTED || half_given)
        bb_client_end_now(client, BB_CLIENT_STOPPED, 0); /* there is nobody, or no way, to say good-bye */
}

/* ---- The transport. */

void bb_client_opened(bb_client *client)
{
    if (client->state != CLIENT_OPENING)
        return;
    client->state = CLIENT_CONNECTING;
    client->flags |= CLIENT_SENT; /* however long it took to open, the time to answer begins now */
    client->cause = BB_CLIENT_NO_ROOM;
    if (!client->options->protocol->say_connect(client))
        bb_client_end_now(client, (bb_client_cause)client->cause, 0);
}

void bb_client_closed(bb_client *client)
{
    if (client->state >= CLIENT_OPENING)
        client->flags |= CLIENT_CLOSED;
}

void bb_client_server_default(bb_client *client)
{
    bb_client_server *server = &client->server;
    memset(server, 0xFF, sizeof(*server)); /* no limit */
    server->session_expiry_s = client->options->session_expiry_s;
    server->topic_alias_maximum = 0;
    server->keep_alive_s = client->options->keep_alive_s;
    server->maximum_qos = 2;
    server->retain_available = server->wildcard_available = true;
    server->subscription_id_available = server->shared_available = true;
}

/* ---- Ends. */

void bb_client_end(bb_client *client, bb_client_cause cause, uint8_t code)
{
    client->state = CLIENT_ENDING;
    client->cause = (uint8_t)cause;
    client->code = code;
    client->sent_at = (uint32_t)client->now;
}

void bb_client_end_now(bb_client *client, bb_client_cause cause, uint8_t code)
{
    client->flags |= CLIENT_CLOSED;
    bb_client_end(client, cause, code);
}

/* Between half and all of a step that doubles each time. */
static uint32_t backoff_ms(bb_client *client)
{
    const bb_client_options *options = client->options;
    uint32_t step = client->step_ms;
    if (step == 0)
        step = options->retry_min_ms ? options->retry_min_ms : RETRY_MIN_MS;
    if (step > options->retry_max_ms)
        step = options->retry_max_ms;
    client->step_ms = step * 2;
    client->random = client->random * 1664525 + 1013904223;
    return step / 2 + (step >> 9) * (client->random >> 24);
}

void bb_client_finish(bb_client *client, bb_client_event *event, bb_client_cause cause, uint8_t code,
                      bb_span properties)
{
    uint32_t now = (uint32_t)client->now, retry_max_ms = client->options->retry_max_ms, retry_ms = 0;
    bool connected = (client->flags & CLIENT_WAS_CONNECTED) != 0;
    if (connected && now - client->connected_at >= retry_max_ms)
        client->step_ms = client->attempt = client->redirects = 0;
    bool retry = retry_max_ms != 0;
    if (client->options->protocol->redirect && client->options->protocol->redirect(client))
        retry = true;
    else
        retry_ms = backoff_ms(client);
    if (client->stop)
        retry = false;

    event->disconnected.type = BB_CLIENT_DISCONNECTED;
    event->disconnected.cause = cause;
    event->disconnected.code = code;
    event->disconnected.connected = connected;
    event->disconnected.retry = retry;
    event->disconnected.retry_ms = retry_ms;
    event->disconnected.clause = client->clause;
    event->disconnected.properties = properties;

    client->state = retry ? CLIENT_WAITING : CLIENT_STOPPED;
    client->sent_at = now;
    client->retry_ms = retry_ms;
    client->flags &= CLIENT_SUBSCRIBED | CLIENT_BEGUN | CLIENT_MOVED;
    client->in_start = client->in_end = client->in_kept = client->out_start = client->out_end = 0;
    client->send_left = client->answer = 0;
    client->clause = NULL;
    client->stop = NULL;
    if (client->stream_id == 0)
        client->stream_left = 0;
}

/* ---- Time. */

static bool is_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

/* When there is something to do if nothing else happens. While a packet is half sent, only that it moves tells that
 * anybody is there. */
static uint32_t due_at(const bb_client *client)
{
    uint32_t last = client->sent_at, timeout_ms = client->options->timeout_ms;
    uint32_t ping_ms = client->server.keep_alive_s * 750u;
    if (client->flags & CLIENT_PINGED)
        return client->give_up_at;
    if (client->state == CLIENT_WAITING)
        return last + client->retry_ms;
    if (client->state != CLIENT_CONNECTED || client->stop)
        return last + (timeout_ms ? timeout_ms : TIMEOUT_MS);
    if (!bb_client_between_packets(client))
        return last + 2 * ping_ms;
    if (is_before(client->heard_at, last))
        last = client->heard_at;
    return last + ping_ms;
}

static bool waits_for_ever(const bb_client *client)
{
    if (client->state == CLIENT_CONNECTED)
        return client->server.keep_alive_s == 0 && !client->stop;
    return client->state == CLIENT_STOPPED;
}

bb_time bb_client_deadline(const bb_client *client)
{
    uint32_t now = (uint32_t)client->now, at = due_at(client);
    if (waits_for_ever(client))
        return BB_NEVER;
    return client->now + (is_before(at, now) ? 0 : at - now);
}

static void note_traffic(bb_client *client)
{
    uint32_t now = (uint32_t)client->now;
    if (client->flags & CLIENT_HEARD) {
        client->heard_at = now;
        client->flags &= ~CLIENT_PINGED;
    }
    if (client->flags & CLIENT_SENT)
        client->sent_at = now;
    client->flags &= ~(CLIENT_HEARD | CLIENT_SENT);
}

/* ---- What happens. */

static client_step ask_for_transport(bb_client *client, bb_client_event *event)
{
    event->open.type = BB_CLIENT_OPEN;
    event->open.attempt = client->attempt++;
    event->open.server = bb_span_of(client->options->redirect.at, client->redirect_len);
    client->state = CLIENT_OPENING;
    client->sent_at = (uint32_t)client->now;
    return STEP_EVENT;
}

static client_step talk(bb_client *client, bb_client_event *event)
{
    const bb_client_delivery *delivery = client->options->delivery;
    client_step step = STEP_NOTHING;
    if (client->flags & CLIENT_CLOSED)
        client->out_start = client->out_end = 0; /* nobody reads it any more */
    bool owes_nothing = bb_client_flush_answer(client);
    if (owes_nothing && !client->stop) /* what comes now would be acknowledged, and nobody would look at it */
        step = bb_client_receive(client, event);
    if (step != STEP_NOTHING || client->state != CLIENT_CONNECTED || client->flags & CLIENT_CLOSED)
        return step;
    step = bb_client_subscribe_all(client, event);
    if (step == STEP_NOTHING && delivery)
        step = delivery->send(client, event);
    if (step == STEP_NOTHING && client->stop)
        client->stop(client);
    return step;
}

/* The time has come: to connect, to ping, or to give up. */
static client_step act(bb_client *client, bb_client_event *event)
{
    if (client->state == CLIENT_WAITING)
        return ask_for_transport(client, event);
    if (client->state != CLIENT_CONNECTED || client->stop || client->flags & CLIENT_PINGED ||
        !bb_client_between_packets(client)) {
        bb_client_end_now(client, BB_CLIENT_TIMEOUT, 0);
        return STEP_DONE;
    }
    (void)bb_client_write_short(client,
                                BB_PINGREQ); /* if there is no room, whatever goes out instead shows that we live */
    client->flags |= CLIENT_PINGED;
    client->give_up_at =
        (uint32_t)client->now + (client->options->timeout_ms ? client->options->timeout_ms : TIMEOUT_MS);
    return STEP_NOTHING;
}

static client_step step(bb_client *client, bb_client_event *event)
{
    client_step talked = STEP_NOTHING;
    if (client->state == CLIENT_CONNECTING || client->state == CLIENT_CONNECTED)
        talked = talk(client, event);
    if (talked != STEP_NOTHING)
        return talked;
    if (client->flags & CLIENT_CLOSED && client->state != CLIENT_ENDING)
        bb_client_end(client, BB_CLIENT_LOST, 0);
    bool due = !waits_for_ever(client) && !is_before((uint32_t)client->now, due_at(client));
    if (client->state == CLIENT_ENDING && (due || client->out_end == 0 || client->flags & CLIENT_CLOSED)) {
        bb_client_finish(client, event, (bb_client_cause)client->cause, client->code, BB_SPAN_NONE);
        return STEP_EVENT;
    }
    return due ? act(client, event) : STEP_NOTHING;
}

bool bb_client_next(bb_client *client, bb_time now, bb_client_event *event)
{
    client_step did;
    client->now = now;
    note_traffic(client);
    do
        did = step(client, event);
    while (did == STEP_DONE);
    return did == STEP_EVENT;
}

bool bb_client_is_connected(const bb_client *client)
{
    return client->state == CLIENT_CONNECTED;
}
