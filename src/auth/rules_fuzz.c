/* rules_fuzz.c - user name, client id, topic and then rules, cut at zeros: the verdicts agree with the naive ones.
 *
 * The first byte of a rule says what it does, the rest is its pattern. The naive judge puts the names into the pattern
 * by its own means and goes through all rules with bb_filter_matches. A topic is a filter too, so who may subscribe to
 * a filter may receive every topic that matches it: that is checked with the topic at hand. */
#include "auth/testing.h"

#include "topic/topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RULES_MAX = 16, PATTERN_MAX = 64, NAME_MAX = 16 };

typedef struct naive_rule {
    bool allow;
    unsigned actions;
    bb_span pattern;
} naive_rule;

static const bb_seed seed = {3, 4};

static bb_span cut(bb_span *from, size_t max)
{
    const uint8_t *zero = from->len ? memchr(from->data, 0, from->len) : NULL;
    bb_span piece = zero ? bb_span_of(from->data, (size_t)(zero - from->data)) : *from;
    *from = zero ? bb_span_from(*from, piece.len + 1) : BB_SPAN_NONE;
    return piece.len > max ? bb_span_of(piece.data, max) : piece;
}

static bool bad_name(bb_span name, bool first)
{
    bool bad = !name.len || (first && name.data[0] == '$');
    for (size_t i = 0; i < name.len; i++)
        bad |= strchr("/+#", name.data[i]) != NULL;
    return bad;
}

static bool naive_matches(bb_span pattern, const bb_identity *who, bb_span topic)
{
    uint8_t text[PATTERN_MAX * NAME_MAX];
    size_t len = 0;
    for (size_t i = 0; i < pattern.len; i++) {
        if (pattern.data[i] != '%' || pattern.data[++i] == '%') {
            text[len++] = pattern.data[i];
            continue;
        }
        bb_span name = pattern.data[i] == 'u' ? who->user_name : who->client_id;
        if (bad_name(name, len == 0))
            return false;
        memcpy(text + len, name.data, name.len);
        len += name.len;
    }
    return bb_filter_matches(bb_span_of(text, len), topic);
}

static bool naive(const naive_rule *rules, size_t count, const bb_identity *who, unsigned action, bb_span topic)
{
    for (size_t i = 0; i < count; i++)
        if (rules[i].actions & action && naive_matches(rules[i].pattern, who, topic))
            return rules[i].allow;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bb_span in = bb_span_of(data, size);
    bb_identity who = {.user_name = cut(&in, NAME_MAX)};
    who.client_id = cut(&in, NAME_MAX);
    bb_span topic = cut(&in, PATTERN_MAX), filter_text = cut(&in, PATTERN_MAX);
    bb_filter filter;
    if (bb_topic_check(topic, 200, 65535) != BB_OK || bb_filter_parse(filter_text, 200, 65535, &filter) != BB_OK)
        return 0;
    naive_rule rules[RULES_MAX];
    size_t count = 0;
    bb_mem mem = testing_mem();
    bb_rules_builder *builder = bb_rules_builder_new(&mem, BB_SPAN_LITERAL("f"));
    while (in.len && count < RULES_MAX) {
        bb_span text = cut(&in, PATTERN_MAX + 1);
        if (!text.len || bb_pattern_check(bb_span_from(text, 1)) != NULL)
            continue;
        naive_rule *rule = &rules[count++];
        *rule = (naive_rule){text.data[0] & 1, (text.data[0] >> 1 & 1) + 1, bb_span_from(text, 1)};
        testing_rule(builder, rule->allow, rule->actions, NULL, NULL, (uint32_t)count);
        BB_CHECK(bb_rules_add_word(builder, BB_RULE_TOPIC, &(bb_rule_word){rule->pattern, 1, 1}));
    }
    bb_rules *made = testing_finish(builder);
    bb_access *access = bb_access_new(&mem, made, &who);
    const bb_publishing what = {.topic = topic, .topic_hash = bb_hash(topic, &seed)};
    bool may_publish = naive(rules, count, &who, BB_MAY_PUBLISH, topic);
    bool may_receive = naive(rules, count, &who, BB_MAY_SUBSCRIBE, topic);
    for (unsigned again = 0; again < 2; again++)
        BB_CHECK(bb_access_publish(access, &what).allowed == may_publish);
    BB_CHECK(bb_access_subscribe(access, topic).allowed == may_receive);
    if (bb_access_subscribe(access, filter.text).allowed && bb_filter_matches(filter.text, topic))
        BB_CHECK(may_receive);
    bb_access_free(access, &mem);
    bb_rules_unref(made);
    BB_CHECK(atomic_load(&mem.bytes_now) == 0);
    return 0;
}
