/* limits_test.c - every limit of limits.h, at its border and one beyond. Those of the shell (memory_bytes_max) and of a
 * link's output are in pressure_test.c and qos_test.c. */
#include "broker/expect_test.h"

static world w;
static client c;

/* A world with the default limits, changed by the test before `ready`. */
static int start(void **state)
{
    world_start(&w, 1);
    return 0;
}

static int finish(void **state)
{
    client_end(&c);
    world_end(&w);
    return 0;
}

static void ready(void)
{
    world_set_limits(&w);
    joins(&c, &w, "c");
}

static bb_properties connack_of(connecting with)
{
    client_end(&c);
    client_open(&c, &w, 0);
    client_connect(&c, with);
    return expect_connack(&c, false, 0);
}

static void connections_max(void **state)
{
    client second;
    w.limits.connections_max = 1;
    ready();
    client_open(&second, &w, 0);
    client_connect(&second, (connecting){.id = "second"});
    (void)expect_connack(&second, false, 0x97);
    expect_closed(&second);
    client_end(&second);
    assert_int_equal(world_refused(&w, BB_E_TOO_MANY_CONNECTIONS), 1);
}

static void sessions_max(void **state)
{
    client second;
    w.limits.sessions_max = 1;
    ready();
    client_open(&second, &w, 0);
    client_connect(&second, (connecting){.id = "second"});
    (void)expect_connack(&second, false, 0x97);
    client_end(&second);
    joins(&second, &w, "c"); /* one that takes over needs no further one */
    expect_disconnect(&c, 0x8E);
    client_end(&second);
}

static void retained_messages_max_and_bytes_max(void **state)
{
    w.limits.retained_messages_max = 2;
    w.limits.retained_bytes_max = 10;
    ready();
    static const struct {
        const char *topic, *payload;
        uint8_t code;
    } steps[] = {{"a", "1", 0x10}, {"b", "1", 0x10},       {"c", "1", 0x97},
                 {"a", "", 0x10},  {"c", "1234567", 0x10}, {"c", "12345678", 0x97}};
    for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++) {
        client_publish(&c, steps[i].topic, steps[i].payload, (publishing){.qos = 1, .id = 1, .retain = true});
        expect_ack(&c, BB_PUBACK, 1, steps[i].code);
    }
}

static void packet_bytes_max(void **state)
{
    w.limits.packet_bytes_max = 100;
    ready();
    assert_int_equal(connack_of((connecting){.id = "c"}).maximum_packet_size, 100);
    client_publish_large(&c, "t", 94, 'x', (publishing){0}); /* 2 + 3 + 1 + 94 */
    assert_true(c.open);
    client_publish_large(&c, "t", 95, 'x', (publishing){0});
    expect_disconnect(&c, 0x95);
}

static void payload_bytes_max(void **state)
{
    w.limits.payload_bytes_max = 10;
    ready();
    client_publish_large(&c, "t", 10, 'x', (publishing){.qos = 1, .id = 1});
    expect_ack(&c, BB_PUBACK, 1, 0x10);
    client_publish_large(&c, "t", 11, 'x', (publishing){.qos = 1, .id = 1});
    expect_disconnect(&c, 0x95);
}

static void topic_bytes_max_and_levels_max(void **state)
{
    w.limits.topic_bytes_max = 6;
    w.limits.topic_levels_max = 3;
    ready();
    static const struct {
        const char *topic;
        bool fits;
    } names[] = {{"123456", true}, {"1234567", false}, {"a/b/c", true}, {"a/b/c/", false}};
    for (unsigned i = 0; i < 4; i++) {
        client_publish(&c, names[i].topic, "x", (publishing){.qos = 1, .id = 1});
        expect_ack(&c, BB_PUBACK, 1, names[i].fits ? 0x10 : 0x90);
        client_subscribe(&c, 2, names[i].topic, 0);
        received in = expect_type(&c, BB_SUBACK);
        assert_int_equal(in.body.data[in.body.len - 1] >= 0x80, !names[i].fits);
        client_unsubscribe(&c, 3, names[i].topic);
        (void)expect_type(&c, BB_UNSUBACK);
    }
}

static void keep_alive_max(void **state)
{
    w.limits.keep_alive_max_s = 20;
    ready();
    assert_int_equal(connack_of((connecting){.id = "c"}).server_keep_alive_s, 20);
    assert_int_equal(connack_of((connecting){.id = "c", .keep_alive_s = 21}).server_keep_alive_s, 20);
    assert_false(connack_of((connecting){.id = "c", .keep_alive_s = 19}).present & BB_HAS(server_keep_alive_s));
    (void)connack_of((connecting){.id = "c"});
    world_pass(&w, 30100);
    expect_disconnect(&c, 0x8D);
}

static void topic_alias_maximum(void **state)
{
    w.limits.topic_alias_maximum = 0;
    w.limits.topic_alias_maximum_out = 0;
    ready();
    assert_false(
        connack_of((connecting){.id = "c", .properties = with_u16(NO_PROPERTIES, TOPIC_ALIAS_MAXIMUM, 9)}).present &
        BB_HAS(topic_alias_maximum));
    subscribes(&c, "topic", 0);
    client_publish(&c, "topic", "x", (publishing){0});
    assert_false(expect_any_publish(&c).properties.present & BB_HAS(topic_alias));
    client_publish(&c, "topic", "x", (publishing){.properties = with_u16(NO_PROPERTIES, TOPIC_ALIAS, 1)});
    expect_disconnect(&c, 0x94);
}

