#include "tool/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "tool/say.h"
#include "tool/stop.h"

enum { GOODBYE_MS = 5000, TURN_EVENTS = 1000 };

uint64_t bb_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

int bb_ms_until(uint64_t at_us)
{
    uint64_t now = bb_now_us();
    if (at_us == UINT64_MAX)
        return -1;
    if (at_us <= now)
        return 0;
    uint64_t ms = (at_us - now + 999) / 1000;
    return ms < 3600000 ? (int)ms : 3600000; /* whoever waits longer asks again */
}

/* --- what is asked of the library */

static bb_span span_or_none(const char *text)
{
    return text ? bb_span_text(text) : BB_SPAN_NONE;
}

/* A made-up identifier that shows in the broker's log where it comes from. */
static void choose_id(bb_connection *c, const char *command)
{
    uint32_t random = 0;
    if (c->asked->client_id)
        snprintf(c->id, sizeof c->id, "%s", c->asked->client_id);
    else if (c->asked->id_prefix)
        snprintf(c->id, sizeof c->id, "%s%d", c->asked->id_prefix, (int)getpid());
    else if (getrandom(&random, sizeof random, 0) == sizeof random)
        snprintf(c->id, sizeof c->id, "busbar-%s-%08x", command, random);
    else
        snprintf(c->id, sizeof c->id, "busbar-%s-%d", command, (int)getpid());
    c->options.client.client_id = c->asked->client_id ? bb_span_text(c->asked->client_id) : bb_span_text(c->id);
}

static void prepare_tls(bb_net_tls *tls, const bb_connection_options *asked)
{
    tls->ca_file = asked->ca_file;
    tls->ca_folder = asked->ca_folder;
    tls->certificate_file = asked->certificate;
    tls->key_file = asked->key;
    tls->ciphers = asked->ciphers;
    tls->tls_1_3_only = asked->tls_version == 13;
    tls->any_name = asked->insecure;
    tls->any_certificate = asked->trust_all;
}

void bb_connection_prepare(bb_connection *c, const bb_connection_options *asked, const char *command)
{
    bb_client_options *client = &c->options.client;
    *c = (bb_connection){.asked = asked, .reconnect = asked->retry};
    bb_net_options_init(&c->options);
    choose_id(c, command);
    client->protocol = asked->version == 5 ? &bb_client_mqtt_5 : &bb_client_mqtt_311;
    client->user_name = span_or_none(asked->user);
    client->password = span_or_none(asked->password);
    client->keep_alive_s = asked->keep_alive_s;
    client->clean_start = !asked->keep_session;
    client->session_expiry_s = asked->session_expiry_s;
    client->timeout_ms = (uint32_t)(asked->timeout_us / 1000);
    c->options.address_timeout_ms = client->timeout_ms;
    c->options.follow_redirects = asked->follow_redirects;
    c->will = (bb_client_message){.topic = span_or_none(asked->will_topic),
                                  .payload = span_or_none(asked->will_payload),
                                  .qos = asked->will_qos,
                                  .retain = asked->will_retain};
    client->will = asked->will_topic ? &c->will : NULL;
    prepare_tls(&c->options.tls, asked);
}

/* --- telling what happened */

const char *bb_refusal_text(uint8_t code, bb_span properties, char text[BB_REFUSAL_MAX])
{
    char shown[BB_SAY_SHOWN_MAX];
    bb_property reason;
    bool has_reason = bb_property_find(properties, BB_REASON_STRING, &reason);
    snprintf(text, BB_REFUSAL_MAX, "%s (0x%02x)%s%s", bb_net_code_text(code), code, has_reason ? ": " : "",
             has_reason ? bb_say_shown(reason.value, shown) : "");
    return text;
}

static void note_connected(bb_connection *c, const bb_client_connected_event *event)
{
    bb_property info;
    c->connected = c->was_connected = true;
    c->server = event->server;
    free(c->response_info);
    c->response_info = bb_property_find(event->properties, BB_RESPONSE_INFO, &info)
                           ? strndup((const char *)info.value.data, info.value.len)
                           : NULL;
    if (c->asked->debug)
        bb_say("connected to %s as %s, %s session", c->url, c->id, event->session_present ? "with the old" : "new");
}

static int code_of(const bb_client_disconnected_event *event)
{
    if (event->cause == BB_CLIENT_STOPPED)
        return BB_EXIT_OK;
    if (event->cause == BB_CLIENT_REFUSED)
        return BB_EXIT_REFUSED;
    return event->connected ? BB_EXIT_LOST : BB_EXIT_CONNECT;
}

