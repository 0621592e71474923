#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tool/spark.h"

static char buffer[256];

static const char *picture(const double *values, size_t count, size_t width, bool ascii)
{
    bb_text text = bb_text_on(buffer, sizeof buffer - 1);
    bb_spark_put(&text, values, count, width, ascii);
    buffer[text.len] = '\0';
    return buffer;
}

static const char *number(double value, bool bytes)
{
    bb_text text = bb_text_on(buffer, sizeof buffer - 1);
    bb_spark_put_number(&text, value, bytes);
    buffer[text.len] = '\0';
    return buffer;
}

static void the_largest_is_as_high_as_can_be(void **state)
{
    static const double values[] = {0, 1, 2, 3, 4, 5, 6, 7};
    assert_string_equal(picture(values, 8, 8, false), "▁▂▃▄▅▆▇█");
    assert_string_equal(picture(values, 8, 8, true), "_.:-=+*#");
}

static void little_is_not_nothing(void **state)
{
    static const double values[] = {0, 0.001, 1000};
    assert_string_equal(picture(values, 3, 3, false), "▁▂█");
}

static void the_newest_are_on_the_right(void **state)
{
    static const double values[] = {9, 0, 2, 1};
    assert_string_equal(picture(values, 4, 6, true), "  #_:.");
    assert_string_equal(picture(values, 4, 3, true), "_#=");
    assert_string_equal(picture(values, 0, 3, true), "   ");
    assert_string_equal(picture(values, 4, 0, true), "");
}

static void nothing_but_zero_is_the_ground_line(void **state)
{
    static const double values[] = {0, 0};
    assert_string_equal(picture(values, 2, 2, false), "▁▁");
}

static void numbers_are_short(void **state)
{
    static const struct {
        double value;
        bool bytes;
        const char *expected;
    } examples[] = {
        {0, false, "0"},          {7, false, "7"},           {0.25, false, "0.25"},      {950, false, "950"},
        {12345, false, "12.3k"},  {4560000, false, "4.56M"}, {999.9, false, "1.00k"},    {123456, false, "123k"},
        {2048, true, "2.00 KB"},  {0, true, "0 B"},          {6190000, true, "5.90 MB"}, {3e12, true, "2.73 TB"},
        {5e17, false, "500000T"},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        assert_string_equal(number(examples[i].value, examples[i].bytes), examples[i].expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_is_as_high_as_can_be),
        cmocka_unit_test(little_is_not_nothing),
        cmocka_unit_test(the_newest_are_on_the_right),
        cmocka_unit_test(nothing_but_zero_is_the_ground_line),
        cmocka_unit_test(numbers_are_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
