/* topic.h - topic names, topic filters, the index from filters to subscribers, and the table of interest.
 *
 * What      Pure data structures: no I/O, no clock, no log, no threads of their own.
 * Used by   auth (rules), retain (names and matching), broker (routing).
 * Memory    From the bb_mem that is passed in.
 * Threads   A bb_index belongs to one worker. A bb_interest is shared; the shell hands in the locks.
 * Start at  bb_filter_matches, which says what a match is; then bb_index_match, which finds them all. Spec:
 * MQTT 5.0 4.7. */
#ifndef BB_TOPIC_TOPIC_H
#define BB_TOPIC_TOPIC_H

#include <stdatomic.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/reason.h"
#include "base/span.h"
#include "topic/name.h"

/* ---- Generations: has anything that concerns this topic changed since I looked?
 *
 * A change of a filter bumps one counter: an exact filter that of its topic, a wildcard filter that of its literal
 * first two levels, first level, or nothing, as far as it has any. The sum of the four counters that a topic depends on
 * only grows; a cached answer is good while the sum is what it was before the look-up. */
enum { BB_GENERATION_SLOTS = 1024, BB_GENERATION_COUNTERS = 1 + 3 * BB_GENERATION_SLOTS };

typedef struct bb_generations {
    _Atomic uint32_t counters[BB_GENERATION_COUNTERS]; /* all topics; by first level; by the first two; by topic */
} bb_generations;

/* What a topic is looked up by; made once for each message. */
typedef struct bb_topic_key {
    uint64_t hash;                 /* bb_hash of the whole topic */
    uint16_t first, second, exact; /* counters of bb_generations; so is the one of all topics, 0 */
} bb_topic_key;

bb_topic_key bb_topic_key_of(bb_span topic, const bb_seed *seed);
/* The same where the hash is known already (it came from another worker). */
bb_topic_key bb_topic_key_with_hash(bb_span topic, uint64_t hash, const bb_seed *seed);

/* A filter with what it is looked up by; made once for each subscription that comes or goes. Index, interest and
 * generations take it, so make it with the seed that they share. It lives as long as the bytes of the filter. */
typedef struct bb_filter_key {
    bb_filter filter;
    uint64_t shape, fingerprint; /* private to this folder: shape.h */
    uint16_t counter;            /* of bb_generations */
} bb_filter_key;

/* `filter` is what bb_filter_parse or bb_subscription_filter gave. */
bb_filter_key bb_filter_key_of(const bb_filter *filter, const bb_seed *seed);

void bb_generations_bump(bb_generations *generations, const bb_filter_key *key);

static inline uint64_t bb_generations_sum(const bb_generations *g, const bb_topic_key *key)
{
    return (uint64_t)atomic_load_explicit(&g->counters[0], memory_order_acquire) +
           atomic_load_explicit(&g->counters[key->first], memory_order_acquire) +
           atomic_load_explicit(&g->counters[key->second], memory_order_acquire) +
           atomic_load_explicit(&g->counters[key->exact], memory_order_acquire);
}

/* ---- The index: from filters to subscriptions, for one worker.
 *
 * Filters are grouped by shape (which levels are +, whether # ends it). For each shape in use the topic is masked and
 * one hash table probed. At most BB_SHAPES_MAX shapes; filters of further shapes live in a trie. index.c draws it. */
enum { BB_SHAPES_MAX = 32 };

typedef struct bb_index bb_index;

/* One subscription of one owner. Visible because routing reads it for every message; made and freed by the index. */
typedef struct bb_subscription {
    struct bb_subscribers *set;            /* the others with the same filter (and group) */
    void *owner;                           /* the session */
    struct bb_subscription *next, **place; /* in the owner's list; place is who points at this one */
    uint32_t position;                     /* in set->members */
    uint32_t id : 28;                      /* subscription identifier, 0: none */
    uint32_t qos : 2;
    uint32_t no_local : 1, retain_as_published : 1;
} bb_subscription;

/* All subscriptions to one filter, or all members of one group (share name and filter). */
typedef struct bb_subscribers {
    bb_subscription **members; /* NULL or anything while count is 0 */
    uint32_t count;
    uint32_t capacity : 31; /* private to index.c: of the array that is members; 0: there is none, one member at most */
    uint32_t grouped : 1;   /* private to index.c: these are a group's members */
} bb_subscribers;

/* A group as the broker sees it: its members and the place for its turn. */
typedef struct bb_group {
    bb_subscribers subscribers; /* first: a subscription's set is cast to its group */
    struct bb_group *next;      /* of the same filter */
    uint64_t hash;              /* fingerprint of share name and filter; the same in every worker */
    uint32_t turn;              /* the broker's: which member is next */
    uint32_t online, away;      /* the broker's: members with and without a link */
} bb_group;

BB_MUST_USE bb_index *bb_index_new(bb_mem *mem, const bb_seed *seed);
void bb_index_free(bb_index *index); /* all subscriptions must be gone */

/* Ask for the memory that the next call with this key will read: worth it where other work comes before that call. */
void bb_index_prefetch(bb_index *index, const bb_filter_key *key);

/* The subscription of `owner` to the filter (with its group), or NULL. `owned` is the head of the owner's list. */
bb_subscription *bb_index_find(bb_index *index, const bb_filter_key *key, void *owner, bb_subscription *owned);

