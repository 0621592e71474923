#include "wire/vector_test.h"

static void vectors_decode_as_they_say(void **state)
{
    FILE *file = fopen("tests/vectors/header.txt", "r");
    assert_non_null(file);
    bb_vector vector;
    while (vector_next(file, &vector)) {
        bb_header header;
        bb_fault fault = {0};
        check_outcome(&vector, bb_header_decode(bb_span_of(vector.bytes, vector.len), &header, &fault), &fault);
        free(vector.bytes);
    }
    fclose(file);
}

static void type_flags_size_and_length_come_out(void **state)
{
    static const uint8_t bytes[] = {0x3B, 0xFF, 0xFF, 0xFF, 0x7F, 0xAA};
    bb_header header;
    assert_int_equal(bb_header_decode(bb_span_of(bytes, sizeof(bytes)), &header, NULL), BB_OK);
    assert_int_equal(header.type, BB_PUBLISH);
    assert_int_equal(header.flags, 0xB);
    assert_int_equal(header.size, 5);
    assert_int_equal(header.remaining, BB_REMAINING_MAX);
}

static void wrong_flags_are_refused_before_the_length_has_come(void **state)
{
    static const uint8_t subscribe[] = {0x80};
    bb_header header;
    bb_fault fault;
    assert_int_equal(bb_header_decode(bb_span_of(subscribe, 1), &header, &fault), BB_E_MALFORMED);
    assert_string_equal(fault.clause, "MQTT-3.8.1-1");
}

static void dup_is_ignored_in_31_where_packets_are_sent_again(void **state)
{
    static const uint8_t again[][2] = {{0x6A, 0}, {0x8A, 0}, {0xAA, 0}};
    static const uint8_t never[][2] = {{0x48, 0}, {0x60, 0}, {0x68, 0}, {0xC8, 0}, {0x08, 0}, {0x00, 0}};
    bb_header header;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(bb_header_decode_31(bb_span_of(again[i], 2), &header, NULL), BB_OK);
        assert_int_equal(bb_header_decode(bb_span_of(again[i], 2), &header, NULL), BB_E_MALFORMED);
    }
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(bb_header_decode_31(bb_span_of(never[i], 2), &header, NULL), BB_E_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_decode_as_they_say),
        cmocka_unit_test(type_flags_size_and_length_come_out),
        cmocka_unit_test(wrong_flags_are_refused_before_the_length_has_come),
        cmocka_unit_test(dup_is_ignored_in_31_where_packets_are_sent_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
