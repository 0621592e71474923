/* index.c - one hash table for the filters of all shapes, and a trie for the rest.
 *
 *   bb_index
 *     shapes[] ──────────── which shapes are in use, and by how many filters
 *     exact, wild ────────► entry "site/+/power"             (bb_table, by fingerprint)
 *                             set.members ─► [s0][s1][s2]      one member: into the entry itself
 *                             first         s0, made with the entry; later ones are allocated
 *                             groups ─────► group "g" ─► group "h"
 *     groups ─────────────► the same groups                  (bb_table, by fingerprint)
 *     trie ───────────────► entries whose shape found no slot (also in `wild`, where find sees them)
 *
 * A match masks the topic with each shape in use and looks each result up; then it walks the trie. An entry remembers
 * the slot of its shape, so that one that is met by chance while another shape is probed is not reported twice. Most
 * filters have one subscriber: entry, subscription and text are then one block of 68 bytes and the text. */
#include <stddef.h>

#include "topic/shape.h"
#include "topic/table.h"
#include "topic/topic.h"
#include "topic/trie.h"

enum {
    SLOT_EXACT = BB_SHAPES_MAX, /* filters without wildcards */
    SLOT_TRIE,
    SLOTS,
};

typedef struct filter_entry {
    bb_subscribers set; /* first: a subscription's set is cast to its entry */
    union {
        bb_subscription *only; /* what set.members points at while there is one member and no array */
        bb_group *groups;      /* when has_groups; members then always have an array */
    };
    bb_subscription first; /* the subscription that came with the filter */
    uint16_t length;
    uint8_t slot;
    bool first_used : 1;
    bool has_groups : 1;
    uint8_t text[];
} filter_entry;

typedef struct group_entry {
    bb_group group;   /* first: a bb_group is cast to it */
    bb_group **place; /* who points at it, in the list of its filter */
    filter_entry *entry;
    bb_subscription *only;
    uint16_t length;
    uint8_t name[];
} group_entry;

typedef struct shape_slot {
    bb_shape shape;
    uint32_t filters; /* 0: the slot is free */
} shape_slot;

struct bb_index {
    bb_mem *mem;
    bb_seed seed;
    uint64_t count;
    shape_slot shapes[BB_SHAPES_MAX];
    uint32_t shapes_used; /* slots below this one may be in use */
    bb_table exact, wild; /* filters; few have wildcards, so what most probes read is small and stays in the caches */
    bb_table groups;
    bb_trie trie;
};

static_assert(sizeof(bb_subscription) == 40, "a million of them count");
static_assert(offsetof(filter_entry, text) == 68, "with a filter of 28 bytes an entry fits 96 bytes");

static size_t entry_size(size_t length)
{
    return offsetof(filter_entry, text) + length;
}

static size_t group_size(size_t length)
{
    return offsetof(group_entry, name) + length;
}

static bb_span entry_text(const filter_entry *entry)
{
    return bb_span_of(entry->text, entry->length);
}

static bb_span group_name(const bb_group *group)
{
    const group_entry *whole = (const group_entry *)group;
    return bb_span_of(whole->name, whole->length);
}

bb_index *bb_index_new(bb_mem *mem, const bb_seed *seed)
{
    bb_index *index = bb_mem_alloc_zeroed(mem, sizeof(*index));
    if (!index)
        return NULL;
    index->mem = mem;
    index->seed = *seed;
    bb_trie_init(&index->trie, mem, seed);
    return index;
}

void bb_index_free(bb_index *index)
{
    if (!index)
        return;
    BB_CHECK(index->count == 0);
    bb_mem_free(index->mem, index, sizeof(*index));
}

uint64_t bb_index_count(const bb_index *index)
{
    return index->count;
}

/* ---- Sets of subscribers. `inside` is the place within the owner of the set for the one member of a set without
 * array; NULL where there is no such place. */

static bool set_resize(bb_index *index, bb_subscribers *set, uint32_t capacity)
{
    bb_subscription **members = bb_mem_alloc(index->mem, capacity * sizeof(members[0]));
    if (!members)
        return false;
    if (set->count)
        memcpy(members, set->members, set->count * sizeof(members[0]));
    if (set->capacity)
        bb_mem_free(index->mem, set->members, set->capacity * sizeof(members[0]));
    set->members = members;
    set->capacity = capacity;
    return true;
}

