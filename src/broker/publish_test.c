/* publish_test.c - PUBLISH in and out: topics, aliases, properties, expiry, retained messages, large payloads. Spec:
 * MQTT 5.0 3.3. */
#include "broker/expect_test.h"

static void a_message_goes_to_every_worker_that_wants_it(void **state)
{
    world w;
    client from, subs[4];
    char id[16];
    world_start(&w, 4);
    joins(&from, &w, id_at_home(&w, 2, 'f', id));
    for (unsigned i = 0; i < 4; i++) {
        joins(&subs[i], &w, id_at_home(&w, i, 's', id));
        subscribes(&subs[i], i % 2 ? "a/+" : "a/b", 1);
    }
    client_publish(&from, "a/b", "x", (publishing){.qos = 1, .id = 1});
    expect_ack(&from, BB_PUBACK, 1, 0);
    client_publish(&from, "a/c", "y", (publishing){.qos = 1, .id = 2});
    expect_ack(&from, BB_PUBACK, 2, 0);
    client_publish(&from, "b", "z", (publishing){.qos = 1, .id = 3});
    expect_ack(&from, BB_PUBACK, 3, 0x10);
    for (unsigned i = 0; i < 4; i++) {
        (void)expect_publish(&subs[i], "a/b", "x", 1);
        if (i % 2)
            (void)expect_publish(&subs[i], "a/c", "y", 1);
        expect_nothing(&subs[i]);
        client_end(&subs[i]);
    }
    client_end(&from);
    world_end(&w);
}

static void overlapping_subscriptions_are_one_copy_with_all_identifiers_3_3_4_2(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    joins(&c, &w, "c");
    client_subscribe_with(&c, 1, "a/b", 0, with_varint(NO_PROPERTIES, SUBSCRIPTION_ID, 5));
    client_subscribe_with(&c, 2, "a/+", 2, with_varint(NO_PROPERTIES, SUBSCRIPTION_ID, 268435455));
    client_subscribe_with(&c, 3, "#", 1, NO_PROPERTIES);
    client_forget(&c);
    client_publish(&c, "a/b", "x", (publishing){.qos = 2, .id = 1});
    bb_publish p = expect_publish(&c, "a/b", "x", 2);
    bb_property property;
    uint64_t sum = 0;
    while (bb_property_next(&p.properties.raw, &property))
        sum += property.number;
    assert_int_equal(sum, 5 + 268435455);
    expect_ack(&c, BB_PUBREC, 1, 0);
    expect_nothing(&c);
    client_end(&c);
    world_end(&w);
}

static void no_local_and_retain_as_published_3_8_3_3(void **state)
{
    world w;
    client own, other;
    world_start(&w, 1);
    joins(&own, &w, "own");
    joins(&other, &w, "other");
    subscribes(&own, "t", 1 | NO_LOCAL);
    subscribes(&other, "t", 1 | RETAIN_AS_PUBLISHED);
    client_publish(&own, "t", "x", (publishing){.retain = true});
    expect_nothing(&own);
    assert_true(expect_publish(&other, "t", "x", 0).retain);
    client_publish(&other, "t", "y", (publishing){.retain = true});
    assert_false(expect_publish(&own, "t", "y", 0).retain);
    client_end(&own);
    client_end(&other);
    world_end(&w);
}

static void topics_of_the_broker_are_not_for_clients(void **state)
{
    world w;
    client five, three;
    world_start(&w, 1);
    joins(&five, &w, "five");
    joins_with(&three, &w, (connecting){.id = "three", .version = BB_MQTT_311}, false);
    subscribes(&five, "$SYS/#", 0);
    client_publish(&five, "$SYS/x", "x", (publishing){.qos = 1, .id = 1});
    expect_ack(&five, BB_PUBACK, 1, 0x87);
    client_publish(&three, "$SYS/x", "x", (publishing){.qos = 1, .id = 1});
    expect_ack(&three, BB_PUBACK, 1, 0); /* 3.1.1 cannot say no */
    client_publish(&three, "$SYS/x", "x", (publishing){.qos = 2, .id = 2});
    expect_ack(&three, BB_PUBREC, 2, 0);
    client_ack(&three, BB_PUBREL, 2, 0);
    expect_ack(&three, BB_PUBCOMP, 2, 0);
    bb_broker_publish_own(w.sides[0].broker, BB_SPAN_LITERAL("$SYS/x"), BB_SPAN_LITERAL("own"), w.now);
    world_settle(&w);
    (void)expect_publish(&five, "$SYS/x", "own", 0);
    assert_int_equal(world_dropped(&w, BB_E_SYS_TOPIC), 3);
    client_end(&five);
    client_end(&three);
    world_end(&w);
}

