#include "wire/roundtrip.h"
#include "wire/vector_test.h"

/* A list of `count` times the same property of the table. */
static bb_span list_of(uint8_t id, const uint8_t *value, size_t len, size_t count, uint8_t out[32])
{
    size_t at = 1;
    for (size_t i = 0; i < count; i++) {
        out[at++] = id;
        memcpy(out + at, value, len);
        at += len;
    }
    out[0] = (uint8_t)(at - 1);
    return bb_span_of(out, at);
}

static void check_row(uint8_t id, unsigned index, uint32_t allowed, const uint8_t *value, size_t len)
{
    uint8_t bytes[32];
    bb_properties list;
    size_t used;
    for (unsigned place = 1; place <= 16; place++) {
        uint32_t where = 1u << place;
        if (!(where & BB_IN_ANY))
            continue;
        bb_span once = list_of(id, value, len, 1, bytes);
        bb_status status = bb_properties_decode(once, where, &list, &used, NULL);
        assert_int_equal(status, allowed & where ? BB_OK : BB_E_PROTOCOL);
        if (status != BB_OK)
            continue;
        assert_int_equal(used, once.len);
        assert_int_equal(list.present, 1u << index);
        bb_roundtrip_properties(&list);

        bool repeats = id == BB_USER_PROPERTY || (id == BB_SUBSCRIPTION_ID && where == BB_IN_PUBLISH);
        bb_span twice = list_of(id, value, len, 2, bytes);
        status = bb_properties_decode(twice, where, &list, &used, NULL);
        assert_int_equal(status, repeats ? BB_OK : BB_E_PROTOCOL);
    }
}

static void each_row_holds_in_each_place(void **state)
{
#define X(id, name, type, allowed, zero) check_##type(id, bb_property_index_##name, allowed);
#define check_BOOL(id, index, allowed) check_row(id, index, allowed, (const uint8_t[]){1}, 1)
#define check_U16(id, index, allowed) check_row(id, index, allowed, (const uint8_t[]){0, 1}, 2)
#define check_U32(id, index, allowed) check_row(id, index, allowed, (const uint8_t[]){0, 0, 0, 1}, 4)
#define check_VARINT(id, index, allowed) check_row(id, index, allowed, (const uint8_t[]){1}, 1)
#define check_TEXT(id, index, allowed) check_row(id, index, allowed, (const uint8_t[]){0, 1, 'x'}, 3)
#define check_BINARY(id, index, allowed) check_row(id, index, allowed, (const uint8_t[]){0, 1, 0}, 3)
#define check_PAIR(id, index, allowed) check_row(id, index, allowed, (const uint8_t[]){0, 1, 'n', 0, 1, 'v'}, 6)
    BB_PROPERTY_MAP(X)
#undef X
}

static void a_list_that_has_not_arrived_is_more(void **state)
{
    static const uint8_t bytes[] = {0x05, 0x11, 0x00, 0x00, 0x00, 0x0A};
    bb_properties list;
    size_t used;
    for (size_t len = 0; len < sizeof(bytes); len++) {
        uint8_t *cut = exact_copy(bytes, len);
        assert_int_equal(bb_properties_decode(bb_span_of(cut, len), BB_IN_CONNECT, &list, &used, NULL), BB_MORE);
        free(cut);
    }
    assert_int_equal(bb_properties_decode(bb_span_of(bytes, 6), BB_IN_CONNECT, &list, &used, NULL), BB_OK);
    assert_int_equal(used, 6);
    assert_int_equal(list.session_expiry_s, 10);
}

static void the_walk_shows_every_value(void **state)
{
    uint8_t bytes[64];
    bb_property_writer writer = {.at = bytes, .cap = sizeof(bytes)};
    bb_property_put_varint(&writer, BB_SUBSCRIPTION_ID, 300);
    bb_property_put_pair(&writer, BB_SPAN_LITERAL("n"), BB_SPAN_LITERAL("v"));
    bb_property_put_bytes(&writer, 0x09, BB_SPAN_LITERAL("\0\1"));
    bb_property_put_u32(&writer, 0x02, 77);
    bb_span rest = bb_span_of(bytes, writer.len);
    bb_property property;

    assert_true(bb_property_next(&rest, &property));
    assert_int_equal(property.id, BB_SUBSCRIPTION_ID);
    assert_int_equal(property.number, 300);
    assert_true(bb_property_next(&rest, &property));
    assert_true(bb_span_equal(property.name, BB_SPAN_LITERAL("n")));
    assert_true(bb_span_equal(property.value, BB_SPAN_LITERAL("v")));
    assert_true(bb_property_next(&rest, &property));
    assert_true(bb_span_equal(property.value, BB_SPAN_LITERAL("\0\1")));
    assert_true(bb_property_next(&rest, &property));
    assert_int_equal(property.number, 77);
    assert_int_equal(property.encoded.len, 5);
    assert_false(bb_property_next(&rest, &property));
}

static void the_first_of_an_identifier_is_found(void **state)
{
    static const uint8_t bytes[] = {0x01, 1, 0x26, 0, 1, 'a', 0, 1, 'b', 0x26, 0, 1, 'c', 0, 1, 'd'};
    bb_span list = bb_span_of(bytes, sizeof(bytes));
    bb_property property = {.id = 0xEE};
    assert_false(bb_property_find(list, BB_CONTENT_TYPE, &property));
    assert_int_equal(property.id, 0xEE);
    assert_true(bb_property_find(list, BB_USER_PROPERTY, &property));
    assert_true(bb_span_equal(property.name, BB_SPAN_LITERAL("a")));
    assert_true(bb_property_find(list, BB_PAYLOAD_FORMAT, &property));
    assert_int_equal(property.number, 1);
}

static void a_copy_leaves_out_what_it_is_told(void **state)
{
    static const uint8_t bytes[] = {0x18, 0, 0, 0, 9, 0x26, 0, 1, 'a', 0, 1, 'b', 0x01, 1, 0x26, 0, 0, 0, 0};
    static const uint8_t expected[] = {0x26, 0, 1, 'a', 0, 1, 'b', 0x26, 0, 0, 0, 0};
    uint8_t out[sizeof(bytes)];
    size_t len =
        bb_properties_copy(bb_span_of(bytes, sizeof(bytes)), BB_HAS(will_delay_s) | BB_HAS(payload_format), out);
    assert_int_equal(len, sizeof(expected));
    assert_memory_equal(out, expected, len);
}

static void what_does_not_fit_is_left_out_whole(void **state)
{
    uint8_t bytes[7] = {0};
    bb_property_writer writer = {.at = bytes, .cap = sizeof(bytes)};
    bb_property_put_u32(&writer, 0x11, 0x01020304);
    bb_property_put_pair(&writer, BB_SPAN_LITERAL(""), BB_SPAN_LITERAL(""));
    assert_true(writer.full);
    assert_int_equal(writer.len, 5);
    bb_property_put_byte(&writer, 0x24, 1);
    assert_int_equal(writer.len, 7);
    assert_memory_equal(bytes, "\x11\x01\x02\x03\x04\x24\x01", 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_holds_in_each_place),        cmocka_unit_test(a_list_that_has_not_arrived_is_more),
        cmocka_unit_test(the_walk_shows_every_value),          cmocka_unit_test(a_copy_leaves_out_what_it_is_told),
        cmocka_unit_test(what_does_not_fit_is_left_out_whole), cmocka_unit_test(the_first_of_an_identifier_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
