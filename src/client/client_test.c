/* client_test.c - the life of a connection: connecting, keep alive, ends, and trying again. */
#include "client/link_test.h"

static void connects_with_what_the_options_say_311(void **state)
{
    bench b;
    bb_client_message will = {.topic = BYTES("w"), .payload = BYTES("bye"), .qos = 1, .retain = true};
    bench_init(&b, &bb_client_mqtt_311);
    b.options.clean_start = true;
    b.options.will = &will;
    b.options.user_name = BYTES("u");
    b.options.password = BYTES("p");
    bench_start(&b);
    expect_sent(&b, "\x10\x1B\0\4MQTT\4\xEE\0\x3C\0\1c\0\1w\0\3bye\0\1u\0\1p");
    arrives(&b, "\x20\x02\0\0");
    expect_event(&b, BB_CLIENT_CONNECTED);
    assert_false(b.event.connected.session_present);
    assert_int_equal(b.event.connected.server.receive_maximum, 65535);
    assert_int_equal(b.event.connected.server.keep_alive_s, 60);
    assert_true(b.event.connected.server.retain_available);
    expect_nothing(&b);
    expect_sent(&b, "");
}

static void connects_with_what_the_options_say_50(void **state)
{
    bench b;
    bb_client_message will = {.topic = BYTES("w"), .payload = BYTES("bye"), .properties = BYTES("\x18\0\0\0\5")};
    bench_init(&b, &bb_client_mqtt_5);
    b.options.will = &will;
    b.options.session_expiry_s = 10;
    b.options.receive_maximum = 3;
    b.options.maximum_packet_size = 100;
    b.options.request_response_info = true;
    b.options.refuse_problem_info = true;
    b.options.user_properties = BYTES("\x26\0\1a\0\1b");
    bench_start(&b);
    expect_sent(&b, "\x10\x34\0\4MQTT\5\4\0\x3C\x18\x11\0\0\0\x0A\x21\0\3\x27\0\0\0\x64\x19\1\x17\0\x26\0\1a\0\1b\0\1c"
                    "\5\x18\0\0\0\5\0\1w\0\3bye");
}

static void what_the_server_can_do_is_told(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_5);
    b.options.client_id = BB_SPAN_NONE;
    bench_start(&b);
    drop_output(&b);
    arrives(
        &b,
        "\x20\x25\0\0\x22\x11\0\0\0\7\x12\0\2id\x13\0\x1E\x1A\0\1r\x21\0\5\x22\0\4\x24\1\x25\0\x27\0\0\0\x50\x28\0");
    expect_event(&b, BB_CLIENT_CONNECTED);
    const bb_client_server *server = &b.event.connected.server;
    bb_property info;
    assert_int_equal(server->session_expiry_s, 7);
    assert_int_equal(server->keep_alive_s, 30);
    assert_int_equal(server->receive_maximum, 5);
    assert_int_equal(server->topic_alias_maximum, 4);
    assert_int_equal(server->maximum_qos, 1);
    assert_int_equal(server->maximum_packet_size, 80);
    assert_false(server->retain_available || server->wildcard_available);
    assert_true(server->shared_available && server->subscription_id_available);
    assert_true(bb_property_find(b.event.connected.properties, BB_RESPONSE_INFO, &info));
    assert_true(bb_span_equal(info.value, BYTES("r")));

    bb_client_closed(&b.client); /* the next connection has the identifier that the server made up */
    expect_event(&b, BB_CLIENT_DISCONNECTED);
    b.now += b.event.disconnected.retry_ms;
    expect_event(&b, BB_CLIENT_OPEN);
    bb_client_opened(&b.client);
    expect_sent(&b, "\x10\x0F\0\4MQTT\5\0\0\x3C\0\0\2id");
}

static void a_refusal_is_told_with_its_code(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_311);
    bench_start(&b);
    drop_output(&b);
    arrives(&b, "\x20\x02\0\5");
    expect_event(&b, BB_CLIENT_DISCONNECTED);
    assert_int_equal(b.event.disconnected.cause, BB_CLIENT_REFUSED);
    assert_int_equal(b.event.disconnected.code, 0x87);
    assert_false(b.event.disconnected.connected);
    assert_true(b.event.disconnected.retry);
    expect_nothing(&b);

    bench_init(&b, &bb_client_mqtt_5);
    bench_start(&b);
    drop_output(&b);
    arrives(&b, "\x20\x08\0\x87\5\x1F\0\2no");
    expect_event(&b, BB_CLIENT_DISCONNECTED);
    assert_int_equal(b.event.disconnected.code, 0x87);
    assert_int_equal(b.event.disconnected.properties.len, 5);
}