static properties alias(uint16_t number)
{
    return with_u16(NO_PROPERTIES, TOPIC_ALIAS, number);
}

static void an_alias_stands_for_its_topic_3_3_2_12(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    joins(&c, &w, "c");
    subscribes(&c, "#", 0);
    client_publish(&c, "one", "1", (publishing){.properties = alias(1)});
    (void)expect_publish(&c, "one", "1", 0);
    client_publish(&c, "two", "2", (publishing){.properties = alias(64)});
    (void)expect_publish(&c, "two", "2", 0);
    client_publish(&c, "", "3", (publishing){.properties = with_u32(alias(1), MESSAGE_EXPIRY, 60)});
    assert_int_equal(expect_publish(&c, "one", "3", 0).properties.message_expiry_s, 60);
    client_publish(&c, "other", "4", (publishing){.properties = alias(1)});
    (void)expect_publish(&c, "other", "4", 0);
    client_publish_large(&c, "", 70000, 'L', (publishing){.properties = alias(1)});
    bb_publish p = expect_publish_large(&c, 70000, 'L');
    assert_true(bb_span_equal(p.topic, BB_SPAN_LITERAL("other")));
    client_publish(&c, "", "5", (publishing){.properties = alias(2)});
    expect_disconnect(&c, 0x82); /* never set */
    client_end(&c);
    joins(&c, &w, "c");
    client_publish(&c, "t", "x", (publishing){.properties = alias(65)});
    expect_disconnect(&c, 0x94);
    client_end(&c);
    world_end(&w);
}

static void clients_get_aliases_as_far_as_they_take_them_3_1_2_26(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    joins_with(&c, &w, (connecting){.id = "c", .properties = with_u16(NO_PROPERTIES, TOPIC_ALIAS_MAXIMUM, 2)}, false);
    subscribes(&c, "#", 0);
    for (unsigned round = 0; round < 2; round++) {
        client_publish(&c, "topic/one", "x", (publishing){0});
        client_publish(&c, "topic/two", "x", (publishing){0});
        client_publish(&c, "topic/three", "x", (publishing){0});
        bb_publish one = expect_any_publish(&c), two = expect_any_publish(&c), three = expect_any_publish(&c);
        assert_int_equal(one.properties.topic_alias, 1);
        assert_int_equal(one.topic.len, round ? 0 : strlen("topic/one"));
        assert_int_equal(two.properties.topic_alias, 2);
        assert_int_equal(two.topic.len, round ? 0 : strlen("topic/two"));
        assert_false(three.properties.present & BB_HAS(topic_alias));
        assert_int_equal(three.topic.len, strlen("topic/three"));
    }
    client_end(&c);
    world_end(&w);
}

static void a_packet_that_is_too_large_for_a_client_is_dropped_3_1_2_25(void **state)
{
    world w;
    client c, from;
    world_start(&w, 1);
    joins(&from, &w, "from");
    properties list = with_u32(with_u16(NO_PROPERTIES, TOPIC_ALIAS_MAXIMUM, 9), MAXIMUM_PACKET_SIZE, 64);
    joins_with(&c, &w, (connecting){.id = "c", .properties = list}, false);
    subscribes(&c, "#", 1);
    client_publish_large(&from, "topic", 52, 'x', (publishing){.qos = 1, .id = 1}); /* fits without an alias only */
    assert_int_equal(expect_publish_large(&c, 52, 'x').properties.present, 0);
    client_publish_large(&from, "topic", 53, 'x', (publishing){.qos = 1, .id = 2});
    client_publish_large(&from, "topic", 5000, 'x', (publishing){.qos = 1, .id = 3});
    client_publish(&from, "topic", "y", (publishing){.qos = 1, .id = 4});
    assert_int_equal(expect_any_publish(&c).payload.len, 1);
    assert_int_equal(world_dropped(&w, BB_E_TOO_LARGE_FOR_CLIENT), 2);
    assert_int_equal(WORLD_COUNTED(&w, inflight), 2);
    client_end(&c);
    client_end(&from);
    world_end(&w);
}