static void session_expiry_max(void **state)
{
    w.limits.session_expiry_max_s = 60;
    ready();
    assert_int_equal(connack_of(lasting("c")).session_expiry_s, 60);
    client_end(&c);
    world_pass(&w, 59000);
    assert_int_equal(WORLD_COUNTED(&w, sessions), 1);
    world_pass(&w, 2000);
    assert_int_equal(WORLD_COUNTED(&w, sessions), 0);
}

static void subscriptions_max(void **state)
{
    w.limits.subscriptions_max = 2;
    ready();
    subscribes(&c, "a", 0);
    subscribes(&c, "b", 0);
    client_subscribe(&c, 1, "c", 0);
    expect_suback(&c, BB_SUBACK, 1, 0x97);
    subscribes(&c, "b", 1); /* again is no further one */
    client_unsubscribe(&c, 2, "a");
    expect_suback(&c, BB_UNSUBACK, 2, 0);
    subscribes(&c, "c", 0);
}

static void inflight_max(void **state)
{
    w.limits.inflight_max = 2;
    ready();
    subscribes(&c, "t", 1);
    for (uint16_t i = 1; i <= 3; i++) {
        client_publish(&c, "t", "x", (publishing){.qos = 1, .id = i});
        if (i <= 2)
            (void)expect_publish(&c, "t", "x", 1);
        expect_ack(&c, BB_PUBACK, i, 0);
    }
    assert_int_equal(WORLD_COUNTED(&w, queued_messages), 1);
}

static void queue_messages_max_and_bytes_max(void **state)
{
    client away;
    w.limits.queue_messages_max = 3;
    w.limits.queue_bytes_max = 1000;
    ready();
    joins_with(&away, &w, lasting("away"), false);
    subscribes(&away, "#", 1);
    client_end(&away);
    client_publish_large(&c, "t", 1000, 'x', (publishing){.qos = 1, .id = 1});
    assert_int_equal(world_dropped(&w, BB_E_QUEUE_BYTES), 1);
    for (unsigned i = 0; i < 4; i++)
        client_publish(&c, "t", "x", (publishing){.qos = 1, .id = 1});
    assert_int_equal(world_dropped(&w, BB_E_QUEUE_MESSAGES), 1);
    assert_int_equal(WORLD_COUNTED(&w, queued_messages), 3);
}

static void queue_qos0_offline(void **state)
{
    client away;
    ready();
    for (unsigned kept = 0; kept < 2; kept++) {
        w.limits.queue_qos0_offline = kept;
        world_set_limits(&w);
        joins_with(&away, &w, lasting("away"), kept);
        subscribes(&away, "t", 0);
        client_end(&away);
        client_publish(&c, "t", "x", (publishing){0});
        assert_int_equal(WORLD_COUNTED(&w, queued_messages), kept);
    }
    assert_int_equal(world_dropped(&w, BB_E_OFFLINE_QOS0), 1);
}

static void features_that_are_off(void **state)
{
    w.limits.retain_available = w.limits.wildcard_available = w.limits.shared_available = false;
    w.limits.subscription_id_available = false;
    w.limits.qos_max = 0;
    ready();
    bb_properties p = connack_of((connecting){.id = "c"});
    uint32_t told = BB_HAS(retain_available) | BB_HAS(wildcard_available) | BB_HAS(shared_available) |
                    BB_HAS(subscription_id_available) | BB_HAS(maximum_qos);
    assert_int_equal(p.present & told, told);
    client_subscribe(&c, 1, "a/+", 0);
    expect_suback(&c, BB_SUBACK, 1, 0xA2);
    client_subscribe(&c, 2, "$share/g/a", 0);
    expect_suback(&c, BB_SUBACK, 2, 0x9E);
    client_subscribe_with(&c, 3, "a", 0, with_varint(NO_PROPERTIES, SUBSCRIPTION_ID, 1));
    expect_suback(&c, BB_SUBACK, 3, 0xA1);
    client_subscribe(&c, 4, "a", 2);
    expect_suback(&c, BB_SUBACK, 4, 0);
    client_publish(&c, "a", "x", (publishing){.retain = true});
    expect_disconnect(&c, 0x9A);
    (void)connack_of((connecting){.id = "c"});
    client_publish(&c, "a", "x", (publishing){.qos = 1, .id = 1});
    expect_disconnect(&c, 0x9B);
}

#define LIMIT(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIMIT(connections_max),    LIMIT(sessions_max),          LIMIT(retained_messages_max_and_bytes_max),
        LIMIT(packet_bytes_max),   LIMIT(payload_bytes_max),     LIMIT(topic_bytes_max_and_levels_max),
        LIMIT(keep_alive_max),     LIMIT(topic_alias_maximum),   LIMIT(session_expiry_max),
        LIMIT(subscriptions_max),  LIMIT(inflight_max),          LIMIT(queue_messages_max_and_bytes_max),
        LIMIT(queue_qos0_offline), LIMIT(features_that_are_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
