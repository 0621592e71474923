/* testing.h - what the tests, fuzz targets and benchmarks of this folder share: a heap, a dice, and a matcher that is
 * too simple to be wrong. */
#ifndef BB_TOPIC_TESTING_H
#define BB_TOPIC_TESTING_H

#include <stdlib.h>

#include "base/mem.h"
#include "base/span.h"

static inline void *testing_alloc(void *context, size_t size)
{
    return malloc(size);
}

static inline void testing_release(void *context, void *block, size_t size)
{
    free(block);
}

static inline bb_mem testing_mem(void)
{
    return (bb_mem){.alloc = testing_alloc, .release = testing_release};
}

static inline uint32_t testing_random(uint64_t *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(*state >> 33);
}

/* A text of 1 to `levels` levels out of `words` (which may be empty); `wild` says whether + and # may be among them. */
static inline bb_span testing_text(uint64_t *state, uint32_t levels, bool wild, char *buffer)
{
    static const char *const words[] = {"a", "b", "c", "", "dd", "$", "$x"};
    size_t len = 0;
    uint32_t count = 1 + testing_random(state) % levels;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t dice = testing_random(state) % 10;
        const char *word = words[testing_random(state) % (i == 0 ? 7 : 4)];
        if (wild && dice < 3)
            word = "+";
        else if (wild && dice == 3 && i + 1 == count)
            word = "#";
        if (i > 0)
            buffer[len++] = '/';
        memcpy(buffer + len, word, strlen(word));
        len += strlen(word);
    }
    if (len == 0)
        buffer[len++] = 'a';
    return bb_span_of(buffer, len);
}

static inline bb_span testing_cut(bb_span *rest, bool *more)
{
    const uint8_t *slash = rest->len ? memchr(rest->data, '/', rest->len) : NULL;
    bb_span level = *rest;
    *more = slash != NULL;
    if (slash) {
        level.len = (size_t)(slash - rest->data);
        *rest = bb_span_from(*rest, level.len + 1);
    }
    return level;
}

/* Level by level, as the standard words it. */
static inline bool testing_levels_match(bb_span filter, bool filter_more, bb_span topic, bool topic_more)
{
    if (!filter_more)
        return !topic_more;
    bb_span f = testing_cut(&filter, &filter_more);
    if (bb_span_equal(f, BB_SPAN_LITERAL("#")))
        return true;
    if (!topic_more)
        return false;
    bb_span t = testing_cut(&topic, &topic_more);
    if (!bb_span_equal(f, BB_SPAN_LITERAL("+")) && !bb_span_equal(f, t))
        return false;
    return testing_levels_match(filter, filter_more, topic, topic_more);
}

static inline bool testing_matches(bb_span filter, bb_span topic)
{
    if (topic.data[0] == '$' && (filter.data[0] == '+' || filter.data[0] == '#'))
        return false;
    return testing_levels_match(filter, true, topic, true);
}

#endif
