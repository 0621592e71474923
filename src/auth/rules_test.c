#include "auth/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the four before it */
#include <cmocka.h>

#include "auth/testing.h"

enum { BOTH = BB_MAY_PUBLISH | BB_MAY_SUBSCRIBE };

static bb_mem mem;
static bb_rules_builder *builder;

static int begin(void **state)
{
    mem = testing_mem();
    builder = bb_rules_builder_new(&mem, BB_SPAN_LITERAL("f.yaml"));
    return builder == NULL;
}

/* Nothing of it is left. */
static int end(void **state)
{
    return atomic_load(&mem.bytes_now) != 0;
}

static bb_identity person(const char *user, const char *client)
{
    return (bb_identity){.user_name = bb_span_text(user), .client_id = bb_span_text(client)};
}

static bb_access *access_for(bb_rules *rules, const bb_identity *who)
{
    bb_access *access = bb_access_new(&mem, rules, who);
    assert_non_null(access);
    return access;
}

static bb_publishing message(const char *topic, uint8_t qos)
{
    static const bb_seed seed = {1, 2};
    return (bb_publishing){.topic = bb_span_text(topic), .topic_hash = bb_hash(bb_span_text(topic), &seed), .qos = qos};
}

/* The line of the rule that decides, negative for a refusal; 0: none does. */
static int publishes(bb_access *access, const char *topic)
{
    const bb_publishing what = message(topic, 0);
    bb_verdict verdict = bb_access_publish(access, &what);
    return !verdict.rule ? 0 : verdict.allowed ? (int)verdict.rule->line : -(int)verdict.rule->line;
}

static int subscribes(const bb_access *access, const char *filter)
{
    bb_verdict verdict = bb_access_subscribe(access, bb_span_text(filter));
    return !verdict.rule ? 0 : verdict.allowed ? (int)verdict.rule->line : -(int)verdict.rule->line;
}

static void the_first_rule_that_decides_is_the_verdict(void **state)
{
    testing_rule(builder, false, BOTH, NULL, "a/secret", 1);
    testing_rule(builder, true, BB_MAY_PUBLISH, "anna", "a/+", 2);
    testing_rule(builder, true, BB_MAY_SUBSCRIBE, NULL, "a/#", 3);
    testing_rule(builder, true, BB_MAY_SUBSCRIBE, NULL, "b/#", 4);
    bb_rules *rules = testing_finish(builder);
    const bb_identity anna = person("anna", "c"), ben = person("ben", "c");
    bb_access *access = access_for(rules, &anna), *other = access_for(rules, &ben);
    for (unsigned again = 0; again < 3; again++) { /* found among the latest, too */
        assert_int_equal(publishes(access, "a/secret"), -1);
        assert_int_equal(publishes(access, "a/b"), 2);
        assert_int_equal(publishes(access, "a/b/c"), 0);
        assert_int_equal(publishes(access, "b/c"), 0);
        assert_int_equal(publishes(other, "a/b"), 0);
    }
    assert_int_equal(subscribes(access, "a/b"), 3);
    assert_int_equal(subscribes(access, "b/#"), 4);
    assert_int_equal(subscribes(access, "c"), 0);
    bb_access_free(access, &mem);
    bb_access_free(other, &mem);
    bb_rules_unref(rules);
}

static void a_subscription_must_be_allowed_whole(void **state)
{
    testing_rule(builder, true, BB_MAY_SUBSCRIBE, NULL, "a/b", 1);
    testing_rule(builder, false, BB_MAY_SUBSCRIBE, NULL, "a/secret/#", 2);
    testing_rule(builder, true, BB_MAY_SUBSCRIBE, NULL, "a/+", 3);
    testing_rule(builder, true, BB_MAY_SUBSCRIBE, NULL, "#", 4);
    bb_rules *rules = testing_finish(builder);
    const bb_identity who = person("u", "c");
    bb_access *access = access_for(rules, &who);
    assert_int_equal(subscribes(access, "a/b"), 1);
    assert_int_equal(subscribes(access, "a/c"), 3);
    assert_int_equal(subscribes(access, "a/+"), -2); /* a/secret is in it */
    assert_int_equal(subscribes(access, "a/#"), -2);
    assert_int_equal(subscribes(access, "#"), -2);
    assert_int_equal(subscribes(access, "b/#"), 4);
    assert_int_equal(subscribes(access, "$SYS/#"), 0);
    bb_access_free(access, &mem);
    bb_rules_unref(rules);
}