typedef enum bb_index_added {
    BB_INDEX_OLD,   /* it was there before; nothing has changed */
    BB_INDEX_NEW,   /* made; its filter (or group) had others */
    BB_INDEX_FIRST, /* made, the first of its filter (or group): interest must be told */
} bb_index_added;

/* The subscription of `owner` to the filter (with its group); where there is none, one is made at the front of
 * `*owned`. NULL: no memory. Options and id are the caller's to set. */
BB_MUST_USE bb_subscription *bb_index_add(bb_index *index, const bb_filter_key *key, void *owner,
                                          bb_subscription **owned, bb_index_added *added);

/* Remove and free; `last` says whether it was the last one for its filter (or group). */
void bb_index_remove(bb_index *index, bb_subscription *subscription, bool *last);

/* The filter of a subscription, as a view that lives as long as the subscription. */
void bb_subscription_filter(const bb_subscription *subscription, bb_filter *out);
bb_group *bb_subscription_group(const bb_subscription *subscription); /* NULL for an ordinary one */

/* Visit every filter that matches `topic`: its ordinary subscribers (count may be 0) and its groups (may be NULL). The
 * index must not be changed during the visit. */
typedef void bb_index_visit(void *context, bb_subscribers *subscribers, bb_group *groups);
void bb_index_match(const bb_index *index, bb_span topic, bb_index_visit *visit, void *context);

/* The same in two steps, for who has other memory to wait for in between: the first asks for what the second reads. The
 * index must not be changed from the first to the end of the second, and `topic` must stay. */
typedef struct bb_index_search { /* private to index.c */
    const bb_index *index;
    bb_span topic;
    uint32_t count;
    struct bb_index_probe {
        const void *table;
        uint64_t fingerprint;
        uint32_t slot;
    } probes[BB_SHAPES_MAX + 1];
} bb_index_search;

void bb_index_search_begin(const bb_index *index, bb_span topic, bb_index_search *search);
void bb_index_search_end(const bb_index_search *search, bb_index_visit *visit, void *context);

/* The group with this fingerprint, or NULL. */
bb_group *bb_index_group(const bb_index *index, uint64_t group_hash);

uint64_t bb_index_count(const bb_index *index); /* subscriptions, shared ones included */

/* ---- Interest: which destinations (workers; later the cluster too) hold a filter that matches?
 *
 * Shared by all workers. A fingerprint stands for a filter, so an answer may name a destination that has nothing (one
 * useless look-up there), never leave one out. Each destination is counted per fingerprint. Filters of shapes beyond
 * the cap are entered as a coarser filter (their literal levels and #). The table is cut into stripes with a lock each.
 */
enum { BB_DESTINATIONS_MAX = 64, BB_INTEREST_STRIPES = 256 };

typedef struct bb_interest bb_interest;

typedef struct bb_locks { /* handed in by the shell; NULL functions where one thread is all */
    void (*lock)(void *context, unsigned stripe);
    void (*unlock)(void *context, unsigned stripe);
    void *context;
} bb_locks;

BB_MUST_USE bb_interest *bb_interest_new(bb_mem *mem, const bb_seed *seed, unsigned destinations, bb_locks locks);
void bb_interest_free(bb_interest *interest, bb_mem *mem);

/* As bb_index_prefetch, for bb_interest_add and _remove. Takes no lock. */
void bb_interest_prefetch(const bb_interest *interest, const bb_filter_key *key);

/* `destination` has its first (add) or no longer any (remove) ordinary subscription to the filter. Bumps the
 * generations after the table has changed. bb_interest_add returns false when there is no memory; nothing has changed
 * then. */
BB_MUST_USE bool bb_interest_add(bb_interest *interest, bb_mem *mem, const bb_filter_key *key, unsigned destination);
void bb_interest_remove(bb_interest *interest, bb_mem *mem, const bb_filter_key *key, unsigned destination);

/* Tell how many members of a group are with (`online`) and without (`away`) a link at `destination` now; the first
 * non-zero tells of the group, both zero removes it. `hash` is bb_group.hash. Bumps the generations. */
BB_MUST_USE bool bb_interest_group(bb_interest *interest, bb_mem *mem, const bb_filter *filter, uint64_t hash,
                                   unsigned destination, uint32_t online, uint32_t away);

typedef struct bb_interest_group_hit {
    uint64_t hash;
    uint32_t online[BB_DESTINATIONS_MAX], away[BB_DESTINATIONS_MAX]; /* the first `destinations` are valid */
} bb_interest_group_hit;

/* The set of destinations with an ordinary subscription that matches, one bit each; `visit` (may be NULL) is called for
 * each group with a filter that matches (copied out, no lock held). */
typedef void bb_interest_visit(void *context, const bb_interest_group_hit *group);
uint64_t bb_interest_lookup(bb_interest *interest, bb_span topic, bb_interest_visit *visit, void *context);

/* The generations that cached answers of this table depend on. */
const bb_generations *bb_interest_generations(const bb_interest *interest);

/* Fingerprint of a group: share name and filter. */
uint64_t bb_group_hash(const bb_filter *filter, const bb_seed *seed);

#endif
