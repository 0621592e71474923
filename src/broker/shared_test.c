/* shared_test.c - shared subscriptions on one worker and on several. Spec: MQTT 5.0 4.8.2. */
#include "broker/expect_test.h"

/* How many PUBLISH packets have come; they are acknowledged. */
static unsigned count_publishes(client *c)
{
    received in;
    bb_publish p;
    unsigned count = 0;
    while (client_next(c, &in)) {
        assert_int_equal(in.header.type, BB_PUBLISH);
        assert_int_equal(bb_publish_decode(&in.header, in.body, c->version, &p, NULL), BB_OK);
        count++;
        if (p.qos == 1)
            client_ack(c, BB_PUBACK, p.packet_id, 0);
    }
    return count;
}

static unsigned publish_and_count(client *from, unsigned messages, client *members, unsigned members_count)
{
    unsigned count = 0;
    for (unsigned i = 0; i < messages; i++) {
        client_publish(from, "t", "x", (publishing){.qos = 1, .id = (uint16_t)(i + 1)});
        expect_ack(from, BB_PUBACK, (uint16_t)(i + 1), 0);
    }
    for (unsigned i = 0; i < members_count; i++)
        count += count_publishes(&members[i]);
    return count;
}

static void each_message_goes_to_one_member_in_turn(void **state)
{
    for (unsigned sides = 1; sides <= 4; sides++) {
        world w;
        client members[4], from;
        char id[16];
        world_start(&w, sides);
        joins(&from, &w, "from");
        for (unsigned i = 0; i < 4; i++) {
            joins(&members[i], &w, id_at_home(&w, i % sides, (char)('m' + i), id));
            subscribes(&members[i], "$share/g/t", 1);
        }
        for (unsigned i = 0; i < 40; i++)
            client_publish(&from, "t", "x", (publishing){0});
        for (unsigned i = 0; i < 4; i++)
            assert_int_equal(count_publishes(&members[i]), 10);
        client_end(&from);
        for (unsigned i = 0; i < 4; i++)
            client_end(&members[i]);
        assert_int_equal(WORLD_COUNTED(&w, shared_subscriptions), 0);
        world_end(&w);
    }
}

/* Links and sessions that come and go must leave the counts of members right, or messages go to nobody. */
static void members_that_come_and_go_leave_no_trace(void **state)
{
    world w;
    client members[2], from;
    char id[16];
    world_start(&w, 2);
    joins(&from, &w, "from");
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 2; i++) {
            joins(&members[i], &w, id_at_home(&w, i, 'm', id));
            subscribes(&members[i], "$share/g/t", 1);
        }
        assert_int_equal(publish_and_count(&from, 10, members, 2), 10);
        client_end(&members[0]); /* its session ends with it */
        assert_int_equal(publish_and_count(&from, 10, members + 1, 1), 10);
        client_unsubscribe(&members[1], 9, "$share/g/t");
        expect_suback(&members[1], BB_UNSUBACK, 9, 0);
        client_publish(&from, "t", "x", (publishing){.qos = 1, .id = 1});
        expect_ack(&from, BB_PUBACK, 1, 0x10);
        client_end(&members[1]);
    }
    assert_int_equal(world_dropped(&w, BB_E_NO_MEMBER), 0);
    client_end(&from);
    world_end(&w);
}

static void members_that_are_here_come_first(void **state)
{
    world w;
    client here, away, from;
    char id_here[16], id_away[16];
    for (unsigned side = 0; side < 2; side++) {
        world_start(&w, 2);
        joins(&from, &w, "from");
        joins_with(&here, &w, lasting(id_at_home(&w, side, 'h', id_here)), false);
        joins_with(&away, &w, lasting(id_at_home(&w, 1, 'a', id_away)), false);
        subscribes(&here, "$share/g/t", 1);
        subscribes(&away, "$share/g/t", 1);
        client_end(&away);
        assert_int_equal(publish_and_count(&from, 10, &here, 1), 10);
        client_end(&here); /* now all are away: messages wait for one of them */
        assert_int_equal(publish_and_count(&from, 10, NULL, 0), 0);
        assert_int_equal(WORLD_COUNTED(&w, queued_messages), 10);
        joins_with(&away, &w, lasting(id_away), true);
        joins_with(&here, &w, lasting(id_here), true);
        assert_int_equal(count_publishes(&away) + count_publishes(&here), 10);
        client_end(&here);
        client_end(&away);
        client_end(&from);
        world_end(&w);
    }
}

