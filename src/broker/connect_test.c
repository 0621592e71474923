#include "broker/expect_test.h"

static void a_client_connects_and_pings_3_12_4_1(void **state)
{
    static const bb_version versions[] = {BB_MQTT_31, BB_MQTT_311, BB_MQTT_5};
    for (unsigned i = 0; i < 3; i++) {
        world w;
        client c;
        world_start(&w, 1);
        joins_with(&c, &w, (connecting){.id = "one", .version = versions[i]}, false);
        assert_true(bb_span_equal(bb_link_client_id(&c.link), BB_SPAN_LITERAL("one")));
        client_ping(&c);
        (void)expect_type(&c, BB_PINGRESP);
        client_disconnect(&c);
        expect_closed(&c);
        assert_int_equal(w.facts[BB_FACT_CONNECTED], 1);
        assert_int_equal(w.facts[BB_FACT_DISCONNECTED], 1);
        client_end(&c);
        world_end(&w);
    }
}

static void bytes_may_come_one_at_a_time(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    client_open(&c, &w, 0);
    c.chunk = 1;
    client_connect(&c, (connecting){.id = "slow", .will_topic = "gone", .user_name = "somebody"});
    (void)expect_connack(&c, false, 0);
    subscribes(&c, "a/+", 2);
    client_publish(&c, "a/b", "x", (publishing){.qos = 2, .id = 9});
    (void)expect_publish(&c, "a/b", "x", 2);
    expect_ack(&c, BB_PUBREC, 9, 0);
    client_end(&c);
    world_end(&w);
}

static void a_session_is_at_home_on_the_worker_of_its_id(void **state)
{
    world w;
    client c;
    char id[16];
    world_start(&w, 4);
    for (unsigned home = 0; home < 4; home++) {
        joins(&c, &w, id_at_home(&w, home, 'h', id));
        assert_int_equal(c.side, home);
        client_ping(&c);
        (void)expect_type(&c, BB_PINGRESP);
        client_end(&c);
    }
    world_end(&w);
}

static void an_assigned_id_is_told_and_needs_no_move_3_1_3_6(void **state)
{
    world w;
    client c;
    world_start(&w, 4);
    client_open(&c, &w, 2);
    client_connect(&c, (connecting){0});
    bb_properties p = expect_connack(&c, false, 0);
    assert_true(p.present & BB_HAS(assigned_client_id));
    assert_true(bb_span_equal(p.assigned_client_id, bb_link_client_id(&c.link)));
    assert_int_equal(c.side, 2);
    client_end(&c);
    world_end(&w);
}

static void an_empty_id_needs_a_clean_session_in_311(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    client_open(&c, &w, 0);
    client_connect(&c, (connecting){.version = BB_MQTT_311, .resume = true});
    (void)expect_connack(&c, false, 2);
    expect_closed(&c);
    client_end(&c);
    joins_with(&c, &w, (connecting){.version = BB_MQTT_311}, false);
    client_end(&c);
    world_end(&w);
}

static void the_first_packet_is_connect_3_1_0_1(void **state)
{
    static const uint8_t packets[][2] = {{0xC0, 0}, {0xE0, 0}, {0xF0, 0}, {0x00, 0}, {'G', 'E'}, {0x20, 0}};
    world w;
    client c;
    world_start(&w, 1);
    for (unsigned i = 0; i < sizeof packets / 2; i++) {
        client_open(&c, &w, 0);
        client_send(&c, packets[i], 2);
        expect_closed(&c);
        client_end(&c);
    }
    assert_int_equal(world_refused(&w, BB_E_NOT_MQTT), sizeof packets / 2);
    world_end(&w);
}

static void a_second_connect_is_a_protocol_error_3_1_0_2(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    joins(&c, &w, "twice");
    client_connect(&c, (connecting){.id = "twice"});
    expect_disconnect(&c, 0x82);
    client_end(&c);
    world_end(&w);
}

static void packets_that_only_a_server_sends_end_the_link(void **state)
{
    static const uint8_t packets[][4] = {{0x20, 2, 0, 0}, {0x90, 2, 0, 1}, {0xB0, 2, 0, 1}};
    world w;
    client c;
    world_start(&w, 1);
    for (unsigned i = 0; i < 3; i++) {
        joins(&c, &w, "odd");
        client_send(&c, packets[i], 4);
        expect_disconnect(&c, 0x82);
        client_end(&c);
    }
    world_end(&w);
}