static void set_give_up_array(bb_index *index, bb_subscribers *set, bb_subscription **inside)
{
    bb_subscription **array = set->members;
    BB_CHECK(set->count == 0 || (set->count == 1 && inside));
    if (set->count == 1)
        *inside = array[0];
    set->members = inside;
    bb_mem_free(index->mem, array, set->capacity * sizeof(array[0]));
    set->capacity = 0;
}

/* Make room for one more. */
static bool set_reserve(bb_index *index, bb_subscribers *set, bb_subscription **inside)
{
    if (set->count < set->capacity)
        return true;
    if (set->count == 0 && inside) {
        set->members = inside;
        return true;
    }
    return set_resize(index, set, set->capacity ? set->capacity * 2 : 2);
}

static void set_push(bb_subscribers *set, bb_subscription *subscription)
{
    subscription->set = set;
    subscription->position = set->count;
    set->members[set->count++] = subscription;
}

static void set_take(bb_index *index, bb_subscribers *set, bb_subscription **inside, bb_subscription *subscription)
{
    bb_subscription *last = set->members[set->count - 1];
    BB_CHECK(set->members[subscription->position] == subscription);
    set->members[subscription->position] = last;
    last->position = subscription->position;
    set->count--;

    if (set->capacity == 0)
        return;
    if (set->count == 0 || (set->count == 1 && inside))
        set_give_up_array(index, set, inside);
    else if (set->count <= set->capacity / 4)
        (void)!set_resize(index, set, set->capacity / 2); /* no memory: stay large */
}

/* ---- Shapes. */

static int slot_find(const bb_index *index, bb_shape shape)
{
    int vacant = SLOT_TRIE;
    if (shape == BB_SHAPE_EXACT)
        return SLOT_EXACT;
    if (shape == BB_SHAPE_DEEP)
        return SLOT_TRIE;
    for (int i = 0; i < BB_SHAPES_MAX; i++) {
        if (index->shapes[i].filters == 0)
            vacant = vacant == SLOT_TRIE ? i : vacant;
        else if (index->shapes[i].shape == shape)
            return i;
    }
    return vacant;
}

static void slot_ref(bb_index *index, uint8_t slot, bb_shape shape)
{
    if (slot >= BB_SHAPES_MAX)
        return;
    index->shapes[slot].shape = shape;
    index->shapes[slot].filters++;
    if (index->shapes_used <= slot)
        index->shapes_used = slot + 1u;
}

static void slot_unref(bb_index *index, uint8_t slot)
{
    if (slot >= BB_SHAPES_MAX)
        return;
    index->shapes[slot].filters--;
    while (index->shapes_used > 0 && index->shapes[index->shapes_used - 1].filters == 0)
        index->shapes_used--;
}

/* ---- Entries. */

static bb_table *table_of(bb_index *index, bb_shape shape)
{
    return shape == BB_SHAPE_EXACT ? &index->exact : &index->wild;
}

void bb_index_prefetch(bb_index *index, const bb_filter_key *key)
{
    bb_table_prefetch(table_of(index, key->shape), key->fingerprint);
}

static filter_entry *entry_find(bb_index *index, const bb_filter_key *key)
{
    bb_table_cursor cursor;
    filter_entry *entry = bb_table_first(table_of(index, key->shape), key->fingerprint, &cursor);
    while (entry && !bb_span_equal(entry_text(entry), key->filter.text))
        entry = bb_table_next(&cursor);
    return entry;
}

static filter_entry *entry_new(bb_index *index, const bb_filter_key *key)
{
    bb_span text = key->filter.text;
    bb_table *table = table_of(index, key->shape);
    filter_entry *made = bb_mem_alloc(index->mem, entry_size(text.len));
    if (!made)
        return NULL;
    memset(made, 0, offsetof(filter_entry, text)); /* a short entry is smaller than its type */
    made->length = (uint16_t)text.len;
    made->slot = (uint8_t)slot_find(index, key->shape);
    memcpy(made->text, text.data, text.len);
    if (!bb_table_insert(table, index->mem, key->fingerprint, made))
        goto no_table;
    if (made->slot == SLOT_TRIE && !bb_trie_add(&index->trie, entry_text(made), made))
        goto no_trie;
    slot_ref(index, made->slot, key->shape);
    return made;

no_trie:
    bb_table_remove(table, index->mem, key->fingerprint, made);
no_table:
    bb_mem_free(index->mem, made, entry_size(text.len));
    return NULL;
}

