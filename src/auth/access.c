/* access.c - what the rules say to one client.
 *
 * Who it is does not change while it is connected, and most rules of a large file are about others. So those that
 * concern it are picked once, and its names are put into their patterns; what remains for a message is to compare its
 * topic with a few filters, and, as clients repeat themselves, mostly to find the verdict among the latest ones.
 *
 *   bb_access │ entries: the rules that concern it │ expansions: its filters for patterns with % │ bytes of those */
#include "auth/rules_inside.h"

#include "topic/topic.h"

enum { SETS = 4, WAYS = 4 };
static const uint32_t nobody_decides = UINT32_MAX;

typedef struct entry {
    uint32_t rule;
    uint32_t expansion; /* the first of its topics */
} entry;

struct bb_access {
    bb_rules *rules;
    size_t size;
    uint32_t entries_count, expansions_count;
    uint32_t turn;
    uint64_t keys[SETS][WAYS]; /* of publishings, 0: free */
    uint32_t deciding[SETS][WAYS];
    entry entries[];
};

/* ---- Whom a rule is about. */

static bool name_is(bb_span word, bb_span name)
{
    if (!word.len || word.data[word.len - 1] != '*')
        return bb_span_equal(word, name);
    size_t start = word.len - 1;
    return !start || (name.len >= start && memcmp(name.data, word.data, start) == 0);
}

static bool word_fits(const bb_rules *rules, bb_rule_kind kind, bb_span word, const bb_identity *who)
{
    switch (kind) {
    case BB_RULE_USER:
        return name_is(word, who->user_name) && (word.len == 0) == (who->user_name.len == 0);
    case BB_RULE_GROUP:
        return bb_rules_is_member(rules, word, who->user_name);
    case BB_RULE_CLIENT:
        return name_is(word, who->client_id);
    default:
        return who->listener.len && bb_span_equal(word, who->listener);
    }
}

static bool words_fit(const bb_rules *rules, const bb_rule *rule, bb_rule_kind kind, const bb_identity *who)
{
    bb_range range = rule->words[kind];
    for (uint32_t i = 0; i < range.count; i++)
        if (word_fits(rules, kind, bb_rules_text(rules, rules->words[range.first + i].text), who))
            return true;
    return range.count == 0;
}