static void an_unknown_level_is_answered_so_that_its_client_understands(void **state)
{
    static const uint8_t low[] = {0x10, 14, 0, 4, 'M', 'Q', 'T', 'T', 2, 2, 0, 0, 0, 2, 'a', 'b'};
    static const uint8_t high[] = {0x10, 15, 0, 4, 'M', 'Q', 'T', 'T', 6, 2, 0, 0, 0, 0, 2, 'a', 'b'};
    world w;
    client c;
    world_start(&w, 1);
    client_open(&c, &w, 0);
    client_send(&c, low, sizeof low);
    (void)expect_connack(&c, false, 1);
    expect_closed(&c);
    client_end(&c);
    client_open(&c, &w, 0);
    client_send(&c, high, sizeof high);
    (void)expect_connack(&c, false, 0x84);
    expect_closed(&c);
    client_end(&c);
    world_end(&w);
}

static void a_new_link_takes_the_session_over_3_1_4_3(void **state)
{
    world w;
    client first, second;
    world_start(&w, 1);
    joins_with(&first, &w, lasting("me"), false);
    subscribes(&first, "t", 1);
    joins_with(&second, &w, lasting("me"), true);
    expect_disconnect(&first, 0x8E);
    client_publish(&second, "t", "x", (publishing){0});
    (void)expect_publish(&second, "t", "x", 0);
    assert_int_equal(WORLD_COUNTED(&w, sessions), 1);
    assert_int_equal(WORLD_COUNTED(&w, connected), 1);
    client_end(&first);
    client_end(&second);
    world_end(&w);
}

static void a_clean_start_ends_what_was_there_3_1_2_4(void **state)
{
    world w;
    client first, second;
    world_start(&w, 1);
    joins_with(&first, &w, lasting("me"), false);
    subscribes(&first, "t", 1);
    joins(&second, &w, "me");
    expect_disconnect(&first, 0x8E);
    client_publish(&second, "t", "x", (publishing){0});
    expect_nothing(&second);
    assert_int_equal(WORLD_COUNTED(&w, subscriptions), 0);
    client_end(&first);
    client_end(&second);
    world_end(&w);
}

static void a_link_that_says_nothing_is_closed(void **state)
{
    world w;
    client silent, slow;
    world_start(&w, 1);
    client_open(&silent, &w, 0);
    client_open(&slow, &w, 0);
    client_send(&slow, "\x10", 1);
    world_pass(&w, w.limits.connect_timeout_s * 1000 - BB_WHEEL_TICK);
    assert_true(silent.open);
    world_pass(&w, 3 * BB_WHEEL_TICK);
    expect_closed(&silent);
    expect_closed(&slow); /* a byte now and then buys no time */
    assert_int_equal(world_refused(&w, BB_E_CONNECT_TIMEOUT), 2);
    client_end(&silent);
    client_end(&slow);
    world_end(&w);
}

static void keep_alive_counts_one_and_a_half_times_3_1_2_22(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    joins_with(&c, &w, (connecting){.id = "k", .keep_alive_s = 10}, false);
    world_pass(&w, 14000);
    client_ping(&c);
    (void)expect_type(&c, BB_PINGRESP);
    world_pass(&w, 14900);
    assert_true(c.open);
    world_pass(&w, 200);
    expect_disconnect(&c, 0x8D);
    client_end(&c);
    joins_with(&c, &w, (connecting){.id = "k"}, false);
    world_pass(&w, 1000000000);
    assert_true(c.open); /* keep alive 0: never */
    client_end(&c);
    world_end(&w);
}

static void a_client_that_we_do_not_read_is_not_silent(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    joins_with(&c, &w, (connecting){.id = "k", .keep_alive_s = 10}, false);
    c.link.held = true; /* memory is short */
    world_pass(&w, 100000);
    assert_true(c.open);
    c.link.held = false;
    client_ping(&c);
    (void)expect_type(&c, BB_PINGRESP);
    world_pass(&w, 14000);
    assert_true(c.open);
    world_pass(&w, 16000);
    expect_disconnect(&c, 0x8D);
    client_end(&c);
    world_end(&w);
}

static void a_connack_that_is_too_large_for_the_client_is_not_sent_3_1_2_24(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    client_open(&c, &w, 0);
    client_connect(&c, (connecting){.id = "tiny", .properties = with_u32(NO_PROPERTIES, MAXIMUM_PACKET_SIZE, 4)});
    expect_closed(&c);
    assert_int_equal(WORLD_COUNTED(&w, sessions), 0);
    client_end(&c);
    world_end(&w);
}

