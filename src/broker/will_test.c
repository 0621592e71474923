/* will_test.c - wills: when they go out, and when not. Spec: MQTT 5.0 3.1.2.5, 3.1.3.2, 3.14.4. */
#include "broker/expect_test.h"

typedef struct scene {
    world world;
    client watcher, dying;
} scene;

static connecting mortal(uint32_t delay_s, uint32_t expiry_s)
{
    connecting with = {.id = "dying", .resume = true, .will_topic = "will", .will_payload = "bye", .will_qos = 1};
    if (delay_s)
        with.will_properties = with_u32(NO_PROPERTIES, WILL_DELAY, delay_s);
    if (expiry_s)
        with.properties = with_u32(NO_PROPERTIES, SESSION_EXPIRY, expiry_s);
    return with;
}

static scene *begin(uint32_t delay_s, uint32_t expiry_s)
{
    scene *s = test_calloc(1, sizeof *s);
    world_start(&s->world, 2);
    joins(&s->watcher, &s->world, "watcher");
    subscribes(&s->watcher, "will", 1);
    joins_with(&s->dying, &s->world, mortal(delay_s, expiry_s), false);
    return s;
}

static void finish(scene *s)
{
    client_end(&s->watcher);
    client_end(&s->dying);
    world_end(&s->world);
    test_free(s);
}

static void a_lost_link_brings_the_will_3_1_2_8(void **state)
{
    scene *s = begin(0, 0);
    client_lost(&s->dying, BB_E_LINK_LOST);
    world_settle(&s->world);
    (void)expect_publish(&s->watcher, "will", "bye", 1);
    finish(s);
}

static void a_normal_end_does_not_3_14_4_3(void **state)
{
    scene *s = begin(0, 0);
    client_disconnect(&s->dying);
    expect_nothing(&s->watcher);
    finish(s);
}

static void a_client_may_ask_for_its_will(void **state)
{
    scene *s = begin(0, 0);
    client_disconnect_with(&s->dying, 0x04, NO_PROPERTIES);
    (void)expect_publish(&s->watcher, "will", "bye", 1);
    finish(s);
}

static void a_delay_holds_it_back_3_1_3_9(void **state)
{
    scene *s = begin(10, 100);
    client_lost(&s->dying, BB_E_LINK_LOST);
    world_pass(&s->world, 9900);
    expect_nothing(&s->watcher);
    world_pass(&s->world, 200);
    (void)expect_publish(&s->watcher, "will", "bye", 1);
    world_pass(&s->world, 200000);
    expect_nothing(&s->watcher); /* once only, although the session ends later */
    finish(s);
}

static void a_client_that_returns_in_time_cancels_it_3_1_3_9(void **state)
{
    scene *s = begin(10, 100);
    client_end(&s->dying);
    world_pass(&s->world, 5000);
    joins_with(&s->dying, &s->world, lasting("dying"), true);
    world_pass(&s->world, 20000);
    expect_nothing(&s->watcher);
    finish(s);
}

static void the_end_of_the_session_brings_it_early_3_1_3_9(void **state)
{
    scene *s = begin(100, 10);
    client_lost(&s->dying, BB_E_LINK_LOST);
    world_pass(&s->world, 11000);
    (void)expect_publish(&s->watcher, "will", "bye", 1);
    finish(s);
    s = begin(100, 0); /* the session ends with its link */
    client_lost(&s->dying, BB_E_LINK_LOST);
    world_settle(&s->world);
    (void)expect_publish(&s->watcher, "will", "bye", 1);
    finish(s);
}

static void a_take_over_brings_it_when_there_is_no_delay(void **state)
{
    client second;
    scene *s = begin(0, 100);
    joins_with(&second, &s->world, mortal(0, 100), true);
    (void)expect_publish(&s->watcher, "will", "bye", 1);
    client_end(&second);
    finish(s);
    s = begin(10, 100);
    joins_with(&second, &s->world, lasting("dying"), true);
    world_pass(&s->world, 20000);
    expect_nothing(&s->watcher); /* the session goes on */
    client_end(&second);
    finish(s);
    s = begin(10, 100);
    joins(&second, &s->world, "dying"); /* clean start: the session is over */
    (void)expect_publish(&s->watcher, "will", "bye", 1);
    client_end(&second);
    finish(s);
}

static void its_expiry_counts_from_its_publication(void **state)
{
    scene *s = begin(0, 0);
    client_disconnect(&s->dying);
    client_end(&s->dying);
    connecting with = mortal(10, 100);
    with.will_properties = with_u32(with.will_properties, MESSAGE_EXPIRY, 7);
    with.will_retain = true;
    joins_with(&s->dying, &s->world, with, false);
    client_lost(&s->dying, BB_E_LINK_LOST);
    world_pass(&s->world, 10020);
    bb_publish p = expect_publish(&s->watcher, "will", "bye", 1);
    assert_int_equal(p.properties.message_expiry_s, 7);
    assert_false(p.properties.present & BB_HAS(will_delay_s));
    world_pass(&s->world, 3000);
    client_subscribe(&s->watcher, 2, "+", 0);
    expect_suback(&s->watcher, BB_SUBACK, 2, 0);
    assert_int_equal(expect_publish(&s->watcher, "will", "bye", 0).properties.message_expiry_s, 4); /* retained */
    finish(s);
}

static void keep_alive_brings_it_and_so_does_a_fault(void **state)
{
    scene *s = begin(0, 0);
    client_send(&s->dying, "\x20\x00", 2);
    (void)expect_publish(&s->watcher, "will", "bye", 1);
    finish(s);
    s = begin(0, 0);
    client_end(&s->dying);
    client_forget(&s->watcher);
    connecting with = mortal(0, 0);
    with.keep_alive_s = 1;
    joins_with(&s->dying, &s->world, with, false);
    client_forget(&s->watcher);
    world_pass(&s->world, 1600);
    (void)expect_publish(&s->watcher, "will", "bye", 1);
    finish(s);
}

static void a_will_that_is_not_allowed_refuses_the_connection(void **state)
{
    world w;
    client c;
    world_start(&w, 1);
    w.limits.qos_max = 1;
    w.limits.retain_available = false;
    world_set_limits(&w);
    static const struct {
        const char *topic;
        uint8_t qos, retain, code;
    } bad[] = {{"$SYS/x", 0, 0, 0x87}, {"t", 2, 0, 0x9B}, {"t", 0, 1, 0x9A}};
    for (unsigned i = 0; i < 3; i++) {
        client_open(&c, &w, 0);
        client_connect(
            &c,
            (connecting){.id = "c", .will_topic = bad[i].topic, .will_qos = bad[i].qos, .will_retain = bad[i].retain});
        (void)expect_connack(&c, false, bad[i].code);
        expect_closed(&c);
        client_end(&c);
    }
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lost_link_brings_the_will_3_1_2_8),
        cmocka_unit_test(a_normal_end_does_not_3_14_4_3),
        cmocka_unit_test(a_client_may_ask_for_its_will),
        cmocka_unit_test(a_delay_holds_it_back_3_1_3_9),
        cmocka_unit_test(a_client_that_returns_in_time_cancels_it_3_1_3_9),
        cmocka_unit_test(the_end_of_the_session_brings_it_early_3_1_3_9),
        cmocka_unit_test(a_take_over_brings_it_when_there_is_no_delay),
        cmocka_unit_test(its_expiry_counts_from_its_publication),
        cmocka_unit_test(keep_alive_brings_it_and_so_does_a_fault),
        cmocka_unit_test(a_will_that_is_not_allowed_refuses_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
