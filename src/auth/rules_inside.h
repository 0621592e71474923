/* rules_inside.h - the block that rules are kept in. Private to this folder; rules.c draws it. */
#ifndef BB_AUTH_RULES_INSIDE_H
#define BB_AUTH_RULES_INSIDE_H

#include "auth/pattern.h"

typedef struct bb_text_place {
    uint32_t at, len; /* in the bytes at the end */
} bb_text_place;

typedef struct bb_word {
    bb_text_place text;
    uint32_t line, column;
    uint32_t varies; /* a pattern that must be expanded for each client */
} bb_word;

typedef struct bb_member {
    uint32_t group;
    bb_text_place user_name;
} bb_member;

struct bb_rules {
    _Atomic uint32_t references;
    void (*release)(void *context, void *block, size_t size);
    void *context;
    size_t body; /* bytes behind this struct */
    uint64_t digest;
    const bb_rule *rules;
    const bb_word *words;
    const bb_prefix *prefixes;
    const bb_text_place *groups;
    const bb_member *members;
    const uint32_t *slots; /* number of a member + 1; 0: free */
    const uint8_t *bytes;
    uint32_t rules_count, groups_count, members_count, slots_count;
    bb_text_place file;
};

static inline bb_span bb_rules_text(const bb_rules *rules, bb_text_place place)
{
    return bb_span_of(rules->bytes + place.at, place.len);
}

bool bb_rules_is_member(const bb_rules *rules, bb_span group_name, bb_span user_name);

#endif