static void expiry_counts_down_while_a_message_waits_3_3_2_6(void **state)
{
    world w;
    client c, from;
    world_start(&w, 1);
    joins(&from, &w, "from");
    joins_with(&c, &w, lasting("c"), false);
    subscribes(&c, "t", 1);
    client_end(&c);
    client_publish(&from, "t", "short",
                   (publishing){.qos = 1, .id = 1, .properties = with_u32(NO_PROPERTIES, MESSAGE_EXPIRY, 5)});
    client_publish(&from, "t", "long",
                   (publishing){.qos = 1, .id = 2, .properties = with_u32(NO_PROPERTIES, MESSAGE_EXPIRY, 50)});
    world_pass(&w, 20000);
    joins_with(&c, &w, lasting("c"), true);
    assert_int_equal(expect_publish(&c, "t", "long", 1).properties.message_expiry_s, 30);
    expect_nothing(&c);
    assert_int_equal(world_dropped(&w, BB_E_EXPIRED), 1);
    client_end(&c);
    client_end(&from);
    world_end(&w);
}

static void retained_messages_come_to_new_subscriptions_3_3_1_3(void **state)
{
    for (unsigned sides = 1; sides <= 2; sides++) {
        world w;
        client c, from;
        char id[16];
        world_start(&w, sides);
        joins(&from, &w, id_at_home(&w, 0, 'f', id));
        joins(&c, &w, id_at_home(&w, sides - 1, 'c', id));
        client_publish(&from, "a/b", "old", (publishing){.qos = 1, .id = 1, .retain = true});
        client_publish(&from, "a/b", "new", (publishing){.qos = 1, .id = 2, .retain = true});
        client_publish(&from, "a/c", "gone", (publishing){.retain = true});
        client_publish(&from, "a/c", "", (publishing){.retain = true});
        client_publish(&from, "a/d", "brief",
                       (publishing){.retain = true, .properties = with_u32(NO_PROPERTIES, MESSAGE_EXPIRY, 5)});
        world_pass(&w, 2000);
        client_subscribe(&c, 1, "a/b", 2);
        expect_suback(&c, BB_SUBACK, 1, 2);
        assert_true(expect_publish(&c, "a/b", "new", 1).retain);
        client_subscribe(&c, 2, "a/d", 0 | RETAIN_IF_NEW);
        expect_suback(&c, BB_SUBACK, 2, 0);
        assert_int_equal(expect_publish(&c, "a/d", "brief", 0).properties.message_expiry_s, 3);
        client_subscribe(&c, 3, "a/d", 0 | RETAIN_IF_NEW); /* it is not new any more */
        expect_suback(&c, BB_SUBACK, 3, 0);
        client_subscribe(&c, 4, "a/+", 0 | RETAIN_NEVER);
        expect_suback(&c, BB_SUBACK, 4, 0);
        expect_nothing(&c);
        world_pass(&w, 4000);
        client_subscribe_with(&c, 5, "#", 0, with_varint(NO_PROPERTIES, SUBSCRIPTION_ID, 9));
        expect_suback(&c, BB_SUBACK, 5, 0);
        assert_int_equal(expect_publish(&c, "a/b", "new", 0).properties.subscription_id, 9);
        expect_nothing(&c);
        client_end(&c);
        client_end(&from);
        world_end(&w);
    }
}

static void many_retained_messages_come_piece_by_piece(void **state)
{
    world w;
    client c, from;
    char topic[16];
    received in;
    world_start(&w, 2);
    joins(&from, &w, "from");
    for (unsigned i = 0; i < 300; i++) {
        snprintf(topic, sizeof topic, "t/%u", i);
        client_publish(&from, topic, "x", (publishing){.qos = 1, .id = 1, .retain = true});
    }
    joins_with(&c, &w, (connecting){.id = "c", .properties = with_u16(NO_PROPERTIES, RECEIVE_MAXIMUM, 3)}, false);
    subscribes(&c, "t/#", 1);
    unsigned count = 0;
    while (client_next(&c, &in)) {
        bb_publish p;
        assert_int_equal(bb_publish_decode(&in.header, in.body, BB_MQTT_5, &p, NULL), BB_OK);
        count++;
        client_ack(&c, BB_PUBACK, p.packet_id, 0);
        assert_true(WORLD_COUNTED(&w, queued_messages) <= 3);
    }
    assert_int_equal(count, 300);
    client_end(&c);
    client_end(&from);
    world_end(&w);
}

static void no_retained_message_comes_after_unsuback_3_10_4_1(void **state)
{
    world w;
    client c, from;
    char topic[16];
    world_start(&w, 1);
    joins(&from, &w, "from");
    for (unsigned i = 0; i < 50; i++) {
        snprintf(topic, sizeof topic, "t/%u", i);
        client_publish(&from, topic, "x", (publishing){.qos = 1, .id = 1, .retain = true});
    }
    joins_with(&c, &w, (connecting){.id = "c", .properties = with_u16(NO_PROPERTIES, RECEIVE_MAXIMUM, 1)}, false);
    subscribes(&c, "t/#", 1);
    bb_publish p = expect_any_publish(&c);
    client_forget(&c);
    client_unsubscribe(&c, 2, "t/#");
    expect_suback(&c, BB_UNSUBACK, 2, 0);
    for (unsigned i = 0; i < 3; i++) /* one may have been on its way already */
        client_ack(&c, BB_PUBACK, (uint16_t)(p.packet_id + i), 0);
    received in;
    unsigned count = 0;
    while (client_next(&c, &in))
        count++;
    assert_true(count <= 1);
    client_end(&c);
    client_end(&from);
    world_end(&w);
}

