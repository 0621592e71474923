/* broker_fuzz.c - two brokers and three clients that do what the input says: packets whole and cut, raw bytes, time,
 * broken links, clients that do not read, memory that runs out. After each step everything that is counted is counted
 * again from what is there; at the end all memory must be given back (world_end).
 *
 *     input:  step ─┬─ client: bits 0-1 ─┬─ what: bits 2-7 ─┬─ operands, as many as the step takes ─► next step */
#include "broker/testing_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CLIENTS = 3, SIDES = 2 };

typedef struct play {
    world world;
    client clients[CLIENTS];
    const uint8_t *at, *end;
} play;

static const char *const topics[] = {"a", "a/b", "a/c", "b/", "$SYS/x", "a/b/c", "t", "a!"};
static const char *const filters[] = {
    "a",      "a/+", "#", "+/b", "a/#", "$share/g/a/b", "$share/g/#", "$share/h/a", "+/+/+", "$share/g/a/+",
    "$SYS/#", "a/b", "t", "+",   "b/+", "$share/h/#",
};

static unsigned next(play *p)
{
    return p->at < p->end ? *p->at++ : 0;
}

static bb_auth_step step_toy(void *context, void **state, bb_span data, bb_span *reply)
{
    *reply = data;
    if (data.len && data.data[0] == 'f')
        return BB_AUTH_FAILED;
    if (*state || (data.len && data.data[0] == 's'))
        return BB_AUTH_SUCCESS;
    *state = malloc(1);
    return BB_AUTH_CONTINUE;
}

static void end_toy(void *context, void *state)
{
    free(state);
}

/* ---- What clients do. */

static void opens(play *p, client *c)
{
    if (!c->open) {
        client_end(c);
        client_open(c, &p->world, next(p) % SIDES);
    }
}

static void connects(play *p, client *c)
{
    static const char *const ids[] = {"one", "two", "three", ""};
    static const bb_version versions[] = {BB_MQTT_5, BB_MQTT_5, BB_MQTT_311, BB_MQTT_31};
    unsigned flags = next(p), more = next(p);
    opens(p, c);
    connecting with = {
        .id = ids[flags & 3],
        .version = versions[flags >> 2 & 3],
        .resume = flags >> 4 & 1,
        .keep_alive_s = flags >> 5 & 1 ? 30 : 0,
        .will_topic = flags >> 6 & 1 ? topics[more & 7] : NULL,
        .will_qos = more >> 3 & 1,
        .will_retain = more >> 4 & 1,
        .will_properties = more >> 5 & 1 ? with_u32(NO_PROPERTIES, WILL_DELAY, 7) : NO_PROPERTIES,
        .user_name = more >> 6 & 1 ? "user" : NULL,
    };
    if (flags >> 7)
        with.properties = with_u32(with.properties, SESSION_EXPIRY, 100);
    if (more >> 7) {
        unsigned properties = next(p);
        if (properties & 1)
            with.properties = with_u16(with.properties, RECEIVE_MAXIMUM, (uint16_t)(1 + (properties >> 4)));
        if (properties & 2)
            with.properties = with_u16(with.properties, TOPIC_ALIAS_MAXIMUM, 2);
        if (properties & 4)
            with.properties = with_u32(with.properties, MAXIMUM_PACKET_SIZE, 1 + properties);
        if (properties & 8)
            with.properties = with_text(with.properties, AUTH_METHOD, "toy");
    }
    client_connect(c, with);
}

static void subscribes(play *p, client *c)
{
    unsigned filter = next(p) & 15, options = next(p);
    properties list = options & 0x80 ? with_varint(NO_PROPERTIES, SUBSCRIPTION_ID, 1 + filter) : NO_PROPERTIES;
    client_subscribe_with(c, (uint16_t)(1 + filter), filters[filter], options & 0x3F, list);
}

static void publishes(play *p, client *c)
{
    unsigned flags = next(p), id = next(p);
    properties list = NO_PROPERTIES;
    const char *topic = topics[flags & 7];
    if (id & 0x80)
        list = with_u16(list, TOPIC_ALIAS, (uint16_t)(id >> 4 & 7));
    if (id & 0x08)
        list = with_u32(list, MESSAGE_EXPIRY, id & 0x40 ? 0 : 5);
    if ((id & 0xC0) == 0xC0)
        topic = "";
    publishing with = {.qos = flags >> 3 & 3, .retain = flags >> 5 & 1, .id = (uint16_t)(id & 15), .properties = list};
    if (flags >> 6 == 3)
        client_publish_large(c, topic, 65500 + next(p), 'L', with);
    else if (flags >> 6 == 2)
        client_publish_large(c, topic, 1000 + next(p), 'M', with);
    else
        client_publish(c, topic, flags >> 6 ? "" : "payload", with);
}