static bool entry_idle(const filter_entry *entry)
{
    return entry->set.count == 0 && !entry->has_groups;
}

static void entry_free(bb_index *index, filter_entry *entry)
{
    BB_CHECK(entry->set.capacity == 0 && !entry->first_used);
    bb_filter filter = {.text = entry_text(entry), .wildcard = entry->slot != SLOT_EXACT};
    bb_filter_key key = bb_filter_key_of(&filter, &index->seed);
    if (entry->slot == SLOT_TRIE)
        bb_trie_remove(&index->trie, entry_text(entry));
    slot_unref(index, entry->slot);
    bb_table_remove(table_of(index, key.shape), index->mem, key.fingerprint, entry);
    bb_mem_free(index->mem, entry, entry_size(entry->length));
}

static bb_subscription **entry_inside(filter_entry *entry)
{
    return entry->has_groups ? NULL : &entry->only;
}

/* ---- Groups. */

uint64_t bb_group_hash(const bb_filter *filter, const bb_seed *seed)
{
    return bb_hash_mix(bb_hash(filter->group, seed) + seed->a, bb_hash(filter->text, seed) ^ seed->b);
}

static bb_group *group_find(const bb_index *index, const bb_filter *filter, uint64_t hash)
{
    bb_table_cursor cursor;
    group_entry *group = bb_table_first(&index->groups, hash, &cursor);
    while (group && !(group->group.hash == hash && bb_span_equal(group_name(&group->group), filter->group) &&
                      bb_span_equal(entry_text(group->entry), filter->text)))
        group = bb_table_next(&cursor);
    return (bb_group *)group;
}

bb_group *bb_index_group(const bb_index *index, uint64_t group_hash)
{
    bb_table_cursor cursor;
    bb_group *group = bb_table_first(&index->groups, group_hash, &cursor);
    while (group && group->hash != group_hash)
        group = bb_table_next(&cursor);
    return group;
}

/* The entry's union holds the groups from now on: a single member moves out of it. */
static bool entry_open_groups(bb_index *index, filter_entry *entry)
{
    if (entry->has_groups)
        return true;
    if (entry->set.count == 1 && entry->set.capacity == 0 && !set_resize(index, &entry->set, 2))
        return false;
    entry->groups = NULL;
    entry->has_groups = true;
    return true;
}

static void entry_close_groups(bb_index *index, filter_entry *entry)
{
    if (entry->groups)
        return;
    entry->has_groups = false;
    entry->only = NULL;
    if (entry->set.capacity && entry->set.count <= 1)
        set_give_up_array(index, &entry->set, &entry->only);
}

static void group_link(filter_entry *entry, group_entry *group)
{
    group->place = &entry->groups;
    group->group.next = entry->groups;
    if (entry->groups)
        ((group_entry *)entry->groups)->place = &group->group.next;
    entry->groups = &group->group;
}

static void group_unlink(group_entry *group)
{
    *group->place = group->group.next;
    if (group->group.next)
        ((group_entry *)group->group.next)->place = group->place;
}

static bb_group *group_new(bb_index *index, filter_entry *entry, bb_span name, uint64_t hash)
{
    group_entry *made = bb_mem_alloc_zeroed(index->mem, group_size(name.len));
    if (!made)
        return NULL;
    made->group.hash = hash;
    made->group.subscribers.grouped = 1;
    made->entry = entry;
    made->length = (uint16_t)name.len;
    memcpy(made->name, name.data, name.len);
    if (!bb_table_insert(&index->groups, index->mem, hash, made))
        goto no_table;
    if (!entry_open_groups(index, entry))
        goto no_room;
    group_link(entry, made);
    return &made->group;

no_room:
    bb_table_remove(&index->groups, index->mem, hash, made);
no_table:
    bb_mem_free(index->mem, made, group_size(name.len));
    return NULL;
}

static void group_free(bb_index *index, bb_group *group)
{
    group_entry *whole = (group_entry *)group;
    group_unlink(whole);
    entry_close_groups(index, whole->entry);
    bb_table_remove(&index->groups, index->mem, group->hash, whole);
    bb_mem_free(index->mem, whole, group_size(whole->length));
}

/* ---- Subscriptions. */

