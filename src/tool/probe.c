#include "tool/probe.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "tool/say.h"

enum { ANSWER_MS = 3000, SYS_MS = 500, RETAINED_EXPIRY_S = 60, OUR_ID = 77 };

/* --- opening and closing */

static void choose_topic(bb_probe *p)
{
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        random = (uint32_t)bb_now_us();
    snprintf(p->topic, sizeof p->topic, "busbar-check/%08x", random);
}

static bool create(bb_probe *p, const bb_connection_options *asked, uint8_t version)
{
    bb_connection_prepare(&p->connection, asked, "check");
    bb_client_options *client = &p->connection.options.client;
    client->protocol = version == 5 ? &bb_client_mqtt_5 : &bb_client_mqtt_311;
    client->retry_max_ms = 0;
    client->request_response_info = true;
    client->clean_start = true;
    client->session_expiry_s = 0;
    client->will = NULL;
    bb_client_aliases_init(&p->aliases, NULL, 0, 0, p->alias_memory, sizeof p->alias_memory, 1);
    client->aliases = &p->aliases;
    if (!bb_connection_url(asked, p->url)) {
        snprintf(p->error, sizeof p->error, "the host or path is longer than a URL may be");
        return false;
    }
    p->connection.options.url = p->url;
    p->net = bb_net_new(&p->connection.options, p->error, sizeof p->error);
    return p->net != NULL;
}

static void note_failure(bb_probe *p, const bb_client_disconnected_event *event)
{
    char text[BB_REFUSAL_MAX];
    p->cause = event->cause;
    if (event->cause == BB_CLIENT_REFUSED)
        snprintf(p->error, sizeof p->error, "the connection was refused: %s",
                 bb_refusal_text(event->code, event->properties, text));
    else
        snprintf(p->error, sizeof p->error, "%s", bb_net_error(p->net));
}

bool bb_probe_open(bb_probe *p, const bb_connection_options *asked, uint8_t version)
{
    bb_client_event event;
    bb_property info;
    *p = (bb_probe){.cause = BB_CLIENT_LOST};
    choose_topic(p);
    if (!create(p, asked, version))
        return false;
    bb_client_start(bb_net_client(p->net));
    for (;;) {
        while (bb_net_next(p->net, &event)) {
            if (event.type == BB_CLIENT_CONNECTED) {
                p->server = event.connected.server;
                p->has_response_info = bb_property_find(event.connected.properties, BB_RESPONSE_INFO, &info);
                return true;
            }
            if (event.type == BB_CLIENT_DISCONNECTED) {
                note_failure(p, &event.disconnected);
                return false;
            }
        }
        bb_net_wait(p->net, -1);
    }
}

void bb_probe_close(bb_probe *p)
{
    if (p->net && bb_client_is_connected(bb_net_client(p->net)))
        (void)bb_net_disconnect(p->net, ANSWER_MS);
    bb_net_free(p->net);
    p->net = NULL;
}

/* --- one message there and back */

typedef struct exchange {
    bb_client_subscription subscription;
    char filter[2 * BB_PROBE_TOPIC_MAX], topic[2 * BB_PROBE_TOPIC_MAX];
    bb_client_message message;
    bool has_id; /* what came back had our subscription identifier */
    uint8_t qos; /* with which it came back */
    bool retain;
} exchange;

/* A message to `topic`/`name` and a subscription to it, below the probe's own topic. */
static void prepare(const bb_probe *p, exchange *e, const char *group, const char *filter_end, const char *name,
                    uint8_t qos)
{
    *e = (exchange){.subscription = {.qos = qos}, .message = {.qos = qos, .payload = BB_TEXT("busbar check")}};
    snprintf(e->filter, sizeof e->filter, "%s%s/%s", group, p->topic, filter_end);
    snprintf(e->topic, sizeof e->topic, "%s/%s", p->topic, name);
    e->subscription.filter = bb_span_text(e->filter);
    e->message.topic = bb_span_text(e->topic);
}

static bool is_forbidden(const bb_probe *p)
{
    return bb_net_code(p->net) == 0x87;
}

static bb_tried failure(const bb_probe *p, bb_net_result result)
{
    return result == BB_NET_REFUSED && is_forbidden(p) ? BB_TRIED_FORBIDDEN : BB_TRIED_FAILS;
}

static bool is_span(bb_span span, const char *text)
{
    return span.len == strlen(text) && memcmp(span.data, text, span.len) == 0;
}

/* Wait for the message; others may come before it. */
static bb_tried await(bb_probe *p, exchange *e, int timeout_ms)
{
    bb_client_message_event got;
    bb_property id;
    while (bb_net_receive(p->net, &got, timeout_ms) == BB_NET_OK) {
        if (!is_span(got.topic, e->topic))
            continue;
        e->qos = got.qos;
        e->retain = got.retain;
        e->has_id = bb_property_find(got.properties, BB_SUBSCRIPTION_ID, &id) && id.number == OUR_ID;
        return BB_TRIED_WORKS;
    }
    return BB_TRIED_FAILS;
}

static bb_tried subscribe(bb_probe *p, const exchange *e)
{
    bb_net_result result = bb_net_subscribe(p->net, &e->subscription, ANSWER_MS);
    return result == BB_NET_OK ? BB_TRIED_WORKS : failure(p, result);
}

static bb_tried publish(bb_probe *p, const exchange *e)
{
    bb_net_result result = bb_net_publish(p->net, &e->message, ANSWER_MS);
    return result == BB_NET_OK ? BB_TRIED_WORKS : failure(p, result);
}

static void unsubscribe(bb_probe *p, const exchange *e)
{
    (void)bb_net_unsubscribe(p->net, e->subscription.filter, ANSWER_MS);
}

