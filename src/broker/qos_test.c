/* qos_test.c - acknowledgements, windows and what is sent again. Spec: MQTT 5.0 4.3, 4.4, 4.6, 4.9. */
#include "broker/expect_test.h"

/* A client with a narrow window whose session stays. */
static connecting narrow(const char *id, uint16_t receive_maximum)
{
    connecting with = lasting(id);
    with.properties = with_u16(with.properties, RECEIVE_MAXIMUM, receive_maximum);
    return with;
}

static void the_lower_qos_counts_3_8_4_8(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    joins(&c, &w, "c");
    for (uint8_t granted = 0; granted <= 2; granted++) {
        subscribes(&c, "t", granted);
        for (uint8_t qos = 0; qos <= 2; qos++) {
            client_publish(&c, "t", "x", (publishing){.qos = qos, .id = 1});
            (void)expect_publish(&c, "t", "x", qos < granted ? qos : granted);
            client_forget(&c);
            client_ack(&c, BB_PUBREL, 1, 0);
            client_forget(&c);
        }
    }
    client_end(&c);
    world_end(&w);
}

static void qos1_is_acknowledged_and_frees_its_identifier_4_3_2_4(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    joins(&c, &w, "c");
    subscribes(&c, "t", 1);
    client_publish(&c, "t", "x", (publishing){.qos = 1, .id = 500});
    bb_publish p = expect_publish(&c, "t", "x", 1);
    expect_ack(&c, BB_PUBACK, 500, 0);
    assert_int_equal(WORLD_COUNTED(&w, inflight), 1);
    client_ack(&c, BB_PUBACK, p.packet_id, 0);
    assert_int_equal(WORLD_COUNTED(&w, inflight), 0);
    client_ack(&c, BB_PUBACK, p.packet_id, 0); /* once more is no error: it may be late */
    assert_true(c.open);
    client_end(&c);
    world_end(&w);
}

static void qos2_goes_its_four_steps_4_3_3(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    joins(&c, &w, "c");
    subscribes(&c, "t", 2);
    client_publish(&c, "t", "x", (publishing){.qos = 2, .id = 7});
    bb_publish p = expect_publish(&c, "t", "x", 2);
    expect_ack(&c, BB_PUBREC, 7, 0);
    client_publish(&c, "t", "x", (publishing){.qos = 2, .id = 7, .dup = true}); /* not handed on again */
    expect_ack(&c, BB_PUBREC, 7, 0);
    client_ack(&c, BB_PUBREL, 7, 0);
    expect_ack(&c, BB_PUBCOMP, 7, 0);
    client_ack(&c, BB_PUBREL, 7, 0); /* a repetition */
    expect_ack(&c, BB_PUBCOMP, 7, 0);
    client_ack(&c, BB_PUBREC, p.packet_id, 0);
    expect_ack(&c, BB_PUBREL, p.packet_id, 0);
    client_ack(&c, BB_PUBREC, p.packet_id, 0);
    expect_ack(&c, BB_PUBREL, p.packet_id, 0);
    client_ack(&c, BB_PUBCOMP, p.packet_id, 0);
    assert_int_equal(WORLD_COUNTED(&w, inflight), 0);
    client_publish(&c, "t", "y", (publishing){.qos = 2, .id = 7}); /* the identifier is free again */
    (void)expect_publish(&c, "t", "y", 2);
    client_end(&c);
    world_end(&w);
}

static void a_31_client_may_repeat_pubrel_with_dup(void **state)
{
    static const uint8_t again[] = {0x6A, 2, 0, 7};
    world w;
    client c;
    world_start(&w, 1);
    joins_with(&c, &w, (connecting){.id = "old", .version = BB_MQTT_31}, false);
    client_publish(&c, "t", "x", (publishing){.qos = 2, .id = 7});
    expect_ack(&c, BB_PUBREC, 7, 0);
    client_send(&c, again, sizeof again);
    expect_ack(&c, BB_PUBCOMP, 7, 0);
    client_end(&c);
    world_end(&w);
}

static void the_window_of_the_client_is_kept_3_3_4_9(void **state)
{
    world w;
    client c, from;
    world_start(&w, 1);
    joins(&from, &w, "from");
    joins_with(&c, &w, narrow("c", 3), false);
    subscribes(&c, "t", 2);
    for (uint16_t i = 0; i < 10; i++)
        client_publish(&from, "t", "x", (publishing){.qos = 1 + i % 2, .id = (uint16_t)(i + 1)});
    client_publish(&from, "t", "0", (publishing){0}); /* QoS 0 is not held up [MQTT-4.9.0-3] */
    uint16_t ids[3];
    for (unsigned i = 0; i < 3; i++)
        ids[i] = expect_publish(&c, "t", "x", 1 + i % 2).packet_id;
    (void)expect_publish(&c, "t", "0", 0);
    expect_nothing(&c);
    client_ack(&c, BB_PUBREC, ids[1], 0); /* does not free a place yet */
    expect_ack(&c, BB_PUBREL, ids[1], 0);
    expect_nothing(&c);
    client_ack(&c, BB_PUBACK, ids[0], 0);
    (void)expect_publish(&c, "t", "x", 2);
    client_ack(&c, BB_PUBCOMP, ids[1], 0);
    (void)expect_publish(&c, "t", "x", 1);
    expect_nothing(&c);
    client_end(&c);
    client_end(&from);
    world_end(&w);
}

