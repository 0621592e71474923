/* testing.h - rules written short, for the tests and the fuzz target of this folder. */
#ifndef BB_AUTH_TESTING_H
#define BB_AUTH_TESTING_H

#include <stdlib.h>

#include "auth/rules.h"

static inline void *testing_alloc(void *context, size_t size)
{
    (void)context;
    return malloc(size);
}

static inline void testing_release(void *context, void *block, size_t size)
{
    (void)context;
    memset(block, 0xDB, size); /* the size must be right, and nobody may still read it */
    free(block);
}

static inline bb_mem testing_mem(void)
{
    return (bb_mem){.alloc = testing_alloc, .release = testing_release};
}

static inline void testing_word(bb_rules_builder *builder, bb_rule_kind kind, const char *text)
{
    BB_CHECK(bb_rules_add_word(builder, kind, &(bb_rule_word){.text = bb_span_text(text), .line = 1, .column = 1}));
}

/* A rule of one topic (NULL: all) and of one user (NULL: all). Its line is its number. */
static inline void testing_rule(bb_rules_builder *builder, bool allow, unsigned actions, const char *user,
                                const char *topic, uint32_t line)
{
    const bb_rule rule = {.line = line, .allow = allow, .actions = (uint8_t)actions, .qos_max = 2};
    BB_CHECK(bb_rules_add(builder, &rule));
    if (user)
        testing_word(builder, BB_RULE_USER, user);
    if (topic)
        testing_word(builder, BB_RULE_TOPIC, topic);
}

static inline bb_rules *testing_finish(bb_rules_builder *builder)
{
    bb_rules *rules = bb_rules_finish(builder);
    BB_CHECK(rules != NULL);
    bb_rules_builder_free(builder);
    return rules;
}

#endif
