/* interest.c - which destinations want a topic: fingerprints with counts, in stripes with a lock each.
 *
 *   bb_interest
 *     shapes[] ─── words that readers load without a lock; `pins` counts what is entered under each
 *     stripes[k]
 *       counts ─── fingerprint ─► how many filters each destination has under it        (stripe.h, 1 + d/2 words)
 *       groups ─── fingerprint ─► the groups of its filters, sorted by their hash       (stripe.h, 2 words)
 *
 * Shapes    Like the index this looks a topic up once for each shape in use. There is no trie: a wildcard filter whose
 *           shape finds no slot is entered coarser, as its first literal levels and #, BB_COARSE_LEVELS at most. The
 *           shapes of these coarse filters have slots of their own, so entering always works. A filter that goes may
 *           have come either way; which, the table tells: only the filter itself is entered under its fine fingerprint.
 *           So coarse entries need no memory of what they stand for, and a slot that became free meanwhile misleads
 *           nobody.
 * Order     Change: shape pinned, table, generations; away: table, shape, generations. A reader that misses a change
 *           half-way made has loaded the generations before it, and will look again.
 * Locks     Exact filters take the lock of their stripe. What has wildcards also needs the shapes: SHAPES_LOCK first,
 *           the stripe's inside it. That is the only nesting. Readers take one stripe at a time. */
#include <stddef.h>

#include "topic/level.h"
#include "topic/shape.h"
#include "topic/stripe.h"
#include "topic/topic.h"

enum {
    STRIPES = BB_INTEREST_STRIPES - 1, /* the last lock guards the shapes instead */
    SHAPES_LOCK = STRIPES,
    COARSE_LEVELS = 3, /* the most literal levels of a coarse filter */
    FINE_SLOTS = BB_SHAPES_MAX - (COARSE_LEVELS + 1),
    GROUP_WORDS = 2, /* of an entry in bb_stripe: fingerprint, address of a group_list */
};

typedef struct tally {
    uint32_t online, away;
} tally;

typedef struct group_tally {
    uint64_t hash;
    tally at[]; /* one for each destination */
} group_tally;

typedef struct group_list {
    uint32_t count, capacity;
    group_tally *groups[]; /* in the order of their hashes */
} group_list;

typedef struct interest_stripe {
    bb_stripe counts, groups;
    char apart[64 - 2 * sizeof(bb_stripe)]; /* threads that work on neighbours do not disturb each other */
} interest_stripe;

struct bb_interest {
    bb_seed seed;
    bb_locks locks;
    unsigned destinations;
    unsigned count_words;                   /* of an entry in counts */
    _Atomic uint64_t shapes[BB_SHAPES_MAX]; /* 0: free; slots from FINE_SLOTS on belong to the coarse shapes */
    uint64_t pins[BB_SHAPES_MAX];           /* under SHAPES_LOCK */
    bb_generations generations;
    interest_stripe stripes[STRIPES];
};

static void lock(bb_interest *interest, unsigned stripe)
{
    if (interest->locks.lock)
        interest->locks.lock(interest->locks.context, stripe);
}

static void unlock(bb_interest *interest, unsigned stripe)
{
    if (interest->locks.unlock)
        interest->locks.unlock(interest->locks.context, stripe);
}

/* The upper bits of a fingerprint are its place within the stripe, so the stripe comes from the lower ones. */
static unsigned stripe_number(uint64_t fingerprint)
{
    return (unsigned)((fingerprint & 0xffffffff) * STRIPES >> 32);
}

bb_interest *bb_interest_new(bb_mem *mem, const bb_seed *seed, unsigned destinations, bb_locks locks)
{
    BB_CHECK(destinations > 0 && destinations <= BB_DESTINATIONS_MAX);
    bb_interest *interest = bb_mem_alloc_zeroed(mem, sizeof(*interest));
    if (!interest)
        return NULL;
    interest->seed = *seed;
    interest->locks = locks;
    interest->destinations = destinations;
    interest->count_words = 1 + (destinations + 1) / 2;
    return interest;
}

/* ---- Filters as they are entered. */

typedef struct entered_form {
    bb_shape shape;
    uint64_t fingerprint;
    unsigned stripe;
} entered_form;

static entered_form form_of(bb_shape shape, uint64_t fingerprint)
{
    fingerprint |= fingerprint == 0; /* zero marks a gap in a stripe */
    return (entered_form){shape, fingerprint, stripe_number(fingerprint)};
}