/* Answer everything that has come since, for better or worse. */
static void acknowledges(client *c, uint8_t code)
{
    received in;
    for (unsigned left = 200; left && c->open && client_next(c, &in); left--) {
        bb_publish publish;
        uint16_t id = in.body.len >= 2 ? (uint16_t)(in.body.data[0] << 8 | in.body.data[1]) : 0;
        if (in.header.type == BB_PUBREL)
            client_ack(c, BB_PUBCOMP, id, 0);
        else if (in.header.type == BB_PUBREC && in.body.len < 3)
            client_ack(c, BB_PUBREL, id, 0);
        if (in.header.type != BB_PUBLISH)
            continue;
        BB_CHECK(bb_publish_decode(&in.header, in.body, (bb_version)c->link.version, &publish, NULL) == BB_OK);
        if (publish.qos && publish.packet_id)
            client_ack(c, publish.qos == 1 ? BB_PUBACK : BB_PUBREC, publish.packet_id,
                       c->version == BB_MQTT_5 ? code : 0);
    }
}

static void sends_raw(play *p, client *c)
{
    size_t n = next(p), left = (size_t)(p->end - p->at);
    n = n < left ? n : left;
    client_send(c, p->at, n);
    p->at += n;
}

static void reads(client *c, bool deaf)
{
    if (deaf)
        c->deaf = true;
    else
        client_listen(c);
}

static void memory_runs_out(play *p)
{
    p->world.fail_at = p->world.allocations + 1 + next(p) % 32;
    p->world.fail_count = 1 + next(p) % 4;
}

static void one_step(play *p)
{
    unsigned what = next(p);
    client *c = &p->clients[(what & 3) % CLIENTS];
    what >>= 2;
    if (what < 8 || !c->open) {
        connects(p, c);
        return;
    }
    switch (what) {
    case 8:
    case 9:
    case 10:
    case 11:
    case 12:
    case 13:
        subscribes(p, c);
        break;
    case 14:
    case 15:
        client_unsubscribe(c, 1, filters[next(p) & 15]);
        break;
    case 16:
    case 17:
    case 18:
    case 19:
    case 20:
    case 21:
    case 22:
    case 23:
        publishes(p, c);
        break;
    case 24:
    case 25:
    case 26:
    case 27:
        acknowledges(c, 0);
        break;
    case 28:
        acknowledges(c, 0x80);
        break;
    case 29:
        client_ack(c, BB_PUBACK + next(p) % 4, (uint16_t)(next(p) % 16), 0);
        break;
    case 30:
    case 31:
        sends_raw(p, c);
        break;
    case 32:
    case 33:
        client_lost(c, BB_E_LINK_LOST);
        break;
    case 34:
        client_disconnect_with(c, next(p) & 1 ? 4 : 0, NO_PROPERTIES);
        break;
    case 35:
        client_disconnect_with(c, 0, with_u32(NO_PROPERTIES, SESSION_EXPIRY, next(p)));
        break;
    case 36:
    case 37:
        world_pass(&p->world, next(p) * 100);
        break;
    case 38:
        world_pass(&p->world, next(p) * 10000);
        break;
    case 39:
    case 40:
    case 41:
        reads(c, what == 39);
        break;
    case 42:
        c->chunk = next(p);
        break;
    case 43:
        c->direct = !c->direct;
        break;
    case 44:
    case 45:
        world_set_pressure(&p->world, (bb_pressure)(next(p) % 3));
        break;
    case 46:
    case 47:
        memory_runs_out(p);
        break;
    case 48:
    case 49:
        client_auth(c, next(p) & 1 ? 0x18 : 0x19, "toy", next(p) & 1 ? "s" : next(p) & 1 ? "f" : "c");
        break;
    case 50:
        client_ping(c);
        break;
    case 51:
    case 52:
        p->world.manual = what == 51;
        break;
    case 53:
        world_settle(&p->world);
        break;
    default:
        client_publish(c, topics[what & 7], "x", (publishing){.qos = 1, .id = (uint16_t)what});
    }
}

/* ---- What must hold at any time. */

typedef struct recount {
    const bb_broker *broker;
    uint64_t sessions, connected, queued, queued_bytes, inflight, subscriptions;
} recount;

