#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "net/inside.h"

enum {
    DRAIN_BYTES = 4096,
    MOVES_MAX = 64, /* in one call: a server that sends faster than we read must not keep us for ever */
};

bb_time bb_net_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now); /* goes on while the machine sleeps, as the server's clock does */
    return (bb_time)now.tv_sec * 1000 + (bb_time)now.tv_nsec / 1000000;
}

bb_client *bb_net_client(bb_net *net)
{
    return &net->client;
}

const bb_transport *bb_net_transport(const bb_net *net)
{
    return &net->transport;
}

/* --- opening */

static const char *url_number(const bb_net *net, size_t number)
{
    const char *at = net->urls;
    for (size_t i = 0; i < number % net->urls_count; i++)
        at += strlen(at) + 1;
    return at;
}

/* The first of the servers that we were sent to, as a URL like our own: in `out`. MQTT 5.0, 4.13. */
static void redirected_url(const bb_net *net, bb_span servers, uint32_t attempt, char *out, size_t size)
{
    static const char *const schemes[] = {[BB_URL_MQTT] = "mqtt",
                                          [BB_URL_MQTTS] = "mqtts",
                                          [BB_URL_WS] = "ws",
                                          [BB_URL_WSS] = "wss",
                                          [BB_URL_UNIX] = "mqtt"};
    bb_url own;
    char unused[BB_URL_ERROR_MAX];
    const uint8_t *space = memchr(servers.data, ' ', servers.len);
    size_t len = space ? (size_t)(space - servers.data) : servers.len;
    if (!bb_url_parse(url_number(net, attempt), &own, unused, sizeof unused)) /* it was parsed by bb_net_new */
        BB_CHECK(!"the URL is good");
    snprintf(out, size, "%s://%.*s%s", schemes[own.scheme], (int)len, (const char *)servers.data,
             bb_url_is_websocket(&own) ? own.path : "");
}

static bb_span optional_text(const char *text)
{
    return text ? bb_span_text(text) : BB_SPAN_NONE;
}

/* User and password of the URL that is dialled are what CONNECT says, unless the application has said it. */
static void take_user_from_url(bb_net *net)
{
    if (!net->user_from_url || !net->target.url.user)
        return;
    net->options.client.user_name = optional_text(net->target.url.user);
    net->options.client.password = optional_text(net->target.url.password);
}

static void opening_failed(bb_net *net)
{
    net->stage = BB_NET_IDLE;
    bb_client_closed(&net->client);
}

static void begin_to_dial(bb_net *net, size_t addresses_count)
{
    bb_net_target_fill(&net->target, addresses_count, net->tls);
    bb_dial_begin(&net->dial, &net->target.dial, &net->mem);
    net->stage = BB_NET_DIALLING;
    net->address_due = bb_net_now() + net->options.address_timeout_ms;
}

static void begin_to_look_up(bb_net *net)
{
    net->lookup = bb_lookup_begin(net->target.url.host, net->target.url.port);
    net->stage = BB_NET_LOOKING_UP;
    if (net->lookup)
        return;
    bb_net_set_error(net, "the system has no thread or memory to look up the name of the server");
    opening_failed(net);
}

static void forget_closing(bb_net *net)
{
    bb_transport_close(&net->closing);
}

/* Our own URL, or the one that the server sent us to. */
static bool parse_url(bb_net *net, const bb_client_open_event *event)
{
    char redirected[BB_URL_MAX + 8];
    const char *url = url_number(net, event->attempt);
    if (event->server.len) {
        redirected_url(net, event->server, event->attempt, redirected, sizeof redirected);
        url = redirected;
    }
    bb_text text = bb_net_error_begin(net);
    bool good = bb_net_target_parse(&net->target, url, &text);
    bb_net_error_end(net, &text);
    if (good && !event->server.len)
        take_user_from_url(net);
    return good;
}

static void begin_to_open(bb_net *net, const bb_client_open_event *event)
{
    const bb_url *url = &net->target.url;
    forget_closing(net);
    net->over = false;
    if (!parse_url(net, event))
        opening_failed(net);
    else if (url->scheme == BB_URL_UNIX)
        begin_to_dial(net, 0);
    else if (bb_resolve_digits(url->host, url->port, net->target.addresses))
        begin_to_dial(net, 1);
    else
        begin_to_look_up(net);
}

/* True: something has happened. */
static bool look_up(bb_net *net)
{
    if (!bb_lookup_has_ended(net->lookup))
        return false;
    bb_text text = bb_net_error_begin(net);
    size_t n = bb_lookup_finish(net->lookup, net->target.addresses, &text);
    net->lookup = NULL;
    bb_net_error_end(net, &text);
    if (n)
        begin_to_dial(net, n);
    else
        opening_failed(net);
    return true;
}

