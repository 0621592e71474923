#include "wire/roundtrip.h"
#include "wire/vector_test.h"

static bb_status decode(const bb_header *header, bb_span body, bb_version version, bb_fault *fault)
{
    bb_subscribe packet;
    bb_packet_type type = (bb_packet_type)header->type;
    bb_status status = bb_subscribe_decode(type, body, version, &packet, fault);
    if (status != BB_OK)
        return status;
    bb_roundtrip_subscribe(type, &packet);
    bb_roundtrip_subscribe_again(type, version, &packet, body);
    return BB_OK;
}

static void vectors_decode_as_they_say(void **state)
{
    check_vectors("subscribe", decode);
    check_vectors("unsubscribe", decode);
}

static void entries_come_out_in_order(void **state)
{
    static const uint8_t body[] = "\x00\x07\x02\x0B\x05\x00\x01"
                                  "a\x2D\x00\x03"
                                  "b/#\x12";
    bb_subscribe packet;
    bb_filter_entry entry;
    assert_int_equal(bb_subscribe_decode(BB_SUBSCRIBE, bb_span_of(body, sizeof(body) - 1), BB_MQTT_5, &packet, NULL),
                     BB_OK);
    assert_int_equal(packet.packet_id, 7);
    assert_int_equal(packet.properties.subscription_id, 5);

    assert_true(bb_filter_next(BB_SUBSCRIBE, &packet.entries, &entry));
    assert_true(bb_span_equal(entry.filter, BB_SPAN_LITERAL("a")));
    assert_int_equal(entry.qos, 1);
    assert_true(entry.no_local && entry.retain_as_published);
    assert_int_equal(entry.retain_handling, 2);

    assert_true(bb_filter_next(BB_SUBSCRIBE, &packet.entries, &entry));
    assert_true(bb_span_equal(entry.filter, BB_SPAN_LITERAL("b/#")));
    assert_int_equal(entry.qos, 2);
    assert_false(entry.no_local || entry.retain_as_published);
    assert_int_equal(entry.retain_handling, 1);
    assert_false(bb_filter_next(BB_SUBSCRIBE, &packet.entries, &entry));
}

static void answers_have_a_code_for_each_filter(void **state)
{
    bb_span codes = BB_SPAN_LITERAL("\x00\x02\x87");
    uint8_t out[16];
    assert_int_equal(bb_suback_encode(out, 8, BB_SUBACK, BB_MQTT_5, 0x102, codes), 8);
    assert_memory_equal(out, "\x90\x06\x01\x02\x00\x00\x02\x87", 8);
    assert_int_equal(bb_suback_encode(out, 7, BB_SUBACK, BB_MQTT_311, 0x102, codes), 7);
    assert_memory_equal(out, "\x90\x05\x01\x02\x00\x02\x80", 7);
    assert_int_equal(bb_suback_encode(out, 8, BB_UNSUBACK, BB_MQTT_5, 1, codes), 8);
    assert_memory_equal(out, "\xB0\x06\x00\x01\x00\x00\x02\x87", 8);
    assert_int_equal(bb_suback_encode(out, 4, BB_UNSUBACK, BB_MQTT_31, 1, codes), 4);
    assert_memory_equal(out, "\xB0\x02\x00\x01", 4);
    assert_int_equal(bb_suback_encode(out, 7, BB_SUBACK, BB_MQTT_5, 1, codes), 0);
}

static void what_a_client_sends_is_what_it_said(void **state)
{
    static const uint8_t expected[] = "\x82\x0D\x01\x02\x02\x0B\x05\x00\x01"
                                      "a\x2D\x00\x01#\x12";
    const bb_filter_entry entries[] = {
        {.filter = BB_SPAN_LITERAL("a"), .qos = 1, .no_local = true, .retain_as_published = true, .retain_handling = 2},
        {.filter = BB_SPAN_LITERAL("#"), .qos = 2, .retain_handling = 1}};
    bb_span list = BB_SPAN_LITERAL("\x0B\x05");
    uint8_t out[15];
    assert_int_equal(bb_subscribe_encode(out, 15, BB_SUBSCRIBE, BB_MQTT_5, 0x102, list, entries, 2), 15);
    assert_memory_equal(out, expected, 15);
    assert_int_equal(bb_subscribe_encode(out, 14, BB_SUBSCRIBE, BB_MQTT_5, 0x102, list, entries, 2), 0);
    assert_int_equal(bb_subscribe_encode(out, 15, BB_SUBSCRIBE, BB_MQTT_311, 0x102, list, entries, 2), 12);
    assert_memory_equal(out,
                        "\x82\x0A\x01\x02\x00\x01"
                        "a\x01\x00\x01#\x02",
                        12);
    assert_int_equal(bb_subscribe_encode(out, 15, BB_UNSUBSCRIBE, BB_MQTT_5, 9, BB_SPAN_NONE, entries, 1), 8);
    assert_memory_equal(out,
                        "\xA2\x06\x00\x09\x00\x00\x01"
                        "a",
                        8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_decode_as_they_say),
        cmocka_unit_test(entries_come_out_in_order),
        cmocka_unit_test(answers_have_a_code_for_each_filter),
        cmocka_unit_test(what_a_client_sends_is_what_it_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
