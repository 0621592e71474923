#include "server/config_access.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/quantity.h"

/* The order of bb_rule_options. */
typedef enum rule_key { ALLOW, DENY, USER, GROUP, CLIENT, ADDRESS, LISTENER, TOPIC, QOS, RETAIN, WILL } rule_key;

enum { IPV4_BITS = 32, MAPPED_BITS = 96, GROUP_NAME_MAX = 63 };

static void *rules_alloc(void *context, size_t size)
{
    (void)context;
    return malloc(size);
}

static void rules_release(void *context, void *block, size_t size)
{
    (void)context;
    (void)size;
    free(block);
}

bb_mem bb_config_mem(void)
{
    return (bb_mem){.alloc = rules_alloc, .release = rules_release};
}

static rule_key number_of(const bb_option *key)
{
    return (rule_key)(key - bb_rule_options);
}

static bool has(const bb_config_access *a, rule_key key)
{
    return a->keys[key].line != 0;
}

static void refuse(bb_config_access *a, const bb_option *key, bb_span value, bb_config_place place, const char *hint)
{
    char shown[BB_CONFIG_SHOWN_MAX], allowed[BB_OPTION_TEXT_MAX];
    bb_config_problem_add(a->report, place, "access: %s: found '%s', allowed is %s%s%s", key->name,
                          bb_config_shown(value, shown), bb_option_allowed(key, allowed), hint ? "; " : "",
                          hint ? hint : "");
}

void bb_config_access_begin(bb_config_access *a, const char *name, bb_config_report *report)
{
    BB_CHECK(bb_rule_option_count <= BB_RULE_OPTIONS_MAX);
    *a = (bb_config_access){.mem = bb_config_mem(), .name = name, .report = report};
    a->builder = bb_rules_builder_new(&a->mem, bb_span_text(name));
    a->failed = !a->builder;
}

/* ---- A rule. */

void bb_config_rule_begin(bb_config_access *a, bb_config_place place)
{
    bb_rule rule = {.line = place.line, .column = place.column, .qos_max = 2};
    memset(a->keys, 0, sizeof a->keys);
    a->rule = place;
    a->failed = a->failed || !bb_rules_add(a->builder, &rule);
}

bool bb_config_rule_key(bb_config_access *a, const bb_option *key, bb_config_place place)
{
    bb_config_place *before = &a->keys[number_of(key)];
    if (before->line) {
        bb_config_problem_add(a->report, place, "key '%s' is here for the second time, first in line %u", key->name,
                              before->line);
        return false;
    }
    *before = place;
    return true;
}

static void set_actions(bb_config_access *a, const bb_option *key, bb_span value, bb_config_place place)
{
    bb_rule *rule = bb_rules_latest(a->builder);
    rule->allow = number_of(key) == ALLOW;
    if (bb_is_word(value, "publish"))
        rule->actions |= BB_MAY_PUBLISH;
    else if (bb_is_word(value, "subscribe"))
        rule->actions |= BB_MAY_SUBSCRIBE;
    else if (bb_is_word(value, "all"))
        rule->actions |= BB_MAY_PUBLISH | BB_MAY_SUBSCRIBE;
    else
        refuse(a, key, value, place, NULL);
}

static void set_wanted(bb_config_access *a, const bb_option *key, bb_span value, bb_config_place place)
{
    bb_rule *rule = bb_rules_latest(a->builder);
    const char *hint = NULL;
    bool yes = false;
    if (!bb_option_set(key, &yes, value, &hint))
        refuse(a, key, value, place, hint);
    *(number_of(key) == RETAIN ? &rule->retain : &rule->will) = yes ? BB_ONLY_WITH : BB_ONLY_WITHOUT;
}

static void set_qos(bb_config_access *a, const bb_option *key, bb_span value, bb_config_place place)
{
    const char *hint = NULL;
    if (!bb_option_set(key, &bb_rules_latest(a->builder)->qos_max, value, &hint))
        refuse(a, key, value, place, hint);
}

