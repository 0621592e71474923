#include "topic/trie.h"

#include <stddef.h>

#include "topic/level.h"

struct bb_trie_node {
    bb_trie_node *parent;
    bb_trie_node *plus; /* the child for the level + */
    void *here;         /* the entry of the filter that ends with this level */
    void *rest;         /* and of the one that goes on with # and nothing else */
    uint32_t children;  /* plus included */
    uint16_t length;
    uint8_t text[]; /* of the level that leads here */
};

static size_t node_size(size_t length)
{
    return offsetof(bb_trie_node, text) + length;
}

static bb_span text_of(const bb_trie_node *node)
{
    return bb_span_of(node->text, node->length);
}

static uint64_t edge_hash(const bb_trie *trie, const bb_trie_node *parent, bb_span level)
{
    return bb_hash_mix(bb_hash(level, &trie->seed), (uintptr_t)parent ^ trie->seed.b);
}

void bb_trie_init(bb_trie *trie, bb_mem *mem, const bb_seed *seed)
{
    *trie = (bb_trie){.mem = mem, .seed = *seed};
}

static bb_trie_node *node_new(bb_trie *trie, bb_trie_node *parent, bb_span text)
{
    bb_trie_node *node = bb_mem_alloc_zeroed(trie->mem, node_size(text.len));
    if (!node)
        return NULL;
    node->parent = parent;
    node->length = (uint16_t)text.len;
    if (text.len)
        memcpy(node->text, text.data, text.len);
    return node;
}

static bb_trie_node *literal_child(const bb_trie *trie, const bb_trie_node *parent, bb_span level)
{
    bb_table_cursor cursor;
    bb_trie_node *node = bb_table_first(&trie->edges, edge_hash(trie, parent, level), &cursor);
    while (node && (node->parent != parent || !bb_span_equal(text_of(node), level)))
        node = bb_table_next(&cursor);
    return node;
}

static bb_trie_node *child(const bb_trie *trie, const bb_trie_node *parent, bb_span level)
{
    return bb_level_is(level, '+') ? parent->plus : literal_child(trie, parent, level);
}

static bb_trie_node *child_new(bb_trie *trie, bb_trie_node *parent, bb_span level)
{
    bb_trie_node *node = node_new(trie, parent, level);
    if (!node)
        return NULL;
    if (bb_level_is(level, '+')) {
        parent->plus = node;
    } else if (!bb_table_insert(&trie->edges, trie->mem, edge_hash(trie, parent, level), node)) {
        bb_mem_free(trie->mem, node, node_size(level.len));
        return NULL;
    }
    parent->children++;
    return node;
}

static void node_free(bb_trie *trie, bb_trie_node *node)
{
    bb_trie_node *parent = node->parent;
    if (!parent)
        trie->root = NULL;
    else if (parent->plus == node)
        parent->plus = NULL;
    else
        bb_table_remove(&trie->edges, trie->mem, edge_hash(trie, parent, text_of(node)), node);
    if (parent)
        parent->children--;
    bb_mem_free(trie->mem, node, node_size(node->length));
}

/* Free `node` and its parents as far as they lead to nothing. */
static void prune(bb_trie *trie, bb_trie_node *node)
{
    while (node && node->children == 0 && !node->here && !node->rest) {
        bb_trie_node *parent = node->parent;
        node_free(trie, node);
        node = parent;
    }
}

/* Where the entry of `filter` belongs, its path made where it is missing; NULL: no memory. */
static void **place_make(bb_trie *trie, bb_span filter)
{
    if (!trie->root)
        trie->root = node_new(trie, NULL, BB_SPAN_NONE);
    bb_trie_node *node = trie->root;
    for (size_t start = 0; node && start <= filter.len;) {
        size_t end = bb_level_end(filter, start);
        bb_span level = bb_span_of(filter.data + start, end - start);
        if (bb_level_is(level, '#'))
            return &node->rest;
        bb_trie_node *next = child(trie, node, level);
        if (!next)
            next = child_new(trie, node, level);
        if (!next)
            prune(trie, node);
        node = next;
        start = end + 1;
    }
    return node ? &node->here : NULL;
}

bool bb_trie_add(bb_trie *trie, bb_span filter, void *entry)
{
    void **place = place_make(trie, filter);
    if (!place)
        return false;
    BB_CHECK(*place == NULL);
    *place = entry;
    return true;
}

void bb_trie_remove(bb_trie *trie, bb_span filter)
{
    bb_trie_node *node = trie->root;
    void **place = NULL;
    for (size_t start = 0; !place && start <= filter.len;) {
        size_t end = bb_level_end(filter, start);
        bb_span level = bb_span_of(filter.data + start, end - start);
        BB_CHECK(node != NULL);
        if (bb_level_is(level, '#'))
            place = &node->rest;
        else
            node = child(trie, node, level);
        start = end + 1;
    }
    BB_CHECK(node != NULL);
    if (!place)
        place = &node->here;
    BB_CHECK(*place != NULL);
    *place = NULL;
    prune(trie, node);
}

/* Stands at `node`; the topic's levels before the offset `at` led there. Past the last level, at is len + 1. */
typedef struct trie_walk {
    const bb_trie *trie;
    bb_span topic;
    const bb_trie_node *node;
    size_t at;
} trie_walk;

static bool wildcards_count(const trie_walk *walk)
{
    return walk->node->parent || walk->topic.data[0] != '$'; /* [MQTT-4.7.2-1] */
}

static bool enter_literal(trie_walk *walk)
{
    if (walk->at > walk->topic.len)
        return false;
    size_t end = bb_level_end(walk->topic, walk->at);
    bb_span level = bb_span_of(walk->topic.data + walk->at, end - walk->at);
    const bb_trie_node *next = literal_child(walk->trie, walk->node, level);
    if (!next)
        return false;
    walk->node = next;
    walk->at = end + 1;
    return true;
}

static bool enter_plus(trie_walk *walk)
{
    if (walk->at > walk->topic.len || !walk->node->plus || !wildcards_count(walk))
        return false;
    walk->node = walk->node->plus;
    walk->at = bb_level_end(walk->topic, walk->at) + 1;
    return true;
}

/* Go back up to where another branch is left, and take it. False at the end of the walk. */
static bool backtrack(trie_walk *walk)
{
    while (walk->node->parent) {
        bool came_by_plus = walk->node->parent->plus == walk->node;
        walk->at = bb_level_start(walk->topic, walk->at - 1);
        walk->node = walk->node->parent;
        if (!came_by_plus && enter_plus(walk))
            return true;
    }
    return false;
}

void bb_trie_match(const bb_trie *trie, bb_span topic, bb_trie_visit *visit, void *context)
{
    if (!trie->root || topic.len == 0)
        return;
    trie_walk walk = {trie, topic, trie->root, 0};
    do {
        if (walk.node->rest && wildcards_count(&walk))
            visit(context, walk.node->rest);
        if (walk.node->here && walk.at > topic.len)
            visit(context, walk.node->here);
    } while (enter_literal(&walk) || enter_plus(&walk) || backtrack(&walk));
}
