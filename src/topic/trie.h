/* trie.h - the filters that no shape has room for, level by level.
 *
 * What      The index prefers shapes; filters beyond their number, or deeper than a shape describes, live here. One
 *           node for each level, one table for the edges of all nodes, a pointer for the + edge:
 *
 *               root ─"a"─► n1 ─+─► n2 ─"c"─► n3          n3.here = a/+/c
 *                            └─"b"─► n4                   n4.rest = a/b/#
 *
 * Bounds    A match visits each node at most once, only those whose path matches the topic so far, and needs no stack:
 *           it goes back by the parents and by the slashes of the topic.
 * Threads   As the index's. */
#ifndef BB_TOPIC_TRIE_H
#define BB_TOPIC_TRIE_H

#include "topic/table.h"
#include "topic/topic.h"

typedef struct bb_trie_node bb_trie_node;

typedef struct bb_trie {
    bb_mem *mem;
    bb_seed seed;
    bb_trie_node *root; /* NULL while the trie is empty */
    bb_table edges;
} bb_trie;

void bb_trie_init(bb_trie *trie, bb_mem *mem, const bb_seed *seed);

/* Put `entry` under a filter that is not there yet. False: no memory, nothing has changed. */
BB_MUST_USE bool bb_trie_add(bb_trie *trie, bb_span filter, void *entry);

/* Remove what is under `filter`, which is there. */
void bb_trie_remove(bb_trie *trie, bb_span filter);

typedef void bb_trie_visit(void *context, void *entry);
void bb_trie_match(const bb_trie *trie, bb_span topic, bb_trie_visit *visit, void *context);

#endif
