/* subscribe_test.c - subscriptions, those that last and those that come and go; and enhanced authentication. */
#include "client/link_test.h"

static const bb_client_subscription listed[] = {
    {.filter = {(const uint8_t *)"a", 1}, .qos = 1},
    {.filter = {(const uint8_t *)"b/#", 3}, .qos = 2, .no_local = true, .retain_handling = 2, .id = 300},
};

static void with_list(bench *b, const bb_client_protocol *protocol)
{
    bench_init(b, protocol);
    b->options.subscriptions = listed;
    b->options.subscriptions_count = 2;
}

static void the_list_is_sent_when_the_session_is_new(void **state)
{
    bench b;
    with_list(&b, &bb_client_mqtt_5);
    bench_start(&b);
    bench_accept(&b, true); /* the first time in any case: the server may have an old list */
    expect_nothing(&b);
    expect_sent(&b, "\x82\7\0\1\0\0\1a\1\x82\x0C\0\2\3\x0B\xAC\2\0\3b/#\x26");
    arrives(&b, "\x90\4\0\1\0\1\x90\4\0\2\0\x87");
    expect_event(&b, BB_CLIENT_SUBSCRIBED);
    assert_ptr_equal(b.event.ack.subscription, &listed[0]);
    assert_int_equal(b.event.ack.code, 1);
    expect_event(&b, BB_CLIENT_SUBSCRIBED);
    assert_ptr_equal(b.event.ack.subscription, &listed[1]);
    assert_int_equal(b.event.ack.code, 0x87);

    bench_reconnect(&b, true);
    expect_nothing(&b);
    expect_sent(&b, "");
    bench_reconnect(&b, false);
    expect_nothing(&b);
    expect_sent(&b, "\x82\7\0\3\0\0\1a\1\x82\x0C\0\4\3\x0B\xAC\2\0\3b/#\x26");
    bench_reconnect(&b, true); /* not answered: once more */
    expect_nothing(&b);
    expect_sent(&b, "\x82\7\0\5\0\0\1a\1\x82\x0C\0\6\3\x0B\xAC\2\0\3b/#\x26");
}

static void the_list_waits_for_identifiers(void **state)
{
    bench b;
    bb_client_message message = {.topic = BYTES("t"), .qos = 1};
    with_list(&b, &bb_client_mqtt_5);
    assert_int_equal(bb_client_init(&b.client, &b.options), BB_CLIENT_OK);
    assert_int_equal(bb_client_publish(&b.client, &message, NULL), BB_CLIENT_OK);
    b.client.next_id = 1; /* as if all others had been used since */
    bb_client_start(&b.client);
    expect_event(&b, BB_CLIENT_OPEN);
    bb_client_opened(&b.client);
    bench_accept(&b, true);
    expect_nothing(&b);
    expect_sent(&b, "\x3A\6\0\1t\0\1\0");
    arrives(&b, "\x40\2\0\1");
    expect_event(&b, BB_CLIENT_PUBLISHED);
    assert_null(b.event.ack.subscription);
    expect_nothing(&b);
    expect_sent(&b, "\x82\7\0\1\0\0\1a\1\x82\x0C\0\2\3\x0B\xAC\2\0\3b/#\x26");
}

static void before_50_only_the_qos_is_said(void **state)
{
    bench b;
    with_list(&b, &bb_client_mqtt_311);
    bench_connect(&b);
    expect_nothing(&b);
    expect_sent(&b, "\x82\6\0\1\0\1a\1\x82\x08\0\2\0\3b/#\2");
    arrives(&b, "\x90\3\0\2\x80");
    expect_event(&b, BB_CLIENT_SUBSCRIBED);
    assert_ptr_equal(b.event.ack.subscription, &listed[1]);
    assert_int_equal(b.event.ack.code, 0x80);
}

