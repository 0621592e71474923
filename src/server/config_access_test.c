#include "server/config_access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the four before it */
#include <cmocka.h>

static bb_config_report report;

static void expect_ok(const char *yaml, bb_settings *out)
{
    bool ok = bb_config_parse("f.yaml", bb_span_text(yaml), NULL, 0, out, &report);
    if (!ok)
        print_error("%s", report.problems[0].text);
    assert_true(ok);
}

/* `yaml` has exactly one problem, and it reads `message`. */
static void expect_problem(const char *yaml, const char *message)
{
    bb_settings settings;
    assert_false(bb_config_parse("f.yaml", bb_span_text(yaml), NULL, 0, &settings, &report));
    assert_string_equal(report.problems[0].text, message);
    assert_int_equal(report.count, 1);
}

static void expect_word(const bb_rules *rules, uint32_t rule, bb_rule_kind kind, uint32_t index, const char *text,
                        uint32_t line, uint32_t column)
{
    bb_rule_word word = bb_rules_word(rules, bb_rules_at(rules, rule), kind, index);
    assert_true(bb_span_equal(word.text, bb_span_text(text)));
    assert_int_equal(word.line, line);
    assert_int_equal(word.column, column);
}

static void rules_are_read_with_their_places(void **state)
{
    bb_settings s;
    expect_ok("access:\n"
              "  - allow: [publish, subscribe]\n"
              "    group: operators\n"
              "    topic: [site/#, \"%u/+\"]\n"
              "  - {deny: publish, user: '', retain: yes, address: [10.0.0.0/8, '::1']}\n"
              "  - {allow: all, client: \"s-*\", qos: 1}\n"
              "groups:\n"
              "  operators: [anna, ben]\n"
              "  lone: carl\n",
              &s);
    assert_int_equal(bb_rules_count(s.rules), 3);
    assert_int_equal(bb_rules_groups(s.rules), 2);
    const bb_rule *first = bb_rules_at(s.rules, 0), *second = bb_rules_at(s.rules, 1), *third = bb_rules_at(s.rules, 2);
    assert_true(first->allow && first->actions == (BB_MAY_PUBLISH | BB_MAY_SUBSCRIBE) && first->line == 2);
    expect_word(s.rules, 0, BB_RULE_GROUP, 0, "operators", 3, 12);
    expect_word(s.rules, 0, BB_RULE_TOPIC, 1, "%u/+", 4, 21);
    assert_true(!second->allow && second->actions == BB_MAY_PUBLISH && second->retain == BB_ONLY_WITH);
    assert_int_equal(second->will, BB_EITHER_WAY);
    assert_int_equal(second->prefixes.count, 2);
    assert_int_equal(second->line, 5);
    assert_int_equal(third->qos_max, 1);
    assert_int_equal(first->qos_max, 2);
    assert_int_equal(third->actions, BB_MAY_PUBLISH | BB_MAY_SUBSCRIBE);
    bb_settings_deinit(&s);
}

static void no_rules_are_no_rules(void **state)
{
    static const char *const files[] = {"access: []", "access:", "access: none\ngroups: none", "groups: {a: [b]}"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        bb_settings s;
        expect_ok(files[i], &s);
        assert_null(s.rules);
        bb_settings_deinit(&s);
    }
}

static void keys_of_a_rule_are_checked(void **state)
{
    expect_problem("access:\n  - {allow: publish, topics: a}\n",
                   "f.yaml:2:22: unknown key 'topics' in 'access'; did you mean 'topic'?");
    expect_problem("access:\n  - {allow: publish, topic: a, topic: b}\n",
                   "f.yaml:2:32: key 'topic' is here for the second time, first in line 2");
    expect_problem("access: [{topic: a}]", "f.yaml:1:10: access: the rule says neither allow nor deny; allowed is for "
                                           "instance 'allow: publish'");
    expect_problem("access: [{allow: publish, deny: subscribe}]",
                   "f.yaml:1:10: access: the rule says both allow and deny; make it two");
    expect_problem("access: [{deny: publish, qos: 1}]",
                   "f.yaml:1:26: access: qos is the most that a rule allows; it cannot stand beside deny");
    expect_problem("access: [{allow: all, retain: no}]",
                   "f.yaml:1:23: access: retain is about messages that clients publish; give subscribe a rule of its "
                   "own");
    expect_problem("access: [publish]", "f.yaml:1:10: access: found 'publish', allowed is a rule like {allow: publish, "
                                        "topic: site/#}");
    expect_problem("access: {allow: publish}", "f.yaml:1:9: access: found a map, allowed is a list of rules, or none");
}