static void what_a_member_was_not_sent_goes_to_another_4_8_2_4(void **state)
{
    static const unsigned homes[] = {0, 1};
    for (unsigned k = 0; k < 2; k++) {
        world w;
        client one, two, from;
        char id[16];
        world_start(&w, 2);
        joins(&from, &w, id_at_home(&w, 0, 'f', id));
        connecting narrow = lasting(id_at_home(&w, homes[k], 'n', id));
        narrow.properties = with_u16(narrow.properties, RECEIVE_MAXIMUM, 1);
        joins_with(&one, &w, narrow, false);
        subscribes(&one, "$share/g/t", 1);
        for (unsigned i = 0; i < 5; i++)
            client_publish(&from, "t", "x", (publishing){.qos = 1, .id = (uint16_t)(i + 1)});
        assert_int_equal(WORLD_COUNTED(&w, queued_messages), 4);
        joins(&two, &w, id_at_home(&w, 1, 't', id));
        subscribes(&two, "$share/g/t", 1);
        client_end(&one); /* one is in flight to it and stays its own; four were never sent */
        world_settle(&w);
        assert_int_equal(count_publishes(&two), 4);
        assert_int_equal(WORLD_COUNTED(&w, queued_messages), 0);
        client_end(&two);
        client_end(&from);
        world_end(&w);
    }
}

static void qos1_in_flight_goes_to_another_when_the_session_ends(void **state)
{
    world w;
    client one, two, from;
    char id[16];
    world_start(&w, 2);
    joins(&from, &w, id_at_home(&w, 0, 'f', id));
    joins(&one, &w, id_at_home(&w, 0, 'o', id));
    subscribes(&one, "$share/g/t", 2);
    client_publish(&from, "t", "1", (publishing){.qos = 1, .id = 1});
    client_publish(&from, "t", "2", (publishing){.qos = 2, .id = 2});
    (void)expect_publish(&one, "t", "1", 1);
    (void)expect_publish(&one, "t", "2", 2);
    joins(&two, &w, id_at_home(&w, 1, 't', id));
    subscribes(&two, "$share/g/t", 2);
    client_end(&one);
    world_settle(&w);
    (void)expect_publish(&two, "t", "1", 1); /* QoS 2 must not go to anybody else [MQTT-4.8.2-5] */
    expect_nothing(&two);
    client_end(&two);
    client_end(&from);
    world_end(&w);
}

static void a_full_member_is_passed_over(void **state)
{
    world w;
    client narrow, wide, from;
    world_start(&w, 1);
    joins(&from, &w, "from");
    joins_with(&narrow, &w, (connecting){.id = "narrow", .properties = with_u16(NO_PROPERTIES, RECEIVE_MAXIMUM, 1)},
               false);
    joins(&wide, &w, "wide");
    subscribes(&narrow, "$share/g/t", 1);
    subscribes(&wide, "$share/g/t", 1);
    for (unsigned i = 0; i < 10; i++)
        client_publish(&from, "t", "x", (publishing){.qos = 1, .id = (uint16_t)(i + 1)});
    assert_int_equal(count_publishes(&wide), 9);
    assert_int_equal(count_publishes(&narrow), 1);
    client_end(&from);
    client_end(&narrow);
    client_end(&wide);
    world_end(&w);
}

static void a_worker_whose_members_are_full_passes_the_message_on(void **state)
{
    world w;
    client full, free_one, from;
    char id[16];
    world_start(&w, 2);
    w.limits.queue_messages_max = 1;
    world_set_limits(&w);
    joins(&from, &w, id_at_home(&w, 0, 'f', id));
    connecting narrow = {.id = id_at_home(&w, 0, 'n', id)};
    narrow.properties = with_u16(NO_PROPERTIES, RECEIVE_MAXIMUM, 1);
    joins_with(&full, &w, narrow, false);
    joins(&free_one, &w, id_at_home(&w, 1, 'w', id));
    subscribes(&full, "$share/g/t", 1);
    subscribes(&free_one, "$share/g/t", 1);
    for (unsigned i = 0; i < 20; i++)
        client_publish(&from, "t", "x", (publishing){.qos = 1, .id = (uint16_t)(i + 1)});
    client_forget(&from);
    unsigned sent = count_publishes(&free_one) + (unsigned)WORLD_COUNTED(&w, queued_messages) + 1;
    assert_int_equal(sent, 20); /* one in flight to the full one, one in its queue, the rest to the other */
    assert_int_equal(world_dropped(&w, BB_E_NO_MEMBER), 0);
    client_end(&from);
    client_end(&full);
    client_end(&free_one);
    world_end(&w);
}

