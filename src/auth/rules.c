/* rules.c - reading rules, and keeping them: one block, in which everything is named by its number.
 *
 *   bb_rules │ rules │ words │ prefixes │ groups │ members │ slots │ bytes
 *
 * There are no pointers behind the head, so two files say the same when their blocks are the same bytes. `slots` is a
 * hash table of the members: is this user in that group? */
#include "auth/rules_inside.h"

/* ---- Growing arrays. */

typedef struct array {
    uint8_t *at;
    uint32_t count, capacity, width;
} array;

struct bb_rules_builder {
    bb_mem *mem;
    array rules, words, prefixes, groups, members, bytes;
    bb_text_place file;
};

/* Room for `n` more elements; NULL: no memory, or more than can be counted. */
static void *grow(bb_mem *mem, array *a, size_t n)
{
    size_t need = a->count + n, capacity = a->capacity ? a->capacity : 16;
    while (capacity < need)
        capacity *= 2;
    if (capacity > UINT32_MAX / 64)
        return NULL;
    if (capacity != a->capacity) {
        void *grown = bb_mem_resize(mem, a->at, (size_t)a->capacity * a->width, capacity * a->width);
        if (!grown)
            return NULL;
        a->at = grown;
        a->capacity = (uint32_t)capacity;
    }
    void *room = a->at + (size_t)a->count * a->width;
    a->count += (uint32_t)n;
    return room;
}

static void clear(bb_mem *mem, array *a)
{
    bb_mem_free(mem, a->at, (size_t)a->capacity * a->width);
}

/* ---- The builder. */

static bool keep_text(bb_rules_builder *b, bb_span text, bb_text_place *out)
{
    uint32_t at = b->bytes.count;
    uint8_t *room = grow(b->mem, &b->bytes, text.len);
    if (!room)
        return false;
    if (text.len)
        memcpy(room, text.data, text.len);
    *out = (bb_text_place){at, (uint32_t)text.len};
    return true;
}

static bb_span text_at(const bb_rules_builder *b, bb_text_place place)
{
    return bb_span_of(b->bytes.at + place.at, place.len);
}

bb_rules_builder *bb_rules_builder_new(bb_mem *mem, bb_span file)
{
    bb_rules_builder *b = bb_mem_alloc_zeroed(mem, sizeof *b);
    if (!b)
        return NULL;
    b->mem = mem;
    b->rules.width = sizeof(bb_rule);
    b->words.width = sizeof(bb_word);
    b->prefixes.width = sizeof(bb_prefix);
    b->groups.width = sizeof(bb_text_place);
    b->members.width = sizeof(bb_member);
    b->bytes.width = 1;
    if (keep_text(b, file, &b->file))
        return b;
    bb_rules_builder_free(b);
    return NULL;
}

void bb_rules_builder_free(bb_rules_builder *b)
{
    if (!b)
        return;
    clear(b->mem, &b->rules);
    clear(b->mem, &b->words);
    clear(b->mem, &b->prefixes);
    clear(b->mem, &b->groups);
    clear(b->mem, &b->members);
    clear(b->mem, &b->bytes);
    bb_mem_free(b->mem, b, sizeof *b);
}

bool bb_rules_add(bb_rules_builder *b, const bb_rule *rule)
{
    bb_rule *room = grow(b->mem, &b->rules, 1);
    if (!room)
        return false;
    *room = *rule;
    memset(room->words, 0, sizeof room->words);
    memset(room->unused, 0, sizeof room->unused);
    room->prefixes = (bb_range){0, 0};
    return true;
}

bb_rule *bb_rules_latest(bb_rules_builder *b)
{
    BB_CHECK(b->rules.count);
    return (bb_rule *)(void *)b->rules.at + b->rules.count - 1;
}

/* One more of those that stand together. */
static void extend(bb_range *range, uint32_t index)
{
    if (!range->count)
        range->first = index;
    BB_CHECK(range->first + range->count == index);
    range->count++;
}

bool bb_rules_add_word(bb_rules_builder *b, bb_rule_kind kind, const bb_rule_word *word)
{
    bb_text_place text;
    if (!keep_text(b, word->text, &text))
        return false;
    bb_word *room = grow(b->mem, &b->words, 1);
    if (!room)
        return false;
    *room = (bb_word){text, word->line, word->column, kind == BB_RULE_TOPIC && bb_pattern_varies(word->text)};
    extend(&bb_rules_latest(b)->words[kind], b->words.count - 1);
    return true;
}

bool bb_rules_add_prefix(bb_rules_builder *b, const bb_prefix *prefix)
{
    bb_prefix *room = grow(b->mem, &b->prefixes, 1);
    if (!room)
        return false;
    *room = *prefix;
    extend(&bb_rules_latest(b)->prefixes, b->prefixes.count - 1);
    return true;
}

bool bb_rules_add_group(bb_rules_builder *b, bb_span name)
{
    bb_text_place text;
    if (!keep_text(b, name, &text))
        return false;
    bb_text_place *room = grow(b->mem, &b->groups, 1);
    if (room)
        *room = text;
    return room != NULL;
}

bool bb_rules_add_member(bb_rules_builder *b, bb_span user_name)
{
    bb_text_place text;
    BB_CHECK(b->groups.count);
    if (!keep_text(b, user_name, &text))
        return false;
    bb_member *room = grow(b->mem, &b->members, 1);
    if (room)
        *room = (bb_member){b->groups.count - 1, text};
    return room != NULL;
}

bool bb_rules_knows_group(const bb_rules_builder *b, bb_span name)
{
    const bb_text_place *groups = (const void *)b->groups.at;
    for (uint32_t i = 0; i < b->groups.count; i++)
        if (bb_span_equal(text_at(b, groups[i]), name))
            return true;
    return false;
}

