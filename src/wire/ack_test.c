#include "wire/roundtrip.h"
#include "wire/vector_test.h"

static bb_status decode(const bb_header *header, bb_span body, bb_version version, bb_fault *fault)
{
    bb_ack packet;
    bb_packet_type type = (bb_packet_type)header->type;
    bb_agree_ack_311((bb_packet_type)header->type, body);
    bb_status status = bb_ack_decode(type, body, version, &packet, fault);
    if (status == BB_OK)
        bb_roundtrip_ack(type, &packet, version);
    return status;
}

static void vectors_decode_as_they_say(void **state)
{
    check_vectors("puback", decode);
    check_vectors("pubrec", decode);
    check_vectors("pubrel", decode);
    check_vectors("pubcomp", decode);
}

static void the_shortest_form_is_used(void **state)
{
    uint8_t out[32];
    assert_int_equal(bb_ack_encode(out, 4, BB_PUBACK, BB_MQTT_5, 0x1234, 0x00, BB_SPAN_NONE), 4);
    assert_memory_equal(out, "\x40\x02\x12\x34", 4);
    assert_int_equal(bb_ack_encode(out, 5, BB_PUBREC, BB_MQTT_5, 1, 0x87, BB_SPAN_NONE), 5);
    assert_memory_equal(out, "\x50\x03\x00\x01\x87", 5);
    assert_int_equal(bb_ack_encode(out, 4, BB_PUBREL, BB_MQTT_311, 1, 0x92, BB_SPAN_LITERAL("why")), 4);
    assert_memory_equal(out, "\x62\x02\x00\x01", 4);
    assert_int_equal(bb_ack_encode(out, sizeof(out), BB_PUBCOMP, BB_MQTT_5, 1, 0x92, BB_SPAN_LITERAL("why")), 12);
    assert_memory_equal(out, "\x70\x0A\x00\x01\x92\x06\x1F\x00\x03why", 12);
}

static void what_does_not_fit_is_not_written(void **state)
{
    uint8_t out[1] = {0xAA};
    assert_int_equal(bb_ack_encode(out, 1, BB_PUBACK, BB_MQTT_5, 1, 0, BB_SPAN_NONE), 0);
    assert_int_equal(bb_ack_encode(out, 11, BB_PUBACK, BB_MQTT_5, 1, 0, BB_SPAN_LITERAL("why")), 0);
    assert_int_equal(out[0], 0xAA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_decode_as_they_say),
        cmocka_unit_test(the_shortest_form_is_used),
        cmocka_unit_test(what_does_not_fit_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
