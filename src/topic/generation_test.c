#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "topic/testing.h"
#include "topic/topic.h"

static const bb_seed seed = {0x0123456789abcdef, 0xfedcba9876543210};

static void bump(bb_generations *generations, bb_span text)
{
    bb_filter filter;
    assert_int_equal(bb_filter_parse(text, 99, 99, &filter), BB_OK);
    bb_filter_key key = bb_filter_key_of(&filter, &seed);
    bb_generations_bump(generations, &key);
}

static void a_change_reaches_every_topic_that_matches(void **state)
{
    static bb_generations generations;
    uint64_t dice = 1;
    int matched = 0;
    for (int i = 0; i < 200000; i++) {
        char f[64], t[64];
        bb_span filter = testing_text(&dice, 5, true, f), topic = testing_text(&dice, 5, false, t);
        bb_topic_key key = bb_topic_key_of(topic, &seed);
        uint64_t before = bb_generations_sum(&generations, &key);
        bump(&generations, filter);
        uint64_t after = bb_generations_sum(&generations, &key);
        if (testing_matches(filter, topic)) {
            matched++;
            assert_int_equal(after, before + 1);
        }
    }
    assert_true(matched > 1000);
}

static void a_change_leaves_most_other_topics_alone(void **state)
{
    static const char *const changes[] = {"site/1/power", "site/1/+", "site/1/#", "site/1/+/x"};
    static bb_generations generations;
    int touched = 0;
    for (int i = 0; i < 1000; i++) {
        char topic[] = "site/000/power";
        topic[5] += (char)(i / 100);
        topic[6] += (char)(i / 10 % 10);
        topic[7] += (char)(i % 10);
        bb_topic_key key = bb_topic_key_of(bb_span_text(topic), &seed);
        uint64_t before = bb_generations_sum(&generations, &key);
        for (int k = 0; k < 4; k++)
            bump(&generations, bb_span_text(changes[k]));
        touched += bb_generations_sum(&generations, &key) != before;
    }
    assert_true(touched < 20);
}

static void a_key_is_the_same_with_the_hash_at_hand(void **state)
{
    static const char *const topics[] = {"a", "/", "a/", "a/b", "a/b/c", "$SYS/x/y/z"};
    for (int i = 0; i < 6; i++) {
        bb_span topic = bb_span_text(topics[i]);
        bb_topic_key a = bb_topic_key_of(topic, &seed);
        bb_topic_key b = bb_topic_key_with_hash(topic, bb_hash(topic, &seed), &seed);
        assert_true(a.hash == b.hash && a.first == b.first && a.second == b.second && a.exact == b.exact);
        assert_true(0 < a.first && a.first < a.second && a.second < a.exact && a.exact < BB_GENERATION_COUNTERS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_reaches_every_topic_that_matches),
        cmocka_unit_test(a_change_leaves_most_other_topics_alone),
        cmocka_unit_test(a_key_is_the_same_with_the_hash_at_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