static void what_cannot_be_subscribed_is_told(void **state)
{
    bench b;
    with_list(&b, &bb_client_mqtt_5);
    bench_start(&b);
    drop_output(&b);
    arrives(&b, "\x20\5\0\0\2\x28\0"); /* no wildcards */
    expect_event(&b, BB_CLIENT_CONNECTED);
    expect_event(&b, BB_CLIENT_SUBSCRIBED);
    assert_ptr_equal(b.event.ack.subscription, &listed[1]);
    assert_true(b.event.ack.code >= 0x80);
    expect_nothing(&b);
    expect_sent(&b, "\x82\7\0\1\0\0\1a\1");
}

static bb_client_result subscribes(bench *b, const char *filter, uint8_t qos, bool no_local)
{
    bb_client_subscription what = {.filter = bb_span_text(filter), .qos = qos, .no_local = no_local};
    return bb_client_subscribe(&b->client, &what, NULL);
}

static void filters_are_checked_4_7(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_5);
    assert_int_equal(bb_client_init(&b.client, &b.options), BB_CLIENT_OK);
    assert_int_equal(subscribes(&b, "a", 0, false), BB_CLIENT_OFFLINE);
    bench_connect(&b);
    static const char *const wrong[] = {"", "a+", "+a", "a/#/b", "#a", "a#", "\xC0\x80", "$share/g", "$share//a"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(subscribes(&b, wrong[i], 0, false), BB_CLIENT_INVALID);
    assert_int_equal(subscribes(&b, "$share/g/a", 0, true), BB_CLIENT_INVALID); /* MQTT-3.8.3-4 */
    assert_int_equal(subscribes(&b, "a", 3, false), BB_CLIENT_UNSUPPORTED);
    expect_sent(&b, "");
    static const char *const right[] = {"#", "+", "+/+/#", "/", "a//b", "$share/g/+/b"};
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
        assert_int_equal(subscribes(&b, right[i], 0, false), BB_CLIENT_OK);
}

static void subscribes_and_unsubscribes(void **state)
{
    bench b;
    uint16_t id;
    bb_client_subscription what = {.filter = BYTES("a"), .properties = BYTES("\x26\0\1k\0\1v")};
    bench_init(&b, &bb_client_mqtt_5);
    bench_connect(&b);
    assert_int_equal(bb_client_subscribe(&b.client, &what, &id), BB_CLIENT_OK);
    assert_int_equal(id, 1);
    assert_int_equal(bb_client_unsubscribe(&b.client, what.filter, &id), BB_CLIENT_OK);
    assert_int_equal(id, 2);
    expect_sent(&b, "\x82\x0E\0\1\7\x26\0\1k\0\1v\0\1a\0\xA2\6\0\2\0\0\1a");
    arrives(&b, "\x90\4\0\1\0\0\xB0\4\0\2\0\x11");
    expect_event(&b, BB_CLIENT_SUBSCRIBED);
    assert_int_equal(b.event.ack.packet_id, 1);
    assert_null(b.event.ack.subscription);
    expect_event(&b, BB_CLIENT_UNSUBSCRIBED);
    assert_int_equal(b.event.ack.code, 0x11);
    arrives(&b, "\x90\5\0\1\0\0\0"); /* two answers to one question */
    expect_nothing(&b);
    expect_sent(&b, "\xE0\1\x82");
}

/* ---- A toy method: the server's challenge is answered with its first byte. */

typedef struct toy {
    unsigned begun, answered, succeeded;
    bool distrust;
    uint8_t answer;
} toy;

static bool toy_step(void *context, bb_client_auth_phase phase, bb_span data, bb_span *reply)
{
    toy *t = context;
    assert_true(reply->len == 0);
    switch (phase) {
    case BB_CLIENT_AUTH_BEGIN:
        t->begun++;
        *reply = BYTES("hi");
        return true;
    case BB_CLIENT_AUTH_CONTINUE:
        t->answered++;
        t->answer = data.len > 0 ? data.data[0] : '?';
        *reply = bb_span_of(&t->answer, 1);
        return true;
    default:
        t->succeeded++;
        return !t->distrust;
    }
}

