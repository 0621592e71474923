#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/suggest.h"

static void edit_distance_counts_swaps_as_one(void **state)
{
    assert_int_equal(bb_edit_distance(BB_SPAN_LITERAL("workers"), BB_SPAN_LITERAL("workers")), 0);
    assert_int_equal(bb_edit_distance(BB_SPAN_LITERAL("workres"), BB_SPAN_LITERAL("WORKERS")), 1);
    assert_int_equal(bb_edit_distance(BB_SPAN_LITERAL(""), BB_SPAN_LITERAL("abc")), 3);
    assert_int_equal(bb_edit_distance(BB_SPAN_LITERAL("kitten"), BB_SPAN_LITERAL("sitting")), 3);
}

static void the_nearest_is_suggested_and_nothing_far(void **state)
{
    bb_suggestion near = {.wanted = BB_SPAN_LITERAL("retian")}, far = {.wanted = BB_SPAN_LITERAL("xyz")};
    static const char *const known[] = {"remain", "retain", "repeat"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        bb_suggestion_offer(&near, known[i]);
        bb_suggestion_offer(&far, known[i]);
    }
    assert_string_equal(near.best, "retain");
    assert_null(far.best);
}

static void a_word_with_a_known_beginning_is_suggested_unless_another_is_near(void **state)
{
    bb_suggestion longer = {.wanted = BB_SPAN_LITERAL("publish")}, misspelt = {.wanted = BB_SPAN_LITERAL("subs")};
    bb_suggestion_offer(&longer, "pu");
    assert_null(longer.best);
    bb_suggestion_offer(&longer, "pub");
    assert_string_equal(longer.best, "pub");
    bb_suggestion_offer(&longer, "publsih");
    assert_string_equal(longer.best, "publsih");
    bb_suggestion_offer(&misspelt, "sub");
    bb_suggestion_offer(&misspelt, "su");
    assert_string_equal(misspelt.best, "sub");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edit_distance_counts_swaps_as_one),
        cmocka_unit_test(the_nearest_is_suggested_and_nothing_far),
        cmocka_unit_test(a_word_with_a_known_beginning_is_suggested_unless_another_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
