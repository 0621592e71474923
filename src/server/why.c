#include "server/why.h"

#include <stdlib.h>

#include "server/config_access.h"
#include "topic/topic.h"

/* A question, understood. */
typedef struct question {
    bb_identity who;
    bb_filter filter; /* of subscribe */
    bb_span topic;    /* of publish */
    uint8_t qos;
    bool publish, retain, will;
} question;

static bb_span optional(const char *text)
{
    return text ? bb_span_text(text) : BB_SPAN_NONE;
}

/* What is wrong with the question, or NULL. */
static const char *understand(const bb_why *why, question *q)
{
    *q = (question){.publish = strcmp(why->action, "publish") == 0, .retain = why->retain, .will = why->will};
    q->who.user_name = optional(why->user);
    q->who.client_id = optional(why->client);
    q->who.listener = optional(why->listener);
    q->topic = bb_span_text(why->topic);
    if (why->address && !bb_config_address(bb_span_text(why->address), q->who.ip))
        return "--address: allowed is an address like 192.0.2.1 or fd00::1";
    if (why->qos && (strlen(why->qos) != 1 || *why->qos < '0' || *why->qos > '2'))
        return "--qos: allowed is 0, 1 or 2";
    q->qos = why->qos ? (uint8_t)(*why->qos - '0') : 0;
    if (!q->publish && strcmp(why->action, "subscribe") != 0)
        return "allowed is publish TOPIC or subscribe FILTER";
    if (q->publish && bb_topic_check(q->topic, UINT32_MAX, UINT16_MAX) != BB_OK)
        return "this is no topic that one can publish to";
    if (!q->publish && bb_filter_parse(q->topic, UINT32_MAX, UINT16_MAX, &q->filter) != BB_OK)
        return "this is no topic filter";
    return NULL;
}

static void print_words(const bb_rules *rules, const bb_rule *rule, bb_rule_kind kind, FILE *out)
{
    uint32_t count = rule->words[kind].count;
    char shown[BB_CONFIG_SHOWN_MAX];
    for (uint32_t i = 0; i < count; i++)
        fprintf(out, "%s\"%s\"", i ? ", " : "", bb_config_shown(bb_rules_word(rules, rule, kind, i).text, shown));
}

static void print_prefixes(const bb_rules *rules, const bb_rule *rule, FILE *out)
{
    char text[BB_CONFIG_PREFIX_MAX];
    for (uint32_t i = 0; i < rule->prefixes.count; i++)
        fprintf(out, "%s\"%s\"", i ? ", " : ", address: [",
                bb_config_prefix_text(bb_rules_prefix(rules, rule, i), text));
    if (rule->prefixes.count)
        fprintf(out, "]");
}

/* The rule as it could stand in a file, on one line. */
static void print_rule(const bb_rules *rules, const bb_rule *rule, FILE *out)
{
    static const char *const names[] = {"user", "group", "client", "listener", "topic"};
    static const char *const actions[] = {"", "publish", "subscribe", "all"};
    fprintf(out, "{%s: %s", rule->allow ? "allow" : "deny", actions[rule->actions & 3]);
    for (bb_rule_kind kind = 0; kind < BB_RULE_KINDS; kind++) {
        if (!rule->words[kind].count)
            continue;
        fprintf(out, ", %s: [", names[kind]);
        print_words(rules, rule, kind, out);
        fprintf(out, "]");
    }
    print_prefixes(rules, rule, out);
    if (rule->qos_max < 2)
        fprintf(out, ", qos: %u", rule->qos_max);
    if (rule->retain)
        fprintf(out, ", retain: %s", rule->retain == BB_ONLY_WITH ? "yes" : "no");
    if (rule->will)
        fprintf(out, ", will: %s", rule->will == BB_ONLY_WITH ? "yes" : "no");
    fprintf(out, "}\n");
}

static bb_verdict judge(const question *q, bb_access *access)
{
    static const bb_seed seed = {0, 0};
    if (!q->publish)
        return bb_access_subscribe(access, q->filter.text);
    const bb_publishing what = {
        .topic = q->topic, .topic_hash = bb_hash(q->topic, &seed), .qos = q->qos, .retain = q->retain, .will = q->will};
    return bb_access_publish(access, &what);
}

static bb_why_answer tell(const question *q, const bb_rules *rules, const bb_verdict *verdict, FILE *out)
{
    bb_span file = bb_rules_file(rules);
    fprintf(out, "%s: ", verdict->allowed ? "allowed" : "denied");
    if (!verdict->rule) {
        fprintf(out, "no rule matches, and %.*s has %u\n", (int)file.len, (const char *)file.data,
                bb_rules_count(rules));
        return BB_WHY_DENIED;
    }
    fprintf(out, "%.*s:%u: ", (int)file.len, (const char *)file.data, verdict->rule->line);
    print_rule(rules, verdict->rule, out);
    if (!q->publish && verdict->allowed && verdict->qos_max < q->qos)
        fprintf(out, "with QoS %u at most\n", verdict->qos_max);
    return verdict->allowed ? BB_WHY_ALLOWED : BB_WHY_DENIED;
}

bb_why_answer bb_why_ask(const bb_settings *settings, const bb_why *why, FILE *out)
{
    question q;
    const char *wrong = understand(why, &q);
    if (wrong) {
        fprintf(out, "%s %s: %s\n", why->action, why->topic, wrong);
        return BB_WHY_WRONG;
    }
    if (q.publish && bb_auth_reserved(q.topic)) {
        fprintf(out, "denied: %s\n", bb_status_text(BB_E_SYS_TOPIC));
        return BB_WHY_DENIED;
    }
    if (!settings->rules) {
        fprintf(out, "allowed: there are no access rules\n");
        return BB_WHY_ALLOWED;
    }
    bb_mem mem = bb_config_mem();
    bb_access *access = bb_access_new(&mem, settings->rules, &q.who);
    if (!access) {
        fprintf(out, "%s\n", bb_status_text(BB_E_NO_MEMORY));
        return BB_WHY_WRONG;
    }
    const bb_verdict verdict = judge(&q, access);
    bb_why_answer answer = tell(&q, settings->rules, &verdict, out);
    bb_access_free(access, &mem);
    return answer;
}
