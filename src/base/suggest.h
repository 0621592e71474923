/* suggest.h - what may the user have meant? The nearest of the known words, by edit distance; else one
 * that begins what was written. */
#ifndef BB_BASE_SUGGEST_H
#define BB_BASE_SUGGEST_H

#include "base/span.h"

/* The search for the word that is nearest to `wanted`: start with {.wanted = ...}, offer all, then read `best`. */
typedef struct bb_suggestion {
    bb_span wanted;
    const char *best; /* NULL: nothing offered is near */
    size_t distance;  /* of `best` */
} bb_suggestion;

/* `known` lives as long as the suggestion. */
void bb_suggestion_offer(bb_suggestion *suggestion, const char *known);

/* How many letters must be added, removed, changed or swapped with their neighbour; capitals do not count. Words are
 * compared up to BB_SUGGEST_WORD_MAX bytes. */
enum { BB_SUGGEST_WORD_MAX = 48 };
size_t bb_edit_distance(bb_span a, bb_span b);

#endif