static void nobody_who_can_take_it_is_a_drop_with_a_reason(void **state)
{
    world w;
    client away, from;
    for (unsigned sides = 1; sides <= 2; sides++) {
        char id[16];
        world_start(&w, sides);
        joins(&from, &w, id_at_home(&w, 0, 'f', id));
        joins_with(&away, &w, lasting(id_at_home(&w, sides - 1, 'a', id)), false);
        subscribes(&away, "$share/g/t", 0);
        client_end(&away);
        client_publish(&from, "t", "x", (publishing){0});
        assert_int_equal(world_dropped(&w, BB_E_NO_MEMBER), 1);
        client_end(&from);
        world_end(&w);
    }
}

static void a_client_gets_its_own_and_its_groups_copy(void **state)
{
    world w;
    client both, from;
    world_start(&w, 1);
    joins(&from, &w, "from");
    joins(&both, &w, "both");
    subscribes(&both, "t", 1);
    subscribes(&both, "$share/g/t", 1);
    subscribes(&both, "$share/h/+", 0);
    client_publish(&from, "t", "x", (publishing){.qos = 1, .id = 1});
    assert_int_equal(count_publishes(&both), 3);
    client_end(&both);
    client_end(&from);
    world_end(&w);
}

static void no_local_on_a_shared_subscription_is_a_protocol_error_3_8_3_4(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    joins(&c, &w, "c");
    client_subscribe(&c, 1, "$share/g/t", 1 | NO_LOCAL);
    expect_disconnect(&c, 0x82);
    client_end(&c);
    world_end(&w);
}

static void a_shared_subscription_gets_no_retained_messages(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    joins(&c, &w, "c");
    client_publish(&c, "t", "kept", (publishing){.retain = true});
    subscribes(&c, "$share/g/t", 1);
    subscribes(&c, "$share/g/#", 1);
    expect_nothing(&c);
    client_end(&c);
    world_end(&w);
}

static void strategies_choose_as_they_say(void **state)
{
    static const bb_shared_strategy strategies[] = {BB_SHARED_STICKY, BB_SHARED_HASH};
    for (unsigned k = 0; k < 2; k++) {
        for (unsigned sides = 1; sides <= 2; sides++) {
            world w;
            client members[3], from;
            char id[16];
            unsigned receivers = 0;
            world_start(&w, sides);
            w.limits.shared_strategy = strategies[k];
            world_set_limits(&w);
            joins(&from, &w, "from");
            for (unsigned i = 0; i < 3; i++) {
                joins(&members[i], &w, id_at_home(&w, i % sides, (char)('m' + i), id));
                subscribes(&members[i], "$share/g/t", 1);
            }
            for (unsigned i = 0; i < 12; i++)
                client_publish(&from, "t", "x", (publishing){0});
            for (unsigned i = 0; i < 3; i++) {
                unsigned count = count_publishes(&members[i]);
                assert_true(count == 0 || count == 12);
                receivers += count != 0;
            }
            assert_int_equal(receivers, 1);
            client_end(&from);
            for (unsigned i = 0; i < 3; i++)
                client_end(&members[i]);
            world_end(&w);
        }
    }
}

static void a_broker_that_stops_hands_nothing_on(void **state)
{
    world w;
    client one, two, from;
    char id[16];
    world_start(&w, 2);
    joins(&from, &w, id_at_home(&w, 0, 'f', id));
    joins_with(&one, &w, lasting(id_at_home(&w, 0, 'o', id)), false);
    joins_with(&two, &w, lasting(id_at_home(&w, 1, 't', id)), false);
    subscribes(&one, "$share/g/t", 1);
    subscribes(&two, "$share/g/t", 1);
    client_end(&one);
    client_end(&two);
    for (unsigned i = 0; i < 10; i++)
        client_publish(&from, "t", "x", (publishing){.qos = 1, .id = (uint16_t)(i + 1)});
    assert_int_equal(WORLD_COUNTED(&w, queued_messages), 10);
    client_end(&from);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_message_goes_to_one_member_in_turn),
        cmocka_unit_test(members_that_come_and_go_leave_no_trace),
        cmocka_unit_test(members_that_are_here_come_first),
        cmocka_unit_test(what_a_member_was_not_sent_goes_to_another_4_8_2_4),
        cmocka_unit_test(qos1_in_flight_goes_to_another_when_the_session_ends),
        cmocka_unit_test(a_full_member_is_passed_over),
        cmocka_unit_test(a_worker_whose_members_are_full_passes_the_message_on),
        cmocka_unit_test(nobody_who_can_take_it_is_a_drop_with_a_reason),
        cmocka_unit_test(a_client_gets_its_own_and_its_groups_copy),
        cmocka_unit_test(no_local_on_a_shared_subscription_is_a_protocol_error_3_8_3_4),
        cmocka_unit_test(a_shared_subscription_gets_no_retained_messages),
        cmocka_unit_test(strategies_choose_as_they_say),
        cmocka_unit_test(a_broker_that_stops_hands_nothing_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
