#include "wire/vector_test.h"

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
