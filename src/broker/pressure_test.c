/* pressure_test.c - what a broker does when memory is short: acknowledgements wait, then publishes are refused. */
#include "broker/expect_test.h"

static void acknowledgements_wait_and_then_come_in_order(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    joins(&c, &w, "c");
    client_publish(&c, "t", "x", (publishing){.qos = 2, .id = 9});
    expect_ack(&c, BB_PUBREC, 9, 0x10);
    world_set_pressure(&w, BB_PRESSURE_HIGH);
    client_publish(&c, "t", "x", (publishing){.qos = 1, .id = 1});
    client_publish(&c, "t", "x", (publishing){.qos = 2, .id = 2});
    client_ack(&c, BB_PUBREL, 9, 0);
    expect_nothing(&c);
    client_ping(&c);
    (void)expect_type(&c, BB_PINGRESP); /* only what slows a publisher down waits */
    world_set_pressure(&w, BB_PRESSURE_NONE);
    world_settle(&w);
    expect_ack(&c, BB_PUBACK, 1, 0x10);
    expect_ack(&c, BB_PUBREC, 2, 0x10);
    expect_ack(&c, BB_PUBCOMP, 9, 0);
    assert_int_equal(c.link.inbound_now, 1); /* identifier 2 is not released yet */
    client_ack(&c, BB_PUBREL, 2, 0);
    assert_int_equal(c.link.inbound_now, 0);
    client_end(&c);
    world_end(&w);
}

static void what_waits_counts_against_the_receive_maximum(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    w.limits.receive_maximum = 2;
    world_set_limits(&w);
    joins(&c, &w, "c");
    world_set_pressure(&w, BB_PRESSURE_HIGH);
    for (uint16_t i = 1; i <= 3; i++)
        client_publish(&c, "t", "x", (publishing){.qos = 1, .id = i});
    expect_disconnect(&c, 0x93);
    client_end(&c);
    world_end(&w);
}

static void a_link_that_goes_takes_what_waits_with_it(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    joins(&c, &w, "c");
    world_set_pressure(&w, BB_PRESSURE_HIGH);
    client_publish(&c, "t", "x", (publishing){.qos = 1, .id = 1});
    client_end(&c);
    world_set_pressure(&w, BB_PRESSURE_NONE);
    world_end(&w);
}

static void a_link_that_ended_gets_nothing_behind_its_last_packet(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    joins(&c, &w, "c");
    world_set_pressure(&w, BB_PRESSURE_HIGH);
    client_publish(&c, "t", "x", (publishing){.qos = 1, .id = 1});
    c.deaf = true; /* the shell still sends its DISCONNECT when the pressure goes */
    bb_broker_link_end(w.sides[0].broker, &c.link, BB_E_ADMIN, w.now);
    world_set_pressure(&w, BB_PRESSURE_NONE);
    client_listen(&c);
    expect_disconnect(&c, 0x98);
    client_end(&c);
    world_end(&w);
}

static void at_the_limit_publishes_are_refused(void **state)
{
    world w;
    client five, three;
    world_start(&w, 1);
    joins(&five, &w, "five");
    joins_with(&three, &w, (connecting){.id = "three", .version = BB_MQTT_311}, false);
    subscribes(&five, "t", 0);
    world_set_pressure(&w, BB_PRESSURE_FULL);
    client_publish(&five, "t", "x", (publishing){.qos = 0});
    client_publish(&five, "t", "x", (publishing){.qos = 1, .id = 1});
    client_publish(&five, "t", "x", (publishing){.qos = 2, .id = 2});
    expect_ack(&five, BB_PUBACK, 1, 0x97);
    expect_ack(&five, BB_PUBREC, 2, 0x97);
    client_publish(&three, "t", "x", (publishing){.qos = 1, .id = 1});
    expect_closed(&three); /* 3.1.1 has no other way to say so */
    assert_int_equal(world_dropped(&w, BB_E_NO_MEMORY), 4);
    client_end(&three);
    client_open(&three, &w, 0);
    client_connect(&three, (connecting){.id = "new"});
    (void)expect_connack(&three, false, 0x97);
    expect_closed(&three);
    world_set_pressure(&w, BB_PRESSURE_NONE);
    client_publish(&five, "t", "x", (publishing){.qos = 2, .id = 2});
    (void)expect_publish(&five, "t", "x", 0);
    expect_ack(&five, BB_PUBREC, 2, 0);
    client_end(&five);
    client_end(&three);
    world_end(&w);
}

static void what_was_taken_is_not_refused_when_it_comes_again_4_3_3_10(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    joins(&c, &w, "c");
    subscribes(&c, "t", 0);
    client_publish(&c, "t", "first", (publishing){.qos = 2, .id = 1});
    (void)expect_publish(&c, "t", "first", 0);
    expect_ack(&c, BB_PUBREC, 1, 0);
    world_set_pressure(&w, BB_PRESSURE_FULL);
    client_publish(&c, "t", "first", (publishing){.qos = 2, .id = 1}); /* an error would free the identifier */
    world_set_pressure(&w, BB_PRESSURE_NONE);
    world_settle(&w);
    expect_ack(&c, BB_PUBREC, 1, 0);
    client_ack(&c, BB_PUBREL, 1, 0);
    expect_ack(&c, BB_PUBCOMP, 1, 0);
    assert_int_equal(world_dropped(&w, BB_E_NO_MEMORY), 0);
    client_end(&c);
    world_end(&w);
}

static void a_large_payload_under_way_is_given_up_at_the_limit(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    joins(&c, &w, "c");
    c.direct = true;
    subscribes(&c, "t", 0);
    static uint8_t packet_bytes[4 + 200000] = {0x32, 0xC0, 0x9A, 0x0C, 0, 1, 't', 0, 5, 0};
    client_send(&c, packet_bytes, 100000);
    assert_true(bb_link_receives_large(&c.link));
    int64_t held = world_bytes(&w);
    world_set_pressure(&w, BB_PRESSURE_FULL);
    client_send(&c, packet_bytes + 100000, 1000);
    assert_true(world_bytes(&w) < held - 90000);
    client_send(&c, packet_bytes + 101000, 4 + 200000 - 101000);
    expect_ack(&c, BB_PUBACK, 5, 0x97);
    expect_nothing(&c);
    client_end(&c);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acknowledgements_wait_and_then_come_in_order),
        cmocka_unit_test(what_waits_counts_against_the_receive_maximum),
        cmocka_unit_test(a_link_that_goes_takes_what_waits_with_it),
        cmocka_unit_test(a_link_that_ended_gets_nothing_behind_its_last_packet),
        cmocka_unit_test(at_the_limit_publishes_are_refused),
        cmocka_unit_test(what_was_taken_is_not_refused_when_it_comes_again_4_3_3_10),
        cmocka_unit_test(a_large_payload_under_way_is_given_up_at_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
