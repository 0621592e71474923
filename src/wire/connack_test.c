#include "wire/roundtrip.h"
#include "wire/vector_test.h"

static bb_status decode(const bb_header *header, bb_span body, bb_version version, bb_fault *fault)
{
    bb_connack packet;
    bb_status status = bb_connack_decode(body, version, &packet, fault);
    if (status == BB_OK)
        bb_roundtrip_connack(&packet, version, body);
    return status;
}

static void vectors_decode_as_they_say(void **state)
{
    check_vectors("connack_from_server", decode);
}

static void return_codes_of_3x_become_reason_codes(void **state)
{
    static const uint8_t reasons[] = {0x00, 0x84, 0x85, 0x88, 0x86, 0x87};
    for (uint8_t i = 0; i < sizeof(reasons); i++) {
        const uint8_t body[] = {0, i};
        bb_connack packet;
        assert_int_equal(bb_connack_decode(bb_span_of(body, 2), BB_MQTT_311, &packet, NULL), BB_OK);
        assert_int_equal(packet.code, reasons[i]);
        assert_int_equal(packet.properties.present, 0);
    }
}

static void what_the_server_can_do_comes_out(void **state)
{
    static const uint8_t body[] = "\1\0\x0F\x21\0\5\x24\1\x27\0\0\x10\0\x1A\0\1r\x25\0";
    bb_connack packet;
    assert_int_equal(bb_connack_decode(bb_span_of(body, sizeof(body) - 1), BB_MQTT_5, &packet, NULL), BB_E_MALFORMED);
    uint8_t longer[sizeof(body)];
    memcpy(longer, body, sizeof(body));
    longer[2] = sizeof(body) - 4;
    assert_int_equal(bb_connack_decode(bb_span_of(longer, sizeof(body) - 1), BB_MQTT_5, &packet, NULL), BB_OK);
    assert_true(packet.session_present);
    assert_int_equal(packet.properties.receive_maximum, 5);
    assert_int_equal(packet.properties.maximum_qos, 1);
    assert_int_equal(packet.properties.maximum_packet_size, 4096);
    assert_int_equal(packet.properties.retain_available, 0);
    assert_true(bb_span_equal(packet.properties.response_info, BB_SPAN_LITERAL("r")));
}

static void return_codes_of_3x_say_what_reason_codes_say(void **state)
{
    static const uint8_t pairs[][2] = {{0x00, 0}, {0x84, 1}, {0x85, 2}, {0x86, 4}, {0x87, 5}, {0x97, 3}, {0x81, 3}};
    uint8_t out[4];
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        assert_int_equal(bb_connack_encode(out, sizeof(out), BB_MQTT_311, false, pairs[i][0], BB_SPAN_NONE), 4);
        const uint8_t expected[] = {0x20, 0x02, 0x00, pairs[i][1]};
        assert_memory_equal(out, expected, 4);
    }
}

static void session_present_is_said_only_where_it_may_be(void **state)
{
    uint8_t out[5];
    assert_int_equal(bb_connack_encode(out, 5, BB_MQTT_5, true, 0x00, BB_SPAN_NONE), 5);
    assert_memory_equal(out, "\x20\x03\x01\x00\x00", 5);
    assert_int_equal(bb_connack_encode(out, 5, BB_MQTT_311, true, 0x00, BB_SPAN_NONE), 4);
    assert_int_equal(out[2], 1);
    assert_int_equal(bb_connack_encode(out, 5, BB_MQTT_31, true, 0x00, BB_SPAN_NONE), 4);
    assert_int_equal(out[2], 0);
    assert_int_equal(bb_connack_encode(out, 5, BB_MQTT_5, true, 0x87, BB_SPAN_NONE), 5); /* MQTT-3.2.2-6 */
    assert_memory_equal(out, "\x20\x03\x00\x87\x00", 5);
}

static void properties_follow_in_50(void **state)
{
    uint8_t list[8], out[16];
    bb_property_writer writer = {.at = list, .cap = sizeof(list)};
    bb_property_put_u16(&writer, 0x21, 20);
    bb_property_put_byte(&writer, 0x24, 1);
    bb_span properties = bb_span_of(list, writer.len);
    assert_int_equal(bb_connack_encode(out, sizeof(out), BB_MQTT_5, false, 0, properties), 10);
    assert_memory_equal(out, "\x20\x08\x00\x00\x05\x21\x00\x14\x24\x01", 10);
    assert_int_equal(bb_connack_encode(out, 9, BB_MQTT_5, false, 0, properties), 0);
    assert_int_equal(bb_connack_encode(out, sizeof(out), BB_MQTT_311, false, 0, properties), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(return_codes_of_3x_say_what_reason_codes_say),
        cmocka_unit_test(session_present_is_said_only_where_it_may_be),
        cmocka_unit_test(properties_follow_in_50),
        cmocka_unit_test(vectors_decode_as_they_say),
        cmocka_unit_test(return_codes_of_3x_become_reason_codes),
        cmocka_unit_test(what_the_server_can_do_comes_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
