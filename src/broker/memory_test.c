/* memory_test.c - memory runs out at every point of a story that touches everything. Whatever fails, nothing may crash,
 * and at the end all memory must have been given back (world_end sees to it). */
#include "broker/expect_test.h"

enum { CLIENTS = 5 };

typedef struct story {
    world world;
    client clients[CLIENTS];
    unsigned count;
} story;

/* A client that connects; the story goes on whether it is accepted or not. */
static client *arrives(story *s, unsigned side, connecting with)
{
    client *c = &s->clients[s->count++];
    BB_CHECK(s->count <= CLIENTS);
    client_open(c, &s->world, side % s->world.sides_count);
    client_connect(c, with);
    return c;
}

static void leaves(client *c)
{
    client_lost(c, BB_E_LINK_LOST);
}

/* All that a client ever got are whole packets with the payloads that were sent. Only the last may be cut, when its
 * link ended because memory ran out in the middle of it. */
static void audit(client *c)
{
    bb_header header;
    for (size_t at = 0; at < c->got_len;) {
        bb_span rest = bb_span_of(c->got + at, c->got_len - at);
        bb_status status = bb_header_decode(rest, &header, NULL);
        if (status == BB_MORE || (size_t)header.size + header.remaining > rest.len) {
            BB_CHECK(c->link.reason == BB_E_NO_MEMORY);
            return;
        }
        BB_CHECK(status == BB_OK);
        bb_publish p;
        if (header.type == BB_PUBLISH) {
            bb_span body = bb_span_of(rest.data + header.size, header.remaining);
            BB_CHECK(bb_publish_decode(&header, body, c->version, &p, NULL) == BB_OK);
            for (size_t i = 0; p.payload.len > 100 && i < p.payload.len; i++)
                BB_CHECK(p.payload.data[i] == p.payload.data[0]);
        }
        at += header.size + header.remaining;
    }
}

/* Come back, as the same session, on a new link. */
static void returns(client *c, connecting with)
{
    world *w = c->world;
    audit(c);
    client_end(c);
    client_open(c, w, 0);
    client_connect(c, with);
}

static bb_auth_step step(void *context, void **state, bb_span data, bb_span *reply)
{
    *reply = BB_SPAN_LITERAL("data");
    if (*state)
        return BB_AUTH_SUCCESS;
    *state = context;
    return BB_AUTH_CONTINUE;
}

static void end(void *context, void *state)
{
}

static void proves_itself(story *s)
{
    static const bb_auth_method method = {"toy", (void *)&method, step, end};
    bb_auth auth = {.anonymous = true, .methods = &method, .methods_count = 1};
    for (unsigned i = 0; i < s->world.sides_count; i++)
        bb_broker_set_auth(s->world.sides[i].broker, &auth, s->world.now);
    client c;
    client_open(&c, &s->world, 0);
    client_connect(&c, (connecting){.id = "prover", .properties = with_text(NO_PROPERTIES, AUTH_METHOD, "toy")});
    client_auth(&c, 0x18, "toy", "more");
    client_auth(&c, 0x19, "toy", "again");
    client_end(&c);
}

static void publish_all_kinds(client *c, const char *topic)
{
    properties list = with_u32(NO_PROPERTIES, MESSAGE_EXPIRY, 60);
    client_publish(c, topic, "0", (publishing){.properties = with_u16(list, TOPIC_ALIAS, 3)});
    client_publish(c, "", "alias", (publishing){.qos = 1, .id = 1, .properties = with_u16(list, TOPIC_ALIAS, 3)});
    client_publish(c, topic, "1", (publishing){.qos = 1, .id = 2, .retain = true});
    client_publish(c, topic, "2", (publishing){.qos = 2, .id = 3, .properties = list});
    client_ack(c, BB_PUBREL, 3, 0);
    client_publish_large(c, topic, 5000, 'L', (publishing){.qos = 1, .id = 4});
    client_publish_large(c, topic, 100000, 'H', (publishing){.qos = 1, .id = 5, .retain = true});
    c->chunk = 70000; /* its head is kept while its payload arrives */
    client_publish_large(c, topic, 200000, 'I',
                         (publishing){.qos = 2, .id = 6, .properties = with_u16(list, TOPIC_ALIAS, 3)});
    client_ack(c, BB_PUBREL, 6, 0);
    c->chunk = 0;
}

/* Acknowledge what has come, as an honest client. */
static void acknowledges(client *c)
{
    received in;
    bb_publish p;
    while (c->open && client_next(c, &in)) {
        uint16_t id = in.body.len >= 2 ? (uint16_t)(in.body.data[0] << 8 | in.body.data[1]) : 0;
        if (in.header.type == BB_PUBREL)
            client_ack(c, BB_PUBCOMP, id, 0);
        if (in.header.type != BB_PUBLISH || bb_publish_decode(&in.header, in.body, c->version, &p, NULL) != BB_OK)
            continue;
        if (p.qos)
            client_ack(c, p.qos == 1 ? BB_PUBACK : BB_PUBREC, p.packet_id, 0);
    }
}