/* An IPv6 prefix is not about IPv4: those are written their own way. */
static bool is_ipv4(const uint8_t ip[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(ip, mapped, sizeof mapped) == 0;
}

static bool prefix_fits(const bb_prefix *prefix, const uint8_t ip[16])
{
    if (is_ipv4(ip) && prefix->bits < 8 * 12)
        return false;
    uint32_t whole = prefix->bits / 8, rest = prefix->bits % 8;
    if (whole && memcmp(prefix->ip, ip, whole) != 0)
        return false;
    return !rest || (prefix->ip[whole] ^ ip[whole]) >> (8 - rest) == 0;
}

static bool address_fits(const bb_rules *rules, const bb_rule *rule, const bb_identity *who)
{
    static const uint8_t unknown[16];
    if (rule->prefixes.count && memcmp(who->ip, unknown, sizeof unknown) == 0)
        return false;
    for (uint32_t i = 0; i < rule->prefixes.count; i++)
        if (prefix_fits(&rules->prefixes[rule->prefixes.first + i], who->ip))
            return true;
    return rule->prefixes.count == 0;
}

static bool concerns(const bb_rules *rules, const bb_rule *rule, const bb_identity *who)
{
    for (bb_rule_kind kind = 0; kind < BB_RULE_TOPIC; kind++)
        if (!words_fit(rules, rule, kind, who))
            return false;
    return address_fits(rules, rule, who);
}

/* ---- The rules of one client. */

typedef struct sizes {
    uint32_t entries, expansions;
    size_t bytes;
} sizes;

static bb_text_place *expansions_of(bb_access *access)
{
    return (bb_text_place *)(void *)(access->entries + access->entries_count);
}

static uint8_t *bytes_of(bb_access *access)
{
    return (uint8_t *)(expansions_of(access) + access->expansions_count);
}

/* Put the names into the patterns of one rule, behind what is there. `access` NULL: only measure. */
static void expand(bb_access *access, const bb_rules *rules, const bb_rule *rule, const bb_identity *who, sizes *now)
{
    bb_range topics = rule->words[BB_RULE_TOPIC];
    for (uint32_t i = 0; i < topics.count; i++) {
        const bb_word *word = &rules->words[topics.first + i];
        if (!word->varies)
            continue;
        uint8_t *out = access ? bytes_of(access) + now->bytes : NULL;
        size_t size = bb_pattern_expand(bb_rules_text(rules, word->text), who, NULL);
        if (access && size)
            (void)bb_pattern_expand(bb_rules_text(rules, word->text), who, out);
        if (access)
            expansions_of(access)[now->expansions] = (bb_text_place){(uint32_t)now->bytes, (uint32_t)size};
        now->expansions++;
        now->bytes += size;
    }
}

/* Go through all rules: measure, or fill in. */
static sizes select_rules(bb_access *access, const bb_rules *rules, const bb_identity *who)
{
    sizes now = {0, 0, 0};
    for (uint32_t i = 0; i < rules->rules_count; i++) {
        if (!concerns(rules, &rules->rules[i], who))
            continue;
        if (access)
            access->entries[now.entries] = (entry){i, now.expansions};
        now.entries++;
        expand(access, rules, &rules->rules[i], who, &now);
    }
    return now;
}

bb_access *bb_access_new(bb_mem *mem, bb_rules *rules, const bb_identity *who)
{
    sizes need = select_rules(NULL, rules, who);
    size_t size =
        sizeof(bb_access) + need.entries * sizeof(entry) + need.expansions * sizeof(bb_text_place) + need.bytes;
    if (need.bytes > UINT32_MAX)
        return NULL;
    bb_access *access = bb_mem_alloc_zeroed(mem, size);
    if (!access)
        return NULL;
    access->rules = bb_rules_ref(rules);
    access->size = size;
    access->entries_count = need.entries;
    access->expansions_count = need.expansions;
    (void)select_rules(access, rules, who);
    return access;
}

void bb_access_free(bb_access *access, bb_mem *mem)
{
    if (!access)
        return;
    bb_rules_unref(access->rules);
    bb_mem_free(mem, access, access->size);
}

const bb_rules *bb_access_rules(const bb_access *access)
{
    return access->rules;
}

/* ---- Verdicts. */

/* How a pattern must stand to a topic or filter for its rule to decide. */
typedef enum relation { MATCHES, COVERS, MEETS } relation;

static bool stands(bb_span pattern, relation how, bb_span topic)
{
    switch (how) {
    case MATCHES:
        return bb_filter_matches(pattern, topic);
    case COVERS:
        return bb_pattern_covers(pattern, topic);
    default:
        return bb_pattern_meets(pattern, topic);
    }
}

/* Does one of the rule's patterns stand so to `topic`? A rule without patterns is about all topics. */
static bool about(const bb_access *access, const entry *e, relation how, bb_span topic)
{
    const bb_rules *rules = access->rules;
    bb_access *mine = (bb_access *)(uintptr_t)access; /* for the two helpers that the making of it uses, too */
    bb_range topics = rules->rules[e->rule].words[BB_RULE_TOPIC];
    const bb_text_place *expansion = expansions_of(mine) + e->expansion;
    for (uint32_t i = 0; i < topics.count; i++) {
        const bb_word *word = &rules->words[topics.first + i];
        bb_span pattern = bb_rules_text(rules, word->text);
        if (word->varies) {
            pattern = bb_span_of(bytes_of(mine) + expansion->at, expansion->len);
            expansion++;
        }
        if (pattern.len && stands(pattern, how, topic))
            return true;
    }
    return topics.count == 0;
}

static bool wants(uint8_t wanted, bool is)
{
    return wanted == BB_EITHER_WAY || (wanted == BB_ONLY_WITH) == is;
}

static bool decides_publish(const bb_rule *rule, const bb_publishing *what)
{
    return rule->actions & BB_MAY_PUBLISH && (!rule->allow || what->qos <= rule->qos_max) &&
           wants(rule->retain, what->retain) && wants(rule->will, what->will);
}

static uint32_t judge_publish(const bb_access *access, const bb_publishing *what)
{
    for (uint32_t i = 0; i < access->entries_count; i++) {
        const entry *e = &access->entries[i];
        if (decides_publish(&access->rules->rules[e->rule], what) && about(access, e, MATCHES, what->topic))
            return e->rule;
    }
    return nobody_decides;
}

static bb_verdict verdict_of(const bb_access *access, uint32_t deciding)
{
    if (deciding == nobody_decides)
        return (bb_verdict){.allowed = false};
    const bb_rule *rule = &access->rules->rules[deciding];
    return (bb_verdict){rule->allow, rule->qos_max, rule};
}

bb_verdict bb_access_publish(bb_access *access, const bb_publishing *what)
{
    uint64_t key =
        bb_hash_mix(what->topic_hash, what->qos | (unsigned)what->retain << 2 | (unsigned)what->will << 3) | 1;
    uint32_t set = (uint32_t)(key >> 32) % SETS;
    for (uint32_t way = 0; way < WAYS; way++)
        if (access->keys[set][way] == key)
            return verdict_of(access, access->deciding[set][way]);
    uint32_t deciding = judge_publish(access, what), way = access->turn++ % WAYS;
    access->keys[set][way] = key;
    access->deciding[set][way] = deciding;
    return verdict_of(access, deciding);
}

bb_verdict bb_access_subscribe(const bb_access *access, bb_span filter)
{
    for (uint32_t i = 0; i < access->entries_count; i++) {
        const entry *e = &access->entries[i];
        const bb_rule *rule = &access->rules->rules[e->rule];
        if (rule->actions & BB_MAY_SUBSCRIBE && about(access, e, rule->allow ? COVERS : MEETS, filter))
            return verdict_of(access, e->rule);
    }
    return verdict_of(access, nobody_decides);
}