static void patterns_hold_the_names_of_the_client(void **state)
{
    testing_rule(builder, true, BOTH, NULL, "user/%u/#", 1);
    testing_word(builder, BB_RULE_TOPIC, "plain");
    testing_word(builder, BB_RULE_TOPIC, "client/%c");
    bb_rules *rules = testing_finish(builder);
    const bb_identity anna = person("anna", "c1"), sly = person("+", "#"), nobody = person("", "c1");
    bb_access *access = access_for(rules, &anna), *wide = access_for(rules, &sly),
              *nameless = access_for(rules, &nobody);
    assert_int_equal(publishes(access, "user/anna/x"), 1);
    assert_int_equal(publishes(access, "user/ben/x"), 0);
    assert_int_equal(publishes(access, "client/c1"), 1);
    assert_int_equal(publishes(access, "plain"), 1);
    assert_int_equal(publishes(wide, "user/ben/x"), 0);
    assert_int_equal(publishes(wide, "client/c1"), 0);
    assert_int_equal(subscribes(wide, "user/+/#"), 0);
    assert_int_equal(publishes(wide, "plain"), 1);
    assert_int_equal(publishes(nameless, "user//x"), 0);
    assert_int_equal(publishes(nameless, "client/c1"), 1);
    bb_access_free(access, &mem);
    bb_access_free(wide, &mem);
    bb_access_free(nameless, &mem);
    bb_rules_unref(rules);
}

static void names_may_be_given_by_their_start(void **state)
{
    testing_rule(builder, true, BB_MAY_PUBLISH, "", "nameless", 1);
    testing_rule(builder, true, BB_MAY_PUBLISH, "*", "named", 2);
    testing_rule(builder, true, BB_MAY_PUBLISH, "an*", "an", 3);
    testing_rule(builder, true, BB_MAY_PUBLISH, NULL, "sensor", 4);
    testing_word(builder, BB_RULE_CLIENT, "x");
    testing_word(builder, BB_RULE_CLIENT, "s-*");
    bb_rules *rules = testing_finish(builder);
    const bb_identity anna = person("anna", "s-1"), nobody = person("", "x"), ben = person("ben", "sx");
    bb_access *a = access_for(rules, &anna), *n = access_for(rules, &nobody), *b = access_for(rules, &ben);
    assert_int_equal(publishes(a, "nameless"), 0);
    assert_int_equal(publishes(a, "named"), 2);
    assert_int_equal(publishes(a, "an"), 3);
    assert_int_equal(publishes(a, "sensor"), 4);
    assert_int_equal(publishes(n, "nameless"), 1);
    assert_int_equal(publishes(n, "named"), 0);
    assert_int_equal(publishes(n, "sensor"), 4);
    assert_int_equal(publishes(b, "an"), 0);
    assert_int_equal(publishes(b, "sensor"), 0);
    bb_access_free(a, &mem);
    bb_access_free(n, &mem);
    bb_access_free(b, &mem);
    bb_rules_unref(rules);
}

