#include "wire/roundtrip.h"
#include "wire/vector_test.h"

static bb_status decode(const bb_header *header, bb_span body, bb_version version, bb_fault *fault)
{
    bb_connect packet;
    bb_status status = bb_connect_decode(body, &packet, fault);
    if (status == BB_OK) {
        assert_int_equal(packet.version, version);
        bb_roundtrip_properties(&packet.properties);
        bb_roundtrip_properties(&packet.will.properties);
        bb_roundtrip_connect(&packet, body);
    }
    return status;
}

static void vectors_decode_as_they_say(void **state)
{
    check_vectors("connect", decode);
}

static void every_field_comes_out(void **state)
{
    static const uint8_t body[] =
        "\0\4MQTT\5\xEE\x12\x34\5\x11\0\0\0\x0A\0\2id\5\x18\0\0\0\7\0\1w\0\3bye\0\4user\0\2\0\xFF";
    bb_connect packet;
    assert_int_equal(bb_connect_decode(bb_span_of(body, sizeof(body) - 1), &packet, NULL), BB_OK);
    assert_int_equal(packet.version, BB_MQTT_5);
    assert_true(packet.clean_start && packet.has_will && packet.has_user_name && packet.has_password);
    assert_int_equal(packet.keep_alive_s, 0x1234);
    assert_int_equal(packet.properties.present, BB_HAS(session_expiry_s));
    assert_int_equal(packet.properties.session_expiry_s, 10);
    assert_true(bb_span_equal(packet.client_id, BB_SPAN_LITERAL("id")));
    assert_int_equal(packet.will.qos, 1);
    assert_true(packet.will.retain);
    assert_int_equal(packet.will.properties.will_delay_s, 7);
    assert_true(bb_span_equal(packet.will.topic, BB_SPAN_LITERAL("w")));
    assert_true(bb_span_equal(packet.will.payload, BB_SPAN_LITERAL("bye")));
    assert_true(bb_span_equal(packet.user_name, BB_SPAN_LITERAL("user")));
    assert_true(bb_span_equal(packet.password, BB_SPAN_LITERAL("\0\xFF")));
}

static void the_level_is_known_as_soon_as_it_was_read(void **state)
{
    static const uint8_t unknown[] = "\0\4MQTT\6\2\0\0\0\0", reserved[] = "\0\4MQTT\5\3\0\0\0\0\0",
                         other[] = "\0\4HTTP\5";
    bb_connect packet;
    assert_int_equal(bb_connect_decode(bb_span_of(unknown, sizeof(unknown) - 1), &packet, NULL), BB_E_VERSION);
    assert_int_equal(packet.version, 6);
    assert_int_equal(bb_connect_decode(bb_span_of(reserved, sizeof(reserved) - 1), &packet, NULL), BB_E_MALFORMED);
    assert_int_equal(packet.version, BB_MQTT_5);
    assert_int_equal(bb_connect_decode(bb_span_of(other, sizeof(other) - 1), &packet, NULL), BB_E_NOT_MQTT);
    assert_int_equal(packet.version, 0);
}

static void the_fault_tells_where(void **state)
{
    static const uint8_t body[] = "\0\4MQTT\4\2\0\0\0\3a\0b";
    bb_connect packet;
    bb_fault fault;
    assert_int_equal(bb_connect_decode(bb_span_of(body, sizeof(body) - 1), &packet, &fault), BB_E_MALFORMED);
    assert_int_equal(fault.offset, 12);
    assert_string_equal(fault.clause, "MQTT-1.5.4-2");
}

static void what_is_not_there_is_not_sent(void **state)
{
    bb_connect_parts parts = {.version = BB_MQTT_311, .clean_start = true, .keep_alive_s = 0x0102};
    uint8_t out[16];
    assert_int_equal(bb_connect_encode(out, 16, &parts), 14);
    assert_memory_equal(out, "\x10\x0C\0\4MQTT\4\2\1\2\0\0", 14);
    parts.user_name = BB_SPAN_LITERAL("");
    assert_int_equal(bb_connect_encode(out, 16, &parts), 16);
    assert_memory_equal(out, "\x10\x0E\0\4MQTT\4\x82\1\2\0\0\0\0", 16);
}

static void what_is_too_long_is_not_sent(void **state)
{
    static uint8_t out[1 << 18], text[1 << 16];
    bb_connect_parts parts = {.version = BB_MQTT_5, .client_id = bb_span_of(text, 65535)};
    assert_int_equal(bb_connect_encode(out, sizeof(out), &parts), 65552);
    parts.client_id.len++;
    assert_int_equal(bb_connect_encode(out, sizeof(out), &parts), 0);
    parts.client_id.len = 1;
    parts.will_topic = bb_span_of(text, 1);
    parts.will_payload = bb_span_of(text, 65536);
    assert_int_equal(bb_connect_encode(out, sizeof(out), &parts), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_decode_as_they_say),
        cmocka_unit_test(every_field_comes_out),
        cmocka_unit_test(the_level_is_known_as_soon_as_it_was_read),
        cmocka_unit_test(the_fault_tells_where),
        cmocka_unit_test(what_is_not_there_is_not_sent),
        cmocka_unit_test(what_is_too_long_is_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