/* ---- The block. */

static uint32_t slots_for(uint32_t members)
{
    uint32_t slots = 1;
    while (slots < members * 2)
        slots *= 2;
    return slots;
}

static void *put(uint8_t **at, const array *from)
{
    void *here = *at;
    if (from->count)
        memcpy(here, from->at, (size_t)from->count * from->width);
    *at += (size_t)from->count * from->width;
    return here;
}

static size_t bytes_of(const array *a)
{
    return (size_t)a->count * a->width;
}

static uint64_t member_hash(bb_span user_name, uint32_t group)
{
    static const bb_seed seed = {0, 0}; /* the operator chooses the members, not a peer */
    return bb_hash_mix(bb_hash(user_name, &seed), group);
}

static void enter_members(bb_rules *rules, uint32_t *slots)
{
    for (uint32_t i = 0; i < rules->members_count; i++) {
        uint64_t hash = member_hash(bb_rules_text(rules, rules->members[i].user_name), rules->members[i].group);
        uint32_t slot = (uint32_t)hash & (rules->slots_count - 1);
        while (slots[slot])
            slot = (slot + 1) & (rules->slots_count - 1);
        slots[slot] = i + 1;
    }
}

bb_rules *bb_rules_finish(const bb_rules_builder *b)
{
    static const bb_seed seed = {0, 0};
    uint32_t slots_count = slots_for(b->members.count);
    size_t body = bytes_of(&b->rules) + bytes_of(&b->words) + bytes_of(&b->prefixes) + bytes_of(&b->groups) +
                  bytes_of(&b->members) + slots_count * sizeof(uint32_t) + bytes_of(&b->bytes);
    bb_rules *rules = b->mem->alloc(b->mem->context, sizeof *rules + body);
    if (!rules)
        return NULL;
    memset(rules, 0, sizeof *rules + body);
    uint8_t *at = (uint8_t *)(rules + 1);
    atomic_init(&rules->references, 1);
    rules->release = b->mem->release;
    rules->context = b->mem->context;
    rules->body = body;
    rules->rules = put(&at, &b->rules);
    rules->words = put(&at, &b->words);
    rules->prefixes = put(&at, &b->prefixes);
    rules->groups = put(&at, &b->groups);
    rules->members = put(&at, &b->members);
    uint32_t *slots = (void *)at;
    rules->slots = slots;
    at += slots_count * sizeof *slots;
    rules->bytes = put(&at, &b->bytes);
    rules->rules_count = b->rules.count;
    rules->groups_count = b->groups.count;
    rules->members_count = b->members.count;
    rules->slots_count = slots_count;
    rules->file = b->file;
    enter_members(rules, slots);
    rules->digest = bb_hash(bb_span_of(rules + 1, body), &seed);
    return rules;
}

bb_rules *bb_rules_ref(bb_rules *rules)
{
    if (rules)
        atomic_fetch_add_explicit(&rules->references, 1, memory_order_relaxed);
    return rules;
}

void bb_rules_unref(bb_rules *rules)
{
    if (rules && atomic_fetch_sub_explicit(&rules->references, 1, memory_order_acq_rel) == 1)
        rules->release(rules->context, rules, sizeof *rules + rules->body);
}

bool bb_rules_equal(const bb_rules *a, const bb_rules *b)
{
    if (a == b)
        return true;
    return a && b && a->body == b->body && a->rules_count == b->rules_count && a->groups_count == b->groups_count &&
           a->members_count == b->members_count && memcmp(a + 1, b + 1, a->body) == 0;
}

uint32_t bb_rules_count(const bb_rules *rules)
{
    return rules->rules_count;
}

uint32_t bb_rules_groups(const bb_rules *rules)
{
    return rules->groups_count;
}

const bb_rule *bb_rules_at(const bb_rules *rules, uint32_t index)
{
    BB_CHECK(index < rules->rules_count);
    return &rules->rules[index];
}

bb_span bb_rules_file(const bb_rules *rules)
{
    return bb_rules_text(rules, rules->file);
}

uint64_t bb_rules_digest(const bb_rules *rules)
{
    return rules->digest;
}

bb_rule_word bb_rules_word(const bb_rules *rules, const bb_rule *rule, bb_rule_kind kind, uint32_t index)
{
    BB_CHECK(index < rule->words[kind].count);
    const bb_word *word = &rules->words[rule->words[kind].first + index];
    return (bb_rule_word){bb_rules_text(rules, word->text), word->line, word->column};
}

const bb_prefix *bb_rules_prefix(const bb_rules *rules, const bb_rule *rule, uint32_t index)
{
    BB_CHECK(index < rule->prefixes.count);
    return &rules->prefixes[rule->prefixes.first + index];
}

/* ---- Groups. */

static bool find_group(const bb_rules *rules, bb_span name, uint32_t *group)
{
    for (*group = 0; *group < rules->groups_count; ++*group)
        if (bb_span_equal(bb_rules_text(rules, rules->groups[*group]), name))
            return true;
    return false;
}

bool bb_rules_has_group(const bb_rules *rules, bb_span name)
{
    uint32_t group;
    return find_group(rules, name, &group);
}

bool bb_rules_is_member(const bb_rules *rules, bb_span group_name, bb_span user_name)
{
    uint32_t group;
    if (!user_name.len || !find_group(rules, group_name, &group))
        return false;
    uint32_t slot = (uint32_t)member_hash(user_name, group) & (rules->slots_count - 1);
    for (; rules->slots[slot]; slot = (slot + 1) & (rules->slots_count - 1)) {
        const bb_member *member = &rules->members[rules->slots[slot] - 1];
        if (member->group == group && bb_span_equal(bb_rules_text(rules, member->user_name), user_name))
            return true;
    }
    return false;
}