static void recount_session(void *context, bb_map_node *node)
{
    recount *sum = context;
    const bb_session *session = BB_CONTAINER_OF(node, bb_session, node);
    const bb_link *link = session->link;
    uint32_t subscriptions = 0;
    sum->sessions++;
    sum->connected += link != NULL;
    sum->queued += session->queue.count + session->queue_qos0.count;
    sum->queued_bytes += session->queue.bytes + session->queue_qos0.bytes;
    sum->inflight += session->inflight.count;
    for (const bb_subscription *s = session->subscriptions; s; s = s->next, subscriptions++)
        BB_CHECK(s->owner == session);
    BB_CHECK(subscriptions == session->subscriptions_now);
    sum->subscriptions += subscriptions;
    BB_CHECK(session->queue.count + session->queue_qos0.count <= sum->broker->limits.queue_messages_max);
    if (link) {
        BB_CHECK(link->session == session && link->state == BB_LINK_CONNECTED);
        BB_CHECK(link->window_now <= link->window && link->window_now <= session->inflight.count);
        BB_CHECK(!bb_timer_is_set(&session->timer));
    }
}

static void check_side(world_side *side)
{
    const bb_stats *stats = bb_broker_stats(side->broker);
    recount sum = {.broker = side->broker};
    bb_map_each(&side->broker->sessions, recount_session, &sum);
    BB_CHECK(sum.sessions == bb_counted(&stats->sessions));
    BB_CHECK(sum.connected == bb_counted(&stats->connected));
    BB_CHECK(sum.queued == bb_counted(&stats->queued_messages));
    BB_CHECK(sum.queued_bytes == bb_counted(&stats->queued_bytes));
    BB_CHECK(sum.inflight == bb_counted(&stats->inflight));
    BB_CHECK(sum.subscriptions == bb_counted(&stats->subscriptions));
    BB_CHECK(sum.subscriptions == bb_broker_subscriptions(side->broker));
}

/* What a client has got must be whole packets; only one that memory cut short may not be. */
static void check_output(client *c)
{
    bb_span rest = bb_span_of(c->got, c->got_len);
    bb_header header;
    while (rest.len) {
        bb_status status = bb_header_decode(rest, &header, NULL);
        if (status == BB_MORE || (status == BB_OK && (size_t)header.size + header.remaining > rest.len)) {
            BB_CHECK(!c->open && c->link.reason == BB_E_NO_MEMORY);
            break;
        }
        BB_CHECK(status == BB_OK);
        rest = bb_span_from(rest, header.size + header.remaining);
    }
    if (c->read > 1 << 20 || !c->open)
        c->got_len = c->read = 0;
}

static void set_limits(world *w)
{
    w->limits.retained_messages_max = 5;
    w->limits.topic_levels_max = 4;
    w->limits.receive_maximum = 5;
    w->limits.topic_alias_maximum = 4;
    w->limits.output_bytes_max = 3000;
    w->limits.session_expiry_max_s = 1000;
    w->limits.subscriptions_max = 6;
    w->limits.inflight_max = 4;
    w->limits.queue_messages_max = 8;
    w->limits.queue_bytes_max = 80000;
    w->limits.packet_bytes_max = 100000;
    w->limits.connections_max = CLIENTS;
    w->limits.sessions_max = CLIENTS;
    world_set_limits(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const bb_auth_method method = {"toy", NULL, step_toy, end_toy};
    static play p;
    p = (play){.at = data, .end = data + size};
    world_start(&p.world, SIDES);
    unsigned way = next(&p);
    set_limits(&p.world);
    p.world.limits.queue_qos0_offline = way & 1;
    p.world.limits.shared_strategy = (bb_shared_strategy)((way >> 1) % 3);
    world_set_limits(&p.world);
    bb_auth auth = {.anonymous = true, .methods = &method, .methods_count = 1};
    for (unsigned i = 0; i < SIDES; i++)
        bb_broker_set_auth(p.world.sides[i].broker, &auth, p.world.now);
    for (unsigned steps = 0; p.at < p.end && steps < 300; steps++) {
        one_step(&p);
        for (unsigned i = 0; i < SIDES; i++)
            check_side(&p.world.sides[i]);
        if (!p.world.manual)
            for (unsigned i = 0; i < CLIENTS; i++)
                check_output(&p.clients[i]);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        client_end(&p.clients[i]);
    world_settle(&p.world);
    world_end(&p.world);
    return 0;
}
