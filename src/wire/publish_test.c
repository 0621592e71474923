#include "wire/roundtrip.h"
#include "wire/vector_test.h"

static bb_status decode(const bb_header *header, bb_span body, bb_version version, bb_fault *fault)
{
    bb_publish packet;
    bb_agree_publish_311(header, body);
    bb_status status = bb_publish_decode(header, body, version, &packet, fault);
    if (status == BB_OK)
        bb_roundtrip_publish(&packet, header, body, version);
    return status;
}

static void vectors_decode_as_they_say(void **state)
{
    check_vectors("publish", decode);
}

/* A packet that is still arriving says BB_MORE until its head is there, and then what the whole packet says. */
static bb_status decode_as_it_arrives(const bb_header *header, bb_span body, bb_version version, bb_fault *fault)
{
    bb_publish packet;
    bb_status whole = bb_publish_decode(header, body, version, &packet, fault);
    size_t head = whole == BB_OK ? packet.payload_offset : body.len;
    for (size_t len = 0; len < body.len; len++) {
        uint8_t *cut = exact_copy(body.data, len);
        bb_status status = bb_publish_decode(header, bb_span_of(cut, len), version, &packet, NULL);
        if (whole == BB_OK)
            assert_int_equal(status, len < head ? BB_MORE : BB_OK);
        else
            assert_true(status == BB_MORE || status == whole);
        if (status == BB_OK)
            assert_int_equal(packet.payload.len, len - head);
        free(cut);
    }
    return whole;
}

static void a_head_may_arrive_byte_by_byte(void **state)
{
    check_vectors("publish", decode_as_it_arrives);
}

/* Decode a 5.0 packet of which all bytes are there. */
static bb_publish decode_ok(const uint8_t *bytes, size_t len)
{
    bb_header header;
    bb_publish packet;
    assert_int_equal(bb_header_decode(bb_span_of(bytes, len), &header, NULL), BB_OK);
    assert_int_equal(header.size + header.remaining, len);
    bb_span body = bb_span_of(bytes + header.size, header.remaining);
    assert_int_equal(bb_publish_decode(&header, body, BB_MQTT_5, &packet, NULL), BB_OK);
    return packet;
}

static void the_head_carries_ids_alias_and_what_is_left_of_the_expiry(void **state)
{
    static const uint8_t properties[] = {0x01, 0x01, 0x02, 0x00, 0x00, 0x00, 0x3C, 0x03, 0x00, 0x01, 'x'};
    static const uint32_t ids[] = {1, 128, BB_SUBSCRIPTION_ID_MAX};
    bb_publish_head head = {
        .qos = 2,
        .retain = true,
        .dup = true,
        .packet_id = 0x1234,
        .topic = BB_SPAN_LITERAL("a/b"),
        .properties = bb_span_of(properties, sizeof(properties)),
        .expiry_at = 3,
        .expiry_s = 59,
        .alias = 7,
        .ids = ids,
        .ids_count = 3,
        .payload_len = 2,
    };
    uint8_t out[64];
    size_t head_size, size = bb_publish_size(BB_MQTT_5, &head, &head_size);
    assert_int_equal(bb_publish_encode(out, BB_MQTT_5, &head), head_size);
    assert_int_equal(size, head_size + 2);
    memcpy(out + head_size, "hi", 2);

    bb_publish packet = decode_ok(out, size);
    assert_int_equal(packet.qos, 2);
    assert_true(packet.retain && packet.dup);
    assert_int_equal(packet.packet_id, 0x1234);
    assert_int_equal(packet.properties.message_expiry_s, 59);
    assert_int_equal(packet.properties.expiry_at, 3);
    assert_int_equal(packet.properties.topic_alias, 7);
    assert_int_equal(packet.properties.subscription_id, BB_SUBSCRIPTION_ID_MAX);
    assert_int_equal(packet.properties.alias_at, packet.properties.raw.len - 3);
    assert_true(bb_span_equal(packet.payload, BB_SPAN_LITERAL("hi")));
}

static void before_50_there_are_no_properties(void **state)
{
    static const uint8_t properties[] = {0x01, 0x01};
    bb_publish_head head = {
        .topic = BB_SPAN_LITERAL("a"), .properties = bb_span_of(properties, 2), .alias = 3, .payload_len = 4};
    uint8_t out[16];
    assert_int_equal(bb_publish_size(BB_MQTT_311, &head, NULL), 9);
    assert_int_equal(bb_publish_encode(out, BB_MQTT_311, &head), 5);
    assert_memory_equal(out,
                        "\x30\x07\x00\x01"
                        "a",
                        5);
}

static void a_packet_that_no_length_can_say_has_no_size(void **state)
{
    bb_publish_head head = {.topic = BB_SPAN_LITERAL("a"), .payload_len = BB_REMAINING_MAX - 3};
    size_t head_size;
    assert_int_equal(bb_publish_size(BB_MQTT_311, &head, &head_size), (size_t)BB_REMAINING_MAX + 5);
    assert_int_equal(head_size, 8);
    head.payload_len++;
    assert_true(bb_publish_size(BB_MQTT_311, &head, NULL) == SIZE_MAX);
    head.payload_len--;
    assert_true(bb_publish_size(BB_MQTT_5, &head, NULL) == SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_decode_as_they_say),
        cmocka_unit_test(a_head_may_arrive_byte_by_byte),
        cmocka_unit_test(the_head_carries_ids_alias_and_what_is_left_of_the_expiry),
        cmocka_unit_test(before_50_there_are_no_properties),
        cmocka_unit_test(a_packet_that_no_length_can_say_has_no_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