/* The set that subscriptions with this key are in, or NULL. */
static const bb_subscribers *set_of(const bb_index *index, const filter_entry *entry, const bb_filter_key *key)
{
    if (key->filter.group.len == 0)
        return &entry->set;
    return (bb_subscribers *)group_find(index, &key->filter, bb_group_hash(&key->filter, &index->seed));
}

/* One step in the owner's list for each in the set's members: the shorter of the two ends the search. */
static bb_subscription *set_find(const bb_subscribers *set, const void *owner, bb_subscription *owned)
{
    if (!set)
        return NULL;
    for (uint32_t i = 0; i < set->count && owned; i++, owned = owned->next) {
        if (set->members[i]->owner == owner)
            return set->members[i];
        if (owned->set == set)
            return owned;
    }
    return NULL;
}

bb_subscription *bb_index_find(bb_index *index, const bb_filter_key *key, void *owner, bb_subscription *owned)
{
    const filter_entry *entry = entry_find(index, key);
    return entry ? set_find(set_of(index, entry, key), owner, owned) : NULL;
}

static void owner_link(bb_subscription *subscription, void *owner, bb_subscription **owned)
{
    subscription->owner = owner;
    subscription->place = owned;
    subscription->next = *owned;
    if (*owned)
        (*owned)->place = &subscription->next;
    *owned = subscription;
}

static void owner_unlink(bb_subscription *subscription)
{
    *subscription->place = subscription->next;
    if (subscription->next)
        subscription->next->place = subscription->place;
}

static bb_subscription *add_ordinary(bb_index *index, filter_entry *entry)
{
    if (!set_reserve(index, &entry->set, entry_inside(entry)))
        return NULL;
    bb_subscription *made = &entry->first;
    if (entry->first_used)
        made = bb_mem_alloc(index->mem, sizeof(*made));
    if (!made)
        return NULL;
    *made = (bb_subscription){0};
    if (made == &entry->first)
        entry->first_used = true;
    set_push(&entry->set, made);
    return made;
}

static bb_subscription *add_member(bb_index *index, filter_entry *entry, const bb_filter *filter)
{
    uint64_t hash = bb_group_hash(filter, &index->seed);
    bb_group *group = group_find(index, filter, hash);
    if (!group)
        group = group_new(index, entry, filter->group, hash);
    if (!group)
        return NULL;
    bb_subscription *made = NULL;
    if (set_reserve(index, &group->subscribers, &((group_entry *)group)->only))
        made = bb_mem_alloc_zeroed(index->mem, sizeof(*made));
    if (made)
        set_push(&group->subscribers, made);
    else if (group->subscribers.count == 0)
        group_free(index, group);
    return made;
}

bb_subscription *bb_index_add(bb_index *index, const bb_filter_key *key, void *owner, bb_subscription **owned,
                              bb_index_added *added)
{
    bool shared = key->filter.group.len > 0;
    filter_entry *entry = entry_find(index, key);
    bb_subscription *subscription = entry ? set_find(set_of(index, entry, key), owner, *owned) : NULL;
    if (subscription) {
        *added = BB_INDEX_OLD;
        return subscription;
    }
    if (!entry)
        entry = entry_new(index, key);
    if (!entry)
        return NULL;
    subscription = shared ? add_member(index, entry, &key->filter) : add_ordinary(index, entry);
    if (!subscription) {
        if (entry_idle(entry))
            entry_free(index, entry);
        return NULL;
    }
    owner_link(subscription, owner, owned);
    index->count++;
    *added = subscription->set->count == 1 ? BB_INDEX_FIRST : BB_INDEX_NEW;
    return subscription;
}

static void remove_ordinary(bb_index *index, bb_subscription *subscription)
{
    filter_entry *entry = (filter_entry *)subscription->set;
    set_take(index, &entry->set, entry_inside(entry), subscription);
    if (subscription == &entry->first)
        entry->first_used = false;
    else
        bb_mem_free(index->mem, subscription, sizeof(*subscription));
    if (entry_idle(entry))
        entry_free(index, entry);
}

static void remove_member(bb_index *index, bb_subscription *subscription)
{
    group_entry *group = (group_entry *)subscription->set;
    filter_entry *entry = group->entry;
    set_take(index, &group->group.subscribers, &group->only, subscription);
    bb_mem_free(index->mem, subscription, sizeof(*subscription));
    if (group->group.subscribers.count == 0)
        group_free(index, &group->group);
    if (entry_idle(entry))
        entry_free(index, entry);
}