/* IPv4 as ::ffff:a.b.c.d. False: not an address. */
static bool parse_ip(bb_span text, uint8_t ip[16], uint32_t *bits)
{
    char terminated[INET6_ADDRSTRLEN];
    if (text.len >= sizeof terminated || memchr(text.data, 0, text.len))
        return false;
    memcpy(terminated, text.data, text.len);
    terminated[text.len] = 0;
    if (inet_pton(AF_INET6, terminated, ip) == 1) {
        *bits = 128;
        return true;
    }
    memset(ip, 0, 10);
    memset(ip + 10, 0xff, 2);
    *bits = IPV4_BITS;
    return inet_pton(AF_INET, terminated, ip + 12) == 1;
}

bool bb_config_address(bb_span text, uint8_t ip[16])
{
    uint32_t bits;
    return parse_ip(text, ip, &bits);
}

char *bb_config_prefix_text(const bb_prefix *prefix, char text[BB_CONFIG_PREFIX_MAX])
{
    char ip[INET6_ADDRSTRLEN];
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool v4 = prefix->bits >= MAPPED_BITS && memcmp(prefix->ip, mapped, sizeof mapped) == 0;
    (void)inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? prefix->ip + sizeof mapped : prefix->ip, ip, sizeof ip);
    snprintf(text, BB_CONFIG_PREFIX_MAX, "%s/%u", ip, v4 ? prefix->bits - MAPPED_BITS : prefix->bits);
    return text;
}

static bool has_bits_behind(const bb_prefix *prefix)
{
    for (uint32_t bit = prefix->bits; bit < 128; bit++)
        if (prefix->ip[bit / 8] >> (7 - bit % 8) & 1)
            return true;
    return false;
}

static bool parse_prefix(bb_span text, bb_prefix *out, const char **hint)
{
    const uint8_t *slash = text.len ? memchr(text.data, '/', text.len) : NULL;
    bb_span address = slash ? bb_span_of(text.data, (size_t)(slash - text.data)) : text;
    bb_span length = slash ? bb_span_from(text, address.len + 1) : BB_SPAN_NONE;
    bb_prefix prefix = {.bits = 0};
    uint32_t bits_max;
    uint64_t bits;
    if (!address.len || !parse_ip(address, prefix.ip, &bits_max))
        return false;
    bits = bits_max;
    *hint = bits_max == IPV4_BITS ? "the number behind / is from 0 to 32" : "the number behind / is from 0 to 128";
    if (slash && (!length.len || bb_digits_parse(length, &bits) != length.len || bits > bits_max))
        return false;
    prefix.bits = (uint32_t)bits + (bits_max == IPV4_BITS ? MAPPED_BITS : 0);
    *hint = "the address has bits that the number behind / leaves out";
    if (has_bits_behind(&prefix))
        return false;
    *out = prefix;
    return true;
}

static void add_prefix(bb_config_access *a, const bb_option *key, bb_span value, bb_config_place place)
{
    bb_prefix prefix;
    const char *hint = NULL;
    if (!parse_prefix(value, &prefix, &hint))
        refuse(a, key, value, place, hint);
    else
        a->failed = !bb_rules_add_prefix(a->builder, &prefix);
}

/* Why the value cannot be a word of this kind, or NULL. */
static const char *check_word(rule_key key, bb_span value)
{
    if (key == TOPIC)
        return bb_pattern_check(value);
    if (!value.len && key != USER)
        return "it is empty";
    return value.len > UINT16_MAX ? "it is longer than a name can be" : NULL;
}

static void add_word(bb_config_access *a, const bb_option *key, bb_span value, bb_config_place place)
{
    static const bb_rule_kind kinds[] = {[USER] = BB_RULE_USER,
                                         [GROUP] = BB_RULE_GROUP,
                                         [CLIENT] = BB_RULE_CLIENT,
                                         [LISTENER] = BB_RULE_LISTENER,
                                         [TOPIC] = BB_RULE_TOPIC};
    const char *hint = check_word(number_of(key), value);
    const bb_rule_word word = {value, place.line, place.column};
    if (hint)
        refuse(a, key, value, place, hint);
    else
        a->failed = !bb_rules_add_word(a->builder, kinds[number_of(key)], &word);
}

