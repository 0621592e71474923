#include "base/utf8.h"

/* The file for small devices, under other names, so that both can be asked. */
#define bb_utf8_valid small_valid
#define bb_utf8_well_formed small_well_formed
bool small_valid(bb_span text);
bool small_well_formed(bb_span bytes);
#include "base/utf8_small.c"
#undef bb_utf8_valid
#undef bb_utf8_well_formed

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* Encode a code point, also one that must not be encoded, in the fewest bytes. */
static size_t encode(uint32_t point, uint8_t out[4])
{
    if (point < 0x80) {
        out[0] = (uint8_t)point;
        return 1;
    }
    size_t size = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = size - 1; i > 0; i--, point >>= 6)
        out[i] = (uint8_t)(0x80 | (point & 0x3F));
    out[0] = (uint8_t)(lead[size] | point);
    return size;
}

static bool is_scalar(uint32_t point)
{
    return point <= 0x10FFFF && !(point >= 0xD800 && point <= 0xDFFF);
}

static bool is_refused(uint32_t point)
{
    return point < 0x20 || (point >= 0x7F && point < 0xA0) || (point & 0xFFFE) == 0xFFFE ||
           (point >= 0xFDD0 && point <= 0xFDEF);
}

static void every_code_point_is_judged(void **state)
{
    uint8_t bytes[4];
    for (uint32_t point = 0; point <= 0x11FFFF; point++) {
        bb_span text = bb_span_of(bytes, encode(point, bytes));
        assert_int_equal(bb_utf8_well_formed(text), is_scalar(point));
        assert_int_equal(bb_utf8_valid(text), is_scalar(point) && !is_refused(point));
    }
}

/* Each byte value at each place of texts of each length that the fast path treats differently. */
static void every_byte_is_seen_at_every_place(void **state)
{
    for (size_t len = 1; len <= 33; len++) {
        uint8_t *text = malloc(len); /* exactly, so that a read past the end shows */
        memset(text, 'a', len);
        for (size_t at = 0; at < len; at++) {
            for (unsigned byte = 0; byte <= 0xFF; byte++) {
                text[at] = (uint8_t)byte;
                assert_int_equal(bb_utf8_valid(bb_span_of(text, len)), byte >= 0x20 && byte < 0x7F);
                assert_int_equal(bb_utf8_well_formed(bb_span_of(text, len)), byte < 0x80);
            }
            text[at] = 'a';
        }
        free(text);
    }
}

static void a_character_may_straddle_words(void **state)
{
    for (size_t at = 0; at + 4 <= 24; at++) {
        uint8_t text[24];
        memset(text, ' ', sizeof(text));
        encode(0x1F600, text + at);
        assert_true(bb_utf8_valid(bb_span_of(text, sizeof(text))));
        assert_true(bb_utf8_well_formed(bb_span_of(text, sizeof(text))));
        for (size_t cut = at + 1; cut < at + 4; cut++) {
            assert_false(bb_utf8_valid(bb_span_of(text, cut)));
            assert_false(bb_utf8_well_formed(bb_span_of(text, cut)));
        }
    }
}

static void overlong_forms_are_refused_1_5_4_1(void **state)
{
    static const char *const overlong[] = {"\xC0\xAF", "\xC1\xBF", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF",
                                           "\xF8\x88\x80\x80\x80"};
    for (size_t i = 0; i < sizeof(overlong) / sizeof(overlong[0]); i++) {
        assert_false(bb_utf8_valid(bb_span_text(overlong[i])));
        assert_false(bb_utf8_well_formed(bb_span_text(overlong[i])));
    }
}

static void nothing_is_valid_text(void **state)
{
    assert_true(bb_utf8_valid(BB_SPAN_NONE));
    assert_true(bb_utf8_well_formed(BB_SPAN_NONE));
}

static void a_byte_order_mark_is_a_character_1_5_4_3(void **state)
{
    assert_true(bb_utf8_valid(BB_SPAN_LITERAL("\xEF\xBB\xBF")));
}

/* It refuses what must be refused, in every place of a text; and what is well-formed is the same to both. */
static void the_small_one_refuses_what_must_be(void **state)
{
    for (uint32_t point = 0; point < 0x120000; point += point < 0x12000 ? 1 : 0x3FD) {
        uint8_t text[6] = {'a', 0};
        size_t size = encode(point, text + 1);
        text[1 + size] = 'b';
        bb_span span = bb_span_of(text, size + 2);
        assert_int_equal(small_valid(span), is_scalar(point) && point != 0);
        assert_int_equal(small_well_formed(span), bb_utf8_well_formed(span));
        for (size_t cut = 2; cut < size + 1; cut++)
            assert_false(small_valid(bb_span_of(text, cut)));
    }
}

static void the_small_one_refuses_any_bad_bytes(void **state)
{
    for (uint32_t i = 0; i < 0x1000000; i += 7) {
        const uint8_t bytes[] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i, 0x80};
        bb_span span = bb_span_of(bytes, sizeof(bytes));
        if (small_well_formed(span) != bb_utf8_well_formed(span))
            fail_msg("%02x %02x %02x", bytes[0], bytes[1], bytes[2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_small_one_refuses_what_must_be),
        cmocka_unit_test(the_small_one_refuses_any_bad_bytes),
        cmocka_unit_test(every_code_point_is_judged),
        cmocka_unit_test(every_byte_is_seen_at_every_place),
        cmocka_unit_test(a_character_may_straddle_words),
        cmocka_unit_test(overlong_forms_are_refused_1_5_4_1),
        cmocka_unit_test(nothing_is_valid_text),
        cmocka_unit_test(a_byte_order_mark_is_a_character_1_5_4_3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
