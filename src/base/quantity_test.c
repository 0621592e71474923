#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/quantity.h"

static uint64_t parsed(const char *text, const bb_units *units, uint64_t bare)
{
    uint64_t amount = 0;
    assert_true(bb_quantity_parse(bb_span_text(text), units, bare, &amount));
    return amount;
}

static void a_number_alone_has_the_factor_of_its_place(void **state)
{
    assert_int_equal(parsed("7", &bb_size_units, 1), 7);
    assert_int_equal(parsed("7", &bb_time_units, 1000), 7000);
}

static void units_may_have_spaces_and_capitals(void **state)
{
    assert_int_equal(parsed("64KB", &bb_size_units, 1), 64 * BB_KB);
    assert_int_equal(parsed("64 kb", &bb_size_units, 1), 64 * BB_KB);
    assert_int_equal(parsed("2 days", &bb_time_units, 1000), 2 * BB_DAY_S * 1000);
    assert_int_equal(parsed("15 ms", &bb_time_units, 1000), 15);
}

static void what_is_no_amount_is_refused(void **state)
{
    static const char *const wrong[] = {
        "", "KB", "-1", "1.5", "3 parsecs", "18446744073709551616", "18446744073709551615 KB"};
    uint64_t amount = 42;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(bb_quantity_parse(bb_span_text(wrong[i]), &bb_size_units, 1, &amount));
    assert_int_equal(amount, 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_alone_has_the_factor_of_its_place),
        cmocka_unit_test(units_may_have_spaces_and_capitals),
        cmocka_unit_test(what_is_no_amount_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
