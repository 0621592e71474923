/* testing.h - what the tests and the fuzz target of this folder share: a heap, and a list that is searched from end to
 * end, too simple to be wrong. */
#ifndef BB_RETAIN_TESTING_H
#define BB_RETAIN_TESTING_H

#include <stdlib.h>

#include "retain/retain.h"
#include "topic/topic.h"

enum { NAIVE_MAX = 256, NAIVE_TOPIC_MAX = 64 };

typedef struct naive_entry {
    uint8_t topic[NAIVE_TOPIC_MAX];
    size_t len;
    uint32_t value;
    bb_time expires;
    bool stored;
    uint32_t seen;    /* by the walk at hand */
    uint32_t changed; /* the step in which it was last stored or deleted */
} naive_entry;

typedef struct naive {
    naive_entry entries[NAIVE_MAX];
    unsigned count;
} naive;

static inline void *testing_alloc(void *context, size_t size)
{
    (void)context;
    return malloc(size);
}

static inline void testing_release(void *context, void *block, size_t size)
{
    (void)context;
    memset(block, 0xDB, size);
    free(block);
}

static inline bb_mem testing_mem(void)
{
    return (bb_mem){.alloc = testing_alloc, .release = testing_release};
}

/* The entry of a topic; made when it is new. NULL: the list is full. */
static inline naive_entry *naive_find(naive *list, bb_span topic)
{
    BB_CHECK(topic.len > 0 && topic.len <= NAIVE_TOPIC_MAX);
    for (unsigned i = 0; i < list->count; i++)
        if (bb_span_equal(bb_span_of(list->entries[i].topic, list->entries[i].len), topic))
            return &list->entries[i];
    if (list->count == NAIVE_MAX)
        return NULL;
    naive_entry *made = &list->entries[list->count++];
    *made = (naive_entry){.len = topic.len, .expires = BB_NEVER};
    memcpy(made->topic, topic.data, topic.len);
    return made;
}

static inline bb_span naive_topic(const naive_entry *entry)
{
    return bb_span_of(entry->topic, entry->len);
}

static inline bool naive_alive(const naive_entry *entry, bb_time now)
{
    return entry->stored && entry->expires > now;
}

/* Store `value` in both, or delete it (0). */
static inline void both_set(bb_retain *retain, bb_mem *mem, naive_entry *entry, uint32_t value, bb_time expires,
                            uint64_t version)
{
    static const bb_retain_limits limits = {UINT64_MAX, UINT64_MAX};
    bb_content content = {.topic = naive_topic(entry), .expires = expires};
    if (value)
        content.payload = bb_span_of(&value, sizeof value);
    BB_CHECK(bb_retain_set(retain, mem, &limits, &content, version) == BB_OK);
    entry->stored = value != 0;
    entry->value = value;
    entry->expires = expires;
}

/* Both hold the same number of messages and bytes, and the same message of each topic. */
static inline void both_agree(const bb_retain *retain, const naive *list, bb_time now)
{
    uint64_t count = 0, bytes = 0;
    for (unsigned i = 0; i < list->count; i++) {
        const naive_entry *entry = &list->entries[i];
        bb_content content;
        bool found = bb_retain_get(retain, naive_topic(entry), now, &content);
        BB_CHECK(found == naive_alive(entry, now));
        BB_CHECK(!found || bb_span_equal(content.payload, bb_span_of(&entry->value, sizeof entry->value)));
        count += entry->stored;
        bytes += entry->stored ? entry->len + sizeof entry->value : 0;
    }
    BB_CHECK(count == retain->count && bytes == retain->bytes);
}

/* Where a walk is: what it has seen of the list, and when it stops. */
typedef struct naive_walk {
    naive *list;
    bb_span filter;
    unsigned left; /* visits until it says stop */
    uint8_t last[NAIVE_TOPIC_MAX];
    size_t last_len;
} naive_walk;

static inline int naive_compare(bb_span a, bb_span b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* What is visited is stored, matches, and comes in order; so nothing is visited twice. */
static inline bool naive_visit(void *context, const bb_content *content)
{
    naive_walk *walk = context;
    naive_entry *entry = naive_find(walk->list, content->topic);
    BB_CHECK(entry && entry->stored);
    BB_CHECK(bb_span_equal(content->payload, bb_span_of(&entry->value, sizeof entry->value)));
    BB_CHECK(bb_filter_matches(walk->filter, content->topic));
    BB_CHECK(!walk->last_len || naive_compare(content->topic, bb_span_of(walk->last, walk->last_len)) > 0);
    memcpy(walk->last, content->topic.data, content->topic.len);
    walk->last_len = content->topic.len;
    entry->seen++;
    return --walk->left > 0;
}

#endif