static void tell(story *s)
{
    world *w = &s->world;
    properties away = with_u16(with_u32(NO_PROPERTIES, SESSION_EXPIRY, 3600), RECEIVE_MAXIMUM, 3);
    connecting reader = {.id = "reader", .resume = true, .properties = with_u16(away, TOPIC_ALIAS_MAXIMUM, 5)};
    connecting member = {.id = "member", .resume = true, .version = BB_MQTT_311, .user_name = "name"};
    connecting dying = {.id = "dying",
                        .will_topic = "a/will",
                        .will_payload = "bye",
                        .will_qos = 1,
                        .will_retain = true,
                        .will_properties = with_u32(NO_PROPERTIES, WILL_DELAY, 5),
                        .properties = away};
    client *r = arrives(s, 0, reader), *m = arrives(s, 1, member), *d = arrives(s, 0, dying);
    client *p = arrives(s, 1, (connecting){.id = "publisher"}), *q = arrives(s, 0, (connecting){.id = "other"});
    client_subscribe_with(r, 1, "a/+", 2, with_varint(NO_PROPERTIES, SUBSCRIPTION_ID, 7));
    client_subscribe_with(r, 2, "a/#", 1, with_varint(NO_PROPERTIES, SUBSCRIPTION_ID, 8));
    client_subscribe(m, 3, "$share/g/a/b", 1);
    client_subscribe(q, 4, "$share/g/a/b", 2);
    client_subscribe(d, 5, "a/b", 0);
    publish_all_kinds(p, "a/b");
    r->deaf = true;
    publish_all_kinds(p, "a/b");
    client_listen(r);
    acknowledges(r);
    leaves(r);
    leaves(m);
    publish_all_kinds(p, "a/b");
    returns(r, reader);
    acknowledges(r);
    returns(m, member);
    acknowledges(m);
    world_set_pressure(w, BB_PRESSURE_HIGH);
    publish_all_kinds(q, "a/c");
    world_set_pressure(w, BB_PRESSURE_NONE);
    leaves(d);
    world_pass(w, 6000);
    client_subscribe(q, 6, "#", 1);
    client_unsubscribe(r, 7, "a/+");
    client_unsubscribe(m, 8, "$share/g/a/b");
    proves_itself(s);
    world_pass(w, 4000000);
}

/* Tell the story with memory that fails `count` times from allocation `at` on. Returns the number of allocations. */
static uint64_t tell_failing(unsigned sides, uint64_t at, uint64_t count)
{
    story s = {0};
    if (!world_start_failing(&s.world, sides, at, count))
        return UINT64_MAX;
    tell(&s);
    for (unsigned i = 0; i < s.count; i++) {
        audit(&s.clients[i]);
        client_end(&s.clients[i]);
    }
    world_settle(&s.world);
    uint64_t allocations = s.world.allocations;
    world_end(&s.world);
    return allocations;
}

static void fail_everywhere(unsigned sides, uint64_t count)
{
    uint64_t all = tell_failing(sides, 0, 0);
    assert_true(all > 100 && all < 10000);
    for (uint64_t at = 1; at <= all; at++)
        (void)tell_failing(sides, at, count);
}

static void one_allocation_fails_on_one_worker(void **state)
{
    fail_everywhere(1, 1);
}

static void one_allocation_fails_on_two_workers(void **state)
{
    fail_everywhere(2, 1);
}

static void ten_allocations_fail_in_a_row(void **state)
{
    fail_everywhere(2, 10);
}

static void memory_does_not_come_back(void **state)
{
    fail_everywhere(2, UINT64_MAX);
}

/* How many PUBLISH packets have come? */
static unsigned publishes_of(client *c)
{
    unsigned count = 0;
    for (received in; client_next(c, &in);)
        count += in.header.type == BB_PUBLISH;
    return count;
}

/* A QoS 2 message whose PUBREC refuses it was not handed on: its publisher may send it again [MQTT-4.3.3-9]. */
static void what_is_refused_was_not_handed_on(void **state)
{
    unsigned refused = 0;
    for (uint64_t at = 1; at <= 20; at++) {
        world w;
        client publisher, subscriber;
        received in;
        world_start(&w, 1);
        joins(&publisher, &w, "p");
        joins(&subscriber, &w, "s");
        client_subscribe(&subscriber, 1, "a", 0);
        expect_suback(&subscriber, BB_SUBACK, 1, 0);
        w.fail_at = w.allocations + at;
        w.fail_count = 1;
        client_publish(&publisher, "a", "x", (publishing){.qos = 2, .id = 1});
        bool has_answer = client_next(&publisher, &in) && in.header.type == BB_PUBREC;
        if (has_answer && in.body.len > 2 && in.body.data[2] >= 0x80) {
            refused++;
            assert_int_equal(publishes_of(&subscriber), 0);
        }
        client_end(&publisher);
        client_end(&subscriber);
        world_end(&w);
    }
    assert_true(refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_allocation_fails_on_one_worker), cmocka_unit_test(one_allocation_fails_on_two_workers),
        cmocka_unit_test(ten_allocations_fail_in_a_row),      cmocka_unit_test(memory_does_not_come_back),
        cmocka_unit_test(what_is_refused_was_not_handed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