void bb_index_remove(bb_index *index, bb_subscription *subscription, bool *last)
{
    owner_unlink(subscription);
    index->count--;
    *last = subscription->set->count == 1;
    if (subscription->set->grouped)
        remove_member(index, subscription);
    else
        remove_ordinary(index, subscription);
}

bb_group *bb_subscription_group(const bb_subscription *subscription)
{
    return subscription->set->grouped ? (bb_group *)subscription->set : NULL;
}

void bb_subscription_filter(const bb_subscription *subscription, bb_filter *out)
{
    const bb_group *group = bb_subscription_group(subscription);
    const filter_entry *entry = group ? ((const group_entry *)group)->entry : (const filter_entry *)subscription->set;
    *out = (bb_filter){.text = entry_text(entry),
                       .group = group ? group_name(group) : BB_SPAN_NONE,
                       .wildcard = entry->slot != SLOT_EXACT};
}

/* ---- Matching. */

typedef struct match_visit {
    bb_index_visit *visit;
    void *context;
} match_visit;

static void visit_entry(void *context, void *found)
{
    const match_visit *match = context;
    filter_entry *entry = found;
    match->visit(match->context, &entry->set, entry->has_groups ? entry->groups : NULL);
}

static bool entry_matches(const filter_entry *entry, uint8_t slot, bb_span topic)
{
    if (entry->slot != slot)
        return false;
    return slot == SLOT_EXACT ? bb_span_equal(entry_text(entry), topic) : bb_filter_matches(entry_text(entry), topic);
}

static void plan_probe(bb_index_search *search, const bb_table *table, uint64_t fingerprint, uint32_t slot)
{
    search->probes[search->count++] = (struct bb_index_probe){table, fingerprint, slot};
    bb_table_prefetch(table, fingerprint);
}

/* Memory is what a match waits for. So all probes ask for theirs before the first one reads: here for the places in the
 * tables, then for the entries. */
void bb_index_search_begin(const bb_index *index, bb_span topic, bb_index_search *search)
{
    search->index = index;
    search->topic = topic;
    search->count = 0;
    uint64_t exact = bb_shape_apply_exact(bb_hash(topic, &index->seed), &index->seed);
    plan_probe(search, &index->exact, exact, SLOT_EXACT);
    if (index->shapes_used == 0)
        return;
    bb_topic_mask mask;
    bb_topic_mask_init(&mask, topic, &index->seed);
    for (uint32_t i = 0; i < index->shapes_used; i++) {
        const shape_slot *slot = &index->shapes[i];
        if (slot->filters > 0 && bb_shape_admits(slot->shape, &mask))
            plan_probe(search, &index->wild, bb_shape_apply(slot->shape, &mask, &index->seed), i);
    }
}

/* The first entry that may be what a probe looks for, or NULL. */
static filter_entry *look_up(const struct bb_index_probe *probe, bb_table_cursor *cursor)
{
    filter_entry *entry = bb_table_first(probe->table, probe->fingerprint, cursor);
    if (!entry)
        return NULL;
    __builtin_prefetch(entry);
    __builtin_prefetch(entry->text);
    return entry;
}

void bb_index_search_end(const bb_index_search *search, bb_index_visit *visit, void *context)
{
    match_visit match = {visit, context};
    filter_entry *first[BB_SHAPES_MAX + 1];
    bb_table_cursor cursors[BB_SHAPES_MAX + 1];
    for (uint32_t i = 0; i < search->count; i++)
        first[i] = look_up(&search->probes[i], &cursors[i]);
    for (uint32_t i = 0; i < search->count; i++) {
        filter_entry *entry = first[i];
        while (entry && !entry_matches(entry, (uint8_t)search->probes[i].slot, search->topic))
            entry = bb_table_next(&cursors[i]);
        if (entry)
            visit_entry(&match, entry);
    }
    bb_trie_match(&search->index->trie, search->topic, visit_entry, &match);
}

void bb_index_match(const bb_index *index, bb_span topic, bb_index_visit *visit, void *context)
{
    bb_index_search search;
    bb_index_search_begin(index, topic, &search);
    bb_index_search_end(&search, visit, context);
}