static entered_form fine_form(const bb_filter_key *key)
{
    return form_of(key->shape, key->fingerprint);
}

/* The first literal levels of `filter` and #. Matches all that the filter does: a leading wildcard becomes #, which
 * leaves topics with $ alone as well. */
static entered_form coarse_form(const bb_interest *interest, bb_span filter)
{
    uint32_t levels = 0;
    size_t start = 0;
    uint64_t sum = 0;
    while (levels < COARSE_LEVELS && start <= filter.len) {
        size_t end = bb_level_end(filter, start);
        bb_span level = bb_span_of(filter.data + start, end - start);
        if (bb_level_is(level, '+') || bb_level_is(level, '#'))
            break;
        sum += bb_level_hash(level, levels, &interest->seed);
        start = end + 1;
        levels++;
    }
    bb_shape shape = bb_shape_of_rest(levels);
    return form_of(shape, bb_shape_fingerprint(shape, sum, &interest->seed));
}

static void form_prefetch(const bb_interest *interest, const entered_form *form)
{
    bb_stripe_prefetch(&interest->stripes[form->stripe].counts, interest->count_words, form->fingerprint);
}

void bb_interest_prefetch(const bb_interest *interest, const bb_filter_key *key)
{
    entered_form form = fine_form(key);
    form_prefetch(interest, &form);
}

/* ---- Shapes; all but slot_of_coarse and exact under SHAPES_LOCK. */

/* Coarse shapes own a slot each; BB_SHAPES_MAX for all others. */
static unsigned slot_of_coarse(bb_shape shape)
{
    for (uint32_t levels = 0; levels <= COARSE_LEVELS; levels++) {
        if (shape == bb_shape_of_rest(levels))
            return FINE_SLOTS + levels;
    }
    return BB_SHAPES_MAX;
}

/* The slot that has or may get this shape, or BB_SHAPES_MAX. */
static unsigned slot_find(const bb_interest *interest, bb_shape shape)
{
    unsigned vacant = slot_of_coarse(shape);
    if (vacant < BB_SHAPES_MAX || shape == BB_SHAPE_DEEP)
        return vacant;
    for (unsigned i = 0; i < FINE_SLOTS; i++) {
        if (interest->pins[i] == 0)
            vacant = vacant == BB_SHAPES_MAX ? i : vacant;
        else if (atomic_load_explicit(&interest->shapes[i], memory_order_relaxed) == shape)
            return i;
    }
    return vacant;
}

static bool is_exact(const entered_form *form)
{
    return form->shape == BB_SHAPE_EXACT;
}

static void shape_pin(bb_interest *interest, const entered_form *form)
{
    if (is_exact(form))
        return;
    unsigned slot = slot_find(interest, form->shape);
    BB_CHECK(slot < BB_SHAPES_MAX);
    if (interest->pins[slot]++ == 0)
        atomic_store_explicit(&interest->shapes[slot], form->shape, memory_order_release);
}

static void shape_unpin(bb_interest *interest, const entered_form *form)
{
    if (is_exact(form))
        return;
    unsigned slot = slot_find(interest, form->shape);
    BB_CHECK(slot < BB_SHAPES_MAX && interest->pins[slot] > 0);
    if (--interest->pins[slot] == 0)
        atomic_store_explicit(&interest->shapes[slot], 0, memory_order_release);
}

static void shapes_lock(bb_interest *interest, const entered_form *fine)
{
    if (!is_exact(fine))
        lock(interest, SHAPES_LOCK);
}

static void shapes_unlock(bb_interest *interest, const entered_form *fine)
{
    if (!is_exact(fine))
        unlock(interest, SHAPES_LOCK);
}

/* ---- Counts of ordinary subscriptions. */

static uint32_t *counts_in(uint64_t *entry)
{
    return (uint32_t *)(entry + 1);
}

static bool counts_are_zero(const bb_interest *interest, uint64_t *entry)
{
    for (unsigned i = 1; i < interest->count_words; i++) {
        if (entry[i] != 0)
            return false;
    }
    return true;
}

static bool count_up(bb_interest *interest, bb_mem *mem, const entered_form *form, unsigned destination)
{
    lock(interest, form->stripe);
    bb_stripe *counts = &interest->stripes[form->stripe].counts;
    uint64_t *entry = bb_stripe_find(counts, interest->count_words, form->fingerprint);
    if (!entry)
        entry = bb_stripe_insert(counts, mem, interest->count_words, form->fingerprint);
    if (entry)
        counts_in(entry)[destination]++;
    unlock(interest, form->stripe);
    return entry != NULL;
}

