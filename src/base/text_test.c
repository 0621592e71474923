#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/text.h"

static void assert_text(const bb_text *text, const char *expected)
{
    assert_true(bb_span_equal(bb_text_span(text), bb_span_text(expected)));
}

static void numbers_are_written_in_full(void **state)
{
    char buffer[128];
    bb_text text = bb_text_on(buffer, sizeof buffer);
    bb_text_put_u64(&text, 0);
    bb_text_puts(&text, " ");
    bb_text_put_u64(&text, UINT64_MAX);
    bb_text_puts(&text, " ");
    bb_text_put_fixed2(&text, 1234);
    bb_text_puts(&text, " ");
    bb_text_put_fixed2(&text, 7);
    bb_text_puts(&text, " ");
    bb_text_put_hex(&text, 0xbeef, 6);
    assert_text(&text, "0 18446744073709551615 12.34 0.07 00beef");
    assert_false(text.cut);
}

static void what_does_not_fit_is_cut(void **state)
{
    char buffer[4];
    bb_text text = bb_text_on(buffer, sizeof buffer);
    bb_text_puts(&text, "abcd");
    assert_false(text.cut);
    bb_text_put(&text, BB_SPAN_NONE);
    assert_false(text.cut);
    bb_text_put_u64(&text, 5);
    assert_true(text.cut);
    assert_text(&text, "abcd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_in_full),
        cmocka_unit_test(what_does_not_fit_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
