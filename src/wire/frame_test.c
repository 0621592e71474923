#include "wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void parts_are_the_packet(void **state)
{
    static const uint8_t expected[] = {0x30, 0x0B, 0x12, 0x34, 0, 2, 'h', 'i', 0xAC, 0x02, 0xFF, 'x', 'y'};
    uint8_t out[sizeof(expected)];
    bb_frame frame;
    bb_frame_begin(&frame);
    bb_frame_number(&frame, 0x1234, 2);
    bb_frame_binary(&frame, BB_SPAN_LITERAL("hi"));
    bb_frame_varint(&frame, 300);
    bb_frame_number(&frame, 0xFF, 1);
    bb_frame_bytes(&frame, BB_SPAN_NONE);
    bb_frame_bytes(&frame, BB_SPAN_LITERAL("xy"));
    assert_true(bb_frame_end(&frame, 0x30, 0));
    assert_int_equal(frame.size, sizeof(expected));
    assert_int_equal(frame.count, 4); /* short fields beside each other are one part */
    bb_frame_copy(&frame, out);
    assert_memory_equal(out, expected, sizeof(expected));
}

static void what_follows_is_counted(void **state)
{
    uint8_t out[8];
    bb_frame frame;
    bb_frame_begin(&frame);
    bb_frame_number(&frame, 7, 1);
    assert_true(bb_frame_end(&frame, 0x30, 300));
    assert_int_equal(frame.size, 4);
    bb_frame_copy(&frame, out);
    assert_memory_equal(out, "\x30\xAD\x02\x07", 4);
}

static void more_than_mqtt_allows_is_refused(void **state)
{
    static uint8_t text[65536];
    bb_frame frame;
    bb_frame_begin(&frame);
    bb_frame_binary(&frame, bb_span_of(text, 65535));
    assert_true(bb_frame_end(&frame, 0x30, BB_REMAINING_MAX - 65537));
    bb_frame_begin(&frame);
    bb_frame_binary(&frame, bb_span_of(text, 65535));
    assert_false(bb_frame_end(&frame, 0x30, BB_REMAINING_MAX - 65536));
    bb_frame_begin(&frame);
    bb_frame_binary(&frame, bb_span_of(text, 65536));
    assert_false(bb_frame_end(&frame, 0x30, 0));
    bb_frame_begin(&frame);
    assert_false(bb_frame_end(&frame, 0x30, SIZE_MAX));
    bb_frame_begin(&frame);
    bb_frame_bytes(&frame, bb_span_of(text, (size_t)BB_REMAINING_MAX + 1)); /* not read: it is too much already */
    bb_frame_number(&frame, 1, 1);
    assert_false(bb_frame_end(&frame, 0x30, 0));
}

static void an_acknowledgement_has_a_code_only_where_it_says_something(void **state)
{
    static const struct {
        bb_packet_type type;
        bb_version version;
        uint8_t code;
    } cases[] = {{BB_PUBACK, BB_MQTT_5, 0},
                 {BB_PUBREC, BB_MQTT_5, 0x97},
                 {BB_PUBREL, BB_MQTT_5, 0x92},
                 {BB_PUBREL, BB_MQTT_311, 0},
                 {BB_PUBCOMP, BB_MQTT_311, 0x92}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t encoded[8], out[8];
        bb_frame frame;
        size_t size = bb_ack_encode(encoded, sizeof(encoded), cases[i].type, cases[i].version, 0x102, cases[i].code,
                                    BB_SPAN_NONE);
        bb_ack_frame(&frame, cases[i].type, cases[i].version, 0x102, cases[i].code);
        assert_int_equal(frame.size, size);
        bb_frame_copy(&frame, out);
        assert_memory_equal(out, encoded, size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_the_packet),
        cmocka_unit_test(what_follows_is_counted),
        cmocka_unit_test(more_than_mqtt_allows_is_refused),
        cmocka_unit_test(an_acknowledgement_has_a_code_only_where_it_says_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