static void keep_dial_error(bb_net *net)
{
    bb_text text = bb_net_error_begin(net);
    bb_text_put(&text, bb_dial_error(&net->dial));
    bb_net_error_end(net, &text);
}

/* One step of opening. True: something has happened. */
static bool dial(bb_net *net, bb_time now)
{
    size_t address = net->dial.next;
    if (net->options.address_timeout_ms && now >= net->address_due) {
        bb_dial_next(&net->dial, "no answer in time");
        net->address_due = now + net->options.address_timeout_ms;
    }
    bb_io io = bb_dial_step(&net->dial);
    if (net->dial.next != address)
        net->address_due = now + net->options.address_timeout_ms;
    switch (io) {
    case BB_IO_WAIT:
        return false;
    case BB_IO_OK:
        net->transport = net->dial.transport;
        net->dial.transport.fd = -1;
        net->stage = BB_NET_OPEN;
        net->send_error = (bb_moved){.io = BB_IO_OK};
        bb_client_opened(&net->client);
        return true;
    default:
        keep_dial_error(net);
        opening_failed(net);
        return true;
    }
}

/* --- moving bytes */

static bool lost(bb_net *net, bb_moved moved)
{
    bb_text text = bb_net_error_begin(net);
    if (moved.io == BB_IO_END)
        bb_text_puts(&text, "the server closed the connection");
    else
        bb_transport_explain(&net->transport, moved.error, &text);
    bb_net_error_end(net, &text);
    bb_transport_close(&net->transport);
    net->stage = BB_NET_IDLE;
    bb_client_closed(&net->client);
    return true;
}

/* True: something has happened. */
static bool send_output(bb_net *net)
{
    bb_span out = bb_client_output(&net->client);
    if (!out.len || net->send_error.io == BB_IO_ERROR)
        return false;
    bb_moved moved = bb_transport_send(&net->transport, &out, 1);
    if (moved.io == BB_IO_ERROR)
        net->send_error = moved;
    else if (moved.io == BB_IO_OK)
        bb_client_sent(&net->client, moved.bytes);
    return moved.io == BB_IO_OK;
}

static bool receive_input(bb_net *net)
{
    size_t room;
    uint8_t *into = bb_client_input(&net->client, &room);
    net->full = room == 0;
    if (!room && net->send_error.io == BB_IO_ERROR) /* what would make room can never be sent */
        return lost(net, net->send_error);
    if (!room || net->drained)
        return false;
    bb_moved moved = bb_transport_recv(&net->transport, into, room);
    if (moved.io == BB_IO_WAIT && net->send_error.io == BB_IO_ERROR)
        moved = net->send_error;
    if (moved.io == BB_IO_END || moved.io == BB_IO_ERROR)
        return lost(net, moved);
    net->drained = moved.drained && net->send_error.io != BB_IO_ERROR;
    if (moved.io == BB_IO_OK)
        bb_client_received(&net->client, moved.bytes);
    return moved.io == BB_IO_OK;
}

static bool move_bytes(bb_net *net)
{
    if (bb_transport_wants(&net->transport) & BB_WRITABLE && net->send_error.io != BB_IO_ERROR) {
        bb_moved moved = bb_transport_step(&net->transport);
        if (moved.io == BB_IO_ERROR)
            net->send_error = moved;
    }
    bool sent = send_output(net);
    return receive_input(net) || sent;
}

/* --- closing: our last bytes are to arrive, so what the server still sends is read until it closes, too */

static void say_goodbye(bb_net *net, bb_time now)
{
    forget_closing(net);
    net->closing = net->transport;
    net->transport.fd = -1;
    net->closing_due = now + BB_NET_LINGER_MS;
    bb_transport_finish(&net->closing);
}

static void go_on_closing(bb_net *net, bb_time now)
{
    uint8_t scratch[DRAIN_BYTES];
    bb_moved step = {.io = BB_IO_OK};
    if (bb_transport_wants(&net->closing) & BB_WRITABLE)
        step = bb_transport_step(&net->closing);
    bb_moved moved = bb_transport_drain(&net->closing, scratch, sizeof scratch);
    if (step.io == BB_IO_ERROR || moved.io == BB_IO_END || moved.io == BB_IO_ERROR || now >= net->closing_due)
        forget_closing(net);
}

/* --- events */