/* False when the destination has nothing under this form. */
static bool count_down(bb_interest *interest, bb_mem *mem, const entered_form *form, unsigned destination)
{
    lock(interest, form->stripe);
    bb_stripe *counts = &interest->stripes[form->stripe].counts;
    uint64_t *entry = bb_stripe_find(counts, interest->count_words, form->fingerprint);
    bool found = entry && counts_in(entry)[destination] > 0;
    if (found && --counts_in(entry)[destination] == 0 && counts_are_zero(interest, entry))
        bb_stripe_remove(counts, mem, interest->count_words, entry);
    unlock(interest, form->stripe);
    return found;
}

bool bb_interest_add(bb_interest *interest, bb_mem *mem, const bb_filter_key *key, unsigned destination)
{
    BB_CHECK(destination < interest->destinations);
    entered_form fine = fine_form(key), form = fine;
    shapes_lock(interest, &fine);
    if (!is_exact(&fine) && slot_find(interest, fine.shape) == BB_SHAPES_MAX)
        form = coarse_form(interest, key->filter.text);
    shape_pin(interest, &form);
    bool added = count_up(interest, mem, &form, destination);
    if (!added)
        shape_unpin(interest, &form);
    shapes_unlock(interest, &fine);
    if (added)
        bb_generations_bump(&interest->generations, key);
    return added;
}

void bb_interest_remove(bb_interest *interest, bb_mem *mem, const bb_filter_key *key, unsigned destination)
{
    BB_CHECK(destination < interest->destinations);
    entered_form fine = fine_form(key), form = fine;
    shapes_lock(interest, &fine);
    bool found = count_down(interest, mem, &form, destination);
    if (!found && !is_exact(&fine)) {
        form = coarse_form(interest, key->filter.text);
        found = count_down(interest, mem, &form, destination);
    }
    BB_CHECK(found);
    shape_unpin(interest, &form);
    shapes_unlock(interest, &fine);
    bb_generations_bump(&interest->generations, key);
}

/* ---- Groups. */

static size_t group_size(const bb_interest *interest)
{
    return offsetof(group_tally, at) + interest->destinations * sizeof(tally);
}

static size_t list_size(uint32_t capacity)
{
    return offsetof(group_list, groups) + capacity * sizeof(group_tally *);
}

static group_list *list_in(const uint64_t *entry)
{
    return (group_list *)(uintptr_t)entry[1];
}