static void values_of_a_rule_are_checked(void **state)
{
    expect_problem("access: [{allow: read}]",
                   "f.yaml:1:18: access: allow: found 'read', allowed is publish, subscribe or all");
    expect_problem("access: [{allow: publish, topic: a/#/b}]",
                   "f.yaml:1:34: access: topic: found 'a/#/b', allowed is a topic pattern like site/%u/#, or a list of "
                   "them; + and # stand alone between slashes, and # only at the end");
    expect_problem("access: [{allow: publish, topic: [a, b%]}]",
                   "f.yaml:1:38: access: topic: found 'b%', allowed is a topic pattern like site/%u/#, or a list of "
                   "them; after % comes u (the user name), c (the client id) or another %");
    expect_problem("access:\n  - allow: publish\n    topic: #\n",
                   "f.yaml:3:11: access: topic: found nothing, allowed is a topic pattern like site/%u/#, or a list of "
                   "them; a topic that starts with # needs quotes");
    expect_problem("access: [{allow: publish, qos: 3}]",
                   "f.yaml:1:32: access: qos: found '3', allowed is a number from 0 to 2");
    expect_problem("access: [{allow: publish, will: maybe}]",
                   "f.yaml:1:33: access: will: found 'maybe', allowed is yes or no");
    expect_problem("access: [{allow: publish, client: ''}]",
                   "f.yaml:1:35: access: client: found '', allowed is a name, or a list of them; it is empty");
    expect_problem("access: [{allow: publish, user: []}]", "f.yaml:1:34: access: user: the list is empty");
    expect_problem("access: [{allow: publish, user: {a: b}}]",
                   "f.yaml:1:33: access: user: found a map, allowed is a name, or a list of them");
}

#define PREFIX_ALLOWED "allowed is an address like 192.0.2.1 or a prefix like 10.0.0.0/8 or fd00::/8, or a list of them"

static void addresses_are_numeric_prefixes(void **state)
{
    expect_problem("access: [{allow: all, address: localhost}]",
                   "f.yaml:1:32: access: address: found 'localhost', " PREFIX_ALLOWED);
    expect_problem("access: [{allow: all, address: 10.0.0.0/33}]",
                   "f.yaml:1:32: access: address: found '10.0.0.0/33', " PREFIX_ALLOWED
                   "; the number behind / is from 0 to 32");
    expect_problem("access: [{allow: all, address: 'fd00::1/8'}]",
                   "f.yaml:1:32: access: address: found 'fd00::1/8', " PREFIX_ALLOWED
                   "; the address has bits that the number behind / leaves out");
    expect_problem("access: [{allow: all, address: 10.0.0.0/}]",
                   "f.yaml:1:32: access: address: found '10.0.0.0/', " PREFIX_ALLOWED
                   "; the number behind / is from 0 to 32");
}

static void groups_are_checked(void **state)
{
    expect_problem("access: [{allow: all, group: ops}]",
                   "f.yaml:1:30: access: group: found 'ops', allowed is a group of the key 'groups'");
    expect_problem("groups: {a: [x], a: [y]}", "f.yaml:1:18: groups: 'a' is here for the second time");
    expect_problem("groups: {a: {b: c}}", "f.yaml:1:13: groups: found a map, allowed is a list of user names");
    expect_problem("groups: [a]",
                   "f.yaml:1:9: groups: found a list, allowed is names, each with a list of user names, or none");
}

static void a_reload_takes_them_over(void **state)
{
    static bb_config_change changes[BB_CONFIG_CHANGES_MAX];
    bb_settings running, same, next;
    expect_ok("access: [{allow: all, user: anna}]", &running);
    expect_ok("access: [{allow: all, user: anna}]", &same);
    expect_ok("access: [{allow: all, user: anna}, {allow: publish}]", &next);
    assert_int_equal(bb_config_changes(&running, &same, changes), 0);
    assert_int_equal(bb_config_changes(&running, &next, changes), 1);
    assert_string_equal(changes[0].key, "access");
    assert_string_equal(changes[0].before, "1 rule");
    assert_string_equal(changes[0].after, "2 rules");
    assert_true(changes[0].at_once);
    assert_true(bb_config_apply(&running, &next));
    assert_ptr_equal(running.rules, next.rules);
    bb_settings_deinit(&running);
    bb_settings_deinit(&same);
    bb_settings_deinit(&next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_read_with_their_places), cmocka_unit_test(no_rules_are_no_rules),
        cmocka_unit_test(keys_of_a_rule_are_checked),       cmocka_unit_test(values_of_a_rule_are_checked),
        cmocka_unit_test(addresses_are_numeric_prefixes),   cmocka_unit_test(groups_are_checked),
        cmocka_unit_test(a_reload_takes_them_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