static bb_tried exchange_one(bb_probe *p, exchange *e)
{
    bb_tried tried = subscribe(p, e);
    if (tried != BB_TRIED_WORKS)
        return tried;
    tried = publish(p, e);
    if (tried == BB_TRIED_WORKS)
        tried = await(p, e, ANSWER_MS);
    unsubscribe(p, e);
    return tried;
}

/* --- what is tried */

/* A message of QoS 0 that access rules forbid just vanishes; one of QoS 1 is answered for. */
static bool may_publish(bb_probe *p)
{
    exchange e;
    prepare(p, &e, "", "may", "may", p->server.maximum_qos > 0);
    return publish(p, &e) != BB_TRIED_FORBIDDEN;
}

static void try_qos(bb_probe *p, bb_tries *out)
{
    exchange e;
    out->qos_works = -1;
    out->forbidden = !may_publish(p);
    if (out->forbidden)
        return;
    for (int qos = 0; qos <= p->server.maximum_qos; qos++) {
        prepare(p, &e, "", "qos", "qos", (uint8_t)qos);
        bb_tried tried = exchange_one(p, &e);
        out->forbidden |= tried == BB_TRIED_FORBIDDEN;
        if (tried != BB_TRIED_WORKS || e.qos != qos)
            return;
        out->qos_works = qos;
    }
}

static void try_round_trip(bb_probe *p, bb_tries *out)
{
    exchange e;
    prepare(p, &e, "", "time", "time", 0);
    if (subscribe(p, &e) != BB_TRIED_WORKS)
        return;
    uint64_t start = bb_now_us();
    if (publish(p, &e) == BB_TRIED_WORKS && await(p, &e, ANSWER_MS) == BB_TRIED_WORKS)
        out->round_trip_us = bb_now_us() - start;
    unsubscribe(p, &e);
}

/* The second message of a topic goes with an alias. */
static bb_tried try_alias(bb_probe *p)
{
    exchange e;
    if (!p->server.topic_alias_maximum)
        return BB_TRIED_NOT;
    prepare(p, &e, "", "alias", "alias", 0);
    bb_tried tried = subscribe(p, &e);
    for (int i = 0; i < 2 && tried == BB_TRIED_WORKS; i++) {
        tried = publish(p, &e);
        if (tried == BB_TRIED_WORKS)
            tried = await(p, &e, ANSWER_MS);
    }
    unsubscribe(p, &e);
    return tried;
}

static bb_tried try_wildcard(bb_probe *p)
{
    exchange e;
    prepare(p, &e, "", "wild/+/#", "wild/a/b", 0);
    return p->server.wildcard_available ? exchange_one(p, &e) : BB_TRIED_NOT;
}

static bb_tried try_shared(bb_probe *p)
{
    exchange e;
    prepare(p, &e, "$share/busbar-check/", "shared", "shared", 0);
    return p->server.shared_available ? exchange_one(p, &e) : BB_TRIED_NOT;
}

static bb_tried try_subscription_id(bb_probe *p)
{
    exchange e;
    prepare(p, &e, "", "id", "id", 0);
    e.subscription.id = OUR_ID;
    if (!p->server.subscription_id_available)
        return BB_TRIED_NOT;
    bb_tried tried = exchange_one(p, &e);
    return tried == BB_TRIED_WORKS && !e.has_id ? BB_TRIED_FAILS : tried;
}

/* Publish retained, subscribe afterwards, and remove it again. */
static bb_tried try_retain(bb_probe *p)
{
    exchange e;
    uint8_t memory[8];
    bb_property_writer writer = bb_property_writer_on(memory, sizeof memory);
    if (!p->server.retain_available)
        return BB_TRIED_NOT;
    prepare(p, &e, "", "retained", "retained", p->server.maximum_qos > 0);
    bb_property_put_u32(&writer, BB_MESSAGE_EXPIRY_S, RETAINED_EXPIRY_S);
    e.message.properties = bb_property_list(&writer);
    e.message.retain = true;
    bb_tried tried = publish(p, &e);
    if (tried == BB_TRIED_WORKS)
        tried = subscribe(p, &e);
    if (tried == BB_TRIED_WORKS)
        tried = await(p, &e, ANSWER_MS);
    bool was_retained = e.retain;
    unsubscribe(p, &e);
    e.message.payload.len = 0;
    (void)publish(p, &e);
    return tried == BB_TRIED_WORKS && !was_retained ? BB_TRIED_FAILS : tried;
}

void bb_probe_try(bb_probe *p, bb_tries *out)
{
    *out = (bb_tries){.qos_works = -1};
    try_qos(p, out);
    if (out->qos_works < 0)
        return;
    try_round_trip(p, out);
    out->retain = try_retain(p);
    out->wildcard = try_wildcard(p);
    out->shared = try_shared(p);
    out->subscription_id = try_subscription_id(p);
    out->alias = try_alias(p);
}

void bb_probe_broker_version(bb_probe *p, char text[BB_PROBE_TEXT_MAX])
{
    exchange e = {.subscription = {.filter = BB_TEXT("$SYS/broker/version")}, .topic = "$SYS/broker/version"};
    bb_client_message_event got;
    char shown[BB_SAY_SHOWN_MAX];
    text[0] = '\0';
    if (subscribe(p, &e) != BB_TRIED_WORKS)
        return;
    if (bb_net_receive(p->net, &got, SYS_MS) == BB_NET_OK && is_span(got.topic, e.topic))
        snprintf(text, BB_PROBE_TEXT_MAX, "%s", bb_say_shown(got.payload, shown));
    unsubscribe(p, &e);
}