static void members_are_found_in_their_groups_only(void **state)
{
    enum { MEMBERS = 300 };
    char name[16];
    testing_rule(builder, true, BB_MAY_PUBLISH, NULL, "odd", 1);
    testing_word(builder, BB_RULE_GROUP, "odd");
    testing_rule(builder, true, BB_MAY_PUBLISH, NULL, "even", 2);
    testing_word(builder, BB_RULE_GROUP, "even");
    for (unsigned group = 0; group < 2; group++) {
        assert_true(bb_rules_add_group(builder, bb_span_text(group ? "odd" : "even")));
        for (unsigned i = group; i < MEMBERS; i += 2) {
            snprintf(name, sizeof name, "u%u", i);
            assert_true(bb_rules_add_member(builder, bb_span_text(name)));
        }
    }
    bb_rules *rules = testing_finish(builder);
    assert_true(bb_rules_has_group(rules, BB_SPAN_LITERAL("odd")));
    assert_false(bb_rules_has_group(rules, BB_SPAN_LITERAL("od")));
    for (unsigned i = 0; i < MEMBERS + 10; i++) {
        snprintf(name, sizeof name, "u%u", i);
        const bb_identity who = person(name, "c");
        bb_access *access = access_for(rules, &who);
        assert_int_equal(publishes(access, "odd"), i < MEMBERS && i % 2 ? 1 : 0);
        assert_int_equal(publishes(access, "even"), i < MEMBERS && i % 2 == 0 ? 2 : 0);
        bb_access_free(access, &mem);
    }
    bb_rules_unref(rules);
}