static void explain(const bb_connection *c, const bb_client_disconnected_event *event, bool again)
{
    char text[BB_REFUSAL_MAX], when[64] = "";
    if (again)
        snprintf(when, sizeof when, "; trying again in %.1f s", event->retry_ms / 1000.0);
    if (event->cause == BB_CLIENT_REFUSED)
        bb_say("%s refused the connection: %s%s", c->url, bb_refusal_text(event->code, event->properties, text), when);
    else if (event->cause == BB_CLIENT_ENDED)
        bb_say("%s ended the connection: %s%s", c->url, bb_refusal_text(event->code, event->properties, text), when);
    else if (event->connected)
        bb_say("the connection to %s was lost: %s%s", c->url, bb_net_error(c->net), when);
    else
        bb_say("cannot connect to %s: %s%s", c->url, bb_net_error(c->net), when);
}

static void note_disconnected(bb_connection *c, const bb_client_disconnected_event *event)
{
    bool again = event->retry && (c->was_connected || c->asked->retry);
    c->connected = false;
    if (event->cause != BB_CLIENT_STOPPED)
        explain(c, event, again);
    if (again)
        return;
    c->ended = true;
    c->code = code_of(event);
}

/* However fast the broker sends, time limits and signals are looked at every so many events. */
static bool has_had_its_turn(bb_connection *c)
{
    if (c->turn_events < TURN_EVENTS)
        return false;
    c->turn_events = 0;
    c->has_more = true;
    return true;
}

bool bb_connection_next(bb_connection *c, bb_client_event *event)
{
    if (c->ended || has_had_its_turn(c))
        return false;
    c->has_more = false;
    if (!bb_net_next(c->net, event)) {
        c->turn_events = 0;
        return false;
    }
    c->turn_events++;
    if (event->type == BB_CLIENT_CONNECTED)
        note_connected(c, &event->connected);
    else if (event->type == BB_CLIENT_DISCONNECTED)
        note_disconnected(c, &event->disconnected);
    return true;
}

/* --- opening, waiting, closing */

static int shorter(int a_ms, int b_ms)
{
    if (a_ms < 0 || b_ms < 0)
        return a_ms < 0 ? b_ms : a_ms;
    return a_ms < b_ms ? a_ms : b_ms;
}

bool bb_connection_wait(bb_connection *c, int timeout_ms, int fd)
{
    struct pollfd wait[] = {{.fd = bb_net_fd(c->net), .events = bb_net_events(c->net)},
                            {.fd = bb_stop_requested() ? -1 : bb_stop_fd(), .events = POLLIN},
                            {.fd = fd, .events = POLLIN}};
    int until_ms = c->has_more ? 0 : shorter(timeout_ms, bb_net_timeout_ms(c->net));
    int ready = poll(wait, sizeof wait / sizeof *wait, until_ms);
    return ready > 0 && wait[2].revents != 0;
}

static int create(bb_connection *c)
{
    char error[BB_CLI_ERROR_MAX];
    if (!bb_connection_url(c->asked, c->url)) {
        bb_say("the host or path is longer than a URL may be");
        return BB_EXIT_USAGE;
    }
    c->options.url = c->url;
    if (!c->reconnect)
        c->options.client.retry_max_ms = 0;
    c->net = bb_net_new(&c->options, error, sizeof error);
    if (c->net)
        return BB_EXIT_OK;
    bb_say("%s", error);
    return BB_EXIT_USAGE;
}

static bool is_late(const bb_connection *c)
{
    return c->limit_us && bb_now_us() >= c->limit_us;
}

int bb_connection_open(bb_connection *c)
{
    bb_client_event event;
    int code = create(c);
    if (code != BB_EXIT_OK)
        return code;
    bb_stop_fd();
    bb_client_start(bb_net_client(c->net));
    while (!c->connected && !c->ended && !bb_stop_requested() && !is_late(c)) {
        while (!c->connected && bb_connection_next(c, &event))
            ;
        if (!c->connected && !c->ended)
            bb_connection_wait(c, bb_ms_until(c->limit_us ? c->limit_us : UINT64_MAX), -1);
    }
    if (c->connected)
        return BB_EXIT_OK;
    if (c->ended)
        return c->code;
    return is_late(c) ? BB_EXIT_TIMEOUT : BB_EXIT_CONNECT;
}

/* What is still to be sent goes out first; a broker that does not take it is not waited for without end. */
static int say_goodbye(bb_connection *c)
{
    bb_client_event event;
    uint64_t until = bb_now_us() + (uint64_t)GOODBYE_MS * 1000;
    bb_client_stop(bb_net_client(c->net), false);
    while (!c->ended && bb_now_us() < until) {
        while (bb_connection_next(c, &event))
            ;
        if (!c->ended)
            bb_connection_wait(c, bb_ms_until(until), -1);
    }
    return c->ended ? c->code : BB_EXIT_TIMEOUT;
}

int bb_connection_close(bb_connection *c, int code)
{
    int goodbye = c->connected && !c->ended ? say_goodbye(c) : BB_EXIT_OK;
    bb_net_free(c->net);
    free(c->response_info);
    return code == BB_EXIT_OK ? goodbye : code;
}
