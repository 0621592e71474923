#include "wire/roundtrip.h"
#include "wire/vector_test.h"

static bb_status decode(const bb_header *header, bb_span body, bb_version version, bool from_client, bb_fault *fault)
{
    bb_disconnect packet;
    bb_packet_type type = (bb_packet_type)header->type;
    bb_status status = bb_disconnect_decode(type, body, version, from_client, &packet, fault);
    if (status == BB_OK && version == BB_MQTT_5)
        bb_roundtrip_disconnect(type, &packet, from_client);
    return status;
}

static bb_status decode_from_client(const bb_header *header, bb_span body, bb_version version, bb_fault *fault)
{
    return decode(header, body, version, true, fault);
}

static bb_status decode_from_server(const bb_header *header, bb_span body, bb_version version, bb_fault *fault)
{
    return decode(header, body, version, false, fault);
}

static void vectors_decode_as_they_say(void **state)
{
    check_vectors("disconnect", decode_from_client);
    check_vectors("disconnect_from_server", decode_from_server);
    check_vectors("auth", decode_from_client);
    check_vectors("auth_from_server", decode_from_server);
}

static void the_shortest_form_is_used(void **state)
{
    uint8_t out[16];
    bb_span method = BB_SPAN_LITERAL("\x15\x00\x01m");
    assert_int_equal(bb_disconnect_encode(out, 2, BB_DISCONNECT, 0x00, BB_SPAN_NONE), 2);
    assert_memory_equal(out, "\xE0\x00", 2);
    assert_int_equal(bb_disconnect_encode(out, 3, BB_DISCONNECT, 0x8E, BB_SPAN_NONE), 3);
    assert_memory_equal(out, "\xE0\x01\x8E", 3);
    assert_int_equal(bb_disconnect_encode(out, 8, BB_AUTH, 0x18, method), 8);
    assert_memory_equal(out, "\xF0\x06\x18\x04\x15\x00\x01m", 8);
    assert_int_equal(bb_disconnect_encode(out, 7, BB_AUTH, 0x18, method), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_decode_as_they_say),
        cmocka_unit_test(the_shortest_form_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