static void a_pubrec_that_refuses_ends_the_exchange_4_3_3_4(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    joins_with(&c, &w, narrow("c", 1), false);
    subscribes(&c, "t", 2);
    client_publish(&c, "t", "1", (publishing){.qos = 2, .id = 1});
    client_publish(&c, "t", "2", (publishing){.qos = 2, .id = 2});
    bb_publish p = expect_publish(&c, "t", "1", 2);
    client_forget(&c);
    client_ack(&c, BB_PUBREC, p.packet_id, 0x83);
    (void)expect_publish(&c, "t", "2", 2);
    assert_int_equal(world_dropped(&w, BB_E_SUBSCRIBER_REFUSED), 1);
    client_end(&c);
    world_end(&w);
}

static void the_wrong_acknowledgement_ends_the_link(void **state)
{
    static const struct {
        uint8_t qos;
        bb_packet_type type;
    } wrong[] = {{1, BB_PUBREC}, {1, BB_PUBCOMP}, {2, BB_PUBACK}, {2, BB_PUBCOMP}};
    world w;
    client c;
    world_start(&w, 1);
    for (unsigned i = 0; i < 4; i++) {
        joins(&c, &w, "c");
        subscribes(&c, "t", 2);
        client_publish(&c, "t", "1", (publishing){.qos = wrong[i].qos, .id = 1});
        bb_publish p = expect_publish(&c, "t", "1", wrong[i].qos);
        client_forget(&c);
        client_ack(&c, wrong[i].type, p.packet_id, 0);
        expect_disconnect(&c, 0x82);
        client_end(&c);
    }
    world_end(&w);
}

static void what_was_not_acknowledged_is_sent_again_in_order_4_4_0_1(void **state)
{
    world w;
    client c, from;
    world_start(&w, 1);
    joins(&from, &w, "from");
    joins_with(&c, &w, lasting("c"), false);
    subscribes(&c, "t", 2);
    uint16_t ids[4];
    for (uint16_t i = 0; i < 4; i++) {
        client_publish(&from, "t", (const char *[]){"0", "1", "2", "3"}[i],
                       (publishing){.qos = 1 + i % 2, .id = i + 1});
        ids[i] = expect_any_publish(&c).packet_id;
    }
    client_ack(&c, BB_PUBREC, ids[1], 0);
    expect_ack(&c, BB_PUBREL, ids[1], 0);
    client_end(&c);
    client_publish(&from, "t", "4", (publishing){.qos = 1, .id = 5});
    joins_with(&c, &w, narrow("c", 2), true); /* a narrower window than what is in flight */
    bb_publish p = expect_publish(&c, "t", "0", 1);
    assert_true(p.dup && p.packet_id == ids[0]);
    expect_ack(&c, BB_PUBREL, ids[1], 0);
    expect_nothing(&c);
    client_ack(&c, BB_PUBACK, ids[0], 0);
    p = expect_publish(&c, "t", "2", 1);
    assert_true(p.dup && p.packet_id == ids[2]);
    client_ack(&c, BB_PUBCOMP, ids[1], 0);
    p = expect_publish(&c, "t", "3", 2);
    assert_true(p.dup && p.packet_id == ids[3]);
    client_ack(&c, BB_PUBACK, ids[2], 0);
    p = expect_publish(&c, "t", "4", 1);
    assert_false(p.dup);
    expect_nothing(&c);
    client_end(&c);
    client_end(&from);
    world_end(&w);
}

static void an_acknowledgement_may_come_before_the_repetition(void **state)
{
    world w;
    client c, from;
    world_start(&w, 1);
    joins(&from, &w, "from");
    joins_with(&c, &w, lasting("c"), false);
    subscribes(&c, "t", 2);
    uint16_t ids[3];
    for (uint16_t i = 0; i < 3; i++) {
        client_publish(&from, "t", "x", (publishing){.qos = 2, .id = (uint16_t)(i + 1)});
        ids[i] = expect_any_publish(&c).packet_id;
    }
    client_end(&c);
    joins_with(&c, &w, narrow("c", 1), true);
    assert_int_equal(expect_any_publish(&c).packet_id, ids[0]);
    client_ack(&c, BB_PUBREC, ids[2], 0); /* not sent again yet on this link */
    expect_ack(&c, BB_PUBREL, ids[2], 0);
    client_ack(&c, BB_PUBCOMP, ids[2], 0);
    client_ack(&c, BB_PUBREC, ids[0], 0);
    expect_ack(&c, BB_PUBREL, ids[0], 0);
    client_ack(&c, BB_PUBCOMP, ids[0], 0);
    assert_int_equal(expect_any_publish(&c).packet_id, ids[1]);
    expect_nothing(&c);
    client_end(&c);
    client_end(&from);
    world_end(&w);
}

