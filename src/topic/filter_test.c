#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "topic/testing.h"
#include "topic/topic.h"

enum { LEVELS = 8, BYTES = 100 };

static void topic_names_3_3_2_2(void **state)
{
    static const struct {
        const char *text;
        bb_status status;
    } rows[] = {
        {"a", BB_OK},
        {"/", BB_OK},
        {"/a//b/", BB_OK},
        {"$SYS/broker", BB_OK},
        {"sport tennis/\xc3\xa4", BB_OK},
        {"", BB_E_TOPIC_INVALID},
        {"a/+", BB_E_TOPIC_INVALID},
        {"a#", BB_E_TOPIC_INVALID},
        {"1/2/3/4/5/6/7/8", BB_OK},
        {"1/2/3/4/5/6/7/8/", BB_E_TOPIC_DEEP},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(bb_topic_check(bb_span_text(rows[i].text), LEVELS, BYTES), rows[i].status);
    assert_int_equal(bb_topic_check(BB_SPAN_LITERAL("abcd"), LEVELS, 4), BB_OK);
    assert_int_equal(bb_topic_check(BB_SPAN_LITERAL("abcde"), LEVELS, 4), BB_E_TOPIC_LONG);
}

static void filters_4_7_1(void **state)
{
    static const struct {
        const char *text;
        bb_status status;
        const char *group, *filter;
        bool wildcard;
    } rows[] = {
        {"a", BB_OK, "", "a", false},
        {"#", BB_OK, "", "#", true},
        {"+", BB_OK, "", "+", true},
        {"/", BB_OK, "", "/", false},
        {"+/+", BB_OK, "", "+/+", true},
        {"/+/", BB_OK, "", "/+/", true},
        {"a/#", BB_OK, "", "a/#", true},
        {"//#", BB_OK, "", "//#", true},
        {"$share", BB_OK, "", "$share", false},
        {"$shared/x/y", BB_OK, "", "$shared/x/y", false},
        {"$share/g/a", BB_OK, "g", "a", false},
        {"$share/g//", BB_OK, "g", "/", false},
        {"$share/g/$SYS/#", BB_OK, "g", "$SYS/#", true},
        {"$share/g/$share/h/x", BB_OK, "g", "$share/h/x", false},
        {"", BB_E_FILTER_INVALID, "", "", false},
        {"a#", BB_E_FILTER_INVALID, "", "", false},
        {"a/#/b", BB_E_FILTER_INVALID, "", "", false},
        {"#/", BB_E_FILTER_INVALID, "", "", false},
        {"##", BB_E_FILTER_INVALID, "", "", false},
        {"a+", BB_E_FILTER_INVALID, "", "", false},
        {"+a", BB_E_FILTER_INVALID, "", "", false},
        {"+#", BB_E_FILTER_INVALID, "", "", false},
        {"a/+b/c", BB_E_FILTER_INVALID, "", "", false},
        {"$share/", BB_E_FILTER_INVALID, "", "", false},
        {"$share/g", BB_E_FILTER_INVALID, "", "", false},
        {"$share/g/", BB_E_FILTER_INVALID, "", "", false},
        {"$share//a", BB_E_FILTER_INVALID, "", "", false},
        {"$share/g+/a", BB_E_FILTER_INVALID, "", "", false},
        {"$share/#/a", BB_E_FILTER_INVALID, "", "", false},
        {"1/2/3/4/5/6/7/#", BB_OK, "", "1/2/3/4/5/6/7/#", true},
        {"1/2/3/4/5/6/7/8/#", BB_E_TOPIC_DEEP, "", "", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bb_filter filter;
        assert_int_equal(bb_filter_parse(bb_span_text(rows[i].text), LEVELS, BYTES, &filter), rows[i].status);
        if (rows[i].status != BB_OK)
            continue;
        assert_true(bb_span_equal(filter.group, bb_span_text(rows[i].group)));
        assert_true(bb_span_equal(filter.text, bb_span_text(rows[i].filter)));
        assert_int_equal(filter.wildcard, rows[i].wildcard);
    }
}

static void long_filters_are_refused(void **state)
{
    bb_filter filter;
    assert_int_equal(bb_filter_parse(BB_SPAN_LITERAL("abcde"), LEVELS, 4, &filter), BB_E_TOPIC_LONG);
    assert_int_equal(bb_filter_parse(BB_SPAN_LITERAL("$share/g/abcd"), LEVELS, 4, &filter), BB_OK);
    assert_int_equal(bb_filter_parse(BB_SPAN_LITERAL("$share/group/a"), LEVELS, 4, &filter), BB_E_TOPIC_LONG);
}

static void matches_4_7(void **state)
{
    static const struct {
        const char *filter, *topic;
        bool matches;
    } rows[] = {
        {"sport/tennis/player1/#", "sport/tennis/player1", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
        {"sport/tennis/player1/#", "sport/tennis/player10", false},
        {"sport/#", "sport", true},
        {"sport/#", "spor", false},
        {"sport/#", "sport/", true},
        {"#", "sport", true},
        {"#", "/", true},
        {"sport/+", "sport", false},
        {"sport/+", "sport/", true},
        {"sport/+", "sport/a/b", false},
        {"+", "/finance", false},
        {"+/+", "/finance", true},
        {"/+", "/finance", true},
        {"+/#", "a", true},
        {"+/+/#", "a", false},
        {"a//b", "a//b", true},
        {"a/+/b", "a//b", true},
        {"a/b", "a//b", false},
        {"#", "$SYS/x", false},
        {"+/x", "$SYS/x", false},
        {"$SYS/#", "$SYS/x", true},
        {"$SYS/+", "$SYS/x", true},
        {"a/#", "a/$x", true},
        {"ACCOUNTS", "Accounts", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bb_span filter = bb_span_text(rows[i].filter), topic = bb_span_text(rows[i].topic);
        assert_int_equal(bb_filter_matches(filter, topic), rows[i].matches);
        assert_int_equal(testing_matches(filter, topic), rows[i].matches);
    }
}

static void the_matcher_agrees_with_the_naive_one(void **state)
{
    uint64_t dice = 1;
    for (int i = 0; i < 300000; i++) {
        char f[64], t[64];
        bb_span filter = testing_text(&dice, 5, true, f), topic = testing_text(&dice, 5, false, t);
        assert_int_equal(bb_filter_matches(filter, topic), testing_matches(filter, topic));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topic_names_3_3_2_2),
        cmocka_unit_test(filters_4_7_1),
        cmocka_unit_test(long_filters_are_refused),
        cmocka_unit_test(matches_4_7),
        cmocka_unit_test(the_matcher_agrees_with_the_naive_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