static void waits_grow_and_differ(void **state)
{
    bench b;
    uint32_t most = 0;
    bench_init(&b, &bb_client_mqtt_311);
    assert_int_equal(bb_client_init(&b.client, &b.options), BB_CLIENT_OK);
    bb_client_start(&b.client);
    for (unsigned i = 0; i < 12; i++) {
        uint32_t step = i < 3 ? 1000u << i : 8000;
        expect_event(&b, BB_CLIENT_OPEN);
        assert_int_equal(b.event.open.attempt, i);
        bb_client_closed(&b.client);
        expect_event(&b, BB_CLIENT_DISCONNECTED);
        assert_int_equal(b.event.disconnected.cause, BB_CLIENT_LOST);
        assert_in_range(b.event.disconnected.retry_ms, step / 2, step);
        assert_int_equal(bb_client_deadline(&b.client), b.now + b.event.disconnected.retry_ms);
        most = b.event.disconnected.retry_ms > most ? b.event.disconnected.retry_ms : most;
        b.now += b.event.disconnected.retry_ms - 1;
        expect_nothing(&b);
        b.now++;
    }
    assert_true(most > 4000 && most < 8000);
}

static void only_a_lasting_connection_sets_the_waits_back(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_311);
    bench_connect(&b);
    for (unsigned i = 0; i < 4; i++)
        bench_reconnect(&b, true);
    assert_int_equal(b.client.attempt, 5);
    b.now += 8000;
    bb_client_closed(&b.client);
    expect_event(&b, BB_CLIENT_DISCONNECTED);
    assert_in_range(b.event.disconnected.retry_ms, 500, 1000);
}

static void without_retry_a_failure_stops(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_311);
    b.options.retry_max_ms = 0;
    bench_connect(&b);
    bb_client_closed(&b.client);
    expect_event(&b, BB_CLIENT_DISCONNECTED);
    assert_false(b.event.disconnected.retry);
    assert_true(b.event.disconnected.connected);
    assert_true(bb_client_deadline(&b.client) == BB_NEVER);
    b.now += 1000000;
    expect_nothing(&b);
    bb_client_start(&b.client);
    expect_event(&b, BB_CLIENT_OPEN);
}

static void nobody_answers_in_time(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_311);
    bench_start(&b);
    drop_output(&b);
    expect_nothing(&b);
    assert_int_equal(bb_client_deadline(&b.client), b.now + 10000);
    b.now += 10000;
    expect_event(&b, BB_CLIENT_DISCONNECTED);
    assert_int_equal(b.event.disconnected.cause, BB_CLIENT_TIMEOUT);
}

static void pings_when_nothing_was_sent_3_1_2_20(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_311);
    bench_connect(&b);
    expect_nothing(&b);
    b.now += 44999;
    expect_nothing(&b);
    expect_sent(&b, "");
    b.now++;
    expect_nothing(&b);
    expect_sent(&b, "\xC0\0");
    expect_nothing(&b);
    b.now += 5000;
    arrives(&b, "\xD0\0");
    expect_nothing(&b);
    assert_int_equal(bb_client_deadline(&b.client), b.now - 5000 + 45000);
}

static void pings_when_nothing_was_heard(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_311);
    bench_connect(&b);
    for (unsigned i = 0; i < 3; i++) {
        b.now += 14000;
        assert_int_equal(publishes(&b, "t", "x", 0, NULL), BB_CLIENT_OK);
        drop_output(&b);
        expect_nothing(&b);
    }
    b.now += 3000;
    expect_nothing(&b);
    expect_sent(&b, "\xC0\0");
    b.now += 9999;
    expect_nothing(&b);
    b.now++;
    expect_event(&b, BB_CLIENT_DISCONNECTED);
    assert_int_equal(b.event.disconnected.cause, BB_CLIENT_TIMEOUT);
}

static void no_keep_alive_no_ping(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_311);
    b.options.keep_alive_s = 0;
    bench_connect(&b);
    expect_nothing(&b);
    assert_true(bb_client_deadline(&b.client) == BB_NEVER);
    b.now += 100000000;
    expect_nothing(&b);
    expect_sent(&b, "");
}