static void addresses_and_listeners_are_conditions(void **state)
{
    const bb_prefix ten = {.ip = {[10] = 0xff, 0xff, 10, 16}, .bits = 96 + 12}, loop = {.ip = {[15] = 1}, .bits = 128};
    testing_rule(builder, true, BB_MAY_PUBLISH, NULL, "t", 1);
    assert_true(bb_rules_add_prefix(builder, &ten));
    assert_true(bb_rules_add_prefix(builder, &loop));
    testing_rule(builder, true, BB_MAY_PUBLISH, NULL, "six", 3);
    assert_true(bb_rules_add_prefix(builder, &(bb_prefix){.bits = 0}));
    testing_rule(builder, true, BB_MAY_PUBLISH, NULL, "l", 2);
    testing_word(builder, BB_RULE_LISTENER, "lan");
    bb_rules *rules = testing_finish(builder);
    const struct {
        uint8_t ip[16];
        int line;
    } cases[] = {
        {{[10] = 0xff, 0xff, 10, 31, 255, 255}, 1},
        {{[10] = 0xff, 0xff, 10, 32}, 0},
        {{[15] = 1}, 1},
        {{[15] = 2}, 0},
        {{0}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bb_identity who = person("u", "c");
        memcpy(who.ip, cases[i].ip, sizeof who.ip);
        who.listener = i ? BB_SPAN_NONE : BB_SPAN_LITERAL("lan");
        bb_access *access = access_for(rules, &who);
        assert_int_equal(publishes(access, "t"), cases[i].line);
        assert_int_equal(publishes(access, "l"), i ? 0 : 2);
        assert_int_equal(publishes(access, "six"), i == 2 || i == 3 ? 3 : 0); /* ::/0 is no IPv4 */
        bb_access_free(access, &mem);
    }
    bb_rules_unref(rules);
}

static void flags_and_qos_are_conditions(void **state)
{
    const bb_rule no_retain = {.line = 1, .actions = BB_MAY_PUBLISH, .retain = BB_ONLY_WITH, .qos_max = 2};
    const bb_rule wills = {.line = 2, .allow = true, .actions = BB_MAY_PUBLISH, .will = BB_ONLY_WITH, .qos_max = 2};
    const bb_rule low = {.line = 3, .allow = true, .actions = BOTH, .qos_max = 1};
    assert_true(bb_rules_add(builder, &no_retain));
    assert_true(bb_rules_add(builder, &wills));
    testing_word(builder, BB_RULE_TOPIC, "gone");
    assert_true(bb_rules_add(builder, &low));
    testing_word(builder, BB_RULE_TOPIC, "low");
    bb_rules *rules = testing_finish(builder);
    const bb_identity who = person("u", "c");
    bb_access *access = access_for(rules, &who);
    bb_publishing what = message("low", 1);
    assert_true(bb_access_publish(access, &what).allowed);
    what.retain = true;
    assert_int_equal(bb_access_publish(access, &what).rule->line, 1);
    what = message("low", 2);
    assert_false(bb_access_publish(access, &what).allowed);
    what = message("gone", 0);
    assert_false(bb_access_publish(access, &what).allowed);
    what.will = true;
    assert_true(bb_access_publish(access, &what).allowed);
    assert_int_equal(bb_access_subscribe(access, BB_SPAN_LITERAL("low")).qos_max, 1);
    bb_access_free(access, &mem);
    bb_rules_unref(rules);
}

static void what_is_remembered_is_what_would_be_judged(void **state)
{
    enum { TOPICS = 100 };
    char topic[16];
    for (uint32_t i = 0; i < TOPICS; i += 3) {
        snprintf(topic, sizeof topic, "t/%u", i);
        testing_rule(builder, i % 2, BB_MAY_PUBLISH, NULL, topic, i + 1);
    }
    bb_rules *rules = testing_finish(builder);
    const bb_identity who = person("u", "c");
    bb_access *access = access_for(rules, &who);
    for (unsigned i = 0; i < 5000; i++) {
        unsigned number = i * 7919 % TOPICS;
        snprintf(topic, sizeof topic, "t/%u", number);
        int line = (int)number + 1;
        assert_int_equal(publishes(access, topic), number % 3 ? 0 : number % 2 ? line : -line);
    }
    bb_access_free(access, &mem);
    bb_rules_unref(rules);
}

static bb_rules *one_rule(const char *file, const char *topic, uint32_t line)
{
    bb_rules_builder *b = bb_rules_builder_new(&mem, bb_span_text(file));
    testing_rule(b, true, BOTH, "u", topic, line);
    return testing_finish(b);
}

static void rules_are_equal_when_they_say_the_same(void **state)
{
    bb_rules_builder_free(builder);
    bb_rules *rules[] = {one_rule("f", "a", 1), one_rule("f", "a", 1), one_rule("f", "b", 1), one_rule("f", "a", 2),
                         one_rule("g", "a", 1)};
    assert_true(bb_rules_equal(rules[0], rules[1]));
    assert_int_equal(bb_rules_digest(rules[0]), bb_rules_digest(rules[1]));
    for (unsigned i = 2; i < 5; i++)
        assert_false(bb_rules_equal(rules[0], rules[i]));
    assert_true(bb_rules_equal(NULL, NULL));
    assert_false(bb_rules_equal(NULL, rules[0]));
    for (unsigned i = 0; i < 5; i++)
        bb_rules_unref(rules[i]);
}

static void an_access_outlives_the_rules_that_were_given_up(void **state)
{
    bb_rules_builder_free(builder);
    bb_rules *rules = one_rule("f", "a", 1);
    const bb_identity who = person("u", "c");
    bb_access *access = access_for(rules, &who);
    bb_rules_unref(rules);
    assert_int_equal(publishes(access, "a"), 1);
    bb_access_free(access, &mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_rule_that_decides_is_the_verdict, begin, end),
        cmocka_unit_test_setup_teardown(a_subscription_must_be_allowed_whole, begin, end),
        cmocka_unit_test_setup_teardown(patterns_hold_the_names_of_the_client, begin, end),
        cmocka_unit_test_setup_teardown(names_may_be_given_by_their_start, begin, end),
        cmocka_unit_test_setup_teardown(members_are_found_in_their_groups_only, begin, end),
        cmocka_unit_test_setup_teardown(addresses_and_listeners_are_conditions, begin, end),
        cmocka_unit_test_setup_teardown(flags_and_qos_are_conditions, begin, end),
        cmocka_unit_test_setup_teardown(what_is_remembered_is_what_would_be_judged, begin, end),
        cmocka_unit_test_setup_teardown(rules_are_equal_when_they_say_the_same, begin, end),
        cmocka_unit_test_setup_teardown(an_access_outlives_the_rules_that_were_given_up, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