/* Where the first group with at least this hash is, or would be. */
static uint32_t list_seek(const group_list *list, uint64_t hash)
{
    uint32_t low = 0, high = list->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (list->groups[middle]->hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool list_has(const group_list *list, uint32_t at, uint64_t hash)
{
    return at < list->count && list->groups[at]->hash == hash;
}

static bool list_resize(uint64_t *entry, bb_mem *mem, uint32_t capacity)
{
    group_list *old = list_in(entry);
    group_list *list = bb_mem_alloc(mem, list_size(capacity));
    if (!list)
        return false;
    list->count = old ? old->count : 0;
    list->capacity = capacity;
    if (old) {
        memcpy(list->groups, old->groups, old->count * sizeof(group_tally *));
        bb_mem_free(mem, old, list_size(old->capacity));
    }
    entry[1] = (uintptr_t)list;
    return true;
}

/* The entry of this fingerprint with room for one more group; NULL: no memory. */
static uint64_t *list_reserve(bb_stripe *groups, bb_mem *mem, uint64_t fingerprint)
{
    uint64_t *entry = bb_stripe_find(groups, GROUP_WORDS, fingerprint);
    if (!entry)
        entry = bb_stripe_insert(groups, mem, GROUP_WORDS, fingerprint);
    if (!entry)
        return NULL;
    group_list *list = list_in(entry);
    if (list && list->count < list->capacity)
        return entry;
    if (list_resize(entry, mem, list ? list->capacity * 2 : 1))
        return entry;
    if (!list)
        bb_stripe_remove(groups, mem, GROUP_WORDS, entry);
    return NULL;
}

static group_tally *group_find(bb_interest *interest, const entered_form *form, uint64_t hash)
{
    uint64_t *entry = bb_stripe_find(&interest->stripes[form->stripe].groups, GROUP_WORDS, form->fingerprint);
    if (!entry)
        return NULL;
    uint32_t at = list_seek(list_in(entry), hash);
    return list_has(list_in(entry), at, hash) ? list_in(entry)->groups[at] : NULL;
}

static group_tally *group_new(bb_interest *interest, bb_mem *mem, const entered_form *form, uint64_t hash)
{
    group_tally *made = bb_mem_alloc_zeroed(mem, group_size(interest));
    if (!made)
        return NULL;
    uint64_t *entry = list_reserve(&interest->stripes[form->stripe].groups, mem, form->fingerprint);
    if (!entry) {
        bb_mem_free(mem, made, group_size(interest));
        return NULL;
    }
    made->hash = hash;
    group_list *list = list_in(entry);
    uint32_t at = list_seek(list, hash);
    memmove(&list->groups[at + 1], &list->groups[at], (list->count - at) * sizeof(group_tally *));
    list->groups[at] = made;
    list->count++;
    return made;
}

static void group_free(bb_interest *interest, bb_mem *mem, const entered_form *form, group_tally *group)
{
    bb_stripe *groups = &interest->stripes[form->stripe].groups;
    uint64_t *entry = bb_stripe_find(groups, GROUP_WORDS, form->fingerprint);
    group_list *list = list_in(entry);
    uint32_t at = list_seek(list, group->hash);
    list->count--;
    memmove(&list->groups[at], &list->groups[at + 1], (list->count - at) * sizeof(group_tally *));
    bb_mem_free(mem, group, group_size(interest));

    if (list->count == 0) {
        bb_mem_free(mem, list, list_size(list->capacity));
        bb_stripe_remove(groups, mem, GROUP_WORDS, entry);
    } else if (list->count < list->capacity / 4) {
        (void)!list_resize(entry, mem, list->capacity / 2); /* no memory: stay large */
    }
}

static bool group_is_empty(const bb_interest *interest, const group_tally *group)
{
    for (unsigned i = 0; i < interest->destinations; i++) {
        if (group->at[i].online || group->at[i].away)
            return false;
    }
    return true;
}

typedef enum group_outcome { ABSENT, DONE, FAILED } group_outcome;

/* Set the numbers of a group that is there under this form. */
static group_outcome group_update(bb_interest *interest, bb_mem *mem, const entered_form *form, uint64_t hash,
                                  unsigned destination, tally now)
{
    lock(interest, form->stripe);
    group_tally *group = group_find(interest, form, hash);
    bool gone = false;
    if (group) {
        group->at[destination] = now;
        gone = group_is_empty(interest, group);
        if (gone)
            group_free(interest, mem, form, group);
    }
    unlock(interest, form->stripe);
    if (gone)
        shape_unpin(interest, form);
    return group ? DONE : ABSENT;
}

static group_outcome group_enter(bb_interest *interest, bb_mem *mem, const entered_form *form, uint64_t hash,
                                 unsigned destination, tally now)
{
    shape_pin(interest, form);
    lock(interest, form->stripe);
    group_tally *group = group_find(interest, form, hash); /* another destination may have been faster */
    if (!group)
        group = group_new(interest, mem, form, hash);
    if (group)
        group->at[destination] = now;
    unlock(interest, form->stripe);
    if (!group)
        shape_unpin(interest, form);
    return group ? DONE : FAILED;
}

bool bb_interest_group(bb_interest *interest, bb_mem *mem, const bb_filter *filter, uint64_t hash, unsigned destination,
                       uint32_t online, uint32_t away)
{
    BB_CHECK(destination < interest->destinations);
    tally now = {online, away};
    bb_filter_key key = bb_filter_key_of(filter, &interest->seed);
    entered_form fine = fine_form(&key), coarse = fine;
    shapes_lock(interest, &fine);
    group_outcome outcome = group_update(interest, mem, &fine, hash, destination, now);
    if (outcome == ABSENT && !is_exact(&fine)) {
        coarse = coarse_form(interest, filter->text);
        outcome = group_update(interest, mem, &coarse, hash, destination, now);
    }
    if (outcome == ABSENT && (online || away)) {
        bool room = is_exact(&fine) || slot_find(interest, fine.shape) < BB_SHAPES_MAX;
        outcome = group_enter(interest, mem, room ? &fine : &coarse, hash, destination, now);
    }
    shapes_unlock(interest, &fine);
    if (outcome == FAILED)
        return false;
    bb_generations_bump(&interest->generations, &key);
    return true;
}

/* ---- Look-up. */

static uint64_t destinations_of(const bb_interest *interest, uint64_t *entry)
{
    uint64_t set = 0;
    for (unsigned i = 0; i < interest->destinations; i++) {
        if (counts_in(entry)[i] > 0)
            set |= 1ull << i;
    }
    return set;
}

/* Copy out the group that follows in the order of hashes, from `hash` on. */
static bool group_copy(bb_interest *interest, const entered_form *form, uint64_t hash, bb_interest_group_hit *hit)
{
    lock(interest, form->stripe);
    uint64_t *entry = bb_stripe_find(&interest->stripes[form->stripe].groups, GROUP_WORDS, form->fingerprint);
    uint32_t at = entry ? list_seek(list_in(entry), hash) : 0;
    bool found = entry && at < list_in(entry)->count;
    if (found) {
        const group_tally *group = list_in(entry)->groups[at];
        hit->hash = group->hash;
        for (unsigned i = 0; i < interest->destinations; i++) {
            hit->online[i] = group->at[i].online;
            hit->away[i] = group->at[i].away;
        }
    }
    unlock(interest, form->stripe);
    return found;
}

/* The lock is let go between any two groups: visits take their time, and there may be many of them. */
static void visit_groups(bb_interest *interest, const entered_form *form, bb_interest_visit *visit, void *context)
{
    bb_interest_group_hit hit;
    uint64_t hash = 0;
    while (group_copy(interest, form, hash, &hit)) {
        visit(context, &hit);
        if (hit.hash == UINT64_MAX)
            return;
        hash = hit.hash + 1;
    }
}

/* What to look up for this topic. */
static unsigned forms_plan(const bb_interest *interest, bb_span topic, entered_form *forms)
{
    bb_topic_mask mask;
    bb_topic_mask_init(&mask, topic, &interest->seed);
    unsigned count = 0;
    forms[count++] = form_of(BB_SHAPE_EXACT, bb_shape_apply_exact(bb_hash(topic, &interest->seed), &interest->seed));
    for (unsigned i = 0; i < BB_SHAPES_MAX; i++) {
        bb_shape shape = atomic_load_explicit(&interest->shapes[i], memory_order_acquire);
        if (shape != 0 && bb_shape_admits(shape, &mask))
            forms[count++] = form_of(shape, bb_shape_apply(shape, &mask, &interest->seed));
    }
    return count;
}

static uint64_t probe(bb_interest *interest, const entered_form *form, bb_interest_visit *visit, void *context)
{
    interest_stripe *stripe = &interest->stripes[form->stripe];
    lock(interest, form->stripe);
    uint64_t *entry = bb_stripe_find(&stripe->counts, interest->count_words, form->fingerprint);
    uint64_t set = entry ? destinations_of(interest, entry) : 0;
    bool groups = visit && bb_stripe_find(&stripe->groups, GROUP_WORDS, form->fingerprint);
    unlock(interest, form->stripe);
    if (groups)
        visit_groups(interest, form, visit, context);
    return set;
}

uint64_t bb_interest_lookup(bb_interest *interest, bb_span topic, bb_interest_visit *visit, void *context)
{
    entered_form forms[1 + BB_SHAPES_MAX];
    unsigned count = forms_plan(interest, topic, forms);
    uint64_t set = 0;
    for (unsigned i = 0; i < count; i++)
        form_prefetch(interest, &forms[i]);
    for (unsigned i = 0; i < count; i++)
        set |= probe(interest, &forms[i], visit, context);
    return set;
}

const bb_generations *bb_interest_generations(const bb_interest *interest)
{
    return &interest->generations;
}

/* ---- The end. */

static void lists_free(bb_interest *interest, bb_mem *mem, bb_stripe *groups)
{
    while (groups->count > 0) {
        uint64_t *entry = groups->entries;
        while (*entry == 0)
            entry += GROUP_WORDS;
        group_list *list = list_in(entry);
        for (uint32_t i = 0; i < list->count; i++)
            bb_mem_free(mem, list->groups[i], group_size(interest));
        bb_mem_free(mem, list, list_size(list->capacity));
        bb_stripe_remove(groups, mem, GROUP_WORDS, entry);
    }
}

void bb_interest_free(bb_interest *interest, bb_mem *mem)
{
    if (!interest)
        return;
    for (unsigned i = 0; i < STRIPES; i++) {
        lists_free(interest, mem, &interest->stripes[i].groups);
        bb_stripe_clear(&interest->stripes[i].counts, mem, interest->count_words);
    }
    bb_mem_free(mem, interest, sizeof(*interest));
}