static void auth_init(bench *b, toy *t, bb_client_auth *auth)
{
    *t = (toy){0};
    *auth =
        (bb_client_auth){.functions = &bb_client_auth_functions, .method = BYTES("M"), .context = t, .step = toy_step};
    bench_init(b, &bb_client_mqtt_5);
    b->options.auth = auth;
}

static void proves_itself_when_connecting_4_12(void **state)
{
    bench b;
    toy t;
    bb_client_auth auth;
    auth_init(&b, &t, &auth);
    bench_start(&b);
    expect_sent(&b, "\x10\x17\0\4MQTT\5\0\0\x3C\x09\x15\0\1M\x16\0\2hi\0\1c");
    arrives(&b, "\xF0\x0A\x18\x08\x15\0\1M\x16\0\1Q");
    expect_nothing(&b);
    expect_sent(&b, "\xF0\x0A\x18\x08\x15\0\1M\x16\0\1Q");
    arrives(&b, "\x20\x0B\0\0\x08\x15\0\1M\x16\0\1!");
    expect_event(&b, BB_CLIENT_CONNECTED);
    assert_int_equal(t.succeeded, 1);

    assert_int_equal(bb_client_reauthenticate(&b.client), BB_CLIENT_OK);
    assert_int_equal(bb_client_reauthenticate(&b.client), BB_CLIENT_BUSY);
    expect_sent(&b, "\xF0\x0B\x19\x09\x15\0\1M\x16\0\2hi");
    arrives(&b, "\xF0\x0A\x18\x08\x15\0\1M\x16\0\1R");
    expect_nothing(&b);
    expect_sent(&b, "\xF0\x0A\x18\x08\x15\0\1M\x16\0\1R");
    arrives(&b, "\xF0\0");
    expect_event(&b, BB_CLIENT_AUTHENTICATED);
    assert_int_equal(t.succeeded, 2);
    arrives(&b, "\xF0\6\x18\4\x15\0\1M"); /* nobody asked */
    expect_nothing(&b);
    expect_sent(&b, "\xE0\1\x82");
}

static void a_server_that_cannot_prove_itself_is_left(void **state)
{
    bench b;
    toy t;
    bb_client_auth auth;
    auth_init(&b, &t, &auth);
    t.distrust = true;
    bench_start(&b);
    drop_output(&b);
    arrives(&b, "\x20\7\0\0\4\x15\0\1M");
    expect_event(&b, BB_CLIENT_DISCONNECTED);
    assert_int_equal(b.event.disconnected.cause, BB_CLIENT_UNPROVEN);
    assert_false(b.event.disconnected.connected);
}

static void another_method_is_refused_4_12_0_5(void **state)
{
    static const bb_span answers[] = {BYTES("\x20\3\0\0\0"), BYTES("\x20\7\0\0\4\x15\0\1N"),
                                      BYTES("\xF0\6\x18\4\x15\0\1N"), BYTES("\xF0\6\0\4\x15\0\1M")};
    for (size_t i = 0; i < 4; i++) {
        bench b;
        toy t;
        bb_client_auth auth;
        auth_init(&b, &t, &auth);
        bench_start(&b);
        drop_output(&b);
        arrives_bytes(&b, answers[i]);
        expect_event(&b, BB_CLIENT_DISCONNECTED);
        assert_int_equal(b.event.disconnected.cause, BB_CLIENT_PROTOCOL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_is_sent_when_the_session_is_new),
        cmocka_unit_test(the_list_waits_for_identifiers),
        cmocka_unit_test(before_50_only_the_qos_is_said),
        cmocka_unit_test(what_cannot_be_subscribed_is_told),
        cmocka_unit_test(filters_are_checked_4_7),
        cmocka_unit_test(subscribes_and_unsubscribes),
        cmocka_unit_test(proves_itself_when_connecting_4_12),
        cmocka_unit_test(a_server_that_cannot_prove_itself_is_left),
        cmocka_unit_test(another_method_is_refused_4_12_0_5),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
