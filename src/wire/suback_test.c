#include "wire/roundtrip.h"
#include "wire/vector_test.h"

static bb_status decode(const bb_header *header, bb_span body, bb_version version, bb_fault *fault)
{
    bb_suback packet;
    bb_packet_type type = (bb_packet_type)header->type;
    bb_status status = bb_suback_decode(type, body, version, &packet, fault);
    if (status == BB_OK)
        bb_roundtrip_suback(type, &packet, version, body);
    return status;
}

static void vectors_decode_as_they_say(void **state)
{
    check_vectors("suback_from_server", decode);
    check_vectors("unsuback_from_server", decode);
}

static void codes_come_out_in_order(void **state)
{
    static const uint8_t body[] = "\1\2\7\x1F\0\4why!\0\x87\2";
    bb_suback packet;
    assert_int_equal(bb_suback_decode(BB_SUBACK, bb_span_of(body, sizeof(body) - 1), BB_MQTT_5, &packet, NULL), BB_OK);
    assert_int_equal(packet.packet_id, 0x102);
    assert_true(bb_span_equal(packet.properties.reason_string, BB_SPAN_LITERAL("why!")));
    assert_true(bb_span_equal(packet.codes, BB_SPAN_LITERAL("\0\x87\2")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_decode_as_they_say),
        cmocka_unit_test(codes_come_out_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
