/* session_test.c - sessions that outlive their links: expiry, queues, subscriptions. Spec: MQTT 5.0 3.1.2.11.2, 4.1. */
#include "broker/expect_test.h"

static void a_session_keeps_subscriptions_and_messages_3_1_2_5(void **state)
{
    static const bb_version versions[] = {BB_MQTT_31, BB_MQTT_311, BB_MQTT_5};
    for (unsigned i = 0; i < 3; i++) {
        world w;
        client c, from;
        world_start(&w, 2);
        connecting with = lasting("c");
        with.version = versions[i];
        joins(&from, &w, "from");
        joins_with(&c, &w, with, false);
        subscribes(&c, "t", 2);
        client_end(&c);
        client_publish(&from, "t", "0", (publishing){0});
        client_publish(&from, "t", "1", (publishing){.qos = 1, .id = 1});
        client_publish(&from, "t", "2", (publishing){.qos = 2, .id = 2});
        joins_with(&c, &w, with, versions[i] != BB_MQTT_31);
        (void)expect_publish(&c, "t", "1", 1); /* QoS 0 is not kept */
        (void)expect_publish(&c, "t", "2", 2);
        client_publish(&from, "t", "3", (publishing){.qos = 1, .id = 3});
        (void)expect_publish(&c, "t", "3", 1);
        client_end(&c);
        client_end(&from);
        world_end(&w);
    }
}

static void a_session_without_expiry_ends_with_its_link(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    joins_with(&c, &w, (connecting){.id = "c", .resume = true}, false);
    subscribes(&c, "t", 1);
    client_publish(&c, "t", "x", (publishing){.qos = 1, .id = 1});
    client_end(&c);
    assert_int_equal(WORLD_COUNTED(&w, sessions), 0);
    assert_int_equal(WORLD_COUNTED(&w, inflight), 0);
    assert_int_equal(world_dropped(&w, BB_E_SESSION_ENDED), 1);
    joins_with(&c, &w, (connecting){.id = "c", .resume = true}, false);
    client_end(&c);
    world_end(&w);
}

static void a_session_expires_after_its_time_3_1_2_23(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    connecting with = {.id = "c", .resume = true, .properties = with_u32(NO_PROPERTIES, SESSION_EXPIRY, 10)};
    joins_with(&c, &w, with, false);
    subscribes(&c, "t", 1);
    client_end(&c);
    world_pass(&w, 9900);
    joins_with(&c, &w, with, true);
    world_pass(&w, 100000); /* time with a link does not count */
    client_end(&c);
    world_pass(&w, 10100);
    assert_int_equal(w.facts[BB_FACT_SESSION_ENDED], 1);
    assert_int_equal(WORLD_COUNTED(&w, expired_sessions), 1);
    assert_int_equal(WORLD_COUNTED(&w, subscriptions), 0);
    joins_with(&c, &w, with, false);
    client_end(&c);
    world_end(&w);
}

static void an_expiry_of_all_ones_never_comes(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    connecting with = {.id = "c", .resume = true, .properties = with_u32(NO_PROPERTIES, SESSION_EXPIRY, UINT32_MAX)};
    joins_with(&c, &w, with, false);
    client_end(&c);
    world_pass(&w, 1000ull * UINT32_MAX);
    joins_with(&c, &w, with, true);
    client_end(&c);
    world_end(&w);
}

static void disconnect_may_change_the_expiry_but_not_from_zero_3_14_2_2_2(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    joins_with(&c, &w, lasting("c"), false);
    client_disconnect_with(&c, 0, with_u32(NO_PROPERTIES, SESSION_EXPIRY, 0));
    expect_closed(&c);
    assert_int_equal(WORLD_COUNTED(&w, sessions), 0);
    client_end(&c);
    joins(&c, &w, "c");
    client_disconnect_with(&c, 0, with_u32(NO_PROPERTIES, SESSION_EXPIRY, 10));
    expect_disconnect(&c, 0x82);
    client_end(&c);
    world_end(&w);
}

static void unsubscribe_ends_it_and_says_whether_it_was_3_11_3(void **state)
{
    world w;
    client c;
    world_start(&w, 2);
    joins(&c, &w, "c");
    subscribes(&c, "a/+", 1);
    client_unsubscribe(&c, 1, "a/b");
    expect_suback(&c, BB_UNSUBACK, 1, 0x11);
    client_unsubscribe(&c, 2, "a/+");
    expect_suback(&c, BB_UNSUBACK, 2, 0);
    client_unsubscribe(&c, 3, "a/+");
    expect_suback(&c, BB_UNSUBACK, 3, 0x11);
    client_publish(&c, "a/b", "x", (publishing){.qos = 1, .id = 1});
    expect_ack(&c, BB_PUBACK, 1, 0x10);
    client_end(&c);
    world_end(&w);
}

static void the_same_filter_again_replaces_its_options_3_8_4_3(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    joins(&c, &w, "c");
    subscribes(&c, "t", 0);
    subscribes(&c, "t", 2);
    assert_int_equal(WORLD_COUNTED(&w, subscriptions), 1);
    client_publish(&c, "t", "x", (publishing){.qos = 2, .id = 1});
    (void)expect_publish(&c, "t", "x", 2);
    client_end(&c);
    world_end(&w);
}

static void a_bad_filter_is_refused_and_the_others_are_not(void **state)
{
    static const uint8_t packet_bytes[] = {0x82, 17, 0, 1, 0, 0, 1, 'a', 1, 0, 2, '+', 'b', 1, 0, 2, 'b', '/', 0};
    world w;
    client c;
    world_start(&w, 1);
    joins(&c, &w, "c");
    client_send(&c, packet_bytes, sizeof packet_bytes);
    received in = expect_type(&c, BB_SUBACK);
    assert_int_equal(in.body.len, 6);
    assert_memory_equal(in.body.data + 3, "\x01\x8F\x00", 3);
    assert_int_equal(w.facts[BB_FACT_SUBSCRIBE_REFUSED], 1);
    client_end(&c);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_keeps_subscriptions_and_messages_3_1_2_5),
        cmocka_unit_test(a_session_without_expiry_ends_with_its_link),
        cmocka_unit_test(a_session_expires_after_its_time_3_1_2_23),
        cmocka_unit_test(an_expiry_of_all_ones_never_comes),
        cmocka_unit_test(disconnect_may_change_the_expiry_but_not_from_zero_3_14_2_2_2),
        cmocka_unit_test(unsubscribe_ends_it_and_says_whether_it_was_3_11_3),
        cmocka_unit_test(the_same_filter_again_replaces_its_options_3_8_4_3),
        cmocka_unit_test(a_bad_filter_is_refused_and_the_others_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