static void times_beyond_32_bits_count(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_311);
    b.now = 0xFFFFFFFF;
    bench_connect(&b);
    expect_nothing(&b);
    assert_true(bb_client_deadline(&b.client) == UINT64_C(0xFFFFFFFF) + 45000);
    b.now += 45000;
    expect_nothing(&b);
    expect_sent(&b, "\xC0\0");
}

static void stopping_says_good_bye(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_5);
    bench_connect(&b);
    bb_client_stop(&b.client, false);
    expect_nothing(&b); /* first it must be sent */
    expect_sent(&b, "\xE0\0");
    expect_event(&b, BB_CLIENT_DISCONNECTED);
    assert_int_equal(b.event.disconnected.cause, BB_CLIENT_STOPPED);
    assert_false(b.event.disconnected.retry);
    expect_nothing(&b);
}

static void stopping_waits_for_room_but_not_for_ever(void **state)
{
    bench b;
    static char text[251];
    memset(text, 'x', 250);
    for (unsigned stuck = 0; stuck < 2; stuck++) {
        bench_init(&b, &bb_client_mqtt_311);
        b.options.keep_alive_s = 0;
        bench_connect(&b);
        assert_int_equal(publishes(&b, "t", text, 0, NULL), BB_CLIENT_OK);
        bb_client_stop(&b.client, false);
        expect_nothing(&b);
        assert_int_equal(bb_client_deadline(&b.client), b.now + 10000);
        if (stuck) {
            b.now += 10000;
        } else {
            drop_output(&b);
            expect_nothing(&b);
            expect_sent(&b, "\xE0\0");
        }
        expect_event(&b, BB_CLIENT_DISCONNECTED);
        assert_int_equal(b.event.disconnected.cause, stuck ? BB_CLIENT_TIMEOUT : BB_CLIENT_STOPPED);
        assert_false(b.event.disconnected.retry);
    }
}

static void stopping_in_the_middle_of_a_message_cannot_say_good_bye(void **state)
{
    bench b;
    bb_client_message message = {.topic = BYTES("t")};
    bench_init(&b, &bb_client_mqtt_5);
    bench_connect(&b);
    assert_int_equal(bb_client_publish_begin(&b.client, &message, 1000, NULL), BB_CLIENT_OK);
    drop_output(&b);
    bb_client_stop(&b.client, false);
    expect_event(&b, BB_CLIENT_DISCONNECTED);
    assert_int_equal(b.event.disconnected.cause, BB_CLIENT_STOPPED);
    assert_false(b.event.disconnected.retry);
}

static void a_transport_that_was_slow_to_open_leaves_time_to_answer(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_5);
    assert_int_equal(bb_client_init(&b.client, &b.options), BB_CLIENT_OK);
    bb_client_start(&b.client);
    expect_event(&b, BB_CLIENT_OPEN);
    b.now += 30000; /* the application did nothing else meanwhile */
    bb_client_opened(&b.client);
    expect_nothing(&b);
    assert_int_equal(bb_client_deadline(&b.client), b.now + 10000);
}

static void a_birth_makes_the_will_true_when_stopping(void **state)
{
    bench b;
    bb_client_birth birth = {&bb_client_birth_functions, {.topic = BYTES("s"), .payload = BYTES("on"), .retain = true}};
    bb_client_message will = {.topic = BYTES("s"), .payload = BYTES("off"), .retain = true};
    bench_init(&b, &bb_client_mqtt_5);
    b.options.birth = &birth;
    b.options.will = &will;
    bench_connect(&b);
    assert_int_equal(b.event.connected.birth, BB_CLIENT_OK);
    expect_sent(&b, "\x31\6\0\1s\0on");
    bench_reconnect(&b, true);
    expect_sent(&b, "\x31\6\0\1s\0on");
    bb_client_stop(&b.client, false);
    expect_nothing(&b);
    expect_sent(&b, "\xE0\1\4");
    expect_event(&b, BB_CLIENT_DISCONNECTED);

    bench_init(&b, &bb_client_mqtt_311); /* where the server publishes the will if we say nothing */
    b.options.birth = &birth;
    b.options.will = &will;
    bench_connect(&b);
    drop_output(&b);
    bb_client_stop(&b.client, false);
    expect_event(&b, BB_CLIENT_DISCONNECTED);
    expect_sent(&b, "");
}