void bb_config_rule_value(bb_config_access *a, const bb_option *key, bb_span value, bb_config_place place)
{
    if (a->failed)
        return;
    switch (number_of(key)) {
    case ALLOW:
    case DENY:
        set_actions(a, key, value, place);
        return;
    case ADDRESS:
        add_prefix(a, key, value, place);
        return;
    case QOS:
        set_qos(a, key, value, place);
        return;
    case RETAIN:
    case WILL:
        set_wanted(a, key, value, place);
        return;
    default:
        add_word(a, key, value, place);
        return;
    }
}

/* Does it all fit together? */
void bb_config_rule_end(bb_config_access *a)
{
    if (a->failed)
        return;
    const bb_rule *rule = bb_rules_latest(a->builder);
    if (!has(a, ALLOW) && !has(a, DENY))
        bb_config_problem_add(a->report, a->rule,
                              "access: the rule says neither allow nor deny; allowed is for instance 'allow: publish'");
    if (has(a, ALLOW) && has(a, DENY))
        bb_config_problem_add(a->report, a->rule, "access: the rule says both allow and deny; make it two");
    if (has(a, DENY) && has(a, QOS))
        bb_config_problem_add(a->report, a->keys[QOS],
                              "access: qos is the most that a rule allows; it cannot stand beside deny");
    for (rule_key key = RETAIN; key <= WILL; key++)
        if (has(a, key) && rule->actions != BB_MAY_PUBLISH && rule->actions)
            bb_config_problem_add(a->report, a->keys[key],
                                  "access: %s is about messages that clients publish; give subscribe a rule of its own",
                                  bb_rule_options[key].name);
}

/* ---- Groups. */

void bb_config_group(bb_config_access *a, bb_span name, bb_config_place place)
{
    char shown[BB_CONFIG_SHOWN_MAX];
    if (!name.len || name.len > GROUP_NAME_MAX)
        bb_config_problem_add(a->report, place, "groups: '%s': a name of a group has 1 to %d bytes",
                              bb_config_shown(name, shown), GROUP_NAME_MAX);
    if (!a->failed && bb_rules_knows_group(a->builder, name))
        bb_config_problem_add(a->report, place, "groups: '%s' is here for the second time",
                              bb_config_shown(name, shown));
    a->failed = a->failed || !bb_rules_add_group(a->builder, name);
}

void bb_config_group_member(bb_config_access *a, bb_span user_name, bb_config_place place)
{
    if (!user_name.len || user_name.len > UINT16_MAX)
        bb_config_problem_add(a->report, place, "groups: a user name has 1 to 65535 bytes");
    else
        a->failed = a->failed || !bb_rules_add_member(a->builder, user_name);
}

/* ---- All of it. */

static void check_groups(bb_config_access *a, const bb_rules *rules)
{
    char shown[BB_CONFIG_SHOWN_MAX];
    for (uint32_t i = 0; i < bb_rules_count(rules); i++) {
        const bb_rule *rule = bb_rules_at(rules, i);
        for (uint32_t k = 0; k < rule->words[BB_RULE_GROUP].count; k++) {
            bb_rule_word word = bb_rules_word(rules, rule, BB_RULE_GROUP, k);
            if (!bb_rules_has_group(rules, word.text))
                bb_config_problem_add(a->report, (bb_config_place){a->name, word.line, word.column},
                                      "access: group: found '%s', allowed is a group of the key 'groups'",
                                      bb_config_shown(word.text, shown));
        }
    }
}

void bb_config_access_end(bb_config_access *a, bb_settings *settings)
{
    bb_rules *rules = a->failed ? NULL : bb_rules_finish(a->builder);
    bb_rules_builder_free(a->builder);
    if (!rules) {
        bb_config_problem_add(a->report, (bb_config_place){a->name, 0, 0}, "there is no memory for its access rules");
        return;
    }
    check_groups(a, rules);
    bb_rules_unref(settings->rules);
    settings->rules = bb_rules_count(rules) ? rules : NULL;
    if (!settings->rules)
        bb_rules_unref(rules);
}