static void reasons_are_left_out_for_who_does_not_want_them_3_1_2_29(void **state)
{
    world w;
    client c;
    received in;
    world_start(&w, 1);
    joins_with(&c, &w, (connecting){.id = "x", .properties = with_byte(NO_PROPERTIES, REQUEST_PROBLEM_INFO, 0)}, false);
    client_publish(&c, "$SYS/x", "x", (publishing){.qos = 1, .id = 1});
    in = expect_type(&c, BB_PUBACK);
    assert_int_equal(in.header.remaining, 3);
    assert_int_equal(in.body.data[2], 0x87);
    client_end(&c);
    world_end(&w);
}

static void response_information_is_a_topic_of_its_own(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    client_open(&c, &w, 0);
    client_connect(&c, (connecting){.id = "asks", .properties = with_byte(NO_PROPERTIES, REQUEST_RESPONSE_INFO, 1)});
    bb_properties p = expect_connack(&c, false, 0);
    assert_true(p.present & BB_HAS(response_info));
    assert_true(bb_span_equal(p.response_info, BB_SPAN_LITERAL("response/asks")));
    client_end(&c);
    client_open(&c, &w, 0);
    client_connect(&c, (connecting){.id = "a/b", .properties = with_byte(NO_PROPERTIES, REQUEST_RESPONSE_INFO, 1)});
    p = expect_connack(&c, false, 0);
    assert_false(p.present & BB_HAS(response_info));
    client_end(&c);
    world_end(&w);
}

static void who_must_prove_something_is_refused(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    bb_auth closed = {.anonymous = false};
    bb_broker_set_auth(w.sides[0].broker, &closed, w.now);
    client_open(&c, &w, 0);
    client_connect(&c, (connecting){.id = "x"});
    (void)expect_connack(&c, false, 0x87);
    expect_closed(&c);
    client_end(&c);
    client_open(&c, &w, 0);
    client_connect(&c, (connecting){.id = "x", .version = BB_MQTT_311});
    (void)expect_connack(&c, false, 5);
    expect_closed(&c);
    client_end(&c);
    world_end(&w);
}

static void the_broker_ends_links_when_it_stops(void **state)
{
    world w;
    client five, three, nobody;
    world_start(&w, 1);
    joins(&five, &w, "five");
    joins_with(&three, &w, (connecting){.id = "three", .version = BB_MQTT_311}, false);
    client_open(&nobody, &w, 0);
    bb_broker_link_end(w.sides[0].broker, &five.link, BB_E_SHUTTING_DOWN, w.now);
    bb_broker_link_end(w.sides[0].broker, &three.link, BB_E_SHUTTING_DOWN, w.now);
    bb_broker_link_end(w.sides[0].broker, &nobody.link, BB_E_SHUTTING_DOWN, w.now);
    world_settle(&w);
    expect_disconnect(&five, 0x8B);
    expect_closed(&three);
    expect_closed(&nobody);
    client_end(&five);
    client_end(&three);
    client_end(&nobody);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_connects_and_pings_3_12_4_1),
        cmocka_unit_test(bytes_may_come_one_at_a_time),
        cmocka_unit_test(a_session_is_at_home_on_the_worker_of_its_id),
        cmocka_unit_test(an_assigned_id_is_told_and_needs_no_move_3_1_3_6),
        cmocka_unit_test(an_empty_id_needs_a_clean_session_in_311),
        cmocka_unit_test(the_first_packet_is_connect_3_1_0_1),
        cmocka_unit_test(a_second_connect_is_a_protocol_error_3_1_0_2),
        cmocka_unit_test(packets_that_only_a_server_sends_end_the_link),
        cmocka_unit_test(an_unknown_level_is_answered_so_that_its_client_understands),
        cmocka_unit_test(a_new_link_takes_the_session_over_3_1_4_3),
        cmocka_unit_test(a_clean_start_ends_what_was_there_3_1_2_4),
        cmocka_unit_test(a_link_that_says_nothing_is_closed),
        cmocka_unit_test(keep_alive_counts_one_and_a_half_times_3_1_2_22),
        cmocka_unit_test(a_client_that_we_do_not_read_is_not_silent),
        cmocka_unit_test(a_connack_that_is_too_large_for_the_client_is_not_sent_3_1_2_24),
        cmocka_unit_test(reasons_are_left_out_for_who_does_not_want_them_3_1_2_29),
        cmocka_unit_test(response_information_is_a_topic_of_its_own),
        cmocka_unit_test(who_must_prove_something_is_refused),
        cmocka_unit_test(the_broker_ends_links_when_it_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