static void what_the_server_said_last_is_still_heard(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_5);
    bench_connect(&b);
    arrives(&b, "\xE0\1\x8E");
    bb_client_closed(&b.client);
    expect_event(&b, BB_CLIENT_DISCONNECTED);
    assert_int_equal(b.event.disconnected.cause, BB_CLIENT_ENDED);
    assert_int_equal(b.event.disconnected.code, 0x8E);
    expect_nothing(&b);
}

static void what_breaks_the_protocol_is_told_4_13_1_1(void **state)
{
    static const struct {
        bb_span bytes;
        uint8_t code;
    } cases[] = {
        {BYTES("\x20\3\0\0\0"), 0x82},                                          /* a second CONNACK */
        {BYTES("\x36\3\0\1t"), 0x81},                                           /* QoS 3 */
        {BYTES("\x10\0"), 0x82},                                                /* a packet of clients */
        {BYTES("\xD0\1\0"), 0x82},                                              /* PINGRESP with something in it */
        {BYTES("\x30\4\0\1+\0"), 0x90}, {BYTES("\x30\7\0\1t\3\x23\0\1"), 0x94}, /* an alias that was not offered */
        {BYTES("\xF0\0"), 0x82},                                                /* AUTH, without a method in CONNECT */
        {BYTES("\x41\0"), 0x81},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bench b;
        bench_init(&b, &bb_client_mqtt_5);
        bench_connect(&b);
        arrives_bytes(&b, cases[i].bytes);
        expect_nothing(&b);
        const uint8_t said[] = {0xE0, 1, cases[i].code};
        expect_sent_bytes(&b, bb_span_of(said, 3));
        expect_event(&b, BB_CLIENT_DISCONNECTED);
        assert_int_equal(b.event.disconnected.cause, BB_CLIENT_PROTOCOL);
        assert_int_equal(b.event.disconnected.code, cases[i].code);
    }
}

static void a_session_that_nobody_asked_for_is_refused_3_2_2_2(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_311);
    b.options.clean_start = true;
    bench_start(&b);
    drop_output(&b);
    arrives(&b, "\x20\2\1\0");
    expect_event(&b, BB_CLIENT_DISCONNECTED);
    assert_int_equal(b.event.disconnected.cause, BB_CLIENT_PROTOCOL);
}

static void in_50_only_the_first_connection_starts_clean(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_5);
    b.options.clean_start = true;
    bench_start(&b);
    expect_sent(&b, "\x10\x0E\0\4MQTT\5\2\0\x3C\0\0\1c");
    bench_accept(&b, false);
    bb_client_closed(&b.client);
    expect_event(&b, BB_CLIENT_DISCONNECTED);
    b.now += b.event.disconnected.retry_ms;
    expect_event(&b, BB_CLIENT_OPEN);
    bb_client_opened(&b.client);
    expect_sent(&b, "\x10\x0E\0\4MQTT\5\0\0\x3C\0\0\1c");
}

static void redirected(bench *b, bb_span bytes, const char *to)
{
    arrives_bytes(b, bytes);
    expect_event(b, BB_CLIENT_DISCONNECTED);
    assert_int_equal(b->event.disconnected.retry_ms, 0);
    expect_event(b, BB_CLIENT_OPEN);
    assert_true(bb_span_equal(b->event.open.server, bb_span_text(to)));
    bb_client_opened(&b->client);
    drop_output(b);
}

static void follows_a_redirection_but_not_for_ever_4_11(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_5);
    bench_start(&b);
    drop_output(&b);
    redirected(&b, BYTES("\x20\x0A\0\x9C\7\x1C\0\4b:18"), "b:18");
    redirected(&b, BYTES("\x20\x0A\0\x9C\7\x1C\0\4c:18"), "c:18");
    redirected(&b, BYTES("\x20\x0A\0\x9C\7\x1C\0\4b:18"), "b:18");
    arrives(&b, "\x20\x0A\0\x9C\7\x1C\0\4c:18");
    expect_event(&b, BB_CLIENT_DISCONNECTED);
    assert_true(b.event.disconnected.retry_ms > 0);
    b.now += b.event.disconnected.retry_ms;
    expect_event(&b, BB_CLIENT_OPEN);
    assert_int_equal(b.event.open.server.len, 0);
}