static void a_qos2_identifier_outlives_the_link_4_3_3_10(void **state)
{
    world w;
    client c, sub;
    world_start(&w, 1);
    joins(&sub, &w, "sub");
    subscribes(&sub, "t", 0);
    joins_with(&c, &w, lasting("c"), false);
    client_publish(&c, "t", "x", (publishing){.qos = 2, .id = 7});
    (void)expect_publish(&sub, "t", "x", 0);
    client_end(&c);
    joins_with(&c, &w, lasting("c"), true);
    client_publish(&c, "t", "x", (publishing){.qos = 2, .id = 7, .dup = true});
    expect_ack(&c, BB_PUBREC, 7, 0);
    expect_nothing(&sub);
    client_ack(&c, BB_PUBREL, 7, 0);
    expect_ack(&c, BB_PUBCOMP, 7, 0);
    client_end(&c);
    client_end(&sub);
    world_end(&w);
}

static void a_client_that_sends_too_much_at_once_is_told_3_3_4_9(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    w.limits.receive_maximum = 3;
    world_set_limits(&w);
    client_open(&c, &w, 0);
    client_connect(&c, (connecting){.id = "c"});
    assert_int_equal(expect_connack(&c, false, 0).receive_maximum, 3);
    for (uint16_t i = 1; i <= 3; i++) {
        client_publish(&c, "t", "x", (publishing){.qos = 2, .id = i});
        expect_ack(&c, BB_PUBREC, i, 0x10);
    }
    client_ack(&c, BB_PUBREL, 2, 0);
    expect_ack(&c, BB_PUBCOMP, 2, 0);
    client_publish(&c, "t", "x", (publishing){.qos = 2, .id = 4});
    expect_ack(&c, BB_PUBREC, 4, 0x10);
    client_publish(&c, "t", "x", (publishing){.qos = 1, .id = 5});
    expect_disconnect(&c, 0x93);
    client_end(&c);
    world_end(&w);
}

static void qos0_waits_for_a_slow_link_and_the_oldest_go_first(void **state)
{
    world w;
    client c, from;
    char text[8];
    world_start(&w, 1);
    w.limits.output_bytes_max = 64;
    w.limits.queue_messages_max = 5;
    world_set_limits(&w);
    joins(&from, &w, "from");
    joins(&c, &w, "c");
    subscribes(&c, "t", 0);
    c.deaf = true;
    for (unsigned i = 0; i < 30; i++) {
        snprintf(text, sizeof text, "%u", 100 + i);
        client_publish(&from, "t", text, (publishing){0});
    }
    assert_int_equal(WORLD_COUNTED(&w, queued_messages), 5);
    client_listen(&c);
    unsigned count = 0, last = 0;
    received in;
    while (client_next(&c, &in)) {
        memcpy(text, in.body.data + in.body.len - 3, 3);
        text[3] = '\0';
        unsigned value = (unsigned)strtoul(text, NULL, 10);
        assert_true(value > last);
        last = value;
        count++;
    }
    assert_int_equal(last, 129);
    assert_int_equal(count + world_dropped(&w, BB_E_SLOW_QOS0), 30);
    client_end(&c);
    client_end(&from);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lower_qos_counts_3_8_4_8),
        cmocka_unit_test(qos1_is_acknowledged_and_frees_its_identifier_4_3_2_4),
        cmocka_unit_test(qos2_goes_its_four_steps_4_3_3),
        cmocka_unit_test(a_31_client_may_repeat_pubrel_with_dup),
        cmocka_unit_test(the_window_of_the_client_is_kept_3_3_4_9),
        cmocka_unit_test(a_pubrec_that_refuses_ends_the_exchange_4_3_3_4),
        cmocka_unit_test(the_wrong_acknowledgement_ends_the_link),
        cmocka_unit_test(what_was_not_acknowledged_is_sent_again_in_order_4_4_0_1),
        cmocka_unit_test(an_acknowledgement_may_come_before_the_repetition),
        cmocka_unit_test(a_qos2_identifier_outlives_the_link_4_3_3_10),
        cmocka_unit_test(a_client_that_sends_too_much_at_once_is_told_3_3_4_9),
        cmocka_unit_test(qos0_waits_for_a_slow_link_and_the_oldest_go_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