/* Sizes around the borders: copied, referenced, taken in as they arrive. */
static void payloads_of_all_sizes_arrive_unchanged(void **state)
{
    static const size_t sizes[] = {0, 1, 1023, 1024, 1025, 65000, 65525, 65536, 65540, 262144, 262145, 600000};
    static const size_t chunks[] = {0, 1000, 65536, 100000};
    for (unsigned way = 0; way < 8; way++) {
        world w;
        client from, here, there;
        char id[16];
        world_start(&w, 2);
        joins(&from, &w, id_at_home(&w, 0, 'f', id));
        joins(&here, &w, id_at_home(&w, 0, 'h', id));
        joins(&there, &w, id_at_home(&w, 1, 't', id));
        subscribes(&here, "t", 2);
        subscribes(&there, "t", 2);
        from.direct = way & 1;
        from.chunk = chunks[way / 2];
        for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            uint8_t qos = (uint8_t)(i % 3);
            client_publish_large(&from, "t", sizes[i], (uint8_t)i, (publishing){.qos = qos, .id = (uint16_t)(i + 1)});
            (void)expect_publish_large(&here, sizes[i], (uint8_t)i);
            (void)expect_publish_large(&there, sizes[i], (uint8_t)i);
            if (qos)
                expect_ack(&from, qos == 1 ? BB_PUBACK : BB_PUBREC, (uint16_t)(i + 1), 0);
        }
        client_end(&from);
        client_end(&here);
        client_end(&there);
        world_end(&w);
    }
}

static void a_link_that_goes_in_the_middle_of_a_payload_leaves_nothing(void **state)
{
    static const uint8_t head[] = {0x30, 0xFF, 0xFF, 0xFF, 0x7F, 0, 1, 't', 0};
    static uint8_t bytes[70000];
    world w;
    client c;
    world_start(&w, 1);
    joins(&c, &w, "c");
    int64_t before = world_bytes(&w);
    client_send(&c, head, sizeof head); /* 256 MB announced */
    assert_int_equal(world_bytes(&w), before);
    client_send(&c, bytes, sizeof bytes);
    assert_true(bb_link_receives_large(&c.link));
    assert_true(world_bytes(&w) < before + BB_BLOB_PIECE + 4096);
    client_end(&c);
    world_end(&w);
}

static void a_turn_is_bounded(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    joins(&c, &w, "c");
    static uint8_t pings[2 * 100000];
    for (unsigned i = 0; i < sizeof pings; i += 2)
        pings[i] = 0xC0;
    size_t used;
    unsigned home;
    bb_receive result =
        bb_broker_receive(w.sides[0].broker, &c.link, bb_span_of(pings, sizeof pings), w.now, &used, &home);
    assert_int_equal(result, BB_RECEIVE_AGAIN);
    assert_true(used > 0 && used < sizeof pings && used % 2 == 0);
    world_settle(&w);
    client_end(&c);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_goes_to_every_worker_that_wants_it),
        cmocka_unit_test(overlapping_subscriptions_are_one_copy_with_all_identifiers_3_3_4_2),
        cmocka_unit_test(no_local_and_retain_as_published_3_8_3_3),
        cmocka_unit_test(topics_of_the_broker_are_not_for_clients),
        cmocka_unit_test(an_alias_stands_for_its_topic_3_3_2_12),
        cmocka_unit_test(clients_get_aliases_as_far_as_they_take_them_3_1_2_26),
        cmocka_unit_test(a_packet_that_is_too_large_for_a_client_is_dropped_3_1_2_25),
        cmocka_unit_test(expiry_counts_down_while_a_message_waits_3_3_2_6),
        cmocka_unit_test(retained_messages_come_to_new_subscriptions_3_3_1_3),
        cmocka_unit_test(many_retained_messages_come_piece_by_piece),
        cmocka_unit_test(no_retained_message_comes_after_unsuback_3_10_4_1),
        cmocka_unit_test(payloads_of_all_sizes_arrive_unchanged),
        cmocka_unit_test(a_link_that_goes_in_the_middle_of_a_payload_leaves_nothing),
        cmocka_unit_test(a_turn_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