static void another_server_is_for_once_and_a_move_for_good(void **state)
{
    for (unsigned moved = 0; moved < 2; moved++) {
        bench b;
        bench_init(&b, &bb_client_mqtt_5);
        bench_connect(&b);
        redirected(&b, moved ? BYTES("\xE0\x09\x9D\7\x1C\0\4b:18") : BYTES("\xE0\x09\x9C\7\x1C\0\4b:18"), "b:18");
        bench_accept(&b, false);
        bb_client_closed(&b.client);
        expect_event(&b, BB_CLIENT_DISCONNECTED);
        b.now += b.event.disconnected.retry_ms;
        expect_event(&b, BB_CLIENT_OPEN);
        assert_int_equal(b.event.open.server.len, moved ? 4 : 0);
        bb_client_closed(&b.client); /* it is not there any more */
        expect_event(&b, BB_CLIENT_DISCONNECTED);
        b.now += b.event.disconnected.retry_ms;
        expect_event(&b, BB_CLIENT_OPEN);
        assert_int_equal(b.event.open.server.len, 0);
    }
}

static void a_redirection_is_followed_without_retry_too(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_5);
    b.options.retry_max_ms = 0;
    bench_start(&b);
    drop_output(&b);
    redirected(&b, BYTES("\x20\x0A\0\x9C\7\x1C\0\4b:18"), "b:18");
    arrives(&b, "\x20\3\0\x88\0");
    expect_event(&b, BB_CLIENT_DISCONNECTED);
    assert_false(b.event.disconnected.retry);
    bb_client_start(&b.client);
    expect_event(&b, BB_CLIENT_OPEN);
    assert_int_equal(b.event.open.server.len, 0);
}

static void options_that_cannot_work_are_refused(void **state)
{
    bench b;
    bench_init(&b, &bb_client_mqtt_5);
    b.options.protocol = NULL;
    assert_int_equal(bb_client_init(&b.client, &b.options), BB_CLIENT_INVALID);
    bench_init(&b, &bb_client_mqtt_5);
    b.options.store = NULL;
    assert_int_equal(bb_client_init(&b.client, &b.options), BB_CLIENT_INVALID);
    bench_init(&b, &bb_client_mqtt_5);
    b.options.out.size = 63;
    assert_int_equal(bb_client_init(&b.client, &b.options), BB_CLIENT_TOO_LARGE);
    static const uint8_t name[300];
    bench_init(&b, &bb_client_mqtt_5); /* a CONNECT that does not fit */
    b.options.user_name = bb_span_of(name, sizeof(name));
    assert_int_equal(bb_client_init(&b.client, &b.options), BB_CLIENT_OK);
    bb_client_start(&b.client);
    expect_event(&b, BB_CLIENT_OPEN);
    bb_client_opened(&b.client);
    expect_event(&b, BB_CLIENT_DISCONNECTED);
    assert_int_equal(b.event.disconnected.cause, BB_CLIENT_NO_ROOM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connects_with_what_the_options_say_311),
        cmocka_unit_test(connects_with_what_the_options_say_50),
        cmocka_unit_test(what_the_server_can_do_is_told),
        cmocka_unit_test(a_refusal_is_told_with_its_code),
        cmocka_unit_test(waits_grow_and_differ),
        cmocka_unit_test(only_a_lasting_connection_sets_the_waits_back),
        cmocka_unit_test(without_retry_a_failure_stops),
        cmocka_unit_test(nobody_answers_in_time),
        cmocka_unit_test(pings_when_nothing_was_sent_3_1_2_20),
        cmocka_unit_test(pings_when_nothing_was_heard),
        cmocka_unit_test(no_keep_alive_no_ping),
        cmocka_unit_test(times_beyond_32_bits_count),
        cmocka_unit_test(stopping_says_good_bye),
        cmocka_unit_test(stopping_waits_for_room_but_not_for_ever),
        cmocka_unit_test(stopping_in_the_middle_of_a_message_cannot_say_good_bye),
        cmocka_unit_test(a_transport_that_was_slow_to_open_leaves_time_to_answer),
        cmocka_unit_test(a_birth_makes_the_will_true_when_stopping),
        cmocka_unit_test(what_the_server_said_last_is_still_heard),
        cmocka_unit_test(what_breaks_the_protocol_is_told_4_13_1_1),
        cmocka_unit_test(a_session_that_nobody_asked_for_is_refused_3_2_2_2),
        cmocka_unit_test(in_50_only_the_first_connection_starts_clean),
        cmocka_unit_test(follows_a_redirection_but_not_for_ever_4_11),
        cmocka_unit_test(another_server_is_for_once_and_a_move_for_good),
        cmocka_unit_test(a_redirection_is_followed_without_retry_too),
        cmocka_unit_test(options_that_cannot_work_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