/* A connection, or the try to get one, is over. True: the event can be told now. */
static bool end(bb_net *net, const bb_client_event *event, bb_time now)
{
    const bb_client_disconnected_event *end = &event->disconnected;
    if (net->stage == BB_NET_DIALLING)
        bb_dial_cancel(&net->dial);
    bb_lookup_cancel(net->lookup);
    net->lookup = NULL;
    if (net->stage != BB_NET_IDLE || end->cause != BB_CLIENT_LOST)
        bb_net_explain_end(net, end);
    net->stage = BB_NET_IDLE;
    net->code = end->code;
    net->over = !end->retry;
    if (net->transport.fd < 0)
        return true;
    say_goodbye(net, now);
    if (end->cause != BB_CLIENT_STOPPED)
        return true;
    net->held = *event; /* its spans are empty */
    net->holding = true;
    return false;
}

/* True: `event` is for the application. */
static bool handle(bb_net *net, const bb_client_event *event, bb_time now)
{
    switch (event->type) {
    case BB_CLIENT_OPEN:
        begin_to_open(net, &event->open);
        return false;
    case BB_CLIENT_CONNECTED:
        net->error[0] = 0;
        net->code = 0;
        return true;
    case BB_CLIENT_DISCONNECTED:
        return end(net, event, now);
    default:
        return true;
    }
}

static bool move(bb_net *net, bb_time now)
{
    if (net->closing.fd >= 0)
        go_on_closing(net, now);
    switch (net->stage) {
    case BB_NET_LOOKING_UP:
        return look_up(net);
    case BB_NET_DIALLING:
        return dial(net, now);
    case BB_NET_OPEN:
        return move_bytes(net);
    default:
        return false;
    }
}

bool bb_net_next(bb_net *net, bb_client_event *event)
{
    bb_time now = bb_net_now();
    net->drained = false;
    net->has_unread = false;
    net->has_more = false;
    for (unsigned moves = 0;; moves++) {
        while (bb_client_next(&net->client, now, event)) {
            if (handle(net, event, now))
                return true;
        }
        net->has_more = moves == MOVES_MAX;
        if (net->has_more || !move(net, now))
            break;
    }
    if (!net->holding || net->closing.fd >= 0)
        return false;
    net->holding = false;
    *event = net->held;
    return true;
}

bool bb_net_all_sent(const bb_net *net)
{
    return net->stage != BB_NET_OPEN ||
           (!bb_client_output(&net->client).len && !(bb_transport_wants(&net->transport) & BB_WRITABLE));
}

/* --- waiting */

static short poll_events(unsigned events)
{
    return (short)((events & BB_READABLE ? POLLIN : 0) | (events & BB_WRITABLE ? POLLOUT : 0));
}

int bb_net_fd(const bb_net *net)
{
    switch (net->stage) {
    case BB_NET_LOOKING_UP:
        return bb_lookup_fd(net->lookup);
    case BB_NET_DIALLING:
        return net->dial.transport.fd;
    case BB_NET_OPEN:
        return net->transport.fd;
    default:
        return net->closing.fd;
    }
}

short bb_net_events(const bb_net *net)
{
    switch (net->stage) {
    case BB_NET_LOOKING_UP:
        return POLLIN;
    case BB_NET_DIALLING:
        return poll_events(bb_dial_wants(&net->dial));
    case BB_NET_OPEN:
        return poll_events(bb_transport_wants(&net->transport) | (net->full ? 0U : BB_READABLE) |
                           (bb_client_output(&net->client).len ? BB_WRITABLE : 0U));
    default:
        return net->closing.fd < 0 ? 0 : (short)(POLLIN | poll_events(bb_transport_wants(&net->closing)));
    }
}

static bb_time earlier(bb_time a, bb_time b)
{
    return a < b ? a : b;
}

int bb_net_timeout_ms(const bb_net *net)
{
    bb_time due = bb_client_deadline(&net->client), now = bb_net_now();
    if (net->has_more)
        return 0;
    if (net->stage == BB_NET_DIALLING && net->options.address_timeout_ms)
        due = earlier(due, net->address_due);
    if (net->closing.fd >= 0)
        due = earlier(due, net->closing_due);
    if (due == BB_NEVER)
        return -1;
    if (due <= now)
        return 0;
    return due - now < INT_MAX ? (int)(due - now) : INT_MAX;
}

void bb_net_wait(bb_net *net, int timeout_ms)
{
    struct pollfd wait = {.fd = bb_net_fd(net), .events = bb_net_events(net)};
    int own_ms = bb_net_timeout_ms(net);
    if (timeout_ms < 0 || (own_ms >= 0 && own_ms < timeout_ms))
        timeout_ms = own_ms;
    (void)poll(&wait, 1, timeout_ms); /* a signal, or whatever else it was: bb_net_next finds out */
}
